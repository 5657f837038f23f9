"""Rows become values and values rows; each method happens as a whole or not at all."""

import asyncio
from collections.abc import AsyncIterator
from hashlib import sha256

import pytest

from daemon.changes import Changes, KnownFile, diff
from daemon.db import Database, open_database
from daemon.filetags import FileTags
from daemon.rows import FailedFile, FileCounts, IngestedFile, PendingFile
from daemon.scan import FoundFile, Scan
from daemon.store import Store

NAMED = FileTags("A Song", "Somebody", "An Album", is_trusted=True)


@pytest.fixture
async def database(conninfo: str) -> AsyncIterator[Database]:
    """A database of the current schema."""
    async with open_database(conninfo, pool_max=4) as database:
        yield database


@pytest.fixture
def store(database: Database) -> Store:
    """A store on it."""
    return Store(database)


@pytest.fixture
async def library_id(store: Store) -> int:
    """A library without files."""
    return await store.add_library(b"/music", watched=True)


def found(path: bytes, *, size_bytes: int = 10, inode: int = 1) -> FoundFile:
    return FoundFile(path, size_bytes, mtime_ns=5, inode=inode, device=-1)


def sound(content: bytes, tags: FileTags = NAMED) -> IngestedFile:
    return IngestedFile(sha256(content).digest(), content, 12.5, 1, sha256(content).digest(), tags)


async def scanned(store: Store, library_id: int, *files: FoundFile) -> Changes:
    """Make the table equal a scan that found these."""
    changes = diff(Scan({each.path: each for each in files}), await store.known_files(library_id))
    await store.apply_changes(library_id, changes, whole=True)
    return changes


async def known(store: Store, library_id: int) -> dict[bytes, KnownFile]:
    return {each.path: each for each in await store.known_files(library_id)}


async def pending(store: Store, library_id: int, path: bytes) -> PendingFile:
    file = await store.pending_file((await known(store, library_id))[path].file_id)
    assert file is not None
    return file


async def ingested(store: Store, library_id: int, path: bytes, content: bytes, tags: FileTags = NAMED) -> int:
    """Store a sound for a file, and return its recording."""
    saved = await store.save_ingested(await pending(store, library_id, path), sound(content, tags))
    assert saved is not None
    return saved[0]


async def test_a_library_is_made_once_and_stays_watched(store: Store, library_id: int) -> None:
    assert await store.add_library(b"/music", watched=False) == library_id
    [library] = await store.libraries()
    assert (library.root, library.watched, library.is_scanned) == (b"/music", True, False)


async def test_paths_are_bytes(store: Store, library_id: int) -> None:
    odd = bytes(range(1, 256)).replace(b"/", b"")
    await scanned(store, library_id, found(odd))
    assert (await known(store, library_id)).keys() == {odd}
    assert (await store.libraries())[0].is_scanned
    file = await pending(store, library_id, odd)
    assert (file.root, file.path, file.size_bytes, file.mtime_ns, file.attempts) == (b"/music", odd, 10, 5, 0)


async def test_only_what_lies_below_is_told(store: Store, library_id: int) -> None:
    await scanned(store, library_id, *(found(path) for path in (b"a/1", b"a/b/2", b"ab/3", b"a")))
    below = await store.known_files(library_id, [b"a"])
    assert {each.path for each in below} == {b"a/1", b"a/b/2", b"a"}
    assert len(await store.known_files(library_id, [b""])) == 4
    assert await store.known_files(library_id, []) == []


async def test_a_move_keeps_the_row(store: Store, library_id: int) -> None:
    await scanned(store, library_id, found(b"a"))
    before = (await known(store, library_id))[b"a"]
    changes = await scanned(store, library_id, found(b"b"))
    assert len(changes.moved) == 1
    after = await known(store, library_id)
    assert after.keys() == {b"b"}
    assert after[b"b"].file_id == before.file_id


async def test_a_move_to_where_a_missing_file_was_takes_its_place(store: Store, library_id: int) -> None:
    await scanned(store, library_id, found(b"a", inode=1), found(b"b", inode=2))
    files = await known(store, library_id)
    await scanned(store, library_id, found(b"a", inode=1))
    moved = Changes(moved=[(files[b"a"], found(b"b", inode=1))])
    await store.apply_changes(library_id, moved, whole=False)
    after = await known(store, library_id)
    assert {path: (each.file_id, each.missing) for path, each in after.items()} == {
        b"b": (files[b"a"].file_id, False)
    }


async def test_what_goes_is_missing_and_what_returns_is_not(store: Store, library_id: int) -> None:
    await scanned(store, library_id, found(b"a"), found(b"b", inode=2))
    recording_id = await ingested(store, library_id, b"a", b"one")
    await scanned(store, library_id, found(b"b", inode=2))
    assert (await known(store, library_id))[b"a"].missing
    counts = (await store.file_counts())[library_id]
    assert counts == FileCounts(present=1, pending=1, indexed=0, failed=0, missing=1)
    assert await store.recording_ids() == [recording_id]
    await scanned(store, library_id, found(b"a"), found(b"b", inode=2))
    counts = (await store.file_counts())[library_id]
    assert counts == FileCounts(present=2, pending=1, indexed=1, failed=0, missing=0)


async def test_other_inodes_alone_ask_for_no_fingerprint(store: Store, library_id: int) -> None:
    await scanned(store, library_id, found(b"a", inode=1))
    await ingested(store, library_id, b"a", b"one")
    await scanned(store, library_id, found(b"a", inode=-7))
    assert (await known(store, library_id))[b"a"].inode == -7
    assert await store.pending_without_job(10) == []


async def test_an_error_in_a_change_undoes_all_of_it(store: Store, library_id: int) -> None:
    await scanned(store, library_id, found(b"a"))
    nonsense = Changes(new=[found(b"b"), found(b"c", size_bytes=2**70)])
    with pytest.raises(Exception, match="out of range"):
        await store.apply_changes(library_id, nonsense, whole=True)
    assert (await known(store, library_id)).keys() == {b"a"}


async def test_the_pending_are_told_in_turn(store: Store, library_id: int) -> None:
    await scanned(store, library_id, *(found(b"%d" % number, inode=number) for number in range(5)))
    first = await store.pending_without_job(3)
    assert first == sorted(first)
    rest = await store.pending_without_job(3, after=first[-1])
    assert len(rest) == 2
    assert await store.pending_without_job(3, after=rest[-1]) == []


async def test_equal_sounds_are_one_recording(store: Store, library_id: int) -> None:
    await scanned(store, library_id, found(b"a", inode=1), found(b"b", inode=2))
    first = await ingested(store, library_id, b"a", b"one")
    assert await ingested(store, library_id, b"b", b"one") == first
    assert await store.constellations([first, 999]) == [(first, b"one")]


async def test_a_result_for_what_the_file_was_is_not_stored(store: Store, library_id: int) -> None:
    await scanned(store, library_id, found(b"a"))
    file = await pending(store, library_id, b"a")
    await scanned(store, library_id, found(b"a", size_bytes=11))
    assert await store.save_ingested(file, sound(b"one")) is None
    await store.file_failed(file, "it was not music")
    assert await store.recording_ids() == []
    assert (await store.file_counts())[library_id].pending == 1


async def test_the_unused_recording_goes_with_its_last_file(store: Store, library_id: int) -> None:
    await scanned(store, library_id, found(b"a", inode=1), found(b"b", inode=2))
    one = await ingested(store, library_id, b"a", b"one")
    await ingested(store, library_id, b"b", b"one", FileTags())
    await scanned(store, library_id, found(b"a", size_bytes=11), found(b"b", size_bytes=11, inode=2))
    saved = await store.save_ingested(await pending(store, library_id, b"a"), sound(b"two"))
    assert saved is not None
    assert saved[1] is None  # b is still there
    assert not (await store.described([one]))[one].is_reference
    saved = await store.save_ingested(await pending(store, library_id, b"b"), sound(b"two"))
    assert saved is not None
    assert saved[1] == one
    assert await store.recording_ids() == [saved[0]]


async def test_two_files_that_swap_sounds_at_once_do_not_wait_for_each_other(
    store: Store, library_id: int
) -> None:
    for round_number in range(5):
        size_bytes = 20 + round_number
        await scanned(
            store,
            library_id,
            found(b"a", inode=1, size_bytes=size_bytes),
            found(b"b", inode=2, size_bytes=size_bytes),
        )
        contents = (b"one", b"two") if round_number % 2 else (b"two", b"one")
        a, b = await pending(store, library_id, b"a"), await pending(store, library_id, b"b")
        await asyncio.gather(
            store.save_ingested(a, sound(contents[0])), store.save_ingested(b, sound(contents[1]))
        )
        assert len(await store.recording_ids()) == 2


async def test_unused_recordings_are_dropped_but_not_those_of_playlists(
    store: Store, library_id: int, database: Database
) -> None:
    await scanned(store, library_id, *(found(b"%d" % number, inode=number) for number in range(3)))
    ids = [await ingested(store, library_id, b"%d" % number, b"%d" % number) for number in range(3)]
    async with database.pool.connection() as connection:
        await connection.execute("UPDATE recordings SET video_id = 'x' WHERE recording_id = %s", (ids[0],))
        await connection.execute("DELETE FROM files WHERE recording_id = ANY(%s)", (ids[:2],))
    await store.drop_unused_recordings()
    assert await store.recording_ids() == [ids[0], ids[2]]


async def test_the_first_trusted_file_names_the_recording(store: Store, library_id: int) -> None:
    await scanned(store, library_id, *(found(b"%d" % number, inode=number) for number in range(3)))
    other = FileTags("Other", "One", None, is_trusted=True)
    for name, tags in ((b"0", FileTags("Track 1")), (b"1", NAMED), (b"2", other)):
        recording_id = await ingested(store, library_id, name, b"one", tags)
    described = (await store.described([recording_id]))[recording_id]
    assert (described.title, described.artist, described.is_reference) == ("A Song", "Somebody", True)
    assert described.path == b"0"
    counts = await store.recording_counts()
    assert (counts.recordings, counts.references, counts.duration_s) == (1, 1, 12.5)


async def test_reasons_may_quote_anything(store: Store, library_id: int) -> None:
    await scanned(store, library_id, found(b"a"))
    await store.file_failed(await pending(store, library_id, b"a"), "a\0b\udce9c")
    [failed] = await store.failed_files(5)
    assert failed == FailedFile(failed.file_id, b"/music/a", "a\ufffdb?c", retry_at=None)


async def test_attempts_are_counted_without_end(store: Store, library_id: int, database: Database) -> None:
    await scanned(store, library_id, found(b"a"))
    async with database.pool.connection() as connection:
        await connection.execute("UPDATE files SET attempts = 1000")
    assert (await pending(store, library_id, b"a")).attempts == 1000
