"""A suspect to a line: seeded where the suspect points, followed as far as the peaks of both sounds meet.

Along a true line most peaks of the file meet a peak of the recording (.75 to .93 of them, .2 to .6 under
other music as loud); anywhere else only as many as chance brings (.04 to .14). Each peak therefore adds the
logarithm of how much likelier its hit, or its miss, is along a true line. The stretch with the largest sum is
found as BLAST extends its seeds (Altschul et al. 1990), and the slope of the line, the speed, is fitted to it
again each time it has grown.
"""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from engine.model import Peaks
from engine.settings import BIN_TOLERANCE
from engine.suspects import Suspect

_FRAME_TOLERANCE = 1
"""A peak moves by a frame when audio is encoded again, resampled or mixed."""
_BINS = 1 << 11
"""More than there are, so that neighbours of the highest bin are no frame of another."""
_HIT_SHARE = 0.35
"""Of the peaks along the weakest line that is followed. With it a line gains from 17 % hits in sparse music,
26 % in crowded bins: wrong lines have less, but for one in twenty."""
_LEAST_CHANCE = 0.03
_MOST_CHANCE = 0.25
"""Chance hits by bin are bounded: unseen is not impossible, and a crowded bin must still tell something."""
_LEAST_EXCESS = 1.5
"""In crowded bins a true line has so many times the hits of chance."""
LARGEST_DROP = 60.0
"""A stretch ends where its sum has fallen so far: after some 4 s of other sound."""
_SEED_REACH_FRAMES = 12
_SEED_SLIPS = np.arange(-4, 5)
_SEED_SLOPES = np.linspace(-0.06, 0.06, 49)
"""Tried around the suspect's speed, for music whose tempo was changed but not its pitch as well; neighbours
part by a third of a frame within half a window."""
_MOST_TEMPO_CHANGE = 0.08
"""A fit that strays further follows a held note, not time."""
_WIDENING = 3.0
"""So many times as much as has been found is looked at next."""
_MOST_WIDENINGS = 12
"""3 ** 12 windows: more than any file has."""

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Line:
    """Frame `speed * f + offset_frames` of the recording sounds in frame f of the file."""

    offset_frames: float
    speed: float
    pitch: float
    """The file's bins are so many times the recording's; not the speed where only the tempo was changed."""

    def recording_frames(self, file_frames: npt.NDArray[np.number]) -> Floats:
        """Return where in the recording these frames of the file lie."""
        places: Floats = self.speed * file_frames.astype(np.float64) + self.offset_frames
        return places


@dataclass(frozen=True, slots=True)
class FollowedLine:
    """A line and the stretch of the file (frames) in which it was found true."""

    line: Line
    begin_frame: int
    end_frame: int


@dataclass(frozen=True, slots=True)
class HeldPeaks:
    """A recording's constellation, sorted to be met. Made by `hold`."""

    keys: npt.NDArray[np.int64]
    """bin * stride + frame, ascending [shape=(peaks,)]."""
    stride: int
    frame_count: int
    chance: Floats
    """How likely a file's peak meets one anywhere in the recording, by its bin [shape=(bins,)]."""


@dataclass(frozen=True, slots=True)
class Along:
    """A file's peaks in a stretch, held against a recording along a line. Arrays [shape=(peaks,)]."""

    places: npt.NDArray[np.int64]
    """In the file's arrays."""
    frames: npt.NDArray[np.uint32]
    met: Bools
    gains: Floats
    """Natural logarithm of how much likelier this is along a true line than anywhere."""
    slips: Floats
    """How far from the line the nearest peak was met, in frames of the recording; 0 where none was."""


def hold(reference: Peaks) -> HeldPeaks:
    """Return the constellation, sorted to be met."""
    stride = reference.frame_count + 2 * _SEED_REACH_FRAMES + 2
    bins = reference.bins.astype(np.int64)
    counts = np.bincount(bins, minlength=_BINS)[:_BINS]
    near = np.convolve(counts, np.ones(2 * BIN_TOLERANCE + 1), mode="same")
    chance = near * (2 * _FRAME_TOLERANCE + 1) / max(1, reference.frame_count)
    return HeldPeaks(
        keys=np.sort(bins * stride + reference.frames + _SEED_REACH_FRAMES),
        stride=stride,
        frame_count=reference.frame_count,
        chance=np.clip(chance, _LEAST_CHANCE, _MOST_CHANCE),
    )


def hold_against(file: Peaks, held: HeldPeaks, line: Line, begin_frame: float, end_frame: float) -> Along:
    """Return how a stretch of the file fits along the line; what lies outside the recording is left out."""
    part = _part(file, begin_frame, end_frame)
    expected = line.recording_frames(file.frames[part])
    inside = np.flatnonzero((expected > -0.5) & (expected < held.frame_count - 0.5))
    places = inside + part.start
    frames = file.frames[places]
    bins = _bins(file.bins[places], line.pitch)
    which, slips = _meetings(held, expected[inside], bins, _FRAME_TOLERANCE)
    nearest = np.full(len(frames), np.inf)
    order = np.argsort(-np.abs(slips), kind="stable")  # of equal places the last one written stays
    nearest[which[order]] = slips[order]
    met = np.isfinite(nearest)
    chance = held.chance[bins]
    share = np.maximum(_HIT_SHARE, _LEAST_EXCESS * chance)
    gains = np.where(met, np.log(share / chance), np.log((1 - share) / (1 - chance)))
    return Along(places, frames, met, gains, np.where(met, nearest, 0.0))


def follow(file: Peaks, held: HeldPeaks, suspect: Suspect) -> FollowedLine | None:
    """Return the suspect's line, fitted, and what of the file it explains; None if that is nothing."""
    line = _seed(file, held, suspect)
    begin, end = float(suspect.begin_frame), float(suspect.end_frame)
    for _ in range(_MOST_WIDENINGS):
        margin = _WIDENING * max(end - begin, float(suspect.end_frame - suspect.begin_frame)) / 2
        along = hold_against(file, held, line, begin - margin, end + margin)
        stretch = _best_stretch(along, (begin + end) / 2)
        if stretch is None:
            return None
        fitted = _fitted(line, along, stretch)
        if abs(fitted.speed - suspect.speed) > _MOST_TEMPO_CHANGE:
            return None
        first, last = float(along.frames[stretch][0]), float(along.frames[stretch][-1])
        has_grown = first < begin - 1 or last > end + 1
        begin, end, line = first, last, fitted
        if not has_grown:
            break
    return FollowedLine(line, int(begin), int(end) + 1)


def _seed(file: Peaks, held: HeldPeaks, suspect: Suspect) -> Line:
    """Return the line through the suspect's window on which the most peaks meet."""
    centre = (suspect.begin_frame + suspect.end_frame) / 2
    place = suspect.speed * centre + suspect.offset_frames
    part = _part(file, suspect.begin_frame, suspect.end_frame)
    aside: Floats = file.frames[part].astype(np.float64) - centre
    bins = _bins(file.bins[part], suspect.speed)
    which, slips = _meetings(held, place + suspect.speed * aside, bins, _SEED_REACH_FRAMES)
    drifts = _SEED_SLOPES[:, np.newaxis] * aside[which]
    misses = slips - drifts  # [shape=(slopes, meetings)]
    counts = np.stack(
        [np.count_nonzero(np.abs(misses - slip) <= _FRAME_TOLERANCE, axis=1) for slip in _SEED_SLIPS], axis=1
    )
    # Equally good ones lie together: their middle is the best guess.
    slopes, slips_of_best = np.nonzero(counts == counts.max())
    slope, slip = float(_SEED_SLOPES[slopes].mean()), float(_SEED_SLIPS[slips_of_best].mean())
    speed = suspect.speed + slope
    return Line(offset_frames=place + slip - speed * centre, speed=speed, pitch=suspect.speed)


def _best_stretch(along: Along, anchor_frame: float) -> slice | None:
    """Return the stretch around the anchor with the largest sum of gains; None if it gains nothing."""
    middle = int(np.searchsorted(along.frames, anchor_frame))
    after = _longest_gain(along.gains[middle:])
    before = _longest_gain(along.gains[:middle][::-1])
    return slice(middle - before, middle + after) if before + after > 1 else None


def _longest_gain(gains: Floats) -> int:
    """Return how many of the first gains to take for the largest sum, without falling too far on the way."""
    sums = np.concatenate([[0.0], np.cumsum(gains)])
    fallen = np.maximum.accumulate(sums) - sums > LARGEST_DROP
    reachable = int(np.argmax(fallen)) if fallen.any() else len(sums)
    return int(np.argmax(sums[:reachable]))


def _fitted(line: Line, along: Along, stretch: slice) -> Line:
    """Return the line with speed and offset fitted to what was met (least squares)."""
    met = along.met[stretch]
    frames = along.frames[stretch][met].astype(np.float64)
    slips = along.slips[stretch][met]
    spread = frames - frames.mean() if len(frames) else frames
    if len(frames) < 2 or not spread.any():
        return line
    slope = float(spread @ slips / (spread @ spread))
    shift = float(slips.mean() - slope * frames.mean())
    return replace(line, speed=line.speed + slope, offset_frames=line.offset_frames + shift)


def _meetings(
    held: HeldPeaks, expected: Floats, bins: npt.NDArray[np.int64], reach_frames: int
) -> tuple[npt.NDArray[np.int64], Floats]:
    """Return which peaks meet one of the recording within the reach, and how far from the expected frame."""
    rounded = np.rint(expected)
    usable = (rounded >= -_SEED_REACH_FRAMES) & (rounded < held.frame_count + _SEED_REACH_FRAMES)
    chosen = np.flatnonzero(usable)
    which, slips = [np.zeros(0, np.int64)], [np.zeros(0)]
    for aside in range(-BIN_TOLERANCE, BIN_TOLERANCE + 1):
        centres = (bins[chosen] + aside) * held.stride + rounded[chosen].astype(np.int64) + _SEED_REACH_FRAMES
        first = np.searchsorted(held.keys, centres - reach_frames)
        counts = np.searchsorted(held.keys, centres + reach_frames, side="right") - first
        owners = np.repeat(chosen, counts)
        steps = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        frames = held.keys[np.repeat(first, counts) + steps] % held.stride - _SEED_REACH_FRAMES
        which.append(owners)
        slips.append(frames - expected[owners])
    return np.concatenate(which), np.concatenate(slips)


def _part(file: Peaks, begin_frame: float, end_frame: float) -> slice:
    begin, end = np.searchsorted(file.frames, [max(0.0, begin_frame), max(0.0, end_frame)])
    return slice(int(begin), int(end))


def _bins(bins: npt.NDArray[np.uint16], pitch: float) -> npt.NDArray[np.int64]:
    """Return the recording's bins that sound in these of the file."""
    unscaled: npt.NDArray[np.int64] = np.rint(bins / pitch).astype(np.int64).clip(1, _BINS - 2)
    return unscaled
