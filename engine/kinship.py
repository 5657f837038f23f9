"""Two constellations to how their sounds are related, seen from both sides."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from engine.contents import Contained, explain_contents, sound_span_s
from engine.model import Peaks
from engine.passages import Passage
from engine.settings import Settings
from engine.suspects import Suspect
from engine.whole_verdict import SAME_SPEED, Relation, met_share, relation

KinKind = Literal["copy", "version", "edit", "excerpt"]

_WINDOW_S = 10.0
"""As long as the windows by which suspects are found."""


@dataclass(frozen=True, slots=True)
class Kinship:
    """How two sounds are related."""

    relation: KinKind
    """Of the one to the other."""
    is_reversed: bool
    """It is the other that is an edit or an excerpt of the one."""
    coverage: float
    """Share of the one's peaks that lie in what both have, 0..1."""
    other_coverage: float
    met_share: float
    """Share of the peaks there that both have: the smaller of both sides."""
    speed: float
    """How much faster than the other the one plays."""


def find_kinship(one: Peaks, other: Peaks, suspects: Sequence[Suspect], settings: Settings) -> Kinship | None:
    """Return how two sounds are related; None if neither is, nearly as a whole, in the other.

    Seen from one side only, a full version would hide what was cut out of the other, and a piece would be
    taken for a copy of what was sung over it: so what was found is held the other way round as well.

    Parameters
    ----------
    suspects : lines on which the other may sound in the one
    """
    there = _contained(one, other, suspects, settings)
    if there is None:
        return None
    back = _contained(other, one, [_mirrored(each, settings) for each in there.passages], settings)
    relations = (
        relation(there, sound_span_s(one, settings)),
        None if back is None else relation(back, sound_span_s(other, settings)),
    )
    kind = _kind(*relations, speed=there.passages[0].speed)
    if kind is None:
        return None
    return Kinship(
        relation=kind[0],
        is_reversed=kind[1],
        coverage=there.file_coverage,
        other_coverage=there.recording_coverage,
        met_share=min(met_share(each.passages) for each in (there, back) if each is not None),
        speed=there.passages[0].speed,
    )


def _contained(file: Peaks, held: Peaks, suspects: Sequence[Suspect], settings: Settings) -> Contained | None:
    """Return what of the one is in the other alone: a better explanation elsewhere does not matter here."""
    number = suspects[0].recording_id if suspects else 0
    return next(iter(explain_contents(file, suspects, {number: held}, settings)), None)


def _mirrored(passage: Passage, settings: Settings) -> Suspect:
    """Return the middle of a passage as it is seen from the other side."""
    line = passage.line
    centre = sum(passage.recording_span_s) / 2 * settings.frames_per_s
    half = _WINDOW_S * settings.frames_per_s / 2
    return Suspect(
        recording_id=0,
        begin_frame=max(0, round(centre - half)),
        end_frame=round(centre + half),
        offset_frames=-line.offset_frames / line.speed,
        speed=1 / line.speed,
        score=passage.score,
    )


def _kind(there: Relation, back: Relation | None, *, speed: float) -> tuple[KinKind, bool] | None:
    """Return one word for both views, and whether it is true from the other side."""
    whole = {Relation.COPY, Relation.VERSION}
    if there in whole or back in whole:
        is_copy = there is back is Relation.COPY and abs(speed - 1) <= SAME_SPEED
        return ("copy" if is_copy else "version"), False
    if Relation.EDIT in (there, back):
        return "edit", there is not Relation.EDIT
    if there is Relation.EXCERPT or back is Relation.CONTAINS:
        return "excerpt", False
    if back is Relation.EXCERPT or there is Relation.CONTAINS:
        return "excerpt", True
    return None
