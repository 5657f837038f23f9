"""The corpus of the recall bench: real music from Debian packages, cached as the engine hears it."""

import hashlib
import subprocess
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from multiprocessing import Pool
from pathlib import Path

import numpy as np
from rich.progress import track as with_progress

from engine.audio import load
from engine.errors import AudioError
from engine.model import Samples
from engine.settings import Settings

PACKAGES = [
    "drascula-music",
    "davegnukem-data",
    "amoebax-data",
    "wizznic-data",
    "asc-music",
    "ardentryst",
    "adonthell-data",
    "noiz2sa-data",
    "powermanga-data",
    "starfighter-data",
    "pushover-data",
    "trackballs-data",
    "singularity-music",
    "hyperrogue-music",
    "colobot-common-sounds",
    "fillets-ng-data",
    "nexuiz-music",
    "warzone2100-music",
    "wesnoth-1.16-music",
]
"""About 800 MB, 15 hours: chiptunes, trackers, rock, orchestra, ambient."""
_SUFFIXES = {".ogg", ".mp3", ".opus", ".flac", ".wav"}
_SHORTEST_S = 45.0
_ABSENT_SHARE = 4
"""One track in four is kept out of the index, chosen by its name's hash: adding a package moves no other."""
_INT16 = 32_767


@dataclass(frozen=True, slots=True)
class Track:
    """A piece of music of the corpus."""

    name: str
    """Package and path: the same on every machine."""
    source: Path
    decoded: Path
    """int16 samples at the engine's rate, as .npy."""
    is_absent: bool

    def samples(self) -> Samples:
        """Return the whole track as the engine hears it."""
        return np.load(self.decoded).astype(np.float32) / _INT16

    def part(self, begin: int, length: int) -> Samples:
        """Return some of its samples, without reading the rest."""
        mapped = np.load(self.decoded, mmap_mode="r")
        return np.array(mapped[begin : begin + length], np.float32) / _INT16

    @property
    def sample_count(self) -> int:
        """Return how many samples it has."""
        return len(np.load(self.decoded, mmap_mode="r"))


def prepare(cache: Path) -> None:
    """Download, unpack and decode what is not there yet."""
    for package in with_progress(PACKAGES, "packages"):
        _download(package, cache / "packages" / package)
    sources = list(_sources(cache))
    (cache / "decoded").mkdir(parents=True, exist_ok=True)
    waiting = [(cache, name, path) for name, path in sources if not _outcome(cache, name)]
    with Pool() as pool:
        for _ in with_progress(pool.imap_unordered(_decode, waiting), "decoding", total=len(waiting)):
            pass


def load_tracks(cache: Path) -> list[Track]:
    """Return the corpus, byte-equal music once, ordered by name.

    Raises
    ------
    FileNotFoundError : `prepare` has not run
    """
    tracks: dict[str, Track] = {}
    for name, path in sorted(_sources(cache)):
        outcome = _outcome(cache, name)
        if outcome is None:
            raise FileNotFoundError(f"{name} is not decoded: run make bench-corpus")
        if outcome.suffix == ".npy":
            content = hashlib.sha256(np.load(outcome, mmap_mode="r").tobytes()).hexdigest()
            tracks.setdefault(content, Track(name, path, outcome, _is_absent(name)))
    return sorted(tracks.values(), key=lambda each: each.name)


def _download(package: str, folder: Path) -> None:
    if folder.is_dir():
        return
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".making-") as making:
        subprocess.run(["apt-get", "download", "-qq", package], cwd=making, check=True)
        [archive] = Path(making).glob("*.deb")
        subprocess.run(["dpkg-deb", "-x", archive, Path(making, "made")], check=True)
        Path(making, "made").rename(folder)


def _sources(cache: Path) -> Iterable[tuple[str, Path]]:
    for package in PACKAGES:
        folder = cache / "packages" / package
        for path in folder.rglob("*"):
            if path.suffix.lower() in _SUFFIXES and path.is_file() and not path.is_symlink():
                yield f"{package}/{path.relative_to(folder)}", path


def _outcome(cache: Path, name: str) -> Path | None:
    """Return the decoded file, or the note that there is nothing to decode; None if it wasn't tried."""
    stem = hashlib.sha256(name.encode()).hexdigest()[:16]
    candidates = [cache / "decoded" / (stem + suffix) for suffix in (".npy", ".none")]
    return next((path for path in candidates if path.exists()), None)


def _decode(job: tuple[Path, str, Path]) -> None:
    cache, name, path = job
    stem = cache / "decoded" / hashlib.sha256(name.encode()).hexdigest()[:16]
    settings = Settings()
    try:
        samples = load(path, settings)
    except AudioError:
        samples = np.zeros(0, np.float32)
    if len(samples) < _SHORTEST_S * settings.sample_rate_hz:
        stem.with_suffix(".none").touch()
        return
    temporary = stem.with_suffix(".part.npy")
    np.save(temporary, (samples.clip(-1, 1) * _INT16).round().astype(np.int16))
    temporary.rename(stem.with_suffix(".npy"))


def _is_absent(name: str) -> bool:
    return int(hashlib.sha256(name.encode()).hexdigest(), 16) % _ABSENT_SHARE == 0
