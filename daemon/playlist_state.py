"""What is known of lists and their tracks, as values."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from daemon.playlist_rows import ListKind, Track

TrackState = Literal["wanted", "refused", "fetched", "unavailable", "failed"]
TRACK_STATES: tuple[TrackState, ...] = ("wanted", "refused", "fetched", "unavailable", "failed")
ListSource = Literal["config", "added"]
Outcome = Literal["read", "incomplete", "failed", "blocked"]
Work = Literal["lists", "downloads"]


@dataclass(frozen=True, slots=True)
class KnownList:
    """A list whose tracks become references."""

    playlist_id: int
    url: str
    kind: ListKind
    title: str | None
    every_s: float | None
    """None: only when somebody asks."""
    source: ListSource
    next_sync_at: datetime | None
    synced_at: datetime | None
    outcome: Outcome | None
    """Of the last look at it; None before the first."""
    detail: str | None
    failures: int


@dataclass(frozen=True, slots=True)
class TrackCounts:
    """How many tracks of a list are in which state; those that left it are counted in `gone` only."""

    wanted: int = 0
    refused: int = 0
    fetched: int = 0
    unavailable: int = 0
    failed: int = 0
    gone: int = 0
    to_fetch: int = 0
    """Of all those: to be fetched as soon as it is their turn."""


@dataclass(frozen=True, slots=True)
class KnownTrack:
    """A track, and what became of it."""

    track_id: int
    track: Track
    page_url: str
    state: TrackState
    reason: str | None
    attempts: int
    retry_at: datetime | None
    recording_id: int | None
    position: int = 0
    """Its place in the list that is looked at, from 0."""
    gone_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Choice:
    """A track with a video, and whether it is taken."""

    track: Track
    position: int
    refusal: str | None
    """Why it is not; None: it is."""


@dataclass(frozen=True, slots=True)
class Pause:
    """The source is not asked for anything."""

    until: datetime
    reason: str

    def as_json(self) -> dict[str, str]:
        """Return it as JSON values."""
        return {"until": self.until.isoformat(), "reason": self.reason}


@dataclass(frozen=True, slots=True)
class Setback:
    """How often the source failed one after the other, and how long it was left alone then."""

    strikes: int = 0
    length_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Trouble:
    """A failure that is, or may be, the source's: noted together with what it hit."""

    work: Work
    setback: Setback
    until: datetime | None
    """Nothing is asked until then; None: other things are."""
    reason: str
