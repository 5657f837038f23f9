"""Make seeded synthetic sound, and write it to files of any format (through PyAV)."""

import functools
import io
import struct
from collections.abc import Sequence
from pathlib import Path
from random import Random

import av
import numpy as np
import numpy.typing as npt
from av.audio.frame import AudioFrame

from engine.model import Peaks

Sound = npt.NDArray[np.float32]

RATE_HZ = 8_000
_SCALE_HZ = 220.0 * 2.0 ** (np.array([0, 2, 4, 5, 7, 9, 11, 12, 14, 16, 17, 19, 21, 23, 24]) / 12)
_HARMONICS = (1.0, 0.6, 0.4, 0.25, 0.15)
_CODECS = {
    ".aac": "aac",
    ".alac.m4a": "alac",
    ".avi": "libmp3lame",
    ".flac": "flac",
    ".m4a": "aac",
    ".mka": "aac",
    ".mkv": "aac",
    ".mp3": "libmp3lame",
    ".mp4": "aac",
    ".ogg": "libopus",
    ".opus": "libopus",
    ".wav": "pcm_s16le",
    ".webm": "libopus",
    ".wma": "wmav2",
}
SUFFIXES = tuple(_CODECS)
"""The formats that `write_audio` knows."""
_FORMATS = {".aac": "adts", ".alac.m4a": "ipod", ".m4a": "ipod", ".mka": "matroska", ".mkv": "matroska"}
_BIT_RATE = 64_000
_CODEC_RATES_HZ = {"libopus": 48_000, "wmav2": 44_100}
"""These take no 8,000 Hz."""


def random_peaks(seed: int, *, count: int = 400, frame_count: int = 250) -> Peaks:
    """Return a constellation whose peaks lie anywhere, ranked at random."""
    random = np.random.default_rng(seed)
    cells = np.sort(random.choice(frame_count * 1_024, count, replace=False))
    return Peaks(
        frames=(cells // 1_024).astype(np.uint32),
        bins=(cells % 1_024).astype(np.uint16),
        ranks=random.integers(0, 50, count).astype(np.uint8),
        frame_count=frame_count,
    )


def silence(duration_s: float, *, rate_hz: int = RATE_HZ) -> Sound:
    """Return digital silence."""
    return np.zeros(round(duration_s * rate_hz), np.float32)


def tone(frequency_hz: float, duration_s: float, *, rate_hz: int = RATE_HZ, level: float = 0.5) -> Sound:
    """Return a sine."""
    return (level * np.sin(2 * np.pi * frequency_hz * _times_s(duration_s, rate_hz))).astype(np.float32)


def chirp(from_hz: float, to_hz: float, duration_s: float, *, rate_hz: int = RATE_HZ) -> Sound:
    """Return a sine whose frequency moves evenly from one to the other."""
    times_s = _times_s(duration_s, rate_hz)
    turns = from_hz * times_s + (to_hz - from_hz) * times_s**2 / (2 * duration_s)
    return (0.5 * np.sin(2 * np.pi * turns)).astype(np.float32)


def noise(seed: int, duration_s: float, *, rate_hz: int = RATE_HZ, level: float = 0.1) -> Sound:
    """Return white Gaussian noise; `level` is its standard deviation."""
    samples = np.random.default_rng(seed).standard_normal(round(duration_s * rate_hz))
    return (level * samples).astype(np.float32)


@functools.lru_cache(maxsize=64)
def music(seed: int, duration_s: float, *, rate_hz: int = RATE_HZ) -> Sound:
    """Return random notes of a scale, with envelopes, over drums; read-only, peaking at 0.5."""
    random = np.random.default_rng(seed)
    samples = np.zeros(round(duration_s * rate_hz))
    beat_s = random.uniform(0.18, 0.3)
    for beat in range(int(duration_s / beat_s)):
        start_s = beat * beat_s + random.uniform(0, 0.03)
        for _ in range(random.integers(1, 4)):
            _add(samples, start_s, rate_hz, _note(random, rate_hz))
        if random.random() < 0.5:
            _add(samples, start_s, rate_hz, _drum(random, rate_hz))
    finished = (samples * (0.5 / np.abs(samples).max())).astype(np.float32)
    finished.flags.writeable = False
    return finished


def portable(duration_s: float) -> Sound:
    """Return bursts of tones over faint noise, the same with every version of numpy.

    Levels are far enough apart that no rounding of a processor changes which peaks are found.
    """
    random = Random(7)
    times_s = _times_s(duration_s, RATE_HZ)
    samples = np.array([random.random() - 0.5 for _ in times_s]) * 0.004
    for _ in range(round(12 * duration_s)):
        start = int(random.random() * len(times_s))
        burst_s = times_s[: min(int((0.2 + 0.5 * random.random()) * RATE_HZ), len(times_s) - start)]
        level, pitch_hz = 0.03 + 0.07 * random.random(), 220 + 900 * random.random()
        for number in (1, 2, 3):
            wave = np.sin(2 * np.pi * number * pitch_hz * burst_s)
            samples[start : start + len(burst_s)] += level / number * wave * np.exp(-5 * burst_s)
    return samples.astype(np.float32)


def mixed(samples: Sound, disturbance: Sound, snr_db: float) -> Sound:
    """Return the sum, the disturbance scaled to lie so many dB below the samples."""
    wanted = np.sqrt(np.mean(samples**2)) / 10 ** (snr_db / 20)
    return (samples + disturbance * (wanted / np.sqrt(np.mean(disturbance**2)))).astype(np.float32)


def played_at(samples: Sound, speed: float) -> Sound:
    """Return the samples as a turntable plays them that runs `speed` times as fast."""
    places = np.arange(int(len(samples) / speed)) * speed
    return np.interp(places, np.arange(len(samples)), samples).astype(np.float32)


def likeness(samples: Sound, original: Sound) -> float:
    """Return the correlation of two sounds whose beginnings differ by no more than an encoder's delay."""
    length = 1 << 17
    spectra = np.fft.rfft(samples, length), np.fft.rfft(original, length)
    correlation = np.fft.irfft(spectra[0] * spectra[1].conj())
    return float(correlation.max() / np.sqrt(np.sum(samples**2.0) * np.sum(original**2.0)))


def write_audio(
    path: Path,
    sound: Sound | Sequence[Sound],
    *,
    rate_hz: int = RATE_HZ,
    codec: str | None = None,
    layout: str | None = None,
    tags: dict[str, str] | None = None,
    video_codec: str | None = None,
) -> Path:
    """Write a sound (one array, or one of each channel) in the format that the name's suffixes say."""
    channels = np.atleast_2d(np.asarray(sound, np.float32))
    suffix = "".join(path.suffixes)
    codec = codec or _CODECS[suffix]
    layout = layout or ("mono" if len(channels) == 1 else "stereo")
    with av.open(str(path), "w", format=_FORMATS.get(suffix)) as container:
        container.metadata.update(tags or {})
        stream = container.add_stream(codec, rate=_CODEC_RATES_HZ.get(codec, rate_hz), layout=layout)
        stream.bit_rate = _BIT_RATE
        video = container.add_stream(video_codec, rate=10, width=64, height=64) if video_codec else None
        if video:
            for frame in _pictures(10):
                container.mux(video.encode(frame))
            container.mux(video.encode(None))
        for frame in _frames(channels, layout, rate_hz):
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def encoded(sound: Sound, suffix: str, folder: Path) -> bytes:
    """Return a sound as the content of a file of this format; it is made in the folder."""
    return write_audio(folder / f"encoded{suffix}", sound).read_bytes()


def wav(
    *, channels: int = 1, rate_hz: int = 8_000, codec_tag: int = 1, bits: int = 16, content: bytes
) -> bytes:
    """Return a WAV file with a header of one's own choice."""
    block = channels * bits // 8
    layout = struct.pack("<HHIIHH", codec_tag, channels, rate_hz, rate_hz * block & 0xFFFFFFFF, block, bits)
    head = b"WAVEfmt " + struct.pack("<I", 16) + layout + b"data" + struct.pack("<I", len(content))
    return b"RIFF" + struct.pack("<I", len(head) + len(content)) + head + content


def write_bytes(path: Path, content: bytes) -> Path:
    """Write a file and return where it is."""
    path.write_bytes(content)
    return path


def write_video(path: Path, *, codec: str = "mpeg4") -> Path:
    """Write a second of grey pictures without sound."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=10, width=64, height=64)
        for frame in _pictures(10):
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def png() -> bytes:
    """Return a small picture."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="image2pipe") as container:
        stream = container.add_stream("png", rate=1, width=64, height=64, pix_fmt="rgb24")
        container.mux(stream.encode(_pictures(1)[0].reformat(format="rgb24")))
        container.mux(stream.encode(None))
    return buffer.getvalue()


def _pictures(count: int) -> list[av.VideoFrame]:
    grey = np.full((64, 64, 3), 128, np.uint8)
    return [av.VideoFrame.from_ndarray(grey, format="rgb24") for _ in range(count)]


def _frames(channels: npt.NDArray[np.float32], layout: str, rate_hz: int) -> list[AudioFrame]:
    frames = []
    for start in range(0, channels.shape[1], 4_096):
        block = np.ascontiguousarray(channels[:, start : start + 4_096])
        frame = AudioFrame.from_ndarray(block, format="fltp", layout=layout)
        frame.rate = rate_hz
        frame.pts = start
        frames.append(frame)
    return frames


def _times_s(duration_s: float, rate_hz: int) -> npt.NDArray[np.float64]:
    return np.arange(round(duration_s * rate_hz)) / rate_hz


def _note(random: np.random.Generator, rate_hz: int) -> npt.NDArray[np.float64]:
    times_s = _times_s(random.uniform(0.2, 0.7), rate_hz)
    pitch_hz = random.choice(_SCALE_HZ)
    level = random.uniform(0.3, 1.0)
    envelope = np.minimum(times_s / 0.01, 1.0) * np.exp(-times_s * random.uniform(3, 9))
    partials = [
        strength * np.sin(2 * np.pi * pitch_hz * number * times_s + random.uniform(0, 2 * np.pi))
        for number, strength in enumerate(_HARMONICS, 1)
        if pitch_hz * number < rate_hz / 2
    ]
    return level * envelope * np.sum(partials, axis=0)


def _drum(random: np.random.Generator, rate_hz: int) -> npt.NDArray[np.float64]:
    times_s = _times_s(0.12, rate_hz)
    return 0.5 * random.standard_normal(len(times_s)) * np.exp(-times_s * 40)


def _add(
    samples: npt.NDArray[np.float64], start_s: float, rate_hz: int, sound: npt.NDArray[np.float64]
) -> None:
    start = round(start_s * rate_hz)
    end = min(len(samples), start + len(sound))
    samples[start:end] += sound[: end - start]
