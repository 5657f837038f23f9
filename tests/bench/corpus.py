"""Real music to measure with: from a Debian package or a folder, in several codecs, whole or as clips."""

import hashlib
import os
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import av
import numpy as np
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream

from engine.audio import load
from engine.model import Samples
from engine.settings import Settings

_PACKAGE = "drascula-music"
_SHORTEST_CLIPPED_S = 10.0
_SHORTEST_S = 1.0
_BLOCK_SAMPLES = 4_096

CODECS = {
    "ogg": None,
    "mp3": ("libmp3lame", 44_100, 192_000),
    "flac": ("flac", 44_100, None),
    "m4a": ("aac", 44_100, 160_000),
    "opus": ("libopus", 48_000, 128_000),
}
"""Suffix to encoder, rate in Hz and bit rate; None: the files as they are."""


def cache_folder() -> Path:
    """Return where the bench keeps what it makes once."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "spectra-bench"


def downloaded(cache: Path) -> Path:
    """Return the folder of the package's music, downloaded once."""
    folder = cache / _PACKAGE
    if not folder.is_dir():
        with _replacing(folder) as made, tempfile.TemporaryDirectory() as packed:
            subprocess.run(["apt-get", "download", "-qq", _PACKAGE], cwd=packed, check=True)
            [package] = Path(packed).glob("*.deb")
            subprocess.run(["dpkg-deb", "-x", package, made], check=True)
    return folder


def music(corpus: Path, *, shortest_s: float = _SHORTEST_CLIPPED_S) -> list[Path]:
    """Return the corpus' files that are long enough for a clip, or as long as told."""
    files = (path for path in sorted(corpus.rglob("*.ogg")) if not path.is_symlink())
    return [path for path in files if duration_s_of(path) >= shortest_s]


def encoded(corpus: Path, cache: Path, suffix: str) -> list[Path]:
    """Return the corpus in a codec, encoded once, tagged as a ripper would."""
    codec = CODECS[suffix]
    files = music(corpus, shortest_s=_SHORTEST_S)
    if codec is None:
        return files
    name, rate_hz, bit_rate = codec
    folder = cache / f"{suffix}-{key_of(files, codec)}"
    if not folder.is_dir():
        with _replacing(folder) as made:
            for number, path in enumerate(files):
                _encode(path, made / f"{number:03}.{suffix}", name, rate_hz, bit_rate, stereo=True)
    return sorted(folder.glob(f"*.{suffix}"))


def key_of(files: Sequence[Path], *made_by: object) -> str:
    """Return a name for what was made of these files in this way."""
    sizes = [(path.name, path.stat().st_size) for path in files]
    return hashlib.sha256(repr((sizes, made_by)).encode()).hexdigest()[:8]


def write_clip(path: Path, begin_s: float, duration_s: float, target: Path) -> Path:
    """Cut a clip out of a file, encoded as the target's suffix says, mono as a phone records it."""
    codec = CODECS[target.suffix[1:]]
    assert codec is not None
    name, rate_hz, _ = codec
    _encode(path, target, name, rate_hz, 64_000, stereo=False, span_s=(begin_s, begin_s + duration_s))
    return target


def audible_clips(
    files: list[Path], count: int, duration_s: float, *, seed: int
) -> Iterator[tuple[Path, float, Samples]]:
    """Yield file, place in seconds and samples (decoded as the engine does) of clips that are not silent."""
    settings, random = Settings(), np.random.default_rng(seed)
    length = round(duration_s * settings.sample_rate_hz)
    for number in range(count):
        path = files[number % len(files)]
        samples = load(path, settings)
        while True:
            begin = int(random.integers(0, max(1, len(samples) - length)))
            found = samples[begin : begin + length]
            if np.sqrt(np.mean(found**2)) > 1e-3:
                break
        yield path, begin / settings.sample_rate_hz, found


def duration_s_of(path: Path) -> float:
    """Return a file's length as its container tells it."""
    with av.open(str(path)) as container:
        return (container.duration or 0) / av.time_base


def _encode(
    source: Path,
    target: Path,
    codec: str,
    rate_hz: int,
    bit_rate: int | None,
    *,
    stereo: bool,
    span_s: tuple[float, float] = (0.0, float("inf")),
) -> None:
    layout = "stereo" if stereo else "mono"
    with av.open(str(source)) as given, av.open(str(target), "w") as made:
        made.metadata.update({"title": source.stem, "artist": "Bench"})
        stream = made.add_stream(codec, rate=rate_hz, layout=layout)
        assert isinstance(stream, AudioStream)
        if bit_rate:
            stream.bit_rate = bit_rate
        resampler = AudioResampler(stream.format, layout, rate_hz, frame_size=_BLOCK_SAMPLES)
        for frame in given.decode(audio=0):
            if frame.time is None or not span_s[0] <= frame.time < span_s[1]:
                continue
            frame.pts = None
            for resampled in resampler.resample(frame):
                made.mux(stream.encode(resampled))
        for resampled in resampler.resample(None):
            made.mux(stream.encode(resampled))
        made.mux(stream.encode(None))


@contextmanager
def _replacing(folder: Path) -> Iterator[Path]:
    """Yield a folder that gets its name when it is complete."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".making-") as making:
        made = Path(making) / "made"
        made.mkdir(mode=0o755)
        yield made
        made.rename(folder)
