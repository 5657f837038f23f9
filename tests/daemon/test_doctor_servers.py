"""The doctor on the daemon, its address, and media servers."""

import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

import pytest
from aiohttp import web
from waiting import changed, served, until

from daemon import doctor_daemon
from daemon.config import Config
from daemon.doctor_daemon import daemon
from daemon.doctor_diagnosis import Diagnosis, looked
from daemon.doctor_plugins import media_server, path_maps
from daemon.path_map import PathMapping
from daemon.state_folder import LOCK_NAME


async def _found(config: Config) -> dict[str, Diagnosis]:
    return {each.subject: each for each in await looked("daemon", partial(daemon, config))}


@contextmanager
def _listener() -> Iterator[int]:
    """Yield a port that is taken."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()[1]


async def test_a_running_daemon_is_found_where_it_should_answer(config: Config) -> None:
    async with served(config) as running:
        port = urlsplit(running.address).port
        found = await _found(changed(config, "server", port=port))
        with _listener() as other:
            pass
        moved = await _found(changed(config, "server", port=other))
    assert found["daemon"].is_ok
    assert found["address"].sentence == f"http://127.0.0.1:{port} answers"
    assert "nothing answers at" in moved["address"].sentence


@pytest.mark.parametrize("says", ["<html>", '{"version": 1}', "[]"])
async def test_a_stranger_at_the_address_is_told(config: Config, says: str) -> None:
    async def other(_: web.Request) -> web.Response:
        return web.Response(text=says)

    app = web.Application()
    app.router.add_get("/ping", other)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        async with served(config):
            found = await _found(changed(config, "server", port=runner.addresses[0][1]))
    finally:
        await runner.cleanup()
    assert not found["address"].is_ok
    assert "another program answers" in found["address"].sentence


async def test_a_daemon_of_another_version_is_told(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor_daemon, "version", lambda _: "99.0")
    async with served(config):
        found = await _found(config)
    assert not found["daemon"].is_ok
    assert "99.0 is installed: restart it" in found["daemon"].sentence


async def test_what_is_degraded_is_told_in_the_daemons_words(config: Config, music: Path) -> None:
    music.rmdir()
    async with served(config, watch=True) as running:
        watcher = running.services.watcher
        assert watcher is not None
        await until(lambda: "missing" in str(watcher.status()[0].reason))
        found = await _found(config)
    assert list(found) == ["watcher"]
    assert not found["watcher"].is_ok
    assert "the folder is missing" in found["watcher"].sentence


async def test_a_daemon_that_hangs_is_told(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor_daemon, "_ANSWER_S", 0.2)
    config.state_dir.mkdir()
    # It takes connections, and says nothing.
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(config.state_dir / "spectra.sock"))
        silent.listen()
        found = await _found(config)
    assert not found["daemon"].is_ok
    assert "does not answer" in found["daemon"].sentence


async def test_a_state_folder_that_is_held_is_told(config: Config) -> None:
    config.state_dir.mkdir()
    with (config.state_dir / LOCK_NAME).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        found = await _found(config)
    assert not found["daemon"].is_ok
    assert f"process {os.getpid()} has the state folder" in found["daemon"].sentence


async def test_a_port_that_is_taken_is_told_with_who_has_it(config: Config) -> None:
    with _listener() as port:
        taken = (await _found(changed(config, "server", port=port)))["address"]
    free = (await _found(changed(config, "server", port=port)))["address"]
    assert (taken.is_ok, free.is_ok) == (False, True)
    assert f"process {os.getpid()}" in taken.sentence
    assert "set server.host and server.port" in taken.sentence


async def test_an_address_that_is_not_ours_is_told(config: Config) -> None:
    found = (await _found(changed(config, "server", host="192.0.2.1", port=9)))["address"]
    assert (found.is_ok, "can't listen on 192.0.2.1:9" in found.sentence) == (False, True)


async def test_a_media_server_is_asked_from_here_while_no_daemon_runs(config: Config) -> None:
    section = {"url": "http://127.0.0.1:9", "username": "a", "password": "hush-navidrome"}
    (found,) = await looked("navidrome", partial(media_server, config, "navidrome", section))
    assert (found.is_ok, "can't reach http://127.0.0.1:9" in found.sentence) == (False, True)
    (found,) = await looked("navidrome", partial(media_server, config, "navidrome", {"url": "http://nas"}))
    assert (found.is_ok, "is missing in the configuration" in found.sentence) == (False, True)


async def test_a_running_daemon_says_how_its_media_servers_are(config: Config) -> None:
    section = {"url": "http://127.0.0.1:9", "username": "a", "password": "hush-navidrome"}
    async with served(config.model_copy(update={"plugins": {"navidrome": section}}), watch=True) as running:
        await until(lambda: running.services.plugins.statuses()["navidrome"].state == "waiting")
        (found,) = await looked("navidrome", partial(media_server, config, "navidrome", section))
        said = running.services.plugins.statuses()["navidrome"].detail
    assert (found.is_ok, found.sentence) == (False, said)


def test_path_maps_that_lead_nowhere_are_told(config: Config, music: Path, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    wanted = {music: True, music / "none": False, tmp_path / "other": False}
    mappings = tuple(
        PathMapping(server=PurePosixPath(f"/{number}"), local=local) for number, local in enumerate(wanted)
    )
    right, nowhere, unwatched = path_maps(config.model_copy(update={"path_map": mappings}))
    assert [each.is_ok for each in (right, nowhere, unwatched)] == list(wanted.values())
    assert "is no folder here" in nowhere.sentence
    assert "library.roots" in unwatched.sentence
