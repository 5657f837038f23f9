"""Decide what follows from a failure: whose fault it is, and when it is tried again."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from daemon.playlist_errors import (
    BrokenDownload,
    CookiesUnusable,
    SourceBlocked,
    SourceChanged,
    SourceError,
    SourceUnreachable,
    Unavailable,
)
from daemon.playlist_state import Setback

_MINUTE_S = 60.0
_HOUR_S = 3_600.0
_DAY_S = 86_400.0

Fault = Literal["track", "perhaps the source", "source"]


@dataclass(frozen=True, slots=True)
class Backoff:
    """How patient one kind of failure makes us."""

    first_s: float
    longest_s: float
    most_attempts: int | None
    """None: as long as it takes."""
    factor: float = 2.0

    def delay(self, attempts: int) -> timedelta | None:
        """Return how long to wait after so many attempts; None: it is given up."""
        if self.most_attempts is not None and attempts >= self.most_attempts:
            return None
        # Beyond 30 doublings every limit is reached, and a float would overflow one day.
        return timedelta(seconds=min(self.longest_s, self.first_s * self.factor ** min(attempts - 1, 30)))


_NETWORK = Backoff(5 * _MINUTE_S, 6 * _HOUR_S, most_attempts=10)
_BROKEN = Backoff(10 * _MINUTE_S, 12 * _HOUR_S, most_attempts=4, factor=4.0)
_CHANGED = Backoff(6 * _HOUR_S, 2 * _DAY_S, most_attempts=10)
_GONE = Backoff(30 * _DAY_S, 30 * _DAY_S, most_attempts=None)
"""What is private or locked may be open again one day."""
_UNKNOWN = Backoff(1 * _HOUR_S, 12 * _HOUR_S, most_attempts=4)

_BLOCKED_PAUSE = Backoff(15 * _MINUTE_S, 24 * _HOUR_S, most_attempts=None)
_CHANGED_PAUSE = Backoff(3 * _HOUR_S, 24 * _HOUR_S, most_attempts=None)
_NETWORK_PAUSE = Backoff(5 * _MINUTE_S, 1 * _HOUR_S, most_attempts=None)
_STRIKES = 3
"""So many failures of tracks one after the other are the source's, not theirs."""
BEHIND_OTHERS = timedelta(minutes=10)
"""A track over which the source refused comes after others: perhaps it is refused alone."""


def fault_of(error: Exception) -> Fault:
    """Tell who is to blame for a failure."""
    match error:
        case SourceBlocked() | CookiesUnusable():
            return "source"
        case SourceUnreachable() | SourceChanged():
            return "perhaps the source"
        case _:
            return "track"


def backoff_of(error: Exception) -> Backoff:
    """Return how a track or list that failed so is tried again."""
    match error:
        case Unavailable():
            return _GONE
        case SourceUnreachable():
            return _NETWORK
        case SourceChanged():
            return _CHANGED
        case BrokenDownload() | SourceError():
            return _BROKEN
        case _:
            return _UNKNOWN


def after(error: Exception, setback: Setback) -> tuple[Setback, timedelta | None]:
    """Return what the source's failures amount to with this one, and how long it is left alone (if it is).

    A refusal pauses at once, other failures when several tracks one after the other meet them; each pause is
    twice as long as the one before, until something succeeds.
    """
    strikes = setback.strikes + 1
    if fault_of(error) != "source" and strikes < _STRIKES:
        return Setback(strikes, setback.length_s), None
    pause = _pause_of(error)
    least_s = (error.args[1] or 0.0) if isinstance(error, SourceBlocked) else 0.0
    doubled_s = max(pause.first_s, 2 * setback.length_s)
    length_s = min(max(doubled_s, least_s), max(pause.longest_s, least_s))
    return Setback(strikes, min(length_s, pause.longest_s)), timedelta(seconds=min(length_s, 7 * _DAY_S))


def _pause_of(error: Exception) -> Backoff:
    match error:
        case SourceBlocked():
            return _BLOCKED_PAUSE
        case SourceChanged():
            return _CHANGED_PAUSE
        case _:
            return _NETWORK_PAUSE
