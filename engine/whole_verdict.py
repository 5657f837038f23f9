"""What a file contains to a verdict on the whole file, with its reason in words."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

from engine.contents import Contained, Span, coverage, sound_span_s
from engine.decision import Outcome
from engine.model import Peaks
from engine.passages import Passage
from engine.settings import Settings

_WHOLE = 0.9
"""Share of a file or recording that counts as all of it: faded ends have few peaks, and lose them first."""
_SAME_LENGTH_S = 5.0
"""Copies begin and end with the recording, to what a fade makes audible; edits lack more."""
_JUMP_S = 1.0
"""A line that is off by more after a gap is another one."""
SAME_SPEED = 0.01
"""Turntables and converters are within it; what is meant to sound otherwise is not."""
_SAME_SOUND = 0.75
"""Share of the peaks that a copy meets: 25 real pieces, encoded at 24 kbit/s, had .83 and more; with other
music over them, 6 dB below, half had .63 to .78. So a song is no copy of its instrumental version."""
_TRIFLE_S = 10.0
_TRIFLE_SHARE = 0.1
"""Less than both is a sample or a jingle: nothing a file could be named after."""


class Relation(StrEnum):
    """What a file is to a recording."""

    COPY = "copy"
    """The same sound from begin to end."""
    VERSION = "version"
    """The recording from begin to end, with other sound over it or in its place."""
    EDIT = "edit"
    """Nearly all of the file is in the recording, which jumps, or has more at several places."""
    EXCERPT = "excerpt"
    """Nearly all of the file is one stretch of the recording."""
    CONTAINS = "contains"
    """The whole recording is in the file, which has more."""
    SHARES = "shares"
    """Each has what the other lacks: a loop, a sample, a remix, a part in a mix."""


@dataclass(frozen=True, slots=True)
class WholeVerdict:
    """The decision on a whole file."""

    outcome: Outcome
    contents: tuple[Contained, ...]
    relations: tuple[Relation, ...]
    """Of the file to each of the contents."""
    copies: tuple[int, ...]
    """Recordings that the file is a copy of, if it is identified: one sound, known once or several times."""
    explained: float
    """Share of the file that any recording explains, 0..1."""
    duration_s: float
    reason: str


def decide_whole(peaks: Peaks, contents: Sequence[Contained], settings: Settings) -> WholeVerdict:
    """Return what the file is.

    Parameters
    ----------
    contents : as `explain_contents` returns them for these peaks
    """
    sound_s = sound_span_s(peaks, settings)
    relations = tuple(relation(each, sound_s) for each in contents)
    spans = [passage.file_span_s for each in contents for passage in each.passages]
    explained = coverage(peaks, spans, settings)
    copies = _copies(contents, relations)
    if not contents:
        outcome, reason = Outcome.UNKNOWN, "no recording shares a passage with this file"
    elif all(_is_trifle(each) for each in contents):
        longest_s = max(_played_s(each) for each in contents)
        outcome, reason = Outcome.UNKNOWN, f"no more than {longest_s:.0f} s of it are in any known recording"
    elif copies:
        outcome, reason = Outcome.IDENTIFIED, _why_copy(contents, copies)
    else:
        outcome, reason = Outcome.AMBIGUOUS, _why_unclear(contents, relations, explained)
    return WholeVerdict(
        outcome=outcome,
        contents=tuple(contents),
        relations=relations,
        copies=copies if outcome is Outcome.IDENTIFIED else (),
        explained=explained,
        duration_s=peaks.frame_count / settings.frames_per_s,
        reason=reason,
    )


def relation(contained: Contained, file_sound_s: Span) -> Relation:
    """Return what the file is to one recording that it contains.

    Parameters
    ----------
    file_sound_s : from the file's first peak to its last
    """
    whole_file = contained.file_coverage >= _WHOLE
    passages = contained.passages
    recording_s = contained.recording_sound_s[1] - contained.recording_sound_s[0]
    longer_s = (file_sound_s[1] - file_sound_s[0]) * passages[0].speed - recording_s
    is_one_line = not any(_jumps(*each) for each in pairwise(passages))
    if longer_s > _SAME_LENGTH_S and max(_runs_s(passages)) >= _WHOLE * recording_s:
        return Relation.CONTAINS
    if not whole_file:
        return Relation.SHARES
    if not is_one_line:
        return Relation.EDIT
    if contained.recording_coverage >= _WHOLE and longer_s >= -_SAME_LENGTH_S:
        return Relation.COPY if met_share(passages) >= _SAME_SOUND else Relation.VERSION
    return Relation.EXCERPT


def met_share(passages: Sequence[Passage]) -> float:
    """Return the share of the file's peaks within the passages that the recording has as well."""
    return sum(each.peaks for each in passages) / sum(each.peaks / each.share for each in passages)


def _jumps(before: Passage, after: Passage) -> bool:
    """Tell whether the recording goes on elsewhere than the file does."""
    gap_s = (after.file_span_s[0] - before.file_span_s[1]) * before.speed
    return abs(after.recording_span_s[0] - before.recording_span_s[1] - gap_s) > _JUMP_S


def _runs_s(passages: Sequence[Passage]) -> list[float]:
    """Return how long the recording plays each time without a jump."""
    runs: list[Span] = []
    for number, passage in enumerate(passages):
        begin_s, end_s = passage.recording_span_s
        if number and not _jumps(passages[number - 1], passage):
            begin_s = runs.pop()[0]
        runs.append((begin_s, end_s))
    return [end_s - begin_s for begin_s, end_s in runs]


def _copies(contents: Sequence[Contained], relations: Sequence[Relation]) -> tuple[int, ...]:
    """Return the recordings that the file is a copy of, if nothing else speaks for another."""
    substantial = {_first_id(each) for each in contents if not _is_trifle(each)}
    if len(substantial) != 1:
        return ()
    return tuple(
        each.recording_id
        for each, kind in zip(contents, relations, strict=True)
        if kind is Relation.COPY
        and _first_id(each) in substantial
        and abs(each.passages[0].speed - 1) <= SAME_SPEED
    )


def _first_id(contained: Contained) -> int:
    """Return the recording whose alternative this is, or itself."""
    return contained.recording_id if contained.alternative_to is None else contained.alternative_to


def _is_trifle(contained: Contained) -> bool:
    return contained.file_coverage < _TRIFLE_SHARE and _played_s(contained) < _TRIFLE_S


def _played_s(contained: Contained) -> float:
    return sum(passage.duration_s for passage in contained.passages)


def _why_copy(contents: Sequence[Contained], copies: Sequence[int]) -> str:
    best = next(each for each in contents if each.recording_id == copies[0])
    shares = f"{best.file_coverage:.0%} of the file and {best.recording_coverage:.0%} of the recording"
    if len(copies) == 1:
        return f"a copy: {shares} are the same sound"
    return f"a copy of {len(copies)} recordings of one sound; of the first, {shares} are the same"


def _why_unclear(contents: Sequence[Contained], relations: Sequence[Relation], explained: float) -> str:
    firsts = [each for each in contents if each.alternative_to is None]
    known = f"{explained:.0%} of the file is explained"
    if len(firsts) > 1:
        return f"{len(firsts)} recordings sound in it; {known}"
    only = firsts[0]
    if len(contents) > 1:
        return f"{len(contents)} recordings share these {_played_s(only):.0f} s; {known}"
    of_it = f"{only.recording_coverage:.0%} of the recording"
    words = {
        Relation.COPY: f"a copy that plays at {only.passages[0].speed:.1%} of the recording's speed",
        Relation.VERSION: f"a version: {met_share(only.passages):.0%} of its peaks are the recording's",
        Relation.EDIT: f"an edit in {len(only.passages)} pieces, with {of_it}; {known}",
        Relation.EXCERPT: f"one stretch of a recording, {of_it}; {known}",
        Relation.CONTAINS: f"a whole recording is in it, and more; {known}",
        Relation.SHARES: f"{_played_s(only):.0f} s of it are {of_it}; {known}",
    }
    return words[relations[0]]
