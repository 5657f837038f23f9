"""Damage is skipped, what is not audio is an `AudioError`, a broken disk an `OSError`; nothing stays open."""

import errno
import io
import os
import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psutil
import pytest
import synth
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.audio import decode, load
from engine.errors import AudioError, NoAudioStream, NotAudio, TooLong
from engine.settings import Settings

SETTINGS = Settings()
MUSIC = synth.music(1, 6)
PCM = (MUSIC * 32_767).astype("<i2").tobytes()


def assert_closed(path: Path) -> None:
    assert str(path) not in [each.path for each in psutil.Process().open_files()]


def refused(path: Path, error: type[AudioError], settings: Settings = SETTINGS) -> str:
    """Check that a file is refused with this error and let go of, and return the sentence."""
    with pytest.raises(error) as caught:
        load(path, settings)
    assert_closed(path)
    copy = pickle.loads(pickle.dumps(caught.value))
    assert (type(copy), copy.args, str(copy)) == (error, caught.value.args, str(caught.value))
    return str(copy)


def sound_if_any(path: Path) -> synth.Sound:
    """Return the sound of a damaged file, none if it is refused as a damaged file should be."""
    try:
        return load(path, SETTINGS)
    except AudioError:
        return synth.silence(0)


@pytest.mark.parametrize("suffix", [".aac", ".avi", ".mkv", ".mp3", ".ogg", ".flac", ".wav", ".webm", ".wma"])
def test_of_a_file_that_is_cut_off_the_beginning_is_decoded(tmp_path, suffix):
    content = synth.encoded(MUSIC, suffix, tmp_path)
    samples = load(synth.write_bytes(tmp_path / f"cut{suffix}", content[: len(content) * 6 // 10]), SETTINGS)
    assert 0.3 * len(MUSIC) < len(samples) < 0.8 * len(MUSIC)
    assert synth.likeness(samples, MUSIC[: len(samples)]) > 0.9


def test_an_m4a_that_is_cut_off_has_no_table_and_is_refused(tmp_path):
    content = synth.encoded(MUSIC, ".m4a", tmp_path)
    refused(synth.write_bytes(tmp_path / "cut.m4a", content[: len(content) // 2]), NotAudio)


@pytest.mark.parametrize("suffix", synth.SUFFIXES)
def test_junk_behind_the_sound_is_skipped(tmp_path, suffix):
    junk = np.random.default_rng(1).bytes(5_000)
    path = synth.write_audio(tmp_path / f"a{suffix}", MUSIC)
    whole = load(path, SETTINGS)
    samples = load(synth.write_bytes(path, path.read_bytes() + junk), SETTINGS)
    assert synth.likeness(samples[: len(whole)], whole) > 0.99


@pytest.mark.parametrize("suffix", [".aac", ".flac", ".m4a", ".mp3", ".ogg"])
@pytest.mark.parametrize("seed", range(3))
def test_a_damaged_middle_is_skipped(tmp_path, suffix, seed):
    content = bytearray(synth.encoded(MUSIC, suffix, tmp_path))
    middle = len(content) // 3
    content[middle : middle + 1_500] = np.random.default_rng(seed).bytes(1_500)
    samples = load(synth.write_bytes(tmp_path / f"damaged{suffix}", bytes(content)), SETTINGS)
    assert len(samples) > 0.7 * len(MUSIC)


@pytest.mark.parametrize("suffix", [".m4a", ".mkv", ".mp3", ".ogg", ".flac", ".wav", ".wma", ".avi"])
@settings(deadline=None, max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32 - 1), flips=st.integers(1, 200))
def test_whatever_bytes_are_damaged_there_is_sound_or_an_audio_error(tmp_path, suffix, seed, flips):
    content = bytearray(synth.encoded(MUSIC[:8_000], suffix, tmp_path))
    random = np.random.default_rng(seed)
    for place in (random.random(flips) ** 3 * len(content)).astype(int):
        content[place] = random.integers(256)
    assert np.isfinite(sound_if_any(synth.write_bytes(tmp_path / f"damaged{suffix}", bytes(content)))).all()


def test_a_broken_container_ends_its_sound(tmp_path):
    mono = synth.write_audio(tmp_path / "m.ogg", MUSIC).read_bytes()
    stereo = synth.write_audio(tmp_path / "s.ogg", [MUSIC, MUSIC]).read_bytes()
    samples = load(synth.write_bytes(tmp_path / "a.ogg", mono + stereo), SETTINGS)
    assert synth.likeness(samples[: len(MUSIC)], MUSIC) > 0.95


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("empty.mp3", b""),
        ("one.wav", b"R"),
        ("text.mp3", b"I am a text, whatever my name says.\n" * 200),
        ("zeros.mp3", bytes(50_000)),
        ("random.mp3", np.random.default_rng(2).bytes(200_000)),
        ("random", np.random.default_rng(2).bytes(3_000)),
        ("page.flac", b"<html><body>404 Not Found</body></html>"),
        ("empty.wav", synth.wav(content=b"")),
        ("codec.wav", synth.wav(codec_tag=0x4444, content=PCM)),
        ("rate.wav", synth.wav(rate_hz=0, content=PCM)),
        ("fast.wav", synth.wav(rate_hz=2**31 - 1, content=PCM)),
        ("channels.wav", synth.wav(channels=300, content=PCM * 4)),
    ],
    ids=lambda given: given if isinstance(given, str) else "",
)
def test_what_is_not_audio_is_refused(tmp_path, name, content):
    assert refused(synth.write_bytes(tmp_path / name, content), NotAudio).startswith(f"{name}: not audio")


@settings(deadline=None, max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32 - 1), suffix=st.sampled_from([".mp3", ".aac", ".flac", ""]))
def test_random_bytes_are_refused_or_at_most_a_blip(tmp_path, seed, suffix):
    path = synth.write_bytes(tmp_path / f"random{suffix}", np.random.default_rng(seed).bytes(50_000))
    assert len(sound_if_any(path)) < SETTINGS.sample_rate_hz * SETTINGS.shortest_s


def test_an_empty_audio_stream_is_not_audio(tmp_path):
    refused(synth.write_audio(tmp_path / "a.flac", MUSIC[:0]), NotAudio)
    headers, _, _ = synth.encoded(MUSIC, ".ogg", tmp_path).rpartition(b"OggS")
    while headers.count(b"OggS") > 2:
        headers, _, _ = headers.rpartition(b"OggS")
    refused(synth.write_bytes(tmp_path / "a.ogg", headers), NotAudio)


@pytest.mark.parametrize("name", ["a.mp4", "a.avi", "a.mkv"])
def test_a_video_without_sound_has_no_audio_stream(tmp_path, name):
    assert "no audio stream" in refused(synth.write_video(tmp_path / name), NoAudioStream)


def test_a_picture_alone_has_no_audio_stream(tmp_path):
    refused(synth.write_bytes(tmp_path / "cover.png", synth.png()), NoAudioStream)


@pytest.mark.parametrize("name", [b"\xff caf\xe9.mp3", "音楽.mp3".encode()])
def test_a_refusal_can_name_any_file(tmp_path, name):
    path = synth.write_bytes(tmp_path / os.fsdecode(name), b"text" * 100)
    assert refused(path, NotAudio).startswith(name.decode(errors="replace"))


def test_what_is_longer_than_allowed_is_refused(tmp_path):
    path = synth.write_audio(tmp_path / "a.mp3", MUSIC)
    sentence = refused(path, TooLong, Settings(longest_decoded_s=5))
    assert sentence == "a.mp3: longer than the 5 s that may be decoded"
    assert len(load(path, Settings(longest_decoded_s=7)))


def test_a_small_file_that_lasts_for_hours_ends_at_the_limit(tmp_path):
    path = synth.write_bytes(tmp_path / "a.wav", synth.wav(rate_hz=100, bits=8, content=bytes(100_000)))
    blocks = []
    with pytest.raises(TooLong):
        blocks.extend(decode(path, Settings(longest_decoded_s=600)))
    assert sum(map(len, blocks)) <= 600 * 8_000
    assert_closed(path)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("list.mp3", "ffconcat version 1.0\nfile secret.wav\n"),
        ("list.ffconcat", "ffconcat version 1.0\nfile secret.wav\n"),
        ("list.m3u8", "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nsecret.aac\n#EXT-X-ENDLIST\n"),
        (
            "session.mp3",
            "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio 9 RTP/AVP 0\n",
        ),
    ],
)
def test_a_file_cannot_have_other_files_or_addresses_opened(tmp_path, monkeypatch, name, content):
    monkeypatch.chdir(tmp_path)
    synth.write_audio(tmp_path / "secret.wav", MUSIC)
    synth.write_audio(tmp_path / "secret.aac", MUSIC)
    refused(synth.write_bytes(tmp_path / name, content.encode()), NotAudio)


def test_a_file_that_is_not_there_is_an_os_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        load(tmp_path / "a.mp3", SETTINGS)
    with pytest.raises(IsADirectoryError):
        load(tmp_path, SETTINGS)


@pytest.fixture
def opened_as(monkeypatch) -> Callable[[object], None]:
    def replace(result: object) -> None:
        def fake_open(path: Path, mode: str) -> object:
            if isinstance(result, Exception):
                raise result
            return result

        monkeypatch.setattr(Path, "open", fake_open)

    return replace


def test_a_file_that_may_not_be_read_is_an_os_error_unchanged(opened_as):
    denied = PermissionError(errno.EACCES, "Permission denied", "a.mp3")
    opened_as(denied)
    with pytest.raises(PermissionError) as caught:
        load(Path("a.mp3"), SETTINGS)
    assert caught.value is denied


class FailingDisk(io.BytesIO):
    """Reads until a place, then the disk fails."""

    def __init__(self, content: bytes, failing_at: int) -> None:
        super().__init__(content)
        self.failing_at = failing_at

    def read(self, size: int | None = -1) -> bytes:
        if self.tell() >= self.failing_at:
            raise OSError(errno.EIO, "Input/output error")
        return super().read(size)


@pytest.mark.parametrize("share", [0.0, 0.5])
@pytest.mark.parametrize("suffix", [".mp3", ".wav", ".mkv"])
def test_a_disk_that_fails_is_an_os_error_and_not_the_files_fault(tmp_path, opened_as, suffix, share):
    content = synth.encoded(synth.music(1, 40), suffix, tmp_path)
    disk = FailingDisk(content, int(share * len(content)))
    opened_as(disk)
    with pytest.raises(OSError, match="Input/output error"):
        load(Path(f"a{suffix}"), SETTINGS)
    assert disk.closed


def test_whoever_stops_listening_leaves_no_file_open(tmp_path):
    path = synth.write_audio(tmp_path / "a.mp3", MUSIC)
    blocks = decode(path, SETTINGS)
    assert len(next(blocks))
    blocks.close()
    assert_closed(path)
