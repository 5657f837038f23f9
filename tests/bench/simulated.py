"""Music that nobody made: as many recordings as wanted, distributed as the corpus is."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from engine.audio import decode
from engine.fingerprint import constellation
from engine.model import Fingerprint, Peaks
from engine.settings import Settings

COLLISION_BITS = 15.4
"""Collision entropy of the hashes of 415 real tracks (README, "Key decisions")."""
TRACK_S = 210.0
_HASHES = 1 << 24
_BELOW_ANCHOR_BITS = 14
_LARGEST_MOVE_BINS = 40


def constellations(files: Sequence[Path], settings: Settings) -> list[Peaks]:
    """Return the corpus' constellations."""
    return [constellation(decode(path, settings), settings) for path in files]


def moved(peaks: Peaks, random: np.random.Generator, settings: Settings) -> Peaks:
    """Return another recording's constellation: a real one, transposed and begun at another place."""
    bins = peaks.bins.astype(np.int64) + random.integers(-_LARGEST_MOVE_BINS, _LARGEST_MOVE_BINS + 1)
    inside = (bins >= settings.lowest_bin) & (bins < settings.window_samples // 2)
    frames = (peaks.frames.astype(np.int64) + random.integers(peaks.frame_count)) % peaks.frame_count
    order = np.lexsort((bins, frames))
    order = order[inside[order]]
    return Peaks(
        frames[order].astype(np.uint32), bins[order].astype(np.uint16), peaks.ranks[order], peaks.frame_count
    )


class HashSource:
    """Draws hashes, independently of each other, that collide as those of a large real library do.

    The corpus is small and repeats itself, so its own hashes collide more often. A share of them is drawn
    with the anchor moved by up to 40 bins (156 Hz): as many as make the collision entropy that of 415 tracks.
    """

    def __init__(self, fingerprints: Sequence[Fingerprint], random: np.random.Generator) -> None:
        self._random = random
        self._known = np.concatenate([each.hashes for each in fingerprints])
        self.collision_bits = _collision_bits(self._known)
        self.moved_share = self._share_for(COLLISION_BITS)

    def fingerprint(self, settings: Settings, landmarks: int) -> Fingerprint:
        """Return a recording of 210 s with this many landmarks."""
        frame_count = round(TRACK_S * settings.frames_per_s)
        frames = np.sort(self._random.integers(0, frame_count, landmarks)).astype(np.uint32)
        return Fingerprint(self.draw(landmarks, self.moved_share), frames, frame_count)

    def draw(self, count: int, moved_share: float) -> npt.NDArray[np.uint32]:
        """Return hashes [shape=(count,)], this share of them moved."""
        hashes = self._known[self._random.integers(0, len(self._known), count)].astype(np.int64)
        moves = self._random.integers(-_LARGEST_MOVE_BINS, _LARGEST_MOVE_BINS + 1, count)
        moves[self._random.random(count) >= moved_share] = 0
        hashes += moves << _BELOW_ANCHOR_BITS
        return (hashes % _HASHES).astype(np.uint32)

    def _share_for(self, wanted_bits: float) -> float:
        """Return the share to be moved: the collision probability is a quadratic function of it."""
        count = 4 * len(self._known)
        still, moving = (_spread(self.draw(count, share)) for share in (0.0, 1.0))
        both = np.array([still @ still, still @ moving, moving @ moving])
        shares = np.linspace(0, 1, 1_001)
        chances = np.stack([(1 - shares) ** 2, 2 * shares * (1 - shares), shares**2], axis=1) @ both
        return float(shares[np.argmin(np.abs(np.log2(chances) + wanted_bits))])


def _spread(hashes: npt.NDArray[np.uint32]) -> npt.NDArray[np.float64]:
    """Return how likely each hash is [shape=(2**24,)]."""
    return np.bincount(hashes, minlength=_HASHES) / len(hashes)


def _collision_bits(hashes: npt.NDArray[np.uint32]) -> float:
    return float(-np.log2(np.sum(_spread(hashes) ** 2)))
