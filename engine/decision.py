"""Evidence to a verdict, with its reason in words."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from engine.model import Match
from engine.settings import Settings

_LEAST_COVERAGE = 0.4
"""Of the clip. What sounds in all of it has more: of 60 synthetic clips of 5 to 15 s, under noise, bursts or
music 6 to 10 dB louder, each had all."""
_OTHER_PART = 0.5
"""Of what a candidate explains, so much must lie outside the best's span to be another part of the clip."""


class Outcome(StrEnum):
    """What Spectra says: it names, asks, or doesn't know."""

    IDENTIFIED = "identified"
    AMBIGUOUS = "ambiguous"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The decision on one query."""

    outcome: Outcome
    candidates: tuple[Match, ...]
    """What it rests on, best first; empty when unknown."""
    reason: str


def decide(matches: Sequence[Match], settings: Settings) -> Verdict:
    """Return the verdict on a clip.

    Parameters
    ----------
    matches : best score first, as `recognise` returns them
    """
    likely = [match for match in matches if match.evidence.score >= settings.accepted_score]
    if not likely:
        return Verdict(Outcome.UNKNOWN, (), _why_unknown(matches, settings))
    best = likely[0]
    rivals = [match for match in likely if match.evidence.score >= best.evidence.score * settings.rival_share]
    candidates = tuple(likely)
    if any(_explains_another_part(each, best) for each in likely):
        reason = f"different recordings explain different parts of this clip; of the best, {_evidence(best)}"
        return Verdict(Outcome.AMBIGUOUS, candidates, reason)
    if len(rivals) > 1:
        reason = (
            f"{len(rivals)} recordings explain this clip about equally well; of the best, {_evidence(best)}"
        )
        return Verdict(Outcome.AMBIGUOUS, candidates, reason)
    if best.evidence.coverage < _LEAST_COVERAGE:
        return Verdict(Outcome.AMBIGUOUS, candidates, _evidence(best))
    return Verdict(Outcome.IDENTIFIED, candidates, _evidence(best))


def confidence(match: Match, settings: Settings) -> float:
    """Return how often clips with such a score were right, 0..1: a logistic fit to the recall bench."""
    steepness = math.log(9) / (settings.likely_score - settings.even_score)
    return 1 / (1 + math.exp(-steepness * (match.evidence.score - settings.even_score)))


def _explains_another_part(match: Match, best: Match) -> bool:
    """Tell whether the match lies mostly before or after what the best explains of the clip."""
    begin_s, end_s = match.evidence.query_span_s
    best_begin_s, best_end_s = best.evidence.query_span_s
    shared_s = max(0.0, min(end_s, best_end_s) - max(begin_s, best_begin_s))
    return shared_s < (1 - _OTHER_PART) * (end_s - begin_s)


def _evidence(match: Match) -> str:
    evidence = match.evidence
    only = "only " if evidence.coverage < _LEAST_COVERAGE else ""
    speed = "" if match.speed == 1 else f", played at {match.speed:.0%} of its speed"
    return (
        f"{evidence.votes} landmarks agree, {only}{evidence.coverage:.0%} of the clip is explained{speed}; "
        f"a score of {evidence.score:.1f}"
    )


def _why_unknown(matches: Sequence[Match], settings: Settings) -> str:
    if not matches:
        return "nothing in the index shares a line of landmarks with this clip"
    best = matches[0].evidence
    return (
        f"the best of {len(matches)} candidates has {best.votes} landmarks in line, "
        f"a score of {best.score:.1f}; {settings.accepted_score:g} would be accepted"
    )
