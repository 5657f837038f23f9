"""A shortlist held against whole constellations: do single peaks lie on the line too?

A landmark is met only if both of its peaks survive; under noise one often does. So what landmarks have
shortlisted is decided by all peaks: every query peak and every reference peak of about the same bin vote for
an offset, and the votes at the alignment are compared with those everywhere else in the same recording. That
comparison knows how crowded its bins are and how often its bars repeat.
"""

import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import numpy.typing as npt
from scipy.special import betainc  # scipy.stats would cost each process 30 MB

from engine.calibration import score_by_peaks
from engine.chance import is_repeat
from engine.model import Match, Peaks, Shortlist
from engine.settings import BIN_TOLERANCE, Settings

_LEAST_MEAN = 0.1
_LEAST_OVERDISPERSION = 1.05
_MOST_SURPRISE = 300.0
"""Beyond this the tail underflows; everything there is certain."""


def verify(shortlist: Shortlist, references: Mapping[int, Peaks], settings: Settings) -> list[Match]:
    """Return the shortlist's matches scored by all their peaks, best first.

    Parameters
    ----------
    references : constellations of the shortlisted recordings, by id; one that is missing (it was removed
        meanwhile) is left out
    """
    verified = []
    for match in shortlist.matches:
        reference = references.get(match.recording_id)
        if reference is not None:
            offset_frames = round(match.offset_s * settings.frames_per_s)
            surprise = peak_surprise(
                shortlist.queries[match.speed],
                reference,
                offset_frames,
                alignment_frames=settings.alignment_frames,
            )
            score = score_by_peaks(match.evidence.surprise, surprise)
            evidence = replace(match.evidence, score=score)
            verified.append(replace(match, evidence=evidence))
    return sorted(verified, key=lambda match: (-match.evidence.score, match.recording_id))


def peak_surprise(
    query: tuple[Peaks, ...], reference: Peaks, offset_frames: int, *, alignment_frames: int
) -> float:
    """Return -log10 of the share of this recording's offsets expected to have as many coinciding peaks.

    The votes of other offsets are modelled as negative binomial: music repeats, so they scatter more than
    Poisson's would.

    Parameters
    ----------
    query : constellations of the same clip, whose votes add up
    offset_frames : where in the recording the query begins, by its landmarks; one more or less is tried
    """
    votes = _votes_by_offset(query, reference, alignment_frames)
    longest = max(peaks.frame_count for peaks in query)
    # Offsets at which less than half of the query overlaps the recording would pull the mean down.
    overlapping = votes[longest // 2 : len(votes) - longest // 2]
    place = offset_frames + longest
    here = votes[max(0, place - 1) : max(0, place + 2)]
    if not len(here) or not len(overlapping):
        return 0.0
    most = max(1, int(here.max()))
    elsewhere = overlapping[~is_repeat(overlapping, most)]
    mean = max(float(elsewhere.mean()), _LEAST_MEAN)
    variance = max(float(elsewhere.var()), mean * _LEAST_OVERDISPERSION)
    size = mean**2 / (variance - mean)
    # P(at least k) of a negative binomial variable is a regularised incomplete beta function.
    tail = float(betainc(most, size, 1 - mean / variance))
    return min(-math.log10(max(tail, 10**-_MOST_SURPRISE)), _MOST_SURPRISE)


def _votes_by_offset(
    query: tuple[Peaks, ...], reference: Peaks, alignment_frames: int
) -> npt.NDArray[np.int64]:
    """Return how many pairs of query and reference peaks agree on each offset.

    Returns
    -------
    int64 [shape=(reference frames + query frames + 1,)], from the offset -query frames on
    """
    longest = max(peaks.frame_count for peaks in query)
    by_bin = np.argsort(reference.bins, kind="stable")
    bins = reference.bins[by_bin].astype(np.int64)
    frames = reference.frames[by_bin].astype(np.int64)
    votes = np.zeros(reference.frame_count + longest + 1, np.int64)
    for peaks in query:
        wanted = peaks.bins.astype(np.int64)
        first = np.searchsorted(bins, wanted - BIN_TOLERANCE)
        counts = np.searchsorted(bins, wanted + BIN_TOLERANCE, side="right") - first
        steps = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        met = frames[np.repeat(first, counts) + steps]
        offsets = met - np.repeat(peaks.frames.astype(np.int64), counts)
        votes += np.bincount(offsets + longest, minlength=len(votes))
    return np.convolve(votes, np.ones(alignment_frames, np.int64), mode="same")
