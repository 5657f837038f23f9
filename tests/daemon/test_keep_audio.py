"""Downloaded tracks become files of the library, with their sound as it came."""

import errno
import os
import resource
from collections.abc import Callable
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import av
import mutagen
import pytest
from hypothesis import given
from hypothesis import strategies as st
from synth import music, write_audio, write_video

from daemon import keep_audio
from daemon.file_names import is_ignored
from daemon.filetags import read_tags
from daemon.keep_audio import keep, safe_name
from daemon.leftovers import new_run, sweep, temporary_name
from daemon.playlist_errors import BrokenDownload
from daemon.playlist_rows import Track
from daemon.tag_files import kind_of, read_fields, write_fields

JPEG = b"\xff\xd8\xff\xe0" + bytes(range(256)) * 20
TRACK = Track(
    video_id="dQw4w9WgXcQ",
    title="Never",
    artists=("Ann Other", "Somebody"),
    album="Whenever",
    year=1987,
    kind="album audio",
)


@pytest.fixture
def library(tmp_path: Path) -> Path:
    (path := tmp_path / "library").mkdir(mode=0o755)
    return path


@pytest.fixture
def webm(tmp_path: Path) -> Path:
    return write_audio(tmp_path / "sound.webm", music(1, 5.0))


def payloads(path: Path) -> list[bytes]:
    """Return what the packets of the first sound hold."""
    with av.open(str(path)) as container:
        return [bytes(packet) for packet in container.demux(container.streams.audio[0]) if packet.size]


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize(
    ("source", "kept"),
    [
        ("sound.webm", "01 Never.opus"),
        ("sound.m4a", "01 Never.m4a"),
        ("sound.mkv", "01 Never.m4a"),
        ("sound.aac", "01 Never.m4a"),
        ("sound.mp3", "01 Never.mp3"),
        ("sound.flac", "01 Never.flac"),
    ],
)
def test_the_sound_is_kept_bit_by_bit(tmp_path: Path, library: Path, source: str, kept: str) -> None:
    downloaded = write_audio(tmp_path / source, music(1, 5.0))
    path = keep(downloaded, library, TRACK, JPEG, 1)
    assert files(library) == [f"Ann Other/Whenever (1987)/{kept}"]
    assert path == library / files(library)[0]
    sent, stored = payloads(downloaded), payloads(path)
    if source == "sound.aac":  # its packets carry a header of seven bytes, which M4A has in its own head
        sent = [packet[7:] for packet in sent]
    assert stored == sent
    assert len(sent) > 30


@pytest.mark.parametrize("source", ["sound.webm", "sound.m4a"])
def test_a_kept_track_says_what_it_is(tmp_path: Path, library: Path, source: str) -> None:
    path = keep(write_audio(tmp_path / source, music(1, 5.0)), library, TRACK, JPEG, 7)
    fields = read_fields(path, kind_of(path)).own
    assert (fields.title, fields.artist, fields.artists) == ("Never", "Ann Other, Somebody", TRACK.artists)
    assert (fields.album, fields.album_artist, fields.track) == ("Whenever", "Ann Other", 7)
    assert fields.date == "1987"
    assert fields.cover is not None
    assert (fields.cover.content, fields.cover.mime) == (JPEG, "image/jpeg")
    assert read_tags(path).is_trusted
    assert mutagen.File(path).info.length == pytest.approx(5.0, abs=0.2)


def test_a_video_is_kept_without_its_pictures(tmp_path: Path, library: Path) -> None:
    video = write_audio(tmp_path / "sound.mp4", music(1, 5.0), video_codec="mpeg4")
    path = keep(video, library, TRACK, None)
    with av.open(str(path)) as container:
        assert [stream.type for stream in container.streams] == ["audio"]
    assert payloads(path) == payloads(video)


def test_without_an_album_a_track_lies_with_its_artist(library: Path, webm: Path) -> None:
    keep(webm, library, replace(TRACK, album=None, year=None), None, 3)
    assert files(library) == ["Ann Other/Never.opus"]


def test_without_anybody_it_lies_with_the_unknown(library: Path, webm: Path) -> None:
    path = keep(webm, library, Track("x", "Never"), None)
    assert files(library) == ["Unknown Artist/Never.opus"]
    assert read_fields(path, kind_of(path)).own.artist is None


def test_the_same_track_again_is_the_same_file(library: Path, webm: Path) -> None:
    first = keep(webm, library, TRACK, JPEG)
    inode = first.stat().st_ino
    assert keep(webm, library, TRACK, JPEG) == first
    assert len(files(library)) == 1
    assert first.stat().st_ino == inode


def test_another_track_of_the_same_name_never_replaces_one(tmp_path: Path, library: Path, webm: Path) -> None:
    first = keep(webm, library, TRACK, None)
    before = first.read_bytes()
    other = write_audio(tmp_path / "other.webm", music(2, 5.0))
    second = keep(other, library, TRACK, None)
    assert second.name == "Never (2).opus"
    assert first.read_bytes() == before
    assert keep(other, library, TRACK, None) == second


def test_a_folder_of_that_name_is_no_hindrance(library: Path, webm: Path) -> None:
    (library / "Ann Other/Whenever (1987)/Never.opus").mkdir(parents=True)
    assert keep(webm, library, TRACK, None).name == "Never (2).opus"


def test_a_file_system_without_links_takes_the_file_too(
    library: Path, webm: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(errno.EPERM, "no links here")

    monkeypatch.setattr(os, "link", refuse)
    first = keep(webm, library, TRACK, None)
    assert payloads(first) == payloads(webm)
    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(PermissionError):
        keep(webm, library, replace(TRACK, title="Other"), None)
    assert files(library) == [str(first.relative_to(library))]


def test_who_may_read_the_folder_may_read_the_file(library: Path, webm: Path) -> None:
    assert keep(webm, library, replace(TRACK, artists=("A",)), None).stat().st_mode & 0o777 == 0o644
    (library / "B").mkdir()
    (library / "B").chmod(0o2770)
    path = keep(webm, library, replace(TRACK, artists=("B",), album=None), None)
    assert path.stat().st_mode & 0o777 == 0o660


def test_a_library_that_is_not_there_is_not_made(tmp_path: Path, webm: Path) -> None:
    with pytest.raises(NotADirectoryError):
        keep(webm, tmp_path / "not mounted", TRACK, None)
    assert not (tmp_path / "not mounted").exists()


@pytest.mark.parametrize("cover", [b"RIFF\0\0\0\0WEBPVP8 ", JPEG + bytes(3 << 20)])
def test_a_cover_that_cannot_be_embedded_is_left_out(library: Path, webm: Path, cover: bytes) -> None:
    path = keep(webm, library, TRACK, cover)
    fields = read_fields(path, kind_of(path)).own
    assert fields.cover is None
    assert fields.title == "Never"


def page(folder: Path) -> Path:
    """Write what is no sound."""
    path = folder / "sound.webm"
    path.write_bytes(b"<html>" * 100)
    return path


@pytest.mark.parametrize(
    "make",
    [
        lambda folder: write_video(folder / "sound.mp4"),
        lambda folder: write_audio(folder / "sound.wav", music(1, 1.0)),
        page,
    ],
    ids=["no sound", "a codec that is not kept", "a page"],
)
def test_what_cannot_be_kept_leaves_no_file(
    tmp_path: Path, library: Path, make: Callable[[Path], Path]
) -> None:
    with pytest.raises(BrokenDownload):
        keep(make(tmp_path), library, TRACK, None)
    assert files(library) == []


def test_a_fault_in_the_middle_leaves_no_file(
    library: Path, webm: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise OSError(errno.EIO, "the disk")

    monkeypatch.setattr(keep_audio, "write_fields", fail)
    with pytest.raises(OSError, match="the disk"):
        keep(webm, library, TRACK, None)
    assert files(library) == []


def test_a_sweep_of_leftovers_spares_a_file_that_is_being_kept(
    library: Path, webm: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, swept = new_run(), []

    def write_meanwhile(*given: Any) -> None:
        swept.extend(sweep(library, spared_run=run).removed)
        write_fields(*given)

    monkeypatch.setattr(keep_audio, "write_fields", write_meanwhile)
    keep(webm, library, TRACK, None, temporary_name=temporary_name(run))
    assert swept == []
    assert files(library) == ["Ann Other/Whenever (1987)/Never.opus"]
    with pytest.raises(FileNotFoundError):  # as another run's
        keep(webm, library, replace(TRACK, title="Again"), None, temporary_name=temporary_name(new_run()))
    assert len(swept) == 1


def test_a_full_disk_leaves_no_file(tmp_path: Path, library: Path) -> None:
    webm = write_audio(tmp_path / "sound.webm", music(1, 20.0))
    with get_context("spawn").Pool(1) as pool:
        number = pool.apply(errno_of_keeping, (webm, library, webm.stat().st_size // 2))
    assert number == errno.EFBIG
    assert files(library) == []


def errno_of_keeping(downloaded: Path, library: Path, largest_bytes: int) -> int | None:
    """Keep a file where none may be larger; return what the operating system says."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (largest_bytes, largest_bytes))
    try:
        keep(downloaded, library, TRACK, None)
    except OSError as error:
        return error.errno
    return None


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("AC/DC", "AC_DC"),
        ("../../etc/passwd", "_._.._etc_passwd"),
        ("...And Justice", "_..And Justice"),
        ("What?", "What_"),
        ("Trailing. . ", "Trailing"),
        ("CON", "CON_"),
        ("nul.wav", "nul.wav_"),
        ("lost+found", "lost+found_"),
        ("Live.part", "Live.part_"),
        ("e\u0301", "\u00e9"),
        ("\ud800", "_"),
        ("", "_"),
        (" . ", "_"),
    ],
)
def test_names_fit_every_system(text: str, name: str) -> None:
    assert safe_name(text) == name


@given(st.text(alphabet=st.characters(), max_size=400))
def test_any_text_makes_one_name_that_is_scanned(text: str) -> None:
    name = safe_name(text)
    assert name
    assert "/" not in name
    assert len(f"{name} (999).opus".encode()) <= 255
    assert not is_ignored(name.encode())
    assert name == name.strip().rstrip(".")
