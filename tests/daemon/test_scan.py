import os
import pickle
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.changes import Changes, KnownFile, diff
from daemon.file_names import is_ignored
from daemon.scan import FoundFile, Scan, ScanCancelled, is_below, look_at_root, scan_paths, scan_root


def put(root: Path, name: str, content: bytes = b"music") -> Path:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def known(file: FoundFile, file_id: int = 1, *, missing: bool = False, **other: Any) -> KnownFile:
    facts = {name: getattr(file, name) for name in ("path", "size_bytes", "mtime_ns", "inode", "device")}
    return KnownFile(file_id=file_id, missing=missing, **(facts | other))


def known_below(root: Path) -> list[KnownFile]:
    return [known(file, file_id) for file_id, file in enumerate(scan_root(root).files.values())]


def found(
    path: bytes, *, size_bytes: int = 5, mtime_ns: int = 7, inode: int = 9, device: int = 1
) -> FoundFile:
    return FoundFile(path, size_bytes, mtime_ns, inode, device)


def scan_of(*files: FoundFile, **facts: Any) -> Scan:
    return Scan({file.path: file for file in files}, **facts)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "music"
    folder.mkdir()
    return folder


def test_audio_files_are_found_at_any_depth_with_their_facts(root: Path) -> None:
    path = put(root, "a/b/Song.FLAC", b"12345")
    put(root, "a/cover.jpg")
    put(root, "noextension")
    status = path.stat()
    scan = scan_root(root)
    assert scan.files == {
        b"a/b/Song.FLAC": FoundFile(b"a/b/Song.FLAC", 5, status.st_mtime_ns, status.st_ino, status.st_dev)
    }
    assert (scan.unreadable, scan.offline, scan.scope) == ((), None, None)


@pytest.mark.parametrize(
    "name",
    [
        ".hidden.mp3",
        ".trash/a.mp3",
        "a.mp3.part",
        "a.tmp",
        "a.mp3.crdownload",
        "@eaDir/a.mp3",
        "#recycle/a/b.mp3",
    ],
)
def test_hidden_unfinished_and_housekeeping_files_are_ignored(root: Path, name: str) -> None:
    put(root, "kept.mp3")
    put(root, name)
    scan = scan_root(root, extensions=frozenset({"mp3", "part", "tmp", "crdownload"}))
    assert set(scan.files) == {b"kept.mp3"}
    assert is_ignored(os.fsencode(name))


@pytest.mark.parametrize("path", [b"../a.mp3", b"a/../../b.mp3", b"/etc/a.mp3", b"."])
def test_paths_that_leave_the_root_are_ignored(path: bytes) -> None:
    assert is_ignored(path)


def test_names_that_are_not_utf8_keep_their_bytes(root: Path) -> None:
    name = b"caf\xe9 \xff/na\xefve.mp3"
    put(root, os.fsdecode(name))
    assert set(scan_root(root).files) == {name}
    assert set(scan_paths(root, [name]).files) == {name}


def test_pipes_are_skipped(root: Path) -> None:
    put(root, "a.mp3")
    os.mkfifo(root / "pipe.mp3")
    assert set(scan_root(root).files) == {b"a.mp3"}
    assert set(scan_paths(root, [b"pipe.mp3"]).files) == set()


def test_links_into_the_root_are_skipped(root: Path) -> None:
    put(root, "album/a.mp3")
    (root / "again.mp3").symlink_to(root / "album/a.mp3")
    (root / "album2").symlink_to("album")
    assert set(scan_root(root).files) == {b"album/a.mp3"}
    assert set(scan_paths(root, [b"again.mp3", b"album2", b"album2/a.mp3"]).files) == set()


def test_links_out_of_the_root_are_followed_once_for_each_target(root: Path, tmp_path: Path) -> None:
    put(tmp_path, "elsewhere/disc/a.mp3")
    put(tmp_path, "elsewhere/b.mp3")
    put(root, "own.mp3")
    (root / "1").symlink_to(tmp_path / "elsewhere/disc")
    (root / "2").symlink_to(tmp_path / "elsewhere")
    (root / "3.mp3").symlink_to(tmp_path / "elsewhere/b.mp3")
    assert set(scan_root(root).files) == {b"own.mp3", b"1/a.mp3", b"2/b.mp3"}
    assert set(scan_paths(root, [b"3.mp3"]).files) == {b"3.mp3"}


def test_circular_and_broken_links_end_nowhere(root: Path, tmp_path: Path) -> None:
    put(tmp_path, "elsewhere/a.mp3")
    (tmp_path / "elsewhere/back").symlink_to(root)
    (tmp_path / "elsewhere/itself").symlink_to(tmp_path / "elsewhere")
    (root / "out").symlink_to(tmp_path / "elsewhere")
    (root / "up").symlink_to("..")
    (root / "loop.mp3").symlink_to("loop.mp3")
    (root / "broken.mp3").symlink_to("nowhere")
    scan = scan_root(root)
    assert set(scan.files) == {b"out/a.mp3"}
    assert scan.unreadable == ()


def test_a_root_that_is_a_link_is_scanned(root: Path, tmp_path: Path) -> None:
    put(root, "a/b.mp3")
    link = tmp_path / "link"
    link.symlink_to(root)
    assert set(scan_root(link).files) == {b"a/b.mp3"}
    assert set(scan_paths(link, [b"a/b.mp3"]).files) == {b"a/b.mp3"}


def test_a_missing_empty_or_wrong_root_is_offline_and_changes_nothing(root: Path, tmp_path: Path) -> None:
    wrong = put(tmp_path, "file")
    (root / ".stfolder").mkdir()
    for bad, reason in ((tmp_path / "none", "missing"), (root, "empty"), (wrong, "not a folder")):
        for scan in (scan_root(bad), scan_paths(bad, [b"a.mp3"])):
            assert scan.offline is not None
            assert reason in scan.offline
            assert diff(scan, [known(found(b"a.mp3"))]) == Changes()


def test_a_root_that_cannot_be_read_is_offline(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(root, "a.mp3")
    for error in (PermissionError(13, "Permission denied"), OSError(5, "Input/output error")):
        refuse(monkeypatch, os.fsencode(root), error)
        assert scan_root(root).offline is not None
        assert look_at_root(root).identity is None


def test_a_root_unmounted_while_it_is_scanned_is_offline(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(root, "a/b.mp3")
    scandir = os.scandir

    def unmount(folder: bytes) -> Any:
        if folder.endswith(b"/a"):
            root.rename(root.with_name("gone"))
            root.mkdir()
        return scandir(folder)

    monkeypatch.setattr(os, "scandir", unmount)
    scan = scan_root(root)
    assert (scan.files, scan.offline) == ({}, "the folder went away while it was looked through")


def refuse(monkeypatch: pytest.MonkeyPatch, refused: bytes, error: OSError) -> None:
    scandir = os.scandir

    def guarded(folder: bytes) -> Any:
        if folder == refused:
            raise error
        return scandir(folder)

    monkeypatch.setattr(os, "scandir", guarded)


def test_files_below_an_unreadable_folder_are_not_missing(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(root, "closed/a.mp3")
    put(root, "closed/deep/b.mp3")
    put(root, "open/c.mp3")
    before = known_below(root)
    (root / "open/c.mp3").unlink()
    refuse(monkeypatch, os.fsencode(root / "closed"), PermissionError(13, "Permission denied"))
    scan = scan_root(root)
    assert scan.unreadable == ((b"closed", "Permission denied"),)
    assert [file.path for file in diff(scan, before).missing] == [b"open/c.mp3"]


def test_a_cancelled_scan_raises_instead_of_returning_half(root: Path) -> None:
    put(root, "a/b.mp3")
    with pytest.raises(ScanCancelled, match="nothing has changed"):
        scan_root(root, cancelled=lambda: True)
    error = pickle.loads(pickle.dumps(ScanCancelled("/music")))
    assert error.args == ("/music",)


def test_paths_may_be_files_folders_or_gone(root: Path) -> None:
    put(root, "a/one.mp3")
    put(root, "b/deep/two.mp3")
    put(root, "c/three.mp3")
    put(root, "d/other.mp3")
    before = known_below(root)
    (root / "c/three.mp3").unlink()
    (root / "c").rmdir()
    scan = scan_paths(root, [b"a/one.mp3", b"b", b"b/deep/two.mp3", b"c", b"a/one.mp3/below", b".x/y.mp3"])
    assert set(scan.files) == {b"a/one.mp3", b"b/deep/two.mp3"}
    assert scan.scope == frozenset({b"a/one.mp3", b"b", b"c"})
    assert [file.path for file in diff(scan, before).missing] == [b"c/three.mp3"]


def test_the_root_as_a_path_scans_everything(root: Path) -> None:
    put(root, "a/one.mp3")
    assert set(scan_paths(root, [b"", b"a"]).files) == {b"a/one.mp3"}


def test_numbers_fit_a_signed_64_bit_column(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(root, "a.mp3")
    lstat = os.lstat

    def huge(path: bytes) -> Any:
        status = lstat(path)
        size_and_mode = {"st_mode": status.st_mode, "st_size": status.st_size, "st_dev": status.st_dev}
        return SimpleNamespace(**size_and_mode, st_ino=2**64 - 1, st_mtime_ns=2**63)

    monkeypatch.setattr(os, "lstat", huge)
    file = scan_paths(root, [b"a.mp3"]).files[b"a.mp3"]
    assert (file.inode, file.mtime_ns) == (-1, -(2**63))


def test_a_renamed_file_has_moved(root: Path) -> None:
    put(root, "a.mp3")
    before = known_below(root)
    (root / "b").mkdir()
    (root / "a.mp3").rename(root / "b/c.mp3")
    changes = diff(scan_root(root), before)
    assert [(old.path, new.path) for old, new in changes.moved] == [(b"a.mp3", b"b/c.mp3")]
    assert (changes.new, changes.missing) == ([], [])


def test_a_second_hard_link_is_new_and_not_a_move(root: Path) -> None:
    put(root, "a.mp3")
    before = known_below(root)
    (root / "b.mp3").hardlink_to(root / "a.mp3")
    changes = diff(scan_root(root), before)
    assert [file.path for file in changes.new] == [b"b.mp3"]
    assert (changes.moved, changes.missing) == ([], [])


def test_two_hard_links_renamed_together_move_in_order() -> None:
    before = [known(found(b"old/1.mp3"), 1), known(found(b"old/2.mp3"), 2)]
    changes = diff(scan_of(found(b"new/2.mp3"), found(b"new/1.mp3")), before)
    assert [(old.file_id, new.path) for old, new in changes.moved] == [(1, b"new/1.mp3"), (2, b"new/2.mp3")]


@pytest.mark.parametrize("other", [{"size_bytes": 6}, {"mtime_ns": 8}, {"inode": 10}, {"device": 2}])
def test_a_move_needs_the_same_inode_device_size_and_mtime(other: dict[str, Any]) -> None:
    changes = diff(scan_of(found(b"b.mp3")), [known(found(b"a.mp3"), **other)])
    assert (len(changes.new), len(changes.missing), changes.moved) == (1, 1, [])


def test_without_inode_numbers_nothing_moves() -> None:
    changes = diff(scan_of(found(b"b.mp3", inode=0)), [known(found(b"a.mp3", inode=0))])
    assert (len(changes.new), len(changes.missing), changes.moved) == (1, 1, [])


def test_a_missing_file_that_comes_back_elsewhere_has_moved() -> None:
    changes = diff(scan_of(found(b"b.mp3")), [known(found(b"a.mp3"), missing=True)])
    assert [(old.path, new.path) for old, new in changes.moved] == [(b"a.mp3", b"b.mp3")]


def test_a_present_file_moves_rather_than_a_long_missing_one() -> None:
    before = [known(found(b"a.mp3"), 1, missing=True), known(found(b"z.mp3"), 2)]
    assert [old.file_id for old, _ in diff(scan_of(found(b"b.mp3")), before).moved] == [2]


def test_changed_returned_and_renumbered_files_are_told_apart() -> None:
    files = [found(b"same"), found(b"changed"), found(b"returned"), found(b"renumbered"), found(b"both")]
    before = [
        known(files[0], 0),
        known(files[1], 1, mtime_ns=1),
        known(files[2], 2, missing=True, inode=3),
        known(files[3], 3, device=5),
        known(files[4], 4, missing=True, size_bytes=1),
        known(found(b"stays missing", inode=77), 5, missing=True),
    ]
    changes = diff(scan_of(*files), before)
    assert [old.path for old, _ in changes.changed] == [b"changed", b"both"]
    assert [old.path for old, _ in changes.returned] == [b"returned"]
    assert [old.path for old, _ in changes.renumbered] == [b"renumbered"]
    assert (changes.new, changes.moved, changes.missing) == ([], [], [])


def test_a_path_is_below_itself_its_parents_and_the_root() -> None:
    assert is_below(b"a/b", {b"a/b"})
    assert is_below(b"a/b/c", {b"a"})
    assert is_below(b"a", {b""})
    assert not is_below(b"ab", {b"a"})
    assert not is_below(b"/a", {b"a"})


PATHS = st.sampled_from([b"a", b"b", b"c/d", b"c/e", b"c/f/g", b"h"])
SMALL = st.integers(0, 2)
FOUND = st.builds(FoundFile, PATHS, SMALL, SMALL, SMALL, SMALL)
KNOWN = st.builds(KnownFile, st.just(0), PATHS, SMALL, SMALL, SMALL, SMALL, st.booleans())


def apply(changes: Changes, before: list[KnownFile]) -> dict[bytes, FoundFile]:
    """Do what a files table would; return the files that are not missing."""
    rows = {file.file_id: (None if file.missing else found_of(file)) for file in before}
    for pairs in (changes.changed, changes.moved, changes.returned, changes.renumbered):
        for old, new in pairs:
            rows[old.file_id] = new
    rows.update((file.file_id, None) for file in changes.missing)
    present = [file for file in [*rows.values(), *changes.new] if file is not None]
    assert len({file.path for file in present}) == len(present)
    return {file.path: file for file in present}


def found_of(file: KnownFile) -> FoundFile:
    return FoundFile(file.path, file.size_bytes, file.mtime_ns, file.inode, file.device)


@given(st.lists(FOUND, unique_by=lambda file: file.path), st.lists(KNOWN, unique_by=lambda file: file.path))
def test_known_files_with_the_changes_applied_are_the_found_files(
    files: list[FoundFile], before: list[KnownFile]
) -> None:
    before = [known(found_of(file), file_id, missing=file.missing) for file_id, file in enumerate(before)]
    scan = scan_of(*files)
    assert apply(diff(scan, before), before) == scan.files


@given(
    st.lists(FOUND, unique_by=lambda file: file.path),
    st.lists(KNOWN, unique_by=lambda file: file.path),
    st.frozensets(st.sampled_from([b"a", b"c", b"c/f", b"h"])),
)
def test_a_partial_scan_touches_nothing_outside_its_scope(
    files: list[FoundFile], before: list[KnownFile], scope: frozenset[bytes]
) -> None:
    before = [known(found_of(file), file_id, missing=file.missing) for file_id, file in enumerate(before)]
    scan = scan_of(*(file for file in files if is_below(file.path, scope)), scope=scope)
    outside = {
        file.path: found_of(file) for file in before if not is_below(file.path, scope) and not file.missing
    }
    assert apply(diff(scan, before), before) == scan.files | outside
