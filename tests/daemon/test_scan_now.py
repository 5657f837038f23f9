"""POST /scan: the music folders are looked through at once."""

import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import synth
from waiting import Served, changed, served, until

from daemon import library, scheduler
from daemon.config import Config
from daemon.scan import Scan, scan_root


class Gate:
    """Lets looks through a folder begin, but go on only when it is opened."""

    def __init__(self) -> None:
        self.begun = 0
        self.opened = threading.Event()
        self.is_shut = False
        self.shut_root: Path | None = None
        self.found: list[Path] = []

    def scan(self, root: Path, **options: Any) -> Scan:
        self.begun += 1
        if self.is_shut or root == self.shut_root:
            self.opened.wait(60)
        self.found.append(root)
        return scan_root(root, **options)


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Gate:
    gate = Gate()
    monkeypatch.setattr(library, "scan_root", gate.scan)
    return gate


@pytest.fixture
async def daemon(config: Config, music: Path, gate: Gate) -> AsyncIterator[Served]:
    """A daemon that watches, but hears of nothing."""
    (music / "sub").mkdir()
    config = changed(config, "library", quiet_s=0.0)
    async with served(config, watch=True) as opened:
        await until(lambda: gate.begun == 1)
        await until(lambda: _is_scanning(opened, expected=False))
        yield opened
        gate.opened.set()


async def _is_scanning(daemon: Served, *, expected: bool) -> bool:
    libraries = (await daemon.local.get("/status"))["libraries"]
    return bool(libraries) and [each["scanning"] for each in libraries] == [expected] * len(libraries)


async def scan(daemon: Served) -> list[str]:
    async with daemon.http.post("/scan") as response:
        assert response.status == 202
        roots: list[str] = (await response.json())["roots"]
        return roots


async def test_it_begins_at_once_and_only_once_and_shows(daemon: Served, music: Path, gate: Gate) -> None:
    gate.is_shut = True
    assert await scan(daemon) == [str(music)]
    await until(lambda: gate.begun == 2)
    assert await _is_scanning(daemon, expected=True)
    assert await scan(daemon) == [str(music)]
    gate.opened.set()
    await until(lambda: _is_scanning(daemon, expected=False))
    assert gate.begun == 2
    await until(lambda: all(task.done() for task in daemon.services.scans._tasks.values()))
    await scan(daemon)
    await until(lambda: gate.begun == 3)


async def test_it_finds_what_events_did_not_tell(
    daemon: Served, music: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    watcher = daemon.services.watcher
    assert watcher is not None
    await watcher.stop()
    path = synth.write_audio(music / "sub" / "one.flac", synth.music(1, 20.0))
    await scan(daemon)

    async def is_known() -> bool:
        return [each["path"] for each in (await daemon.local.get("/files"))["files"]] == [str(path)]

    await until(is_known)


async def test_a_look_that_hangs_does_not_hold_up_the_end(daemon: Served, gate: Gate) -> None:
    gate.is_shut = True
    await scan(daemon)
    await until(lambda: gate.begun == 2)
    await daemon.services.scans.stop()
    assert all(task.done() for task in daemon.services.scans._tasks.values())


async def test_the_clock_s_look_at_a_folder_that_hangs_holds_up_no_other_one(
    config: Config, music: Path, gate: Gate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    roots = [music, tmp_path / "other"]
    roots[1].mkdir()
    for root in roots:
        synth.write_audio(root / "one.flac", synth.music(1, 20.0))
    monkeypatch.setattr(scheduler, "_LOOK_FOR_DUE_S", 0.1)
    watched = changed(config, "library", roots=tuple(roots), reconcile_every_s=0.3)
    async with served(watched, watch=True) as daemon:
        await until(lambda: {*gate.found} == {*roots})
        gate.shut_root = music
        await until(lambda: daemon.services.scans._tasks)
        count = gate.found.count(roots[1])
        await until(lambda: gate.found.count(roots[1]) > count + 3)
        gate.opened.set()


async def test_without_watched_folders_there_is_nothing_to_do(config: Config) -> None:
    async with served(config) as daemon:
        assert await scan(daemon) == []
