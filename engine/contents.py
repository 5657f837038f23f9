"""What a whole file contains: passages of recordings, each stretch given to those that explain it best.

Recordings that share a sample, a loop or a whole take explain the same peaks; recordings that sound
together (a crossfade, a mashup) explain different ones. So passages are taken best first, and one that meets
hardly a peak that is not explained already is a second explanation: it is kept as an alternative where it is
as long as the first, and left out where it is only a part of it.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from engine.lines import HeldPeaks, hold, hold_against
from engine.model import Peaks
from engine.passages import Passage, find_passages
from engine.settings import Settings
from engine.suspects import Suspect

_OWN_SHARE = 0.5
"""Of the peaks that a passage meets, so many must not be explained by a better one."""
_SAME_STRETCH = 0.8
"""An alternative explains so much of what the first explanation does."""

Span = tuple[float, float]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Contained:
    """A recording that sounds in a file. Times in seconds, shares 0..1."""

    recording_id: int
    passages: tuple[Passage, ...]
    """In the file's order; none overlap in the file."""
    file_coverage: float
    """Share of the file's peaks within the passages: silence neither helps nor hurts."""
    recording_coverage: float
    """Share of the recording's peaks within them."""
    recording_sound_s: Span
    """From the recording's first peak to its last."""
    score: float
    """Of the passages, added up."""
    alternative_to: int | None = None
    """A recording that explains the same stretch of the file at least as well."""


@dataclass(frozen=True, slots=True)
class _Claim:
    """A passage and the file's peaks that it meets."""

    recording_id: int
    passage: Passage
    met: npt.NDArray[np.int64]
    """Places in the file's arrays."""
    rival_id: int | None = None
    """The recording that explains most of them already."""


def explain_contents(
    peaks: Peaks, suspects: Iterable[Suspect], references: Mapping[int, Peaks], settings: Settings
) -> tuple[Contained, ...]:
    """Return what the file contains, ordered by where it begins; alternatives follow what they might replace.

    Parameters
    ----------
    references : the suspects' constellations by recording; one that is missing is left out
    """
    by_recording = defaultdict(list)
    for suspect in suspects:
        by_recording[suspect.recording_id].append(suspect)
    claims = []
    for recording_id, theirs in sorted(by_recording.items()):
        if recording_id in references:
            reference = references[recording_id]
            passages, held = find_passages(peaks, reference, theirs, settings), hold(reference)
            claims += [_Claim(recording_id, each, _met(peaks, held, each, settings)) for each in passages]
    resolved = _resolved(claims, len(peaks.frames))
    contents = {
        recording_id: _contained(recording_id, theirs, peaks, references[recording_id], settings)
        for recording_id, theirs in _without_shadows(resolved).items()
    }
    return _in_order(contents)


def coverage(peaks: Peaks, spans_s: Iterable[Span], settings: Settings) -> float:
    """Return the share of peaks that lie in any of the spans."""
    if not len(peaks.frames):
        return 0.0
    covered = np.zeros(len(peaks.frames), np.bool_)
    for begin_s, end_s in spans_s:
        frames = np.array([begin_s, end_s]) * settings.frames_per_s
        begin, end = np.searchsorted(peaks.frames, np.rint(frames))
        covered[begin:end] = True
    return float(covered.mean())


def sound_span_s(peaks: Peaks, settings: Settings) -> Span:
    """Return when the first and the last peak sound; (0, 0) without any."""
    if not len(peaks.frames):
        return 0.0, 0.0
    return float(peaks.frames[0]) / settings.frames_per_s, float(peaks.frames[-1] + 1) / settings.frames_per_s


def _met(peaks: Peaks, held: HeldPeaks, passage: Passage, settings: Settings) -> npt.NDArray[np.int64]:
    """Return which of the file's peaks the passage explains."""
    frames = np.rint(np.array(passage.file_span_s) * settings.frames_per_s)
    along = hold_against(peaks, held, passage.line, *frames)
    return along.places[along.met]


def _resolved(claims: Sequence[_Claim], peak_count: int) -> list[_Claim]:
    """Return the claims, best first; each that explains little of its own names its rival."""
    owner = np.full(peak_count, -1, np.int64)
    resolved: list[_Claim] = []
    for claim in sorted(claims, key=lambda each: (-each.passage.score, each.recording_id)):
        owners = owner[claim.met]
        others = owners[(owners >= 0) & (owners != claim.recording_id)]
        if len(others) <= (1 - _OWN_SHARE) * len(claim.met):
            owner[claim.met] = np.where(owners < 0, claim.recording_id, owners)
            resolved.append(claim)
        else:
            ids, counts = np.unique(others, return_counts=True)
            resolved.append(replace(claim, rival_id=int(ids[np.argmax(counts)])))
    return resolved


def _without_shadows(resolved: Sequence[_Claim]) -> dict[int, list[_Claim]]:
    """Return by recording what is its own, and what is a full alternative to another's."""
    by_recording = defaultdict(list)
    for claim in resolved:
        by_recording[claim.recording_id].append(claim)
    kept = {}
    for recording_id, claims in by_recording.items():
        rivals = {claim.rival_id for claim in claims if claim.rival_id is not None}
        equalled = {rival for rival in rivals if _equals(claims, by_recording[rival], rival)}
        theirs = [claim for claim in claims if claim.rival_id is None or claim.rival_id in equalled]
        if theirs:
            kept[recording_id] = theirs
    return kept


def _equals(claims: Sequence[_Claim], rivals: Sequence[_Claim], rival_id: int) -> bool:
    """Tell whether the claims that have this rival explain nearly as much as its claims there do."""
    mine = [claim.passage for claim in claims if claim.rival_id == rival_id]
    its = [
        rival.passage
        for rival in rivals
        if rival.rival_id is None and any(_overlap_s(rival.passage, each) > 0 for each in mine)
    ]
    shared_s = sum(_overlap_s(each, other) for each in mine for other in its)
    return shared_s >= _SAME_STRETCH * sum(each.duration_s for each in its)


def _overlap_s(one: Passage, other: Passage) -> float:
    begin_s = max(one.file_span_s[0], other.file_span_s[0])
    return max(0.0, min(one.file_span_s[1], other.file_span_s[1]) - begin_s)


def _contained(
    recording_id: int, claims: Sequence[_Claim], peaks: Peaks, reference: Peaks, settings: Settings
) -> Contained:
    passages = tuple(sorted((claim.passage for claim in claims), key=lambda passage: passage.file_span_s[0]))
    rivals = [claim.rival_id for claim in claims if claim.rival_id is not None]
    return Contained(
        recording_id=recording_id,
        passages=passages,
        file_coverage=coverage(peaks, (passage.file_span_s for passage in passages), settings),
        recording_coverage=coverage(reference, (passage.recording_span_s for passage in passages), settings),
        recording_sound_s=sound_span_s(reference, settings),
        score=sum(passage.score for passage in passages),
        alternative_to=rivals[0] if len(rivals) == len(claims) else None,
    )


def _in_order(contents: Mapping[int, Contained]) -> tuple[Contained, ...]:
    """Return the contents by their begin in the file, alternatives behind what they might replace."""

    def place(each: Contained) -> tuple[float, int, bool, float, int]:
        first = contents[each.recording_id if each.alternative_to is None else each.alternative_to]
        is_alternative = each.alternative_to is not None
        return (
            first.passages[0].file_span_s[0],
            first.recording_id,
            is_alternative,
            -each.score,
            each.recording_id,
        )

    return tuple(sorted(contents.values(), key=place))
