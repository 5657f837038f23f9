"""The daemon's life: it answers, reloads, goes back to what worked, and ends."""

import asyncio
import logging
import os
import signal
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import psutil
import pytest
from aiohttp import web
from conftest import must_not_stop
from pydantic import SecretStr
from synth import music as play
from synth import write_audio
from waiting import changed, until

from daemon import serving
from daemon.app import listening
from daemon.config import Config
from daemon.config_changes import changed_options
from daemon.errors import AddressUnusable, ConfigError, DatabaseInUse, StateInUse
from daemon.keys import SERVICES
from daemon.sd_notify import Notifier
from daemon.services import StopWith
from daemon.serving import serve
from daemon.state_folder import hold_state_folder


class Told(Notifier):
    """Notes what a service manager would hear."""

    def __init__(self) -> None:
        super().__init__(None)
        self.words: list[str] = []

    def _say(self, message: str) -> bool:
        self.words.append(message.partition("=")[0])
        return True


class Daemon:
    """A daemon in this process, through its reloads."""

    def __init__(self, config: Config) -> None:
        self.wanted = config
        self.opened: list[tuple[str, web.Application]] = []
        self.reads = 0
        self.while_reading: Callable[[], None] = lambda: None
        self.notifier = Told()
        self.task = asyncio.create_task(
            serve(config, self._on_ready, read_config=self._read, notifier=self.notifier)
        )

    def _on_ready(self, addresses: list[str], app: web.Application) -> None:
        self.opened.append((addresses[0], app))

    def _read(self) -> Config:
        self.reads += 1
        self.while_reading()
        return self.wanted

    async def is_open(self, times: int) -> None:
        """Wait until the services were opened so often."""
        await until(lambda: len(self.opened) >= times or self.task.done())
        if self.task.done():
            await self.task
        assert len(self.opened) == times

    async def status_of(self, path: str) -> int:
        address, _ = self.opened[-1]
        async with aiohttp.ClientSession(address) as http, http.get(path) as response:
            return response.status


def send(number: signal.Signals) -> None:
    os.kill(os.getpid(), number)


@asynccontextmanager
async def running(config: Config) -> AsyncIterator[Daemon]:
    """Yield a daemon that answers; it is ended by a signal, unless it ended before."""
    daemon = Daemon(config)
    try:
        await daemon.is_open(1)
        yield daemon
    finally:
        if not daemon.task.done():
            send(signal.SIGTERM)
            await daemon.task


async def test_serving_ends_by_a_signal_and_leaves_no_process(config: Config, music: Path) -> None:
    write_audio(music / "piece.flac", play(1, 5.0))
    async with running(config) as daemon:
        services = daemon.opened[0][1][SERVICES]
        workers = services.match_workers.pids() + services.ingest_workers.pids()
        assert workers
        assert await daemon.status_of("/ping") == 200
    assert not any(psutil.pid_exists(pid) for pid in workers)
    assert daemon.notifier.words == ["READY", "STOPPING"]


async def test_serving_fails_when_the_service_cant_go_on(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    stops: list[StopWith] = []
    made = serving.make_app

    def noting(config: Config, stop_with: StopWith, *, watch: bool) -> web.Application:
        stops.append(stop_with)
        return made(config, stop_with, watch=watch)

    monkeypatch.setattr(serving, "make_app", noting)
    with pytest.raises(DatabaseInUse):
        await serve(config, lambda *_: stops[0](DatabaseInUse("spectra")))


async def test_a_reload_puts_changed_options_in_force(
    config: Config, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    async with running(config) as daemon:
        former, app = daemon.opened[0]
        daemon.wanted = changed(config, "rate_limits", default="2/minute")
        daemon.wanted = changed(daemon.wanted, "youtube", proxy=SecretStr("http://me:hidden@proxy"))
        send(signal.SIGHUP)
        await daemon.is_open(2)
        assert [await daemon.status_of("/ping") for _ in range(3)] == [200, 200, 429]
        assert app[SERVICES].match_workers.pids() == []
        with pytest.raises(aiohttp.ClientError):
            async with aiohttp.ClientSession(former) as http:
                await http.get("/ping")
    assert daemon.notifier.words == ["READY", "RELOADING", "READY", "STOPPING"]
    assert "changed in the configuration: youtube.proxy, rate_limits.default\n" in caplog.text
    assert "hidden" not in caplog.text


async def test_an_invalid_configuration_changes_nothing(
    config: Config, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse() -> None:
        raise ConfigError(("server.prt: no such option", "server.port: 'x' is not allowed"))

    async with running(config) as daemon:
        daemon.while_reading = refuse
        send(signal.SIGHUP)
        await until(lambda: daemon.notifier.words.count("READY") == 2)
        assert await daemon.status_of("/ping") == 200
        assert daemon.notifier.words == ["READY", "RELOADING", "READY"]
        # As many lines as problems, as at a start.
        errors = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
        assert errors[:2] == ["server.prt: no such option", "server.port: 'x' is not allowed"]
        daemon.while_reading = lambda: None
        send(signal.SIGHUP)
        await daemon.is_open(2)


async def test_what_cant_be_opened_gives_way_to_the_former(
    config: Config, caplog: pytest.LogCaptureFixture
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        async with running(config) as daemon:
            daemon.wanted = changed(config, "server", port=taken.getsockname()[1])
            send(signal.SIGHUP)
            await daemon.is_open(2)
            assert daemon.opened[1][1][SERVICES].config is config
            assert await daemon.status_of("/ping") == 200
            assert "the new configuration can't be used: can't listen on 127.0.0.1:" in caplog.text
            assert "Traceback" not in caplog.text


async def test_the_daemon_ends_with_the_error_when_the_former_cant_be_opened_either(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(config) as daemon:
        attempts = []

        def no_app(config: Config, *_: object, **__: object) -> web.Application:
            attempts.append(config)
            raise AddressUnusable("127.0.0.1", len(attempts), "taken")

        monkeypatch.setattr(serving, "make_app", no_app)
        daemon.wanted = changed(config, "server", task_lifetime_s=7)
        send(signal.SIGHUP)
        with pytest.raises(AddressUnusable) as ended:
            await daemon.task
        assert attempts == [daemon.wanted, config]
        assert ended.value.args[1] == 2


async def test_a_reload_wished_for_during_a_reload_follows_it(config: Config) -> None:
    async with running(config) as daemon:

        def again() -> None:
            if daemon.reads == 1:
                send(signal.SIGHUP)
            else:
                daemon.wanted = changed(config, "server", task_lifetime_s=7)

        daemon.while_reading = again
        send(signal.SIGHUP)
        await daemon.is_open(3)
        assert daemon.reads == 2
        assert daemon.opened[2][1][SERVICES].config.server.task_lifetime_s == 7


async def test_the_end_during_a_reload_is_clean(config: Config) -> None:
    async with running(config) as daemon:
        daemon.while_reading = lambda: send(signal.SIGTERM)
        send(signal.SIGHUP)
        await daemon.task
    assert len(daemon.opened) == 1
    assert daemon.notifier.words == ["READY", "RELOADING", "STOPPING"]
    with hold_state_folder(config.state_dir):  # nobody else has it
        pass


async def test_the_end_does_not_wait_for_a_start(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    entered, left = asyncio.Event(), asyncio.Event()

    @asynccontextmanager
    async def never(config: Config, app: web.Application, *, tcp: bool) -> AsyncIterator[list[str]]:
        async with listening(config, app, tcp=tcp):
            entered.set()
            try:
                await asyncio.Event().wait()
            finally:
                left.set()
        yield []

    monkeypatch.setattr(serving, "listening", never)
    starting = asyncio.create_task(serve(config, lambda *_: must_not_stop(StateInUse("no"))))
    await entered.wait()
    send(signal.SIGTERM)
    await starting
    assert left.is_set()
    with hold_state_folder(config.state_dir):
        pass


@pytest.mark.parametrize("is_there_still", [True, False])
async def test_a_terminal_that_was_closed_ends_its_daemon(
    config: Config, monkeypatch: pytest.MonkeyPatch, *, is_there_still: bool
) -> None:
    answers = [True, is_there_still]
    monkeypatch.setattr(serving, "_has_terminal", lambda: answers.pop(0))
    async with running(config) as daemon:
        send(signal.SIGHUP)
        await (daemon.is_open(2) if is_there_still else daemon.task)
    assert len(daemon.opened) == (2 if is_there_still else 1)


def test_changed_options_are_named_those_of_plugins_too() -> None:
    former = Config(plugins={"jellyfin": {"url": "http://a", "deep": {"x": 1}}, "gone": {}})
    wanted = Config(
        plugins={"jellyfin": {"url": "http://b", "deep": {"x": 1}}, "navidrome": {"password": "p"}}
    )
    wanted = changed(wanted, "server", port=9)
    assert changed_options(former, wanted) == [
        "server.port",
        "plugins.gone",
        "plugins.jellyfin.url",
        "plugins.navidrome",
        "plugins.navidrome.password",
    ]
    assert changed_options(former, former) == []
