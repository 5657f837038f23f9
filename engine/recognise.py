"""A clip to its matches: asks the index, and asks harder while the answer does not convince."""

from collections.abc import Iterator
from typing import Protocol

import numpy as np

from engine.fingerprint import constellation, fingerprint
from engine.matching import QueryTrial, match_hits
from engine.model import Fingerprint, Hits, IndexSize, Match, Samples
from engine.settings import Settings


class Searchable(Protocol):
    """What a query needs of an index."""

    @property
    def size(self) -> IndexSize: ...

    def frame_count(self, recording_id: int) -> int: ...

    def lookup(self, fingerprint: Fingerprint, candidate_budget: int) -> Hits: ...


def recognise(samples: Samples, index: Searchable, settings: Settings) -> list[Match]:
    """Return what may explain the clip, each recording once, best score first.

    Three passes, each only while nothing reached `settings.convincing_score`: a cheap one; a dense one, asked
    twice, the second time half a frame later; and the speeds, for which the *query* is resampled.

    Parameters
    ----------
    samples : float32 [shape=(samples,)], the clip, up to some minutes
    """
    best: dict[int, Match] = {}
    if not index.size.recordings or not len(samples):
        return []
    for query, trial in _queries(samples, settings):
        hits = index.lookup(query, settings.candidate_budget)
        matches = match_hits(
            query, hits, index.size, frame_count_of=index.frame_count, settings=settings, trial=trial
        )
        for match in matches:
            known = best.get(match.recording_id)
            if known is None or known.evidence.score < match.evidence.score:
                best[match.recording_id] = match
        if best and max(match.evidence.score for match in best.values()) >= settings.convincing_score:
            break
    return sorted(best.values(), key=lambda match: (-match.evidence.score, match.recording_id))


def _queries(samples: Samples, settings: Settings) -> Iterator[tuple[Fingerprint, QueryTrial]]:
    peaks = constellation([samples], settings)
    yield fingerprint(peaks, settings.cheap, settings), QueryTrial("cheap")
    half_a_frame_later = constellation([samples[settings.hop_samples // 2 :]], settings)
    dense = [fingerprint(each, settings.dense, settings) for each in (peaks, half_a_frame_later)]
    yield _joined(dense), QueryTrial("dense")
    for speed in settings.speeds:
        slowed = constellation([_slowed(samples, speed)], settings)
        trial = QueryTrial("speed", speed=speed, trials=len(settings.speeds))
        yield fingerprint(slowed, settings.cheap, settings), trial


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
