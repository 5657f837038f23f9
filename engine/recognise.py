"""A clip to its shortlist: asks the index, and asks harder while the answer does not convince."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from engine.fingerprint import constellation, fingerprint
from engine.matching import QueryTrial, match_hits
from engine.model import Fingerprint, Hits, IndexSize, Match, Peaks, Samples, Shortlist
from engine.settings import Settings

_MOST_VERIFIED = 30
"""Recordings that a dense pass hands on: among so many, .95 of the right ones are found under heavy noise."""


class Searchable(Protocol):
    """What a query needs of an index."""

    @property
    def size(self) -> IndexSize: ...

    def frame_count(self, recording_id: int) -> int: ...

    def lookup(self, fingerprint: Fingerprint, candidate_budget: int) -> Hits: ...


@dataclass(frozen=True, slots=True)
class _Query:
    """One way to ask."""

    peaks: tuple[Peaks, ...]
    landmarks: Fingerprint
    trial: QueryTrial


def shortlist(samples: Samples, index: Searchable, settings: Settings) -> Shortlist:
    """Return what may explain the clip.

    Three passes, each only while nothing reached `settings.convincing_score`: a cheap one; a dense one, asked
    twice, the second time half a frame later; and the speeds, for which the *query* is resampled.

    Parameters
    ----------
    samples : float32 [shape=(samples,)], the clip, up to some minutes
    """
    best: dict[int, Match] = {}
    asked: dict[float, tuple[Peaks, ...]] = {}
    is_convincing = False
    if not index.size.recordings or not len(samples):
        return Shortlist((), {}, is_convincing)
    for query in _queries(samples, settings):
        hits = index.lookup(query.landmarks, settings.candidate_budget * query.trial.budgets)
        asked[query.trial.speed] = query.peaks
        for match in match_hits(
            query.landmarks,
            hits,
            index.size,
            frame_count_of=index.frame_count,
            settings=settings,
            trial=query.trial,
        ):
            known = best.get(match.recording_id)
            if known is None or known.evidence.score < match.evidence.score:
                best[match.recording_id] = match
            is_convincing = is_convincing or match.evidence.score >= settings.convincing_score
        if is_convincing:
            break
    matches = tuple(sorted(best.values(), key=lambda match: (-match.evidence.score, match.recording_id)))
    speeds = {match.speed for match in matches}
    return Shortlist(matches, {speed: asked[speed] for speed in sorted(speeds)}, is_convincing)


def _queries(samples: Samples, settings: Settings) -> Iterator[_Query]:
    peaks = constellation([samples], settings)
    yield _Query((peaks,), fingerprint(peaks, settings.cheap, settings), QueryTrial("cheap"))
    both = (peaks, constellation([samples[settings.hop_samples // 2 :]], settings))
    dense = _joined([fingerprint(each, settings.dense, settings) for each in both])
    yield _Query(
        both, dense, QueryTrial("dense", budgets=settings.dense_budgets, most_recordings=_MOST_VERIFIED)
    )
    for speed in settings.speeds:
        slowed = constellation([_slowed(samples, speed)], settings)
        trial = QueryTrial("speed", speed=speed, trials=len(settings.speeds))
        yield _Query((slowed,), fingerprint(slowed, settings.cheap, settings), trial)


def _joined(fingerprints: list[Fingerprint]) -> Fingerprint:
    return Fingerprint(
        hashes=np.concatenate([each.hashes for each in fingerprints]),
        frames=np.concatenate([each.frames for each in fingerprints]),
        frame_count=max(each.frame_count for each in fingerprints),
    )


def _slowed(samples: Samples, speed: float) -> Samples:
    """Return the samples as if played `speed` times slower.

    Linear interpolation: it dulls what lies near 4 kHz, where few peaks are, and takes a tenth of a filter's
    time.
    """
    length = round(len(samples) * speed)
    places = np.arange(length) / speed
    return np.interp(places, np.arange(len(samples)), samples).astype(np.float32)
