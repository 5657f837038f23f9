"""Evidence to a verdict, with its reason in words."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from engine.model import Match
from engine.settings import Settings


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
    if len(rivals) > 1:
        reason = (
            f"{len(rivals)} recordings explain this clip about equally well; of the best, {_evidence(best)}"
        )
        return Verdict(Outcome.AMBIGUOUS, candidates, reason)
    return Verdict(Outcome.IDENTIFIED, candidates, _evidence(best))


def confidence(match: Match, settings: Settings) -> float:
    """Return how often clips with such a score were right, 0..1: a logistic fit to the recall bench."""
    steepness = math.log(9) / (settings.likely_score - settings.even_score)
    return 1 / (1 + math.exp(-steepness * (match.evidence.score - settings.even_score)))


def _evidence(match: Match) -> str:
    evidence = match.evidence
    speed = "" if match.speed == 1 else f", played at {match.speed:.0%} of its speed"
    return (
        f"{evidence.votes} landmarks agree, {evidence.coverage:.0%} of the clip is explained{speed}; "
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
