"""Hits to matches: the offset histogram."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from engine.calibration import score_by_landmarks
from engine.chance import expected_hits, is_repeat, surprise
from engine.model import Evidence, Fingerprint, Hits, IndexSize, Match, PassName
from engine.settings import Settings

FrameCount = Callable[[int], int]
"""Recording id to its length in frames."""

_OFFSET_BITS = 24
_OFFSET_ZERO = 1 << (_OFFSET_BITS - 1)
_FEWEST_VOTES = 3
"""Two hits in line say nothing: by chance every query has them somewhere."""
_PREFILTER_BINS_PER_HIT = 4
"""At least so many: hits that share a bin by accident are few."""
_REACH_S = 2.0
"""An aligned landmark explains the query this far around it (a landmark itself spans up to 2.5 s)."""


@dataclass(frozen=True, slots=True)
class QueryTrial:
    """How the query was asked."""

    pass_name: PassName
    speed: float = 1.0
    """How much faster than the recording the query was taken to play, and resampled accordingly."""
    budgets: int = 1
    """How many times `Settings.candidate_budget` it may visit."""
    most_recordings: int = 10
    """Alignments looked at closely: the best of each recording, most weight first."""
    trials: int = 1
    """How many such queries were or may be asked: each is another chance to meet something by accident."""


@dataclass(frozen=True, slots=True)
class _Votes:
    """Hits with their offsets and rarity weights, in bits [shape=(hits,)]."""

    landmarks: npt.NDArray[np.int32]
    recording_ids: npt.NDArray[np.int64]
    offsets: npt.NDArray[np.int64]
    weights: npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _Alignment:
    recording_id: int
    offset_frames: int


def match_hits(
    query: Fingerprint,
    hits: Hits,
    size: IndexSize,
    *,
    frame_count_of: FrameCount,
    settings: Settings,
    trial: QueryTrial,
) -> list[Match]:
    """Return the recordings on whose time line hits fall into one line, best score first.

    A hit votes for its alignment, +-`settings.offset_tolerance_frames`, with its hash's rarity as weight:
    log2(postings / postings with that hash).
    """
    votes = _voting(query, hits, size)
    alignments = _best_alignments(votes, settings, trial.most_recordings)
    if not alignments:
        return []
    everywhere = expected_hits(votes.weights, size.frames, settings.alignment_frames)
    # All hits, not only those with company: the others tell what chance collects.
    close = _of_recordings(votes, [alignment.recording_id for alignment in alignments])
    matches = [
        _match(
            query,
            close,
            alignment,
            everywhere=everywhere,
            size=size,
            frame_count_of=frame_count_of,
            settings=settings,
            trial=trial,
        )
        for alignment in alignments
    ]
    return sorted(matches, key=lambda match: (-match.evidence.score, match.recording_id))


def _voting(query: Fingerprint, hits: Hits, size: IndexSize) -> _Votes:
    counts = np.maximum(hits.posting_counts, 1)
    rarity = np.log2(np.maximum(size.postings / counts, 1.0))
    return _Votes(
        landmarks=hits.landmarks,
        recording_ids=hits.recording_ids,
        offsets=hits.frames.astype(np.int64) - query.frames[hits.landmarks],
        weights=rarity[hits.landmarks],
    )


def _best_alignments(votes: _Votes, settings: Settings, most_recordings: int) -> list[_Alignment]:
    """Return the heaviest alignment of each of the heaviest recordings."""
    kept = _has_company(votes)
    if not kept.any():
        return []
    keys = votes.recording_ids[kept] << _OFFSET_BITS | (votes.offsets[kept] + _OFFSET_ZERO)
    by_key = np.argsort(keys)
    keys = keys[by_key]
    starts = np.flatnonzero(np.diff(keys, prepend=-1))
    cells, own = keys[starts], np.add.reduceat(votes.weights[kept][by_key], starts)
    weights = _with_neighbours(cells, own, settings.offset_tolerance_frames)
    # Only the cells that can be among the best are ranked: sorting all of them took half of a look-up.
    first_of_recording = np.flatnonzero(np.diff(cells >> _OFFSET_BITS, prepend=-1))
    heaviest = np.sort(np.maximum.reduceat(weights, first_of_recording))[-most_recordings:]
    likely = np.flatnonzero(weights >= heaviest[0])
    # Neighbours of the true offset weigh as much as it does: it has the most votes of its own.
    order = likely[np.lexsort((cells[likely], -own[likely], -weights[likely]))]
    _, first = np.unique(cells[order] >> _OFFSET_BITS, return_index=True)
    best = order[np.sort(first)[:most_recordings]]
    return [
        _Alignment(int(cell >> _OFFSET_BITS), int(cell & ((1 << _OFFSET_BITS) - 1)) - _OFFSET_ZERO)
        for cell in cells[best]
    ]


def _with_neighbours(
    cells: npt.NDArray[np.int64], own: npt.NDArray[np.float64], tolerance_frames: int
) -> npt.NDArray[np.float64]:
    """Return each cell's weight with that of the offsets within the tolerance; `cells` ascend."""
    weights = own.copy()
    for places in range(1, tolerance_frames + 1):  # a neighbour is at most so many places away
        is_near = cells[places:] - cells[:-places] <= tolerance_frames
        weights[:-places] += np.where(is_near, own[places:], 0.0)
        weights[places:] += np.where(is_near, own[:-places], 0.0)
    return weights


def _of_recordings(votes: _Votes, recording_ids: list[int]) -> _Votes:
    """Return only the votes for these recordings, of which there is at least one."""
    wanted = np.array(sorted(recording_ids), np.int64)
    places = np.searchsorted(wanted, votes.recording_ids).clip(max=len(wanted) - 1)
    kept = wanted[places] == votes.recording_ids
    return _Votes(votes.landmarks[kept], votes.recording_ids[kept], votes.offsets[kept], votes.weights[kept])


def _has_company(votes: _Votes) -> npt.NDArray[np.bool_]:
    """Tell which hits share their neighbourhood with enough others: a count before the sort.

    Bins of 4 frames, hashed into a table; a bin's two neighbours count too, so that no alignment is cut.
    """
    mask = (_PREFILTER_BINS_PER_HIT << len(votes.offsets).bit_length()) - 1
    bins = (votes.recording_ids * 0x9E3779B1 + (votes.offsets >> 2)) & mask
    counts = np.bincount(bins, minlength=mask + 1)
    company = counts[bins] + counts[(bins + 1) & mask] + counts[(bins - 1) & mask]
    enough: npt.NDArray[np.bool_] = company >= _FEWEST_VOTES
    return enough


def _match(
    query: Fingerprint,
    votes: _Votes,
    alignment: _Alignment,
    *,
    everywhere: npt.NDArray[np.float64],
    size: IndexSize,
    frame_count_of: FrameCount,
    settings: Settings,
    trial: QueryTrial,
) -> Match:
    in_recording = votes.recording_ids == alignment.recording_id
    aligned = np.abs(votes.offsets - alignment.offset_frames) <= settings.offset_tolerance_frames
    aligned &= in_recording
    landmarks = votes.landmarks[aligned]
    anchors, anchor_of = np.unique(query.frames[landmarks].astype(np.int64), return_inverse=True)
    anchor_weights = np.zeros(len(anchors))
    np.maximum.at(anchor_weights, anchor_of, votes.weights[aligned])
    elsewhere = _elsewhere(
        votes,
        in_recording & ~aligned,
        frames=frame_count_of(alignment.recording_id) + query.frame_count,
        most=int(aligned.sum()),
        settings=settings,
    )
    chance = np.maximum(everywhere, elsewhere)
    unlikely = surprise(float(anchor_weights.sum()), chance, size.frames * trial.trials)
    frame_s = settings.hop_samples / settings.sample_rate_hz
    offset_s = float(votes.offsets[aligned].mean()) * frame_s
    begin_s, end_s = float(anchors[0]) * frame_s, float(anchors[-1]) * frame_s
    return Match(
        recording_id=alignment.recording_id,
        offset_s=offset_s,
        speed=trial.speed,
        evidence=Evidence(
            votes=len(np.unique(landmarks)),
            anchors=len(anchors),
            surprise=unlikely,
            score=score_by_landmarks(unlikely),
            query_span_s=(begin_s / trial.speed, end_s / trial.speed),
            reference_span_s=(begin_s + offset_s, end_s + offset_s),
            coverage=_coverage(anchors, query, frame_s),
            found_by=trial.pass_name,
        ),
    )


def _elsewhere(
    votes: _Votes, others: npt.NDArray[np.bool_], *, frames: int, most: int, settings: Settings
) -> npt.NDArray[np.float64]:
    """Return what the recording's other hits lead to expect on an alignment, by class of rarity.

    Parameters
    ----------
    others : the recording's hits that are not aligned [shape=(hits,)]
    frames : offsets over which they are spread
    most : hits that are aligned
    """
    if others.any():
        offsets = votes.offsets[others]
        places = offsets - offsets.min()
        by_offset = np.zeros(max(frames, int(places.max()) + 1), np.int64)
        np.add.at(by_offset, places, 1)
        near = np.convolve(by_offset, np.ones(settings.alignment_frames, np.int64), mode="same")
        others = others.copy()
        others[others] = ~is_repeat(near, most)[places]
    return expected_hits(votes.weights[others], frames, settings.alignment_frames)


def _coverage(anchors: npt.NDArray[np.int64], query: Fingerprint, frame_s: float) -> float:
    """Return how much of what sounds in the query lies within `_REACH_S` of an aligned anchor."""
    reach = round(_REACH_S / frame_s)
    sounding = _within_reach(np.unique(query.frames.astype(np.int64)), query.frame_count, reach)
    explained = _within_reach(anchors, query.frame_count, reach)
    return int(explained.sum()) / max(1, int(sounding.sum()))


def _within_reach(frames: npt.NDArray[np.int64], frame_count: int, reach: int) -> npt.NDArray[np.bool_]:
    """Tell which of a query's frames are near one of these [shape=(frame_count,)]."""
    changes = np.zeros(frame_count + 2 * reach + 2, np.int64)
    np.add.at(changes, frames, 1)
    np.add.at(changes, frames + 2 * reach + 1, -1)
    near: npt.NDArray[np.bool_] = np.cumsum(changes)[reach : reach + frame_count] > 0
    return near
