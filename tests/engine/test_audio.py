"""What players open is decoded to one channel at the engine's rate."""

import itertools
import os

import av
import numpy as np
import pytest
import synth
from av.audio.resampler import AudioResampler
from mutagen.id3 import APIC, ID3
from mutagen.ogg import OggPage

from engine import audio
from engine.audio import decode, load
from engine.settings import Settings

SETTINGS = Settings()
MUSIC = synth.music(1, 6)


@pytest.mark.parametrize("suffix", synth.SUFFIXES)
def test_every_format_is_decoded_to_mono_at_the_engines_rate(tmp_path, suffix):
    path = synth.write_audio(tmp_path / f"music{suffix}", MUSIC)
    samples = load(path, SETTINGS)
    assert (samples.dtype, samples.ndim) == (np.float32, 1)
    assert len(samples) == pytest.approx(len(MUSIC), abs=0.2 * SETTINGS.sample_rate_hz)
    assert synth.likeness(samples, MUSIC) > 0.9


@pytest.mark.parametrize("codec", ["pcm_u8", "pcm_s16le", "pcm_s24le", "pcm_s32le", "pcm_f32le", "pcm_f64le"])
def test_wav_of_every_width_is_decoded(tmp_path, codec):
    samples = load(synth.write_audio(tmp_path / "a.wav", MUSIC, codec=codec), SETTINGS)
    np.testing.assert_allclose(samples, MUSIC, atol=0.01)


@pytest.mark.parametrize("name", ["a.wav", "a.caf", "a.au", "a.mka"])
def test_what_needs_no_conversion_is_decoded_too(tmp_path, name):
    codec = "pcm_f32be" if name == "a.au" else "pcm_f32le"
    samples = load(synth.write_audio(tmp_path / name, MUSIC, codec=codec), SETTINGS)
    np.testing.assert_allclose(samples, MUSIC, atol=1e-6)


@pytest.mark.parametrize("rate_hz", [96_000, 44_100, 11_025])
def test_other_rates_are_resampled(tmp_path, rate_hz):
    path = synth.write_audio(tmp_path / "a.wav", synth.tone(440, 2, rate_hz=rate_hz), rate_hz=rate_hz)
    samples = load(path, SETTINGS)
    assert len(samples) == pytest.approx(16_000, abs=20)
    assert synth.likeness(samples, synth.tone(440, 2)) > 0.99


@pytest.mark.parametrize(("layout", "channels"), [("stereo", 2), ("5.1", 6)])
def test_channels_are_mixed_down(tmp_path, layout, channels):
    path = synth.write_audio(tmp_path / "a.wav", [MUSIC] * channels, layout=layout)
    assert synth.likeness(load(path, SETTINGS), MUSIC) > 0.99


def test_the_blocks_together_are_the_whole(tmp_path):
    path = synth.write_audio(tmp_path / "a.mp3", MUSIC)
    blocks = list(decode(path, SETTINGS))
    assert len(blocks) > 10
    np.testing.assert_array_equal(np.concatenate(blocks), load(path, SETTINGS))


def test_numbers_that_are_none_and_monstrous_ones_are_tamed(tmp_path):
    sound = MUSIC.copy()
    sound[[100, 200, 300, 400]] = np.nan, np.inf, -np.inf, 3e38
    samples = load(synth.write_audio(tmp_path / "a.wav", sound, codec="pcm_f32le"), SETTINGS)
    assert np.isfinite(np.square(samples)).all()
    np.testing.assert_allclose(samples[500:], MUSIC[500:], atol=1e-6)


def test_a_frame_that_no_resampler_takes_is_skipped(tmp_path, monkeypatch):
    path = synth.write_audio(tmp_path / "a.wav", MUSIC)
    calls = itertools.count()

    class Picky:
        """Is of no use any more after a frame that it didn't take."""

        def __init__(self, **target):
            self.resampler = AudioResampler(**target)
            self.broken = False

        def resample(self, frame):
            self.broken = self.broken or next(calls) in {0, 4}
            if self.broken:
                raise ValueError("no such layout")
            return self.resampler.resample(frame)

    monkeypatch.setattr(audio, "AudioResampler", Picky)
    assert 0.5 * len(MUSIC) < len(load(path, SETTINGS)) < len(MUSIC)


@pytest.mark.parametrize("name", ["a.mp4", "a.avi", "a.mkv"])
def test_of_a_video_the_sound_is_decoded(tmp_path, name):
    path = synth.write_audio(tmp_path / name, MUSIC, video_codec="mpeg4")
    assert synth.likeness(load(path, SETTINGS), MUSIC) > 0.95


def test_a_picture_in_the_file_is_no_obstacle(tmp_path):
    path = synth.write_audio(tmp_path / "a.mp3", MUSIC)
    tags = ID3()
    tags.add(APIC(mime="image/png", type=3, data=synth.png()))
    tags.save(path)
    with av.open(str(path)) as container:
        assert container.streams.video
    assert synth.likeness(load(path, SETTINGS), MUSIC) > 0.95


@pytest.mark.parametrize("name", [b"\xff\xfe caf\xe9.mp3", "音楽 %d.mp3".encode(), b"a\nb.mp3", b"%s%n.mp3"])
def test_the_name_may_be_any_bytes(tmp_path, name):
    path = tmp_path / os.fsdecode(name)
    synth.write_bytes(path, synth.encoded(MUSIC, ".mp3", tmp_path))
    assert synth.likeness(load(path, SETTINGS), MUSIC) > 0.95


def test_tags_in_another_encoding_are_no_obstacle(tmp_path):
    path = synth.write_audio(tmp_path / "a.ogg", MUSIC, tags={"title": "XXXXXXXX"})
    with path.open("r+b") as file:
        OggPage(file)
        start = file.tell()
        comment = OggPage(file)
        comment.packets = [comment.packets[0].replace(b"XXXXXXXX", "音楽の日".encode("shift-jis"))]
        file.seek(start)
        file.write(comment.write())
    with pytest.raises(UnicodeDecodeError):
        av.open(str(path))
    assert synth.likeness(load(path, SETTINGS), MUSIC) > 0.95


@pytest.mark.parametrize("suffix", [".mp3", ".aac"])
@pytest.mark.parametrize("stereo_first", [False, True])
def test_the_format_may_change_in_mid_stream(tmp_path, suffix, stereo_first):
    mono = synth.write_audio(tmp_path / f"m{suffix}", synth.tone(440, 2)).read_bytes()
    wide = synth.tone(440, 2, rate_hz=44_100)
    stereo = synth.write_audio(tmp_path / f"s{suffix}", [wide, wide], rate_hz=44_100).read_bytes()
    path = synth.write_bytes(tmp_path / f"a{suffix}", stereo + mono if stereo_first else mono + stereo)
    samples = load(path, SETTINGS)
    assert len(samples) == pytest.approx(32_000, abs=4_000)
    for half in (samples[4_000:12_000], samples[-12_000:-4_000]):
        assert np.abs(np.fft.rfft(half)).argmax() == pytest.approx(440, abs=1)
