"""Tags are written, noted and taken back, whatever happens in between; what we write is never news to us."""

import asyncio
import hashlib
import os
from pathlib import Path
from typing import Any

import mutagen
import psycopg
import pytest
from conftest import must_not_stop
from ingesting import look, rows
from tagged_files import make
from waiting import changed, until

from daemon import change_writer
from daemon.answering import Answering
from daemon.audio_digest import audio_digest
from daemon.change_rows import Change
from daemon.change_undoing import Undone
from daemon.config import Config
from daemon.file_names import AUDIO_EXTENSIONS
from daemon.library import LibraryService
from daemon.safe_write import commit
from daemon.services import Services, open_services
from daemon.staging import Staged
from daemon.tag_fields import Cover, TagFields
from daemon.tagging import Refused, Unchanged

FIELDS = TagFields(title="A Song", artist="Somebody", album="An Album", track=3)
JPEG = b"\xff\xd8\xff\xe0" + bytes(range(256))


@pytest.fixture
def config(config: Config) -> Config:
    """Files may be written at once."""
    return changed(config, "tagging", quiet_s=0.0)


async def file_id_of(services: Services, path: Path) -> int:
    found = await services.journal.file_at(os.fsencode(path.parent), os.fsencode(path.name))
    assert found is not None
    return found


async def apply(
    services: Services, path: Path, fields: TagFields = FIELDS, *, recording_id: int | None = None
) -> Change | Unchanged | Refused:
    return await services.tagging.apply(
        await file_id_of(services, path),
        fields,
        cause="identified",
        recording_id=recording_id,
        evidence={"reason": "a test"},
    )


async def applied(services: Services, path: Path, fields: TagFields = FIELDS, **more: Any) -> Change:
    change = await apply(services, path, fields, **more)
    assert isinstance(change, Change), change
    return change


async def assert_row_is_true(services: Services, path: Path) -> None:
    """The row says what the file is, and it waits for nothing."""
    file_id = await file_id_of(services, path)
    [row] = await rows(
        services,
        "SELECT size_bytes, mtime_ns, inode, device, content_hash, status, tags ->> 'title', attempts"
        f" FROM files WHERE file_id = {file_id}",
    )
    status = path.stat()
    digest = hashlib.sha256(path.read_bytes()).digest()
    title = mutagen.File(path, easy=True).get("title", [None])[0]
    stamp = (status.st_size, status.st_mtime_ns, status.st_ino, status.st_dev)
    assert row == (*stamp, digest, "indexed", title, 0)


def leftovers(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if path.name.startswith(".spectra-")]


@pytest.mark.parametrize("variant", ["mp3-v23", "flac", "m4a-untagged", "ogg", "opus", "wav-info", "aiff"])
async def test_a_file_is_tagged_and_undone_byte_for_byte(
    services: Services, music: Path, variant: str
) -> None:
    path = make(music, variant)
    before, sound = path.read_bytes(), await asyncio.to_thread(audio_digest, path, path.name)
    await look(services, music)

    change = await applied(services, path)
    assert (change.status, change.cause, change.evidence) == ("done", "identified", {"reason": "a test"})
    assert change.after_tags["title"] == "A Song"
    assert await asyncio.to_thread(audio_digest, path, path.name) == sound
    assert (await look(services, music)).changed == 0
    assert await rows(services, "SELECT naming, tags ->> 'album' FROM files") == [("named", "An Album")]
    if variant not in ("wav-info", "m4a-untagged", "aiff"):
        await assert_row_is_true(services, path)
    assert isinstance(await apply(services, path), Unchanged)

    undone = await services.tagging.undo(change.change_id)
    assert isinstance(undone, Undone), undone
    assert (undone.change.status, undone.restored) == ("undone", None)
    assert path.read_bytes() == before
    assert (await look(services, music)).changed == 0
    assert await rows(services, "SELECT naming, attempts, status FROM files") == [("unknown", 0, "indexed")]
    assert leftovers(music) == []
    again = await services.tagging.undo(change.change_id)
    assert isinstance(again, Refused)
    assert "undone already" in again.reason


async def test_the_watcher_takes_no_write_of_ours_for_a_change(
    config: Config, music: Path, unblocked: None
) -> None:
    path, other = make(music, "flac"), make(music, "mp3")
    async with open_services(config, must_not_stop, watch=True) as services:

        async def is_ingested() -> bool:
            return await rows(services, "SELECT count(*) FROM files WHERE status = 'indexed'") == [(2,)]

        await until(is_ingested)
        change = await applied(services, path)
        assert isinstance(await services.tagging.undo(change.change_id), Undone)
        await applied(services, path)
        # what the watcher reports of another file comes after what it reports of ours
        other.write_bytes(make(music, "mp3-junk").read_bytes())

        async def is_other_ingested() -> bool:
            sizes = await rows(
                services, "SELECT size_bytes FROM files WHERE status = 'indexed' AND attempts = 0"
            )
            return sorted(size for (size,) in sizes) == sorted(
                each.stat().st_size for each in music.iterdir()
            )

        await until(is_other_ingested)
        await assert_row_is_true(services, path)


async def test_a_look_that_overlaps_a_write_says_nothing_of_that_file(
    services: Services, music: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make(music, "flac")
    await look(services, music)
    library = await services.library.add(music, watched=False)
    real = services.store.known_files

    async def after_a_write(*arguments: Any) -> Any:
        await applied(services, path)
        return await real(*arguments)

    with monkeypatch.context() as patched:
        patched.setattr(type(services.store), "known_files", lambda _, *arguments: after_a_write(*arguments))
        assert (await services.library.reconcile(library)).changed == 0
    await assert_row_is_true(services, path)
    assert (await look(services, music)).changed == 0


async def test_a_scan_between_rename_and_journal_changes_nothing(
    services: Services, music: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make(music, "mp3")
    await look(services, music)
    library = await services.library.add(music, watched=False)
    size_bytes = path.stat().st_size
    real, looks = type(services.journal).done, []

    async def late(journal: Any, *arguments: Any) -> Any:
        looks.append(await services.library.reconcile(library))
        # another process' look, which knows nothing of our writes
        stranger = LibraryService(
            services.store, AUDIO_EXTENSIONS, services.jobs.defer_ingest, Answering(), quiet_s=0
        )
        await stranger.start()
        looks.append(await stranger.reconcile(library))
        assert await rows(services, "SELECT status, size_bytes FROM files") == [("indexed", size_bytes)]
        return await real(journal, *arguments)

    with monkeypatch.context() as patched:
        patched.setattr(type(services.journal), "done", late)
        await applied(services, path)
    assert [each.changed for each in looks] == [0, 1]
    await assert_row_is_true(services, path)


async def test_a_file_that_is_moved_between_rename_and_journal_is_followed_afterwards(
    services: Services, music: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make(music, "mp3")
    await look(services, music)
    library = await services.library.add(music, watched=False)
    before = await rows(services, "SELECT file_id FROM files")
    real, looks = type(services.journal).done, []
    paths = {os.fsencode(path.name), b"moved.mp3"}

    async def late(journal: Any, *arguments: Any) -> Any:
        await asyncio.to_thread(path.rename, music / "moved.mp3")
        looks.append(await services.library.look_at(library, paths))
        return await real(journal, *arguments)

    with monkeypatch.context() as patched:
        patched.setattr(type(services.journal), "done", late)
        change = await applied(services, path)
    [held] = looks
    assert (held.new, held.missing, held.again) == (0, 0, paths)
    later = await services.library.look_at(library, held.again)
    assert (later.moved, later.new, later.again) == (1, 0, frozenset())
    known = await rows(services, "SELECT file_id, path, missing_since FROM files")
    assert known == [(before[0][0], b"moved.mp3", None)]
    assert isinstance(await services.tagging.undo(change.change_id), Undone)


async def test_an_edited_file_is_not_undone_unless_forced(services: Services, music: Path) -> None:
    path = make(music, "mp3")
    await look(services, music)
    before = mutagen.File(path, easy=True)["title"]
    change = await applied(services, path)
    tagged = mutagen.File(path, easy=True)
    tagged["genre"], tagged["title"] = "Polka", "Mine"
    tagged.save()
    edited = path.read_bytes()

    refused = await services.tagging.undo(change.change_id)
    assert isinstance(refused, Refused)
    assert (refused.is_edited, refused.retry_after_s) == (True, None)
    assert "was changed since Spectra wrote it" in refused.reason
    assert path.read_bytes() == edited

    undone = await services.tagging.undo(change.change_id, force=True)
    assert isinstance(undone, Undone), undone
    assert undone.restored is not None
    assert (undone.restored.cause, undone.restored.evidence) == ("restored", {"undoes": change.change_id})
    assert undone.change.status == "undone"
    now = mutagen.File(path, easy=True)
    assert (now["title"], now["genre"], "album" in now) == (before, ["Polka"], False)
    await assert_row_is_true(services, path)
    assert (await look(services, music)).changed == 0

    back = await services.tagging.undo(undone.restored.change_id)
    assert isinstance(back, Undone)
    assert path.read_bytes() == edited


async def test_a_forced_undo_takes_our_cover_and_leaves_another(services: Services, music: Path) -> None:
    path = make(music, "flac-untagged")
    await look(services, music)
    change = await applied(services, path, TagFields(title="A Song", cover=Cover(JPEG, "image/jpeg")))
    tagged = mutagen.File(path)
    tagged["comment"] = "edited"
    tagged.save()
    assert isinstance(await services.tagging.undo(change.change_id, force=True), Undone)
    assert mutagen.File(path).pictures == []
    await look(services, music)

    change = await applied(services, path, TagFields(title="A Song", cover=Cover(JPEG, "image/jpeg")))
    tagged = mutagen.File(path)
    tagged.pictures[0].data = JPEG + b"another"
    picture = tagged.pictures[0]
    tagged.clear_pictures()
    tagged.add_picture(picture)
    tagged.save()
    assert isinstance(await services.tagging.undo(change.change_id, force=True), Undone)
    assert [each.data for each in mutagen.File(path).pictures] == [JPEG + b"another"]


async def test_changes_of_one_file_are_undone_latest_first(services: Services, music: Path) -> None:
    path = make(music, "ogg")
    before = path.read_bytes()
    await look(services, music)
    first = await applied(services, path, TagFields(title="A Song", artist="Somebody"))
    second = await applied(services, path, TagFields(album="An Album"))
    refused = await services.tagging.undo(first.change_id, force=True)
    assert isinstance(refused, Refused)
    assert f"change {second.change_id} came after it" in refused.reason
    assert isinstance(await services.tagging.undo(second.change_id), Undone)
    assert isinstance(await services.tagging.undo(first.change_id), Undone)
    assert path.read_bytes() == before


async def test_a_moved_file_is_undone_where_it_is(services: Services, music: Path) -> None:
    path = make(music, "opus")
    before = path.read_bytes()
    await look(services, music)
    change = await applied(services, path)
    moved = music / "folder" / "else.opus"
    moved.parent.mkdir()
    path.rename(moved)
    refused = await services.tagging.undo(change.change_id)
    assert isinstance(refused, Refused)
    assert "is not there" in refused.reason
    assert (await look(services, music)).moved == 1
    assert isinstance(await services.tagging.undo(change.change_id), Undone)
    assert moved.read_bytes() == before


async def test_a_missing_file_is_not_written_and_not_undone(services: Services, music: Path) -> None:
    path, stays = make(music, "flac"), make(music, "mp3")
    await look(services, music)
    change = await applied(services, path)
    file_id = await file_id_of(services, path)
    path.unlink()
    await look(services, music)
    refused = await services.tagging.undo(change.change_id)
    assert isinstance(refused, Refused)
    assert "bring it back" in refused.reason
    again = await services.tagging.apply(file_id, FIELDS, cause="identified", recording_id=None, evidence={})
    assert isinstance(again, Refused)
    assert "is missing" in again.reason
    gone = await services.tagging.apply(10**9, FIELDS, cause="identified", recording_id=None, evidence={})
    assert isinstance(gone, Refused)
    assert isinstance(await services.tagging.undo(10**9), Refused)
    assert stays.exists()


async def test_what_must_not_be_written_is_refused_and_leaves_nothing(
    services: Services, music: Path, tmp_path: Path
) -> None:
    linked, kept, busy = make(music, "mp3"), make(music, "flac"), make(music, "ogg")
    (tmp_path / "other name.mp3").hardlink_to(linked)
    await look(services, music)
    refused = await apply(services, linked)
    assert isinstance(refused, Refused)
    assert ("hard links" in refused.reason, refused.retry_after_s) == (True, None)

    kept.chmod(0o444)
    refused = await apply(services, kept)
    assert isinstance(refused, Refused)
    assert ("read-only" in refused.reason, refused.retry_after_s) == (True, None)

    with busy.open("ab"):
        refused = await apply(services, busy)
    assert isinstance(refused, Refused)
    assert "open for writing" in refused.reason
    assert refused.retry_after_s is not None

    assert leftovers(music) == []
    assert await rows(services, "SELECT count(*) FROM changes") == [(0,)]


async def test_a_file_that_is_not_quiet_is_refused_until_it_is(
    config: Config, music: Path, unblocked: None
) -> None:
    path = make(music, "mp3")
    async with open_services(
        changed(config, "tagging", quiet_s=3_600.0), must_not_stop, watch=False
    ) as opened:
        await look(opened, music)
        refused = await apply(opened, path)
        assert isinstance(refused, Refused)
        assert refused.retry_after_s is not None
        assert 0 < refused.retry_after_s <= 3_600
        assert await rows(opened, "SELECT count(*) FROM changes") == [(0,)]


async def test_a_file_that_changed_since_it_was_fingerprinted_is_not_written(
    services: Services, music: Path
) -> None:
    path = make(music, "mp3")
    await look(services, music)
    path.write_bytes(make(music, "mp3-v23").read_bytes())
    edited = path.read_bytes()
    refused = await apply(services, path)
    assert isinstance(refused, Refused)
    assert "changed since it was fingerprinted" in refused.reason
    assert (path.read_bytes(), leftovers(music)) == (edited, [])
    assert await rows(services, "SELECT count(*) FROM changes") == [(0,)]


async def test_of_two_jobs_on_one_file_the_second_is_refused(services: Services, music: Path) -> None:
    path = make(music, "flac")
    await look(services, music)
    outcomes = await asyncio.gather(*(apply(services, path) for _ in range(3)))
    assert sorted(type(each).__name__ for each in outcomes) == ["Change", "Refused", "Refused"]
    refused = next(each for each in outcomes if isinstance(each, Refused))
    assert refused.retry_after_s is not None
    await assert_row_is_true(services, path)


async def test_an_open_change_of_another_connection_keeps_a_file_from_being_written(
    services: Services, music: Path
) -> None:
    path = make(music, "flac")
    await look(services, music)
    change = await applied(services, path, TagFields(title="A Song"))
    await rows(services, "UPDATE changes SET status = 'prepared'")
    before = path.read_bytes()
    assert isinstance(await apply(services, path), Refused)
    assert (path.read_bytes(), leftovers(music)) == (before, [])
    await services.tagging.recover()
    found = await services.journal.change(change.change_id)
    assert found is not None
    assert found.status == "done"


async def test_a_commit_that_is_refused_is_abandoned_with_its_reason(
    services: Services, music: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make(music, "flac")
    await look(services, music)

    def edited_before(staged: Staged, **options: Any) -> Any:
        os.utime(staged.path, ns=(1, 1))
        return commit(staged, **options)

    monkeypatch.setattr(change_writer, "commit", edited_before)
    before = path.read_bytes()
    refused = await apply(services, path)
    assert isinstance(refused, Refused)
    assert refused.retry_after_s is not None
    assert (path.read_bytes(), leftovers(music)) == (before, [])
    [(status, error)] = await rows(services, "SELECT status, error FROM changes")
    assert (status, error) == ("abandoned", refused.reason)


@pytest.mark.parametrize("is_undo", [False, True])
async def test_a_disk_that_fails_after_the_rename_makes_it_no_failure(
    services: Services, music: Path, monkeypatch: pytest.MonkeyPatch, is_undo: bool
) -> None:
    path = make(music, "flac")
    before = path.read_bytes()
    await look(services, music)
    change = await applied(services, path) if is_undo else None

    def failing(staged: Staged, **options: Any) -> Any:
        commit(staged, **options)
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(change_writer, "commit", failing)
    if change is None:
        await applied(services, path)
    else:
        assert isinstance(await services.tagging.undo(change.change_id), Undone)
        assert path.read_bytes() == before
    await assert_row_is_true(services, path)
    assert (await look(services, music)).changed == 0


@pytest.mark.parametrize("is_undo", [False, True])
async def test_a_database_that_is_away_after_the_rename_is_waited_for(
    services: Services, music: Path, monkeypatch: pytest.MonkeyPatch, is_undo: bool
) -> None:
    path = make(music, "mp3")
    await look(services, music)
    change = await applied(services, path) if is_undo else None
    name = "undone" if is_undo else "done"
    real, tries = getattr(type(services.journal), name), []

    async def away(journal: Any, *arguments: Any) -> Any:
        tries.append(arguments)
        if len(tries) < 3:
            raise psycopg.OperationalError("the server closed the connection")
        return await real(journal, *arguments)

    monkeypatch.setattr(change_writer, "_STORE_RETRY_S", 0.0)
    monkeypatch.setattr(type(services.journal), name, away)
    if change is None:
        await applied(services, path)
    else:
        assert isinstance(await services.tagging.undo(change.change_id), Undone)
    assert len(tries) == 3
    await assert_row_is_true(services, path)


async def test_without_a_database_nothing_is_written(
    services: Services, music: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make(music, "mp3")
    await look(services, music)
    before = path.read_bytes()

    async def away(*_: Any, **__: Any) -> Any:
        raise psycopg.OperationalError("the server closed the connection")

    with monkeypatch.context() as patched:
        patched.setattr(type(services.journal), "begin", away)
        with pytest.raises(psycopg.OperationalError):
            await apply(services, path)
    assert (path.read_bytes(), leftovers(music)) == (before, [])
    change = await applied(services, path)
    tagged = path.read_bytes()
    monkeypatch.setattr(type(services.journal), "begin_undo", away)
    with pytest.raises(psycopg.OperationalError):
        await services.tagging.undo(change.change_id)
    assert (path.read_bytes(), leftovers(music)) == (tagged, [])


async def test_who_is_cancelled_amid_a_write_has_it_seen_through(
    services: Services, music: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make(music, "mp3")
    await look(services, music)
    real, reached, go_on = type(services.journal).done, asyncio.Event(), asyncio.Event()

    async def slow(journal: Any, *arguments: Any) -> Any:
        reached.set()
        await go_on.wait()
        return await real(journal, *arguments)

    monkeypatch.setattr(type(services.journal), "done", slow)
    caller = asyncio.create_task(apply(services, path))
    await reached.wait()
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    assert isinstance(await apply(services, path), Refused)
    go_on.set()
    await services.tagging.stop()
    assert await rows(services, "SELECT status FROM changes") == [("done",)]
    await assert_row_is_true(services, path)
