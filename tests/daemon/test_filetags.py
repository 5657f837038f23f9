"""Tags are read from every format, trusted only where they mean something, and never fatal."""

import os
from pathlib import Path

import mutagen
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mutagen.id3 import TALB, TIT2, TPE1
from synth import music, write_audio

from daemon.filetags import FileTags, _first, read_tags

TAGS = {"title": "A Song", "artist": "Somebody", "album": "An Album"}
FORMATS = ("flac", "m4a", "mka", "mp3", "ogg", "opus", "wav", "webm", "wma")
WITHOUT = {"mka", "webm"}
"""mutagen reads no tags of Matroska."""


def tagged(folder: Path, suffix: str, **tags: str) -> Path:
    return write_audio(folder / f"one.{suffix}", music(1, 1.0), tags={**TAGS, **tags})


@pytest.mark.parametrize("suffix", FORMATS)
def test_tags_are_read_from_every_format(tmp_path: Path, suffix: str) -> None:
    expected = FileTags() if suffix in WITHOUT else FileTags(**TAGS, is_trusted=True)
    assert read_tags(tagged(tmp_path, suffix)) == expected


def test_id3_in_a_wav_is_read(tmp_path: Path) -> None:
    path = write_audio(tmp_path / "one.wav", music(1, 1.0))
    file = mutagen.File(path)
    file.add_tags()
    for frame, text in ((TIT2, "A Song"), (TPE1, "Somebody"), (TALB, "An Album")):
        file.tags.add(frame(encoding=3, text=text))
    file.save()
    assert read_tags(path) == FileTags(**TAGS, is_trusted=True)


@pytest.mark.parametrize(
    "title",
    [
        "",
        "-",
        "07",
        "???",
        "AudioTrack 03",
        "Titel 3",
        "Track 7",
        "Unknown",
        "Unknown Title",
        "Untitled",
        "https://example.org/a",
        "n/a",
        "track07",
        "untitled track",
        "www.example.org",
    ],
)
def test_a_placeholder_is_no_name(tmp_path: Path, title: str) -> None:
    assert not read_tags(tagged(tmp_path, "flac", title=title)).is_trusted


@pytest.mark.parametrize(
    "title", ["1999", "Track of My Tears", "None of Us", "99 Luftballons", "Unknown Pleasures"]
)
def test_a_title_that_only_looks_like_one_is_a_name(tmp_path: Path, title: str) -> None:
    assert read_tags(tagged(tmp_path, "flac", title=title)).is_trusted


@pytest.mark.parametrize("artist", ["Unknown Artist", "Various Artists", "unbekannter K\u00fcnstler", ""])
def test_an_unknown_artist_is_no_name(tmp_path: Path, artist: str) -> None:
    assert not read_tags(tagged(tmp_path, "flac", artist=artist)).is_trusted


def test_the_files_own_name_is_no_title(tmp_path: Path) -> None:
    assert not read_tags(tagged(tmp_path, "flac", title="One.FLAC")).is_trusted


def test_a_value_is_cut_at_a_thousand_characters(tmp_path: Path) -> None:
    title = read_tags(tagged(tmp_path, "flac", title="x" * 5_000)).title
    assert title == "x" * 1_000


def test_a_missing_file_is_an_error_and_no_lack_of_tags(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_tags(tmp_path / "nothing.mp3")


def test_a_name_that_is_not_utf_8_is_no_trouble(tmp_path: Path) -> None:
    path = tagged(tmp_path, "flac").rename(tmp_path / os.fsdecode(b"caf\xe9.flac"))
    assert read_tags(path).is_trusted


@pytest.mark.parametrize(
    "content", [b"", b"\0" * 200, b"just text", b"ID3\4\0\0\x7f\x7f\x7f\x7f", b"fLaC", b"OggS"]
)
def test_what_is_no_audio_has_no_tags(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "one.mp3"
    path.write_bytes(content)
    assert read_tags(path) == FileTags()


@pytest.mark.parametrize("suffix", FORMATS)
def test_damage_costs_tags_and_nothing_more(tmp_path: Path, suffix: str) -> None:
    whole = tagged(tmp_path, suffix).read_bytes()
    random = np.random.default_rng(1)
    path = tmp_path / f"damaged.{suffix}"
    for round_number in range(80):
        damaged = bytearray(whole)
        for place in random.integers(0, min(len(damaged), 4_000), 1 + round_number // 4):
            damaged[place] = random.integers(256)
        path.write_bytes(damaged[: random.integers(1, len(damaged))] if round_number % 2 else damaged)
        read_tags(path)


def test_a_parser_that_stumbles_costs_tags_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stumble(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(mutagen, "File", stumble)
    assert read_tags(tagged(tmp_path, "flac")) == FileTags()


def test_a_disk_that_fails_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise mutagen.MutagenError from OSError(5, "Input/output error")

    monkeypatch.setattr(mutagen, "File", fail)
    with pytest.raises(OSError, match="Input/output error"):
        read_tags(tagged(tmp_path, "flac"))


@given(st.one_of(st.text(), st.lists(st.one_of(st.text(), st.integers()), max_size=2)))
def test_a_value_can_be_stored_whatever_it_was(value: object) -> None:
    text = _first(value)
    if text is not None:
        assert "\0" not in text
        text.encode()
        assert text == text.strip() != ""
