"""The files table is what the disk says, and a disk that is away says nothing."""

import asyncio
import os
import shutil
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from daemon.answering import Answering
from daemon.db import open_database
from daemon.library import LibraryService, Looked
from daemon.scan import Scan, ScanCancelled, scan_root
from daemon.store import Store

NOW_NS = 1_700_000_000_000_000_000


class Requests:
    """Counts how often fingerprints were asked for."""

    def __init__(self) -> None:
        self.count = 0

    async def __call__(self) -> None:
        self.count += 1


@pytest.fixture
async def store(conninfo: str) -> AsyncIterator[Store]:
    """A store on the test's database."""
    async with open_database(conninfo, pool_max=4) as database:
        yield Store(database)


@pytest.fixture
def requests() -> Requests:
    """What the service asks for."""
    return Requests()


@pytest.fixture
def library(store: Store, requests: Requests) -> LibraryService:
    """A service to which it is always the same moment."""
    return LibraryService(store, {"mp3"}, requests, Answering(), quiet_s=2, clock_ns=lambda: NOW_NS)


@pytest.fixture
def album(music: Path) -> Path:
    """A folder with three files."""
    album = music / "album"
    for name in ("1.mp3", "2.mp3", "3.mp3"):
        put(album / name)
    return album


def put(path: Path, content: str | None = None, *, age_s: float = 60) -> Path:
    """Write a file as old as that."""
    path.parent.mkdir(exist_ok=True)
    path.write_text(content or path.name)
    os.utime(path, ns=(0, int(NOW_NS - age_s * 1e9)))
    return path


async def look(library: LibraryService, music: Path) -> Looked:
    return await library.reconcile(await library.add(music, watched=True))


async def files(store: Store) -> dict[str, tuple[int, bool]]:
    """Return the id of each known file, and whether it is missing."""
    [library] = await store.libraries()
    return {
        os.fsdecode(each.path): (each.file_id, each.missing)
        for each in await store.known_files(library.library_id)
    }


async def test_a_look_notes_what_is_there_and_asks_for_fingerprints(
    library: LibraryService, store: Store, music: Path, album: Path, requests: Requests
) -> None:
    put(music / "notes.txt")
    looked = await look(library, music)
    assert (looked.found, looked.new, looked.missing) == (3, 3, 0)
    assert (await files(store)).keys() == {"album/1.mp3", "album/2.mp3", "album/3.mp3"}
    assert requests.count == 1
    [known] = await store.libraries()
    assert known.is_scanned
    assert library.last_look(known.library_id) == looked


async def test_a_second_look_changes_nothing(
    library: LibraryService, store: Store, music: Path, album: Path
) -> None:
    await look(library, music)
    before = await files(store)
    looked = await look(library, music)
    assert (looked.new, looked.changed, looked.moved, looked.missing) == (0, 0, 0, 0)
    assert await files(store) == before


async def test_renamed_and_moved_files_stay_the_same(
    library: LibraryService, store: Store, music: Path, album: Path
) -> None:
    await look(library, music)
    before = await files(store)
    (album / "1.mp3").rename(album / "one.mp3")
    (music / "elsewhere").mkdir()
    (album / "2.mp3").rename(music / "elsewhere" / "2.mp3")
    looked = await look(library, music)
    assert (looked.new, looked.moved, looked.missing) == (0, 2, 0)
    assert await files(store) == {
        "album/one.mp3": before["album/1.mp3"],
        "elsewhere/2.mp3": before["album/2.mp3"],
        "album/3.mp3": before["album/3.mp3"],
    }


async def test_a_renamed_folder_takes_its_files_along(
    library: LibraryService, store: Store, music: Path, album: Path
) -> None:
    await look(library, music)
    before = await files(store)
    album.rename(music / "other")
    assert (await look(library, music)).moved == 3
    assert {file_id for file_id, _ in (await files(store)).values()} == {each for each, _ in before.values()}


async def test_a_removed_file_is_missing_until_it_returns(
    library: LibraryService, store: Store, music: Path, album: Path
) -> None:
    await look(library, music)
    before = await files(store)
    (album / "1.mp3").rename(music / ".hidden")
    assert (await look(library, music)).missing == 1
    assert (await files(store))["album/1.mp3"] == (before["album/1.mp3"][0], True)
    (music / ".hidden").rename(album / "1.mp3")
    await look(library, music)
    assert await files(store) == before


@pytest.mark.parametrize("is_there", [True, False])
async def test_an_empty_or_missing_root_changes_nothing(
    library: LibraryService, store: Store, music: Path, album: Path, is_there: bool
) -> None:
    await look(library, music)
    before = await files(store)
    shutil.rmtree(music)
    if is_there:
        music.mkdir()
    looked = await look(library, music)
    assert looked.offline is not None
    assert ("empty" if is_there else "missing") in looked.offline
    assert looked.problems() == ((str(music), looked.offline),)
    assert await files(store) == before
    [known] = await store.libraries()
    await library.look_at(known, {b"album/1.mp3"})
    assert await files(store) == before


async def test_what_is_still_being_written_is_left_for_later(
    library: LibraryService, store: Store, music: Path, album: Path
) -> None:
    put(album / "4.mp3", age_s=0.5)
    known = await library.add(music, watched=True)
    looked = await library.reconcile(known, leave_restless=True)
    assert looked.again == {b"album/4.mp3"}
    assert "album/4.mp3" not in await files(store)
    await library.look_at(known, looked.again)
    assert "album/4.mp3" in await files(store)


async def test_many_changed_at_once_are_not_waited_for(
    library: LibraryService, music: Path, album: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("daemon.library._MOST_RESTLESS", 2)
    for path in album.iterdir():
        put(path, age_s=-3_600)  # a clock that is wrong
    looked = await library.reconcile(await library.add(music, watched=True), leave_restless=True)
    assert (looked.new, looked.again) == (3, frozenset())


async def test_two_looks_at_once_note_each_file_once(
    library: LibraryService, store: Store, music: Path, album: Path
) -> None:
    known = await library.add(music, watched=True)
    looks = await asyncio.gather(
        library.reconcile(known), library.look_at(known, {b"album"}), library.reconcile(known)
    )
    assert sum(each.new for each in looks) == 3
    assert len(await files(store)) == 3


async def test_what_was_noted_since_a_long_look_began_stays_noted(
    library: LibraryService, store: Store, music: Path, album: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await look(library, music)
    before = await files(store)
    known = await library.add(music, watched=True)
    has_seen, may_end = threading.Event(), threading.Event()

    def slow_scan(*arguments: Any, **options: Any) -> Scan:
        found = scan_root(*arguments, **options)
        has_seen.set()
        assert may_end.wait(30)
        return found

    monkeypatch.setattr("daemon.library.scan_root", slow_scan)
    slow = asyncio.create_task(library.reconcile(known))
    await asyncio.to_thread(has_seen.wait, 30)
    (album / "1.mp3").rename(album / "4.mp3")
    (album / "2.mp3").unlink()
    put(album / "3.mp3", "changed")
    quick = await library.look_at(known, {b"album"})
    assert (quick.moved, quick.missing, quick.changed) == (1, 1, 1)
    may_end.set()
    overtaken = await slow
    assert overtaken.again == {f"album/{number}.mp3".encode() for number in (1, 2, 3, 4)}
    assert (await files(store))["album/4.mp3"] == before["album/1.mp3"]
    assert (await files(store))["album/2.mp3"][1]
    monkeypatch.undo()
    settled = await library.look_at(known, overtaken.again)
    assert (settled.moved, settled.changed, settled.missing, settled.new) == (0, 0, 0, 0)


async def test_only_what_is_below_a_path_is_looked_at(
    library: LibraryService, store: Store, music: Path, album: Path
) -> None:
    put(music / "0.mp3")
    known = await library.add(music, watched=True)
    looked = await library.look_at(known, {b"album"})
    assert (looked.found, looked.new) == (3, 3)
    assert "0.mp3" not in await files(store)


async def test_a_path_is_added_to_the_library_that_holds_it(
    library: LibraryService, store: Store, music: Path, album: Path
) -> None:
    await library.add(music, watched=True)
    looked = await library.add_path(album / "1.mp3")
    assert (looked.found, looked.new) == (1, 1)
    assert (await files(store)).keys() == {"album/1.mp3"}
    assert (await library.add_path(music)).new == 2


async def test_a_library_of_a_former_run_is_not_forgotten(
    library: LibraryService, store: Store, music: Path, album: Path, requests: Requests
) -> None:
    await library.add(music, watched=True)
    later = LibraryService(store, {"mp3"}, requests, Answering(), quiet_s=2)
    await later.start()
    await later.add_path(album)
    assert [each.root for each in await store.libraries()] == [os.fsencode(music)]


async def test_a_file_from_elsewhere_gets_an_unwatched_library(
    library: LibraryService, store: Store, tmp_path: Path
) -> None:
    await library.add_path(put(tmp_path / "downloads" / "1.mp3"))
    [known] = await store.libraries()
    assert (known.root, known.watched) == (os.fsencode(tmp_path / "downloads"), False)


async def test_what_is_not_there_makes_no_library(
    library: LibraryService, store: Store, tmp_path: Path
) -> None:
    looked = await library.add_path(tmp_path / "nothing.mp3")
    assert looked.offline == "there is no such file or folder"
    assert await store.libraries() == []


async def test_the_innermost_library_owns_a_path(library: LibraryService, music: Path, album: Path) -> None:
    await library.add(music, watched=True)
    inner = await library.add(album, watched=False)
    assert library.owner_of(album / "1.mp3") == inner
    assert library.owner_of(music.parent / "musicians") is None


async def test_a_stop_gives_up_scans_and_changes_nothing(
    library: LibraryService, store: Store, music: Path, album: Path
) -> None:
    await look(library, music)
    before = await files(store)
    (album / "1.mp3").unlink()
    library.stop()
    with pytest.raises(ScanCancelled, match="the next look starts anew"):
        await look(library, music)
    assert await files(store) == before
