"""An undo leads back wherever the file is by now, can itself be undone, and makes no name out of a guess."""

import asyncio
import os
import threading
from pathlib import Path
from typing import Any

import mutagen
import pytest
from ingesting import look, recordings_by_name, rows
from mutagen.flac import FLAC, Picture
from synth import music as tune
from synth import write_audio
from tagged_files import make
from waiting import changed

from daemon import change_undoing
from daemon.change_rows import Change
from daemon.change_undoing import Undone
from daemon.config import Config
from daemon.errors import WorkerDied
from daemon.safe_write import prepare_restore
from daemon.services import Services
from daemon.tag_fields import TagFields
from daemon.tagging import Refused, Unchanged
from daemon.workers import WorkerPool

FIELDS = TagFields(title="A Song", artist="Somebody", album="An Album")


@pytest.fixture
def config(config: Config) -> Config:
    """Files may be written at once."""
    return changed(config, "tagging", quiet_s=0.0)


async def apply(
    services: Services, path: Path, recording_id: int | None = None
) -> Change | Unchanged | Refused:
    file_id = await services.journal.file_at(os.fsencode(path.parent), os.fsencode(path.name))
    assert file_id is not None
    return await services.tagging.apply(
        file_id, FIELDS, cause="identified", recording_id=recording_id, evidence={}
    )


async def applied(services: Services, path: Path) -> Change:
    change = await apply(services, path)
    assert isinstance(change, Change), change
    return change


async def undone(services: Services, change_id: int, *, force: bool = False) -> Undone:
    result = await services.tagging.undo(change_id, force=force)
    assert isinstance(result, Undone), result
    return result


async def refused(services: Services, change_id: int) -> str:
    result = await services.tagging.undo(change_id)
    assert isinstance(result, Refused), result
    return result.reason


async def statuses(services: Services) -> list[object]:
    return [status for (status,) in await rows(services, "SELECT status FROM changes ORDER BY change_id")]


async def references(services: Services) -> list[object]:
    return [title for (title,) in await rows(services, "SELECT title FROM recordings WHERE is_reference")]


def edit(path: Path) -> None:
    file = mutagen.File(path)
    file["GENRE"] = ["Polka"]
    file.save()


def leftovers(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if path.name.startswith(".spectra-")]


async def test_undoing_an_undo_puts_the_change_in_force_again_and_makes_no_reference_of_its_guess(
    services: Services, music: Path
) -> None:
    path = make(music, "flac")
    await look(services, music)
    change = await applied(services, path)
    edit(path)
    await look(services, music)
    edited = path.read_bytes()
    forced = await undone(services, change.change_id, force=True)
    assert forced.restored is not None
    assert await statuses(services) == ["undone", "done"]

    await undone(services, forced.restored.change_id)
    assert path.read_bytes() == edited
    assert await statuses(services) == ["done", "undone"]
    assert await references(services) == []
    await look(services, music)
    assert await references(services) == []

    again = await undone(services, change.change_id, force=True)
    assert (again.change.status, mutagen.File(path)["TITLE"]) == ("undone", ["Track 01"])


async def test_no_force_writes_old_fields_over_another_sound(services: Services, music: Path) -> None:
    path = make(music, "mp3")
    await look(services, music)
    change = await applied(services, path)
    other = write_audio(music / "mp3.mp3", tune(7, 8), tags={"title": "Another"}).read_bytes()
    result = await services.tagging.undo(change.change_id, force=True)
    assert isinstance(result, Refused)
    assert "holds another sound" in result.reason
    assert (path.read_bytes(), leftovers(music), await statuses(services)) == (other, [], ["done"])


async def test_forced_undos_are_undone_latest_first(services: Services, music: Path) -> None:
    path = make(music, "flac")
    await look(services, music)
    first = await applied(services, path)
    edit(path)
    one = (await undone(services, first.change_id, force=True)).restored
    await look(services, music)
    second = await applied(services, path)
    edit(path)
    file = mutagen.File(path)
    file["COMMENT"] = ["three"]
    file.save()
    two = (await undone(services, second.change_id, force=True)).restored
    assert one is not None
    assert two is not None
    assert f"change {two.change_id} came after it" in await refused(services, one.change_id)


async def test_an_earlier_change_waits_for_later_ones_also_where_its_bytes_are_back(
    services: Services, music: Path
) -> None:
    path = make(music, "flac")
    before = path.read_bytes()
    await look(services, music)
    file_id = await services.journal.file_at(os.fsencode(music), os.fsencode(path.name))
    assert file_id is not None
    changes, contents = [], []
    for title in ("One", "Two", "One"):
        change = await services.tagging.apply(
            file_id,
            TagFields(title=title),
            cause="named",
            recording_id=None,
            evidence={},
            mode="overwrite",
        )
        assert isinstance(change, Change)
        changes.append(change.change_id)
        contents.append(path.read_bytes())
    assert contents[0] == contents[2] != contents[1]
    assert f"change {changes[2]} came after it" in await refused(services, changes[0])
    assert path.read_bytes() == contents[2]
    for change_id in reversed(changes):
        await undone(services, change_id)
    assert path.read_bytes() == before


async def test_what_somebody_put_back_is_undone_without_a_write(services: Services, music: Path) -> None:
    path = make(music, "mp3")
    write_audio(music / "reference.flac", tune(7, 8), tags={"title": "A Song", "artist": "Somebody"})
    before = path.read_bytes()
    await look(services, music)
    reference = (await recordings_by_name(services))["reference.flac"]
    assert isinstance(reference, int)
    change = await apply(services, path, reference)
    assert isinstance(change, Change)
    path.write_bytes(before)  # from a backup
    os.utime(path, ns=(1, 1))
    assert (await undone(services, change.change_id)).restored is None
    assert (path.read_bytes(), path.stat().st_mtime_ns) == (before, 1)
    assert await statuses(services) == ["undone"]
    assert await rows(services, "SELECT recording_id FROM rejections") == [(reference,)]
    assert (await look(services, music)).changed == 0


async def test_a_file_that_was_moved_to_another_library_is_undone_there_with_all_its_changes(
    services: Services, music: Path, tmp_path: Path
) -> None:
    path, stays = make(music, "ogg"), make(music, "mp3")
    before = path.read_bytes()
    await look(services, music)
    first = await applied(services, path)
    file_id = first.file_id
    assert file_id is not None
    second = await services.tagging.apply(
        file_id, TagFields(album="An Album", track=3), cause="filled", recording_id=None, evidence={}
    )
    assert isinstance(second, Change)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    moved = path.rename(elsewhere / "another name.ogg")
    await look(services, elsewhere)
    # Not known to be gone: this may be a copy, and the library offline.
    assert "is not there" in await refused(services, second.change_id)
    assert moved.read_bytes() != before
    await look(services, music)
    for change in (second, first):
        done = await undone(services, change.change_id)
        assert done.change.place == os.fsencode(moved)
    assert moved.read_bytes() == before
    assert stays.exists()
    assert len(await services.journal.changes(file=(os.fsencode(elsewhere), os.fsencode(moved.name)))) == 2


async def test_what_is_rejected_while_its_copy_is_made_is_not_written(
    services: Services, music: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make(music, "mp3")
    write_audio(music / "reference.flac", tune(7, 8), tags={"title": "A Song", "artist": "Somebody"})
    before = path.read_bytes()
    await look(services, music)
    ids = await recordings_by_name(services)
    sound, reference = ids["mp3.mp3"], ids["reference.flac"]
    assert isinstance(reference, int)
    real = WorkerPool.run

    async def rejected_meanwhile(pool: Any, work: Any, *arguments: Any) -> Any:
        made = await real(pool, work, *arguments)
        await rows(
            services,
            f"INSERT INTO rejections (file_recording_id, recording_id) VALUES ({sound}, {reference})",
        )
        return made

    monkeypatch.setattr(WorkerPool, "run", rejected_meanwhile)
    result = await apply(services, path, reference)
    assert isinstance(result, Refused)
    assert ("rejected" in result.reason, result.retry_after_s) == (True, None)
    assert (path.read_bytes(), leftovers(music), await statuses(services)) == (before, [], [])


async def test_a_picture_whose_type_is_junk_can_be_journaled(services: Services, music: Path) -> None:
    path = make(music, "flac-untagged")
    file, picture = FLAC(path), Picture()
    picture.mime, picture.data = "image/\0png", b"no picture"
    file.add_picture(picture)
    file.save()
    before = path.read_bytes()
    await look(services, music)
    change = await applied(services, path)
    assert isinstance(change.before_tags["cover"], dict)
    assert change.before_tags["cover"]["mime"] == "image/ png"
    edit(path)
    assert (await undone(services, change.change_id, force=True)).restored is not None
    assert len(FLAC(path).pictures) == 1
    assert before != path.read_bytes()


@pytest.mark.parametrize("end", ["death", "cancellation"])
async def test_a_worker_that_dies_over_a_copy_leaves_none(
    services: Services, music: Path, monkeypatch: pytest.MonkeyPatch, end: str
) -> None:
    path = make(music, "mp3")
    await look(services, music)
    begun = asyncio.Event()

    async def die(_: Any, work: Any, *arguments: Any) -> Any:
        await asyncio.to_thread(path.with_name(arguments[-1]).touch)
        begun.set()
        if end == "death":
            raise WorkerDied("write tagged copy")
        await asyncio.Event().wait()

    monkeypatch.setattr(WorkerPool, "run", die)
    caller = asyncio.create_task(apply(services, path))
    await begun.wait()
    if end == "cancellation":
        assert len(leftovers(music)) == 1
        caller.cancel()
        with pytest.raises(asyncio.CancelledError):
            await caller
    else:
        assert isinstance(await caller, Refused)
    assert leftovers(music) == []


async def test_who_is_cancelled_amid_an_undo_has_it_seen_through(
    services: Services, music: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make(music, "mp3")
    before = path.read_bytes()
    await look(services, music)
    change = await applied(services, path)
    begun, go_on = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    def slow(*arguments: Any, **more: Any) -> Any:
        loop.call_soon_threadsafe(begun.set)
        go_on.wait(30)
        return prepare_restore(*arguments, **more)

    monkeypatch.setattr(change_undoing, "prepare_restore", slow)
    caller = asyncio.create_task(services.tagging.undo(change.change_id))
    await begun.wait()
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    assert "Spectra is writing it at this moment" in await refused(services, change.change_id)
    go_on.set()
    await services.tagging.stop()
    assert (path.read_bytes(), leftovers(music)) == (before, [])
    assert await statuses(services) == ["undone"]
