"""Why YouTube's player refuses a video."""

from collections.abc import Mapping
from typing import Any

from daemon.playlist_errors import Reason, SourceBlocked, SourceError, Unavailable

_REASONS: tuple[tuple[str, Reason], ...] = (
    ("private", "private"),
    ("age", "age_locked"),
    ("inappropriate", "age_locked"),
    ("country", "region_locked"),
    ("region", "region_locked"),
    ("member", "paid"),
    ("premium", "paid"),
    ("payment", "paid"),
    ("purchase", "paid"),
    ("rent", "paid"),
)
"""Words of its reasons, which have no codes."""


def refusal_of_player(status: Mapping[str, Any], what: str) -> SourceError | None:
    """Return what `playabilityStatus` says against playing, as an error; None if nothing."""
    if status.get("status") == "OK":
        return None
    told = f"{status.get('reason') or ''} {' '.join(map(str, status.get('messages') or ()))}".lower()
    words = set("".join(each if each.isalpha() else " " for each in told).split())
    if {"bot", "robot"} & words:
        return SourceBlocked("it asks for proof that we are no robot")
    for word, reason in _REASONS:
        if word in words or f"{word}s" in words:
            return Unavailable(what, reason)
    return Unavailable(what, "gone")
