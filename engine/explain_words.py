"""A verdict in words, for those who never saw a landmark."""

import unicodedata
from dataclasses import dataclass

from engine.decision import Outcome
from engine.model import Match

_LONGEST_NAME = 160
"""Characters; a tag may hold a novel."""
_TURNING = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}
"""Unicode's bidirectional controls: left open, they turn around what follows the name."""
_REMOVED = "a recording that has just been removed"


@dataclass(frozen=True, slots=True)
class Finding:
    """What was decided on a clip."""

    outcome: Outcome
    reason: str
    match: Match | None
    """What is drawn: the best candidate, accepted or refused."""
    name: str | None
    """Of its recording; None if that was removed meanwhile."""
    confidence: float
    """0..1."""


def headline(finding: Finding) -> str:
    """Return what the clip is."""
    name = printable(finding.name) if finding.name else _REMOVED
    match finding.outcome:
        case Outcome.IDENTIFIED:
            return f"Known: {name}"
        case Outcome.AMBIGUOUS:
            return f"Perhaps: {name}"
        case Outcome.UNKNOWN:
            return f"Not known; closest, but refused: {name}" if finding.match else "Not known"


_WITH_S = 0.05
"""Less is nothing that a person would call a difference."""


def details(finding: Finding) -> str:
    """Return where in the recording the clip lies, how fast it plays and how sure that is; "" if nowhere."""
    found = finding.match
    if found is None:
        return ""
    if abs(found.offset_s) < _WITH_S:
        where = "begins with the recording"
    elif found.offset_s >= 0:
        where = f"begins {clock(found.offset_s)} into the recording"
    else:
        where = f"begins {clock(-found.offset_s)} before the recording does"
    faster = round((found.speed - 1) * 100)
    pace = f"{abs(faster)} % {'faster' if faster > 0 else 'slower'}" if faster else "at its speed"
    would = "would begin" if finding.outcome is Outcome.UNKNOWN else "begins"
    return f"The clip {where.replace('begins', would)}, played {pace}; {sure(finding.confidence)} sure."


def reason(finding: Finding) -> str:
    """Return why, as a sentence."""
    return f"{finding.reason[:1].upper()}{finding.reason[1:]}."


def clock(time_s: float, *, tenths: bool = True) -> str:
    """Return minutes and seconds, and hours if there are any: "4:07.3", "1:04:07.3"."""
    units_per_s = 10 if tenths else 1
    units = round(abs(time_s) * units_per_s)
    sign = "-" if time_s < 0 and units else ""
    seconds = units % (60 * units_per_s) / units_per_s
    hours, minutes = divmod(units // (60 * units_per_s), 60)
    begin = f"{hours}:{minutes:02d}" if hours else f"{minutes}"
    return f"{sign}{begin}:{seconds:04.1f}" if tenths else f"{sign}{begin}:{seconds:02.0f}"


def printable(name: str) -> str:
    """Return a name on one line, without what controls a terminal or the writing's direction."""
    shown = "".join(" " if _is_control(character) else character for character in name)
    shown = " ".join(shown.split())
    return shown if len(shown) <= _LONGEST_NAME else f"{shown[: _LONGEST_NAME - 1]}…"


def sure(confidence: float) -> str:
    """Return a confidence as a percentage; never "100.0%": nothing is that sure."""
    return f"{min(confidence, 0.999):.1%}"


def _is_control(character: str) -> bool:
    return (
        unicodedata.category(character) in {"Cc", "Cs", "Co", "Cn", "Zl", "Zp"}
        or unicodedata.bidirectional(character) in _TURNING
    )
