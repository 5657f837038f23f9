"""What a killed run left is settled where its file is by now, and no disk that hangs holds anybody up."""

import asyncio
import os
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from ingesting import look, rows
from tagged_files import make
from waiting import changed, until

from daemon import change_settling
from daemon.change_rows import Change
from daemon.change_undoing import Undone
from daemon.config import Config
from daemon.leftovers import new_run, sweep, temporary_name
from daemon.safe_write import Prepared, commit, prepare, prepare_restore
from daemon.services import Services
from daemon.tag_fields import TagFields

FIELDS = TagFields(title="A Song", artist="Somebody", album="An Album")


@pytest.fixture
def config(config: Config) -> Config:
    """Files may be written at once."""
    return changed(config, "tagging", quiet_s=0.0)


@dataclass(frozen=True, slots=True)
class Begun:
    """A change that a killed run journaled."""

    path: Path
    before: bytes
    change_id: int
    prepared: Prepared


@pytest.fixture
async def begun(services: Services, music: Path) -> Begun:
    """A change that is journaled, and not put in place."""
    path = make(music, "mp3")
    make(music, "ogg")
    before = path.read_bytes()
    await look(services, music)
    file_id = await services.journal.file_at(os.fsencode(music), os.fsencode(path.name))
    assert file_id is not None
    file = await services.journal.file(file_id)
    assert file is not None
    prepared = await asyncio.to_thread(prepare, path, FIELDS, quiet_s=0)
    assert prepared is not None
    change_id = await services.journal.begin(
        file, prepared, cause="identified", recording_id=None, evidence={}
    )
    assert change_id is not None
    return Begun(path, before, change_id, prepared)


async def status(services: Services, change_id: int) -> str:
    change = await services.journal.change(change_id)
    assert change is not None
    return change.status


async def rescue(services: Services, music: Path) -> None:
    """Do what a start does, until what it found is settled."""
    await services.tagging.recover()
    for _ in range(2):
        await look(services, music)
        await services.tagging.recover()


@pytest.mark.parametrize("is_written", [True, False])
async def test_a_file_that_was_moved_after_a_kill_is_found_and_can_be_undone(
    services: Services, music: Path, begun: Begun, is_written: bool
) -> None:
    if is_written:
        await asyncio.to_thread(commit, begun.prepared, quiet_s=0)
    moved = music / "folder" / "moved.mp3"
    moved.parent.mkdir()
    begun.path.rename(moved)
    await services.tagging.recover()
    assert await status(services, begun.change_id) == "prepared"
    await rescue(services, music)
    assert await status(services, begun.change_id) == ("done" if is_written else "abandoned")
    assert (await look(services, music)).changed == 0
    if is_written:
        change = await services.journal.change(begun.change_id)
        assert change is not None
        assert change.place == os.fsencode(moved)
        assert isinstance(await services.tagging.undo(begun.change_id), Undone)
    assert moved.read_bytes() == begun.before


@pytest.mark.parametrize("is_restored", [True, False])
async def test_a_file_that_was_moved_after_a_killed_undo_is_found(
    services: Services, music: Path, is_restored: bool
) -> None:
    path = make(music, "flac")
    make(music, "ogg")
    before = path.read_bytes()
    await look(services, music)
    file_id = await services.journal.file_at(os.fsencode(music), os.fsencode(path.name))
    assert file_id is not None
    change = await services.tagging.apply(file_id, FIELDS, cause="identified", recording_id=None, evidence={})
    assert isinstance(change, Change)
    staged = await asyncio.to_thread(prepare_restore, path, await services.journal.delta(change.change_id))
    assert await services.journal.begin_undo(change.change_id)
    if is_restored:
        await asyncio.to_thread(commit, staged, quiet_s=0)
    moved = path.rename(music / "moved.flac")
    await rescue(services, music)
    assert await status(services, change.change_id) == ("undone" if is_restored else "done")
    assert (moved.read_bytes() == before) == is_restored
    if not is_restored:
        assert isinstance(await services.tagging.undo(change.change_id), Undone)
        assert moved.read_bytes() == before


async def test_a_file_that_is_gone_ends_its_change_once_nothing_can_be_it(
    services: Services, music: Path, begun: Begun
) -> None:
    begun.path.unlink()
    await services.tagging.recover()
    assert await status(services, begun.change_id) == "prepared"
    await look(services, music)
    await rows(services, "UPDATE files SET status = 'pending' WHERE path LIKE '%ogg'::bytea")
    await services.tagging.recover()
    assert await status(services, begun.change_id) == "prepared"
    await rows(services, "UPDATE files SET status = 'indexed' WHERE path LIKE '%ogg'::bytea")
    await services.tagging.recover()
    assert await status(services, begun.change_id) == "abandoned"


async def test_a_disk_that_hangs_is_looked_at_once_and_holds_nobody_up(
    services: Services, begun: Begun, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, goes_on, looks = change_settling._find, threading.Event(), []

    def hang(change: Change) -> Any:
        looks.append(change.change_id)
        goes_on.wait(30)
        return real(change)

    monkeypatch.setattr(change_settling, "_find", hang)
    monkeypatch.setattr(change_settling, "_LOOK_S", 0.0)
    await services.tagging.recover()
    await services.tagging.recover()
    assert (looks, await status(services, begun.change_id)) == ([begun.change_id], "prepared")
    goes_on.set()

    async def is_settled() -> bool:
        await services.tagging.recover()
        return await status(services, begun.change_id) == "abandoned"

    await until(is_settled)
    assert looks == [begun.change_id]


async def test_a_sweep_that_hangs_keeps_nothing_from_being_written_and_ends_with_the_service(
    services: Services, music: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make(music, "flac")
    await look(services, music)
    begun, goes_on = threading.Event(), threading.Event()

    def hang(root: Path, **options: Any) -> Any:
        assert options["spared_run"] == services.tagging._writer.run
        begun.set()
        goes_on.wait(30)
        return sweep(root, **options)

    monkeypatch.setattr(change_settling, "sweep", hang)
    services.tagging.sweep([music])
    await until(begun.is_set)
    file_id = await services.journal.file_at(os.fsencode(music), os.fsencode(path.name))
    assert file_id is not None
    change = await services.tagging.apply(file_id, FIELDS, cause="identified", recording_id=None, evidence={})
    assert isinstance(change, Change)
    await services.tagging.stop()
    goes_on.set()


def test_a_sweep_spares_what_is_being_written(music: Path) -> None:
    run = new_run()
    (music / "folder").mkdir()
    ours, other = (music / "folder" / temporary_name(each) for each in (run, new_run()))
    for path in (ours, other):
        path.touch()
    assert sweep(music, spared_run=run, cancelled=lambda: True).removed == ()
    assert sweep(music, spared_run=run).removed == (other,)
    assert sweep(music).removed == (ours,)
