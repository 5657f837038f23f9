"""What happens to music between a loudspeaker and a fingerprint: one function a condition."""

import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
import scipy.signal

from engine.model import Samples

RATE_HZ = 8_000
MARGIN = 1.1
"""A clip is cut so much longer than asked, for what shortens it."""


@dataclass(frozen=True, slots=True)
class Clip:
    """A piece of a track, before anything happened to it."""

    source: Path
    begin_s: float
    samples: Samples
    """At 8 kHz, `MARGIN` times the duration."""
    duration_s: float
    voices: Samples
    """Several people talking, and other music, as long as `samples`."""


Degrade = Callable[[Clip, np.random.Generator], Samples]


def clean(clip: Clip, _: np.random.Generator) -> Samples:
    """Return the clip as it is."""
    return clip.samples


def mp3(clip: Clip, _: np.random.Generator) -> Samples:
    """Encode the original at 64 kbit/s, joint stereo, and decode that."""
    file = io.BytesIO()
    with av.open(str(clip.source)) as given, av.open(file, "w", format="mp3") as made:
        stream = made.add_stream("libmp3lame", rate=44_100, layout="stereo")
        stream.bit_rate = 64_000
        resampler = av.AudioResampler(stream.format, "stereo", 44_100, frame_size=1_152)
        given.seek(max(0, int((clip.begin_s - 1) * 1e6)))
        for frame in given.decode(audio=0):
            if frame.time is None or frame.time < clip.begin_s:
                continue
            if frame.time > clip.begin_s + clip.duration_s * MARGIN:
                break
            frame.pts = None
            for resampled in resampler.resample(frame):
                made.mux(stream.encode(resampled))
        made.mux(stream.encode(None))
    file.seek(0)
    resampler = av.AudioResampler("flt", "mono", RATE_HZ)
    with av.open(file) as coded:
        blocks = [each for frame in coded.decode(audio=0) for each in resampler.resample(frame)]
    return np.concatenate([block.to_ndarray()[0] for block in blocks])


def white_noise(level_db: float) -> Degrade:
    """Add white noise at this signal-to-noise ratio."""
    return lambda clip, random: _mixed(
        clip.samples, random.standard_normal(len(clip.samples)).astype(np.float32), level_db
    )


def pink_noise(level_db: float) -> Degrade:
    """Add noise whose power falls by 3 dB an octave."""

    def degrade(clip: Clip, random: np.random.Generator) -> Samples:
        spectrum = np.fft.rfft(random.standard_normal(len(clip.samples)))
        spectrum /= np.sqrt(np.maximum(np.arange(len(spectrum)), 1))
        return _mixed(clip.samples, np.fft.irfft(spectrum, len(clip.samples)).astype(np.float32), level_db)

    return degrade


def voices(level_db: float) -> Degrade:
    """Add people talking over other music."""
    return lambda clip, _: _mixed(clip.samples, clip.voices, level_db)


def phone(clip: Clip, _: np.random.Generator) -> Samples:
    """Cut the band to 300..3400 Hz and quantise by mu-law, as a telephone does (ITU-T G.711)."""
    band = scipy.signal.butter(4, [300, 3_400], "bandpass", fs=RATE_HZ, output="sos")
    heard = scipy.signal.sosfilt(band, clip.samples)
    heard /= max(1e-9, np.abs(heard).max())
    compressed = np.sign(heard) * np.log1p(255 * np.abs(heard)) / np.log(256)
    coded = np.round(compressed * 127) / 127
    expanded = np.sign(coded) * (256 ** np.abs(coded) - 1) / 255
    return expanded.astype(np.float32)


def room(clip: Clip, random: np.random.Generator) -> Samples:
    """Play it in a room with a reverberation time of 0.6 s and noise at 10 dB."""
    tail = np.arange(round(0.6 * RATE_HZ))
    response = random.standard_normal(len(tail)) * 10 ** (-3 * tail / len(tail))
    response[0] = np.abs(response).max()
    heard = scipy.signal.fftconvolve(clip.samples, response)[: len(clip.samples)].astype(np.float32)
    return _mixed(heard, random.standard_normal(len(heard)).astype(np.float32), 10)


def speed(factor: float) -> Degrade:
    """Play it so much faster, pitch and all."""

    def degrade(clip: Clip, _: np.random.Generator) -> Samples:
        up, down = 1_000, round(1_000 * factor)
        return scipy.signal.resample_poly(clip.samples, up, down).astype(np.float32)

    return degrade


def tempo(factor: float) -> Degrade:
    """Play it so much faster, at its own pitch (librosa's phase vocoder)."""

    def degrade(clip: Clip, _: np.random.Generator) -> Samples:
        from librosa.effects import time_stretch  # seconds to import: only those who need it wait

        stretched: Samples = time_stretch(clip.samples, rate=factor).astype(np.float32)
        return stretched

    return degrade


CONDITIONS: dict[str, Degrade] = {
    "clean": clean,
    "mp3 64": mp3,
    **{f"white {level_db}": white_noise(level_db) for level_db in (10, 5, 0, -5)},
    **{f"pink {level_db}": pink_noise(level_db) for level_db in (10, 5, 0, -5)},
    **{f"voices {level_db}": voices(level_db) for level_db in (5, 0)},
    "phone": phone,
    "room": room,
    **{f"speed {percent:+}": speed(1 + percent / 100) for percent in (-4, -2, 2, 4)},
    **{f"tempo {percent:+}": tempo(1 + percent / 100) for percent in (-4, 4)},
}
HARD = ("voices 5", "voices 0", "room", "white 0", "white -5")
SPEEDS = tuple(name for name in CONDITIONS if name.startswith("speed"))


def degraded(condition: str, clip: Clip, random: np.random.Generator) -> Samples:
    """Return the clip as it arrives, of its duration."""
    samples = CONDITIONS[condition](clip, random)
    return samples[: round(clip.duration_s * RATE_HZ)]


def _mixed(signal: Samples, other: Samples, level_db: float) -> Samples:
    """Add `other` so that the signal is `level_db` louder."""
    power, other_power = float(np.mean(signal**2)), float(np.mean(other**2))
    gain = np.sqrt(power / max(other_power, 1e-12)) * 10 ** (-level_db / 20)
    return (signal + np.float32(gain) * other).astype(np.float32)
