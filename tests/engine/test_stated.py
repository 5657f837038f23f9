"""What files state of their sound."""

from pathlib import Path

import pytest
import synth

from engine.errors import NoAudioStream, NotAudio
from engine.stated import read_stated

PIECE_S = 12.0


@pytest.mark.parametrize(
    ("suffix", "codec", "is_lossless", "rate_hz"),
    [
        (".flac", "flac", True, 8_000),
        (".alac.m4a", "alac", True, 8_000),
        (".wav", "pcm_s16le", True, 8_000),
        (".mp3", "mp3", False, 8_000),
        (".m4a", "aac", False, 8_000),
        (".opus", "opus", False, 48_000),
        (".wma", "wmav2", False, 44_100),
    ],
)
def test_format_and_rates_are_read(
    suffix: str, codec: str, is_lossless: bool, rate_hz: int, tmp_path: Path
) -> None:
    stated = read_stated(synth.write_audio(tmp_path / f"piece{suffix}", synth.music(1, PIECE_S)))
    assert (stated.codec, stated.is_lossless, stated.sample_rate_hz) == (codec, is_lossless, rate_hz)
    assert stated.channels == 1
    assert stated.bit_rate is not None
    assert 10_000 < stated.bit_rate < 200_000


@pytest.mark.parametrize("suffix", [".flac", ".m4a", ".mka"])
def test_a_length_that_a_header_holds_is_told(suffix: str, tmp_path: Path) -> None:
    stated = read_stated(synth.write_audio(tmp_path / f"piece{suffix}", synth.music(1, PIECE_S)))
    assert stated.duration_s == pytest.approx(PIECE_S, abs=0.3)


@pytest.mark.parametrize("suffix", [".opus", ".aac", ".wma"])
def test_a_length_that_is_only_measured_is_not(suffix: str, tmp_path: Path) -> None:
    stated = read_stated(synth.write_audio(tmp_path / f"piece{suffix}", synth.music(1, PIECE_S)))
    assert stated.duration_s is None


def test_half_a_file_states_its_whole_length(tmp_path: Path) -> None:
    whole = synth.encoded(synth.music(1, PIECE_S), ".flac", tmp_path)
    cut = synth.write_bytes(tmp_path / "cut.flac", whole[: len(whole) // 2])
    assert read_stated(cut).duration_s == pytest.approx(PIECE_S)


def test_the_length_of_a_films_pictures_is_not_its_sounds(tmp_path: Path) -> None:
    film = synth.write_audio(tmp_path / "film.mkv", synth.music(1, 3.0), video_codec="mpeg4")
    assert read_stated(film).duration_s is None


def test_what_is_no_audio_says_so(tmp_path: Path) -> None:
    with pytest.raises(NotAudio):
        read_stated(synth.write_bytes(tmp_path / "notes.mp3", b"no music"))
    with pytest.raises(NoAudioStream):
        read_stated(synth.write_video(tmp_path / "silent.mp4"))
