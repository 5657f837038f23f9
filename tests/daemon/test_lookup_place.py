"""Which file on disk somebody means, and that none outside the music folders is ever meant."""

import os
import pickle
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon import lookup_errors
from daemon.errors import DaemonError
from daemon.file_names import AUDIO_EXTENSIONS
from daemon.lookup_errors import (
    BadPath,
    LibraryOffline,
    LookupRefused,
    NoFileThere,
    NotMusic,
    OutsideRoots,
    SizeDiffers,
    TooManyLookups,
)
from daemon.lookup_place import find_file
from daemon.lookup_rows import PlacedFile


def _find(path: Path | bytes, *roots: Path) -> PlacedFile:
    return find_file(
        b"/asked.mp3", os.fsencode(path), [os.fsencode(each) for each in roots], extensions=AUDIO_EXTENSIONS
    )


def _written(path: Path, content: str = "sound") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    return path


def test_a_file_is_found_with_its_size_and_time(music: Path) -> None:
    file = _written(music / "a" / "b.mp3")
    found = _find(file, music)
    assert found == PlacedFile(os.fsencode(file), 5, file.stat().st_mtime_ns)


def test_a_name_need_not_be_utf8(music: Path) -> None:
    file = os.fsencode(music) + b"/\xff.mp3"
    Path(os.fsdecode(file)).write_bytes(b"1")
    assert _find(file, music).path == file


def test_a_file_is_found_under_the_librarys_own_spelling(music: Path, tmp_path: Path) -> None:
    file = _written(music / "real" / "b.mp3")
    (music / "link").symlink_to("real")
    (music / "c.mp3").symlink_to("real/b.mp3")
    other_name = tmp_path / "library"
    other_name.symlink_to(music)
    places = {_find(music / name, music).path for name in ("real/b.mp3", "link/b.mp3", "c.mp3")}
    assert places == {os.fsencode(file)}
    # Either name of the root will do; the configured one is the library's.
    assert _find(music / "link" / "b.mp3", other_name).path == os.fsencode(other_name / "real" / "b.mp3")
    assert _find(other_name / "real" / "b.mp3", other_name).path == os.fsencode(other_name / "real" / "b.mp3")


def test_the_innermost_root_that_was_named_counts(music: Path, tmp_path: Path) -> None:
    file = _written(music / "inner" / "b.mp3")
    alias = tmp_path / "a name that is much longer than the others"
    alias.symlink_to(music)
    for roots in ([music, music / "inner", alias], [alias, music / "inner", music]):
        assert _find(file, *roots).path == os.fsencode(file)


@pytest.mark.parametrize("exists", [True, False])
def test_nothing_is_told_of_what_is_outside(music: Path, tmp_path: Path, exists: bool) -> None:
    _written(music / "a.mp3")
    secret = tmp_path / "secret" / "b.mp3"
    secret.parent.mkdir()
    if exists:
        _written(secret)
    (music / "link").symlink_to(tmp_path / "secret")
    (music / "b.mp3").symlink_to(secret)
    for path in (secret, music / "link" / "b.mp3", music / "b.mp3", tmp_path / "music2" / "b.mp3"):
        with pytest.raises(OutsideRoots) as caught:
            _find(path, music)
        assert caught.value.args == ("/asked.mp3", str(path))


@pytest.mark.parametrize("name", ["cover.jpg", "a.mp3.part", ".hidden/a.mp3", ".a.mp3", "@eaDir/a.mp3", ""])
def test_what_the_scan_leaves_out_is_not_looked_up(music: Path, name: str) -> None:
    if name:
        _written(music / name)
    with pytest.raises(NotMusic):
        _find(music / name, music)


def test_a_file_that_is_not_there_is_told_from_a_folder_that_is_away(music: Path) -> None:
    with pytest.raises(LibraryOffline, match="is it mounted"):
        _find(music / "a.mp3", music)
    _written(music / "b.mp3")
    (music / "folder.mp3").mkdir()
    (music / "round.mp3").symlink_to("round.mp3")
    for name in ("a.mp3", "b.mp3/a.mp3", f"{'x' * 300}.mp3", "folder.mp3", "round.mp3"):
        with pytest.raises(NoFileThere):
            _find(music / name, music)
    with pytest.raises(LibraryOffline, match="missing"):
        _find(music / "gone" / "a.mp3", music / "gone")


@pytest.mark.parametrize(
    ("error", "refusal"),
    [
        (PermissionError(13, "Permission denied"), NoFileThere),
        (OSError(5, "Input/output error"), LibraryOffline),
    ],
)
def test_a_disk_that_does_not_answer_is_offline(
    music: Path, monkeypatch: pytest.MonkeyPatch, error: OSError, refusal: type[LookupRefused]
) -> None:
    file = _written(music / "a.mp3")
    lstat = os.lstat

    def failing(path: bytes) -> os.stat_result:
        if path == os.fsencode(file):
            raise error
        return lstat(path)

    monkeypatch.setattr(os, "lstat", failing)
    with pytest.raises(refusal):
        _find(file, music)


@pytest.fixture(scope="module")
def maze(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A music folder with links of every kind, beside a folder that is none of it."""
    base = tmp_path_factory.mktemp("maze")
    for name in ("music/a/x.mp3", "music/x.mp3", "outside/a/x.mp3", "outside/x.mp3"):
        _written(base / name)
    links = {
        "music/in": "a",
        "music/a/up": "..",
        "music/a/out": "../../outside",
        "music/round": "round",
        "music/all": "/",
        "music/file.mp3": "../outside/x.mp3",
        "music/a/back.mp3": "../x.mp3",
        "outside/a/home": str(base / "music"),
    }
    for name, target in links.items():
        (base / name).symlink_to(target)
    return base


_FOLDERS = st.lists(st.sampled_from(["a", "in", "up", "out", "round", "all", "home"]), max_size=4)
_NAMES = st.sampled_from(["x.mp3", "file.mp3", "back.mp3"])


@settings(max_examples=300)
@given(folders=_FOLDERS, name=_NAMES, begin=st.sampled_from(["music", "music", "outside", "."]))
def test_whatever_is_found_is_really_inside(maze: Path, folders: list[str], name: str, begin: str) -> None:
    music = maze / "music"
    path = os.fsencode(maze.joinpath(begin, *folders, name))
    try:
        found = _find(path, music)
    except (OutsideRoots, NotMusic, NoFileThere):
        return
    assert os.path.realpath(found.path) == found.path
    assert found.path.startswith(os.fsencode(music) + b"/")


def test_every_refusal_survives_pickling_and_is_a_sentence() -> None:
    refusals = [
        BadPath("a", "is bad"),
        OutsideRoots("/a", "/b"),
        OutsideRoots("/a/..", None),
        NotMusic("/a"),
        NoFileThere("/a", "/b", "is gone"),
        SizeDiffers("/a", 1, 2),
        LibraryOffline("gone", 60),
        TooManyLookups(60),
    ]
    assert {type(each).__name__ for each in refusals} == {
        name
        for name, kind in vars(lookup_errors).items()
        if isinstance(kind, type)
        and issubclass(kind, DaemonError)
        and kind not in (DaemonError, LookupRefused)
    }
    for refusal in refusals:
        copy = pickle.loads(pickle.dumps(refusal))
        assert (type(copy), copy.args, str(copy)) == (type(refusal), refusal.args, str(refusal))
        assert str(refusal).endswith(".")
