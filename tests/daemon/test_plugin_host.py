"""Plugins of a third party: connected, asked and told; and whatever they do, the daemon goes on."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import must_not_stop
from identifying import ONE, at_once, piece, said, settle
from synth import write_audio
from waiting import until

from daemon.answering import Answering
from daemon.config import Config
from daemon.lookup import LookupService
from daemon.lookup_store import LookupStore
from daemon.path_map import PathMap, PathMapping
from daemon.plugin_errors import NoSuchPlugin, PluginNotConnected
from daemon.plugin_host import PluginHost
from daemon.plugin_lookup import PluginLookup
from daemon.plugin_runner import Pace, PluginStatus
from daemon.plugin_store import PluginStore
from daemon.services import Services, open_services
from plugins.api import PluginError

pytest_plugins = ("example_plugin",)
pytestmark = pytest.mark.usefixtures("example_plugins")

QUICK = Pace(sweep_every_s=0.1, tell_every_s=0.05, retry_s=0.05, longest_retry_s=0.1)
Hosting = Callable[..., AbstractAsyncContextManager[PluginHost]]


@pytest.fixture
async def services(config: Config) -> AsyncIterator[Services]:
    """What is identified is tagged at once."""
    async with open_services(at_once(config), must_not_stop, watch=False) as opened:
        yield opened


@pytest.fixture
def hosting(services: Services, music: Path) -> Hosting:
    """Run plugins, given their sections, that see the music at /server."""
    store = PluginStore(services.database)
    path_map = PathMap([PathMapping(server="/server", local=music)])
    lookups = LookupService(
        LookupStore(services.database),
        services.library,
        path_map,
        Answering(),
        roots=[music],
        extensions=services.library.extensions,
        options=services.config.tagging,
    )

    @asynccontextmanager
    async def run(call_s: float = 10.0, **sections: dict[str, object]) -> AsyncIterator[PluginHost]:
        host = PluginHost(
            sections,
            store,
            lambda name: PluginLookup(name, lookups, store, path_map),
            pace=replace(QUICK, list_s=call_s, tell_s=call_s),
            call_s=call_s,
        )
        await host.start()
        try:
            yield host
        finally:
            await host.stop()

    return run


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The media server of the example."""
    folder = tmp_path / "server"
    folder.mkdir()
    return folder


async def reached(host: PluginHost, name: str, state: str) -> PluginStatus:
    """Return how a plugin is once it is in this state."""
    await until(lambda: host.statuses()[name].state == state)
    return host.statuses()[name]


def told(folder: Path) -> list[str]:
    file = folder / "told.txt"
    return file.read_text().splitlines() if file.exists() else []


async def test_a_servers_unnamed_item_is_tagged_and_the_server_is_told(
    hosting: Hosting, services: Services, music: Path, folder: Path
) -> None:
    write_audio(music / "one.mp3", piece(1), tags=ONE)
    write_audio(music / "copy.ogg", piece(1))
    (folder / "items.txt").write_text("/server/copy.ogg\n")
    async with hosting(example={"folder": str(folder)}) as host:
        await until(lambda: host.statuses()["example"].unnamed == 1)
        await settle(services, music)
        await until(lambda: host.statuses()["example"].told == 1)
        status = host.statuses()["example"]
    assert said(music / "copy.ogg") == tuple(ONE.values())
    # This server goes on listing it, and is told once more for that.
    assert set(told(folder)) == {"/server/copy.ogg 0 False"}
    assert (status.state, status.detail, status.refused) == ("on", "the folder server", 0)


async def test_an_undo_is_told_as_a_correction(
    hosting: Hosting, services: Services, music: Path, folder: Path
) -> None:
    write_audio(music / "one.mp3", piece(1), tags=ONE)
    write_audio(music / "copy.ogg", piece(1))
    async with hosting(example={"folder": str(folder)}):
        await settle(services, music)
        await until(lambda: told(folder))
        (change,) = await services.journal.changes()
        await services.tagging.undo(change.change_id)
        await until(lambda: len(told(folder)) == 2)
    assert told(folder) == ["/server/copy.ogg None False", "/server/copy.ogg None True"]


async def test_a_server_that_overlooked_tags_is_told_of_them_once(
    hosting: Hosting, services: Services, music: Path, folder: Path
) -> None:
    write_audio(music / "one.mp3", piece(1), tags=ONE)
    await settle(services, music)
    (folder / "items.txt").write_text("/server/one.mp3\n")
    async with hosting(example={"folder": str(folder)}) as host:
        await until(lambda: told(folder))
        host.sync("example")
        (folder / "items.txt").write_text("/server/one.mp3\n/server/no.mp3\n")
        await until(lambda: host.statuses()["example"].unnamed == 2)
    assert told(folder) == ["/server/one.mp3 0 False"]


async def test_what_a_busy_server_could_not_be_told_is_told_later(
    hosting: Hosting, services: Services, music: Path, folder: Path
) -> None:
    write_audio(music / "one.mp3", piece(1), tags=ONE)
    write_audio(music / "copy.ogg", piece(1))
    busy = folder / "busy"
    busy.touch()
    async with hosting(example={"folder": str(folder)}) as host:
        await settle(services, music)
        status = await reached(host, "example", "waiting")
        assert status.detail == "the folder is busy: remove its file `busy`"
        assert await host.waiting("example") == 1
        busy.unlink()
        await until(lambda: told(folder))
        await reached(host, "example", "on")


async def test_what_was_written_while_it_was_off_is_told_after_a_restart(
    hosting: Hosting, services: Services, music: Path, folder: Path
) -> None:
    section = {"folder": str(folder)}
    async with hosting(example=section) as host:
        await reached(host, "example", "on")
    write_audio(music / "one.mp3", piece(1), tags=ONE)
    write_audio(music / "copy.ogg", piece(1))
    await settle(services, music)
    assert not told(folder)
    async with hosting(example=section):
        await until(lambda: told(folder))


async def test_who_is_not_configured_any_more_is_told_nothing(
    hosting: Hosting, services: Services, music: Path, folder: Path
) -> None:
    section = {"folder": str(folder)}
    async with hosting(example=section) as host:
        await reached(host, "example", "on")
    async with hosting():
        write_audio(music / "one.mp3", piece(1), tags=ONE)
        write_audio(music / "copy.ogg", piece(1))
        await settle(services, music)
    async with hosting(example=section) as host:
        await reached(host, "example", "on")
        assert await host.waiting("example") == 0


async def test_an_item_outside_of_the_music_is_counted_and_explained(hosting: Hosting, folder: Path) -> None:
    (folder / "items.txt").write_text("/etc/passwd\n/server/../x.mp3\nC:\\Music\\x.mp3\n")
    async with hosting(example={"folder": str(folder)}) as host:
        await until(lambda: host.statuses()["example"].refused == 3)
        assert "Windows" in (host.statuses()["example"].refusal or "")


async def test_a_hook_has_its_file_looked_up(
    hosting: Hosting, services: Services, music: Path, folder: Path
) -> None:
    write_audio(music / "copy.ogg", piece(1))
    async with hosting(example={"folder": str(folder)}) as host:
        await reached(host, "example", "on")
        assert await host.hook("example", {"path": "/server/copy.ogg"}) == 1
        assert (await services.store.file_counts()).popitem()[1].present == 1


async def test_a_plugin_without_hooks_says_so(hosting: Hosting) -> None:
    async with hosting(rude={"where": "tell", "how": "raises"}) as host:
        await reached(host, "rude", "on")
        with pytest.raises(PluginError, match="takes no hooks"):
            await host.hook("rude", {})


async def test_refused_credentials_turn_it_off_until_its_test_passes(hosting: Hosting, folder: Path) -> None:
    locked = folder / "locked"
    locked.touch()
    async with hosting(example={"folder": str(folder)}) as host:
        status = await reached(host, "example", "off")
        assert status.detail.startswith("the folder is locked: remove its file `locked`")
        with pytest.raises(PluginNotConnected, match="is locked"):
            host.sync("example")
        (check,) = await host.test("example")
        assert (check.subject, check.is_ok) == ("credentials", False)
        locked.unlink()
        assert all(check.is_ok for check in await host.test("example"))
        await reached(host, "example", "on")


async def test_a_server_that_is_away_is_tried_again(hosting: Hosting, folder: Path) -> None:
    folder.rmdir()
    async with hosting(example={"folder": str(folder)}) as host:
        assert "make it" in (await reached(host, "example", "waiting")).detail
        folder.mkdir()
        await reached(host, "example", "on")


async def test_a_test_tells_what_its_paths_lead_to(hosting: Hosting, music: Path, folder: Path) -> None:
    write_audio(music / "one.mp3", piece(1))
    (folder / "items.txt").write_text("/server/one.mp3\n/elsewhere/two.mp3\n")
    async with hosting(example={"folder": str(folder)}) as host:
        _, mapped, lost = await host.test("example")
    assert mapped.is_ok
    assert mapped.sentence == f"/server/one.mp3 is {music / 'one.mp3'}"
    assert not lost.is_ok
    assert "[[path_map]]" in lost.sentence


@pytest.mark.parametrize(
    ("name", "section", "reason"),
    [
        ("exampel", {}, "did you mean [plugins.example]?"),
        ("broken", {}, "it needs a library that is not here"),
        ("notaplugin", {}, "is no plugins.api.Plugin"),
        ("example", {}, "plugins.example.folder is missing"),
        (
            "example",
            {"folder": "/", "pasword": "hunter2"},
            "example.pasword: no such option; did you",
        ),
        (
            "example",
            {"folder": "/", "most": "hunter2"},
            "example.most: Input should be a valid integer",
        ),
    ],
)
async def test_one_that_can_not_be_loaded_says_why(
    hosting: Hosting, name: str, section: dict[str, object], reason: str
) -> None:
    async with hosting(**{name: section}) as host:
        status = await reached(host, name, "off")
        assert reason in status.detail
        assert "hunter2" not in status.detail
        (check,) = await host.test(name)
        assert not check.is_ok
        with pytest.raises(PluginNotConnected):
            await host.hook(name, {})


async def test_one_that_is_not_there_can_not_be_asked(hosting: Hosting) -> None:
    async with hosting() as host:
        with pytest.raises(NoSuchPlugin, match=r"\[plugins.nobody\]"):
            await host.test("nobody")


@pytest.mark.parametrize("where", ["connect", "status", "unnamed_items"])
@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ("raises", "ZeroDivisionError: a plugin's own mistake"),
        ("waits", "did not answer within"),
        ("exits", "tried to end the process"),
    ],
)
async def test_one_that_misbehaves_is_tried_again_and_stops_nobody(
    hosting: Hosting, folder: Path, where: str, how: str, reason: str
) -> None:
    async with hosting(
        call_s=0.2, rude={"where": where, "how": how}, example={"folder": str(folder)}
    ) as host:
        assert reason in (await reached(host, "rude", "waiting")).detail
        await reached(host, "example", "on")


@pytest.mark.parametrize("where", ["connect", "status", "unnamed_items"])
async def test_one_that_blocks_its_thread_stays_off_and_stops_nobody(
    hosting: Hosting, folder: Path, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("daemon.plugin_thread._ALIVE_WITHIN_S", 0.1)
    async with hosting(
        call_s=0.2, rude={"where": where, "how": "blocks"}, example={"folder": str(folder)}
    ) as host:
        assert "until Spectra is restarted" in (await reached(host, "rude", "off")).detail
        await reached(host, "example", "on")


async def test_a_test_that_fails_is_a_check_that_fails(hosting: Hosting) -> None:
    async with hosting(rude={"where": "checks", "how": "raises"}) as host:
        await reached(host, "rude", "on")
        (check,) = await host.test("rude")
        assert not check.is_ok
        assert "ZeroDivisionError" in check.sentence


async def test_one_that_fails_while_it_is_closed_is_closed(hosting: Hosting) -> None:
    async with hosting(rude={"where": "close", "how": "raises"}) as host:
        await reached(host, "rude", "on")
