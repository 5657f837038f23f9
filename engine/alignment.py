"""Two constellations laid over each other at a match's offset: what a person is shown as the reason."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from engine.fingerprint import fingerprint
from engine.model import Fingerprint, Match, Peaks
from engine.settings import BIN_TOLERANCE, Settings

LONGEST_SHOWN_S = 60.0
"""Of a longer clip a part is shown: more peaks than that run into each other."""
_MOST_PAIRS = 1_000_000
"""Equal hashes of clip and recording that are compared, rarest first: hours of one tone have billions."""


@dataclass(frozen=True, slots=True)
class Alignment:
    """How the clip lies on the recording."""

    offset_frames: int
    """Frame of the recording at which the clip's first frame lies."""
    query_coincides: npt.NDArray[np.bool_]
    """[shape=(query peaks,)]"""
    reference_coincides: npt.NDArray[np.bool_]
    """[shape=(reference peaks,)]"""
    by_chance: float
    """Query peaks that would coincide at an offset picked blindly, on average."""
    first_offset_frames: int
    votes: npt.NDArray[np.int64]
    """Landmarks that agree on each offset, from `first_offset_frames` on [shape=(offsets,)]."""

    @property
    def votes_here(self) -> int:
        """Return the votes of the match's own offset."""
        return int(self.votes[self._place])

    def elsewhere(self, apart_frames: int) -> npt.NDArray[np.int64]:
        """Return the votes of the offsets at least so far away."""
        places = np.arange(len(self.votes))
        return self.votes[np.abs(places - self._place) >= apart_frames]

    @property
    def _place(self) -> int:
        return min(max(0, self.offset_frames - self.first_offset_frames), len(self.votes) - 1)


def shown_span_s(duration_s: float, match: Match | None) -> tuple[float, float]:
    """Return the part of the clip to show: all of it, or a minute around what aligns (else the first)."""
    if duration_s <= LONGEST_SHOWN_S:
        return 0.0, duration_s
    middle_s = sum(match.evidence.query_span_s) / 2 if match else 0.0
    begin_s = min(max(0.0, middle_s - LONGEST_SHOWN_S / 2), duration_s - LONGEST_SHOWN_S)
    return begin_s, begin_s + LONGEST_SHOWN_S


def within(peaks: Peaks, begin_frame: float, end_frame: float) -> Peaks:
    """Return the peaks of these frames, the end excluded; frames keep their numbers."""
    first, last = np.searchsorted(peaks.frames, [begin_frame, end_frame])
    return Peaks(peaks.frames[first:last], peaks.bins[first:last], peaks.ranks[first:last], peaks.frame_count)


def align(queries: tuple[Peaks, ...], reference: Peaks, match: Match, settings: Settings) -> Alignment:
    """Lay the shown part of a clip over a recording.

    Parameters
    ----------
    queries : what was asked at the match's speed: the constellation, and perhaps others of the same clip
    reference : the whole recording's constellation
    """
    offset_frames = round(match.offset_s * settings.frames_per_s)
    query = queries[0]
    density = settings.dense if match.evidence.found_by == "dense" else settings.cheap
    asked = [fingerprint(peaks, density, settings) for peaks in queries]
    votes = _votes(asked, fingerprint(reference, settings.stored, settings), settings.alignment_frames)
    tolerance = settings.offset_tolerance_frames
    return Alignment(
        offset_frames=offset_frames,
        query_coincides=_met(query, reference, offset_frames, tolerance),
        reference_coincides=_met(reference, query, -offset_frames, tolerance),
        by_chance=_by_chance(query, reference, settings.alignment_frames),
        first_offset_frames=-max(peaks.frame_count for peaks in queries),
        votes=votes,
    )


def _met(peaks: Peaks, others: Peaks, offset_frames: int, tolerance_frames: int) -> npt.NDArray[np.bool_]:
    """Tell which peaks have one of the others at their place, `offset_frames` later."""
    # A frame and a bin in one number, with room for the neighbouring bins between two frames.
    stride = 1 << 16
    cells = np.unique(others.frames.astype(np.int64) * stride + others.bins)
    own = (peaks.frames.astype(np.int64) + offset_frames) * stride + peaks.bins
    met = np.zeros(len(own), np.bool_)
    for frames in range(-tolerance_frames, tolerance_frames + 1):
        wanted = own + frames * stride
        first = np.searchsorted(cells, wanted - BIN_TOLERANCE)
        met |= np.searchsorted(cells, wanted + BIN_TOLERANCE, side="right") > first
    return met


def _by_chance(query: Peaks, reference: Peaks, alignment_frames: int) -> float:
    """Return how many query peaks meet one at a random offset, by how often each bin is taken."""
    counts = np.bincount(reference.bins, minlength=int(query.bins.max(initial=0)) + 1)
    near = np.convolve(counts, np.ones(2 * BIN_TOLERANCE + 1), mode="same")
    expected = near[query.bins] * (alignment_frames / max(1, reference.frame_count))
    return float((1 - np.exp(-expected)).sum())


def _votes(asked: list[Fingerprint], stored: Fingerprint, alignment_frames: int) -> npt.NDArray[np.int64]:
    """Return how many landmarks agree on each offset or a neighbour of it, from -(query frames) on."""
    longest = max(query.frame_count for query in asked)
    hashes = np.concatenate([query.hashes for query in asked])
    frames = np.concatenate([query.frames for query in asked]).astype(np.int64)
    by_hash = np.argsort(stored.hashes, kind="stable")
    sorted_hashes, sorted_frames = stored.hashes[by_hash], stored.frames[by_hash].astype(np.int64)
    first = np.searchsorted(sorted_hashes, hashes)
    counts = np.searchsorted(sorted_hashes, hashes, side="right") - first
    rarest = np.argsort(counts, kind="stable")
    kept = rarest[np.cumsum(counts[rarest]) <= _MOST_PAIRS]
    first, counts, frames = first[kept], counts[kept], frames[kept]
    steps = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    met = sorted_frames[np.repeat(first, counts) + steps]
    offsets = met - np.repeat(frames, counts) + longest
    length = stored.frame_count + longest + 1
    # Each landmark counts once at an offset, though it may be met on both sides of it.
    reach = np.arange(alignment_frames) - alignment_frames // 2
    cells = np.unique((np.repeat(kept, counts) * length + offsets)[:, np.newaxis] + reach)
    return np.bincount(cells % length, minlength=length)
