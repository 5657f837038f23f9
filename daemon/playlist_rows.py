"""What a list of tracks says, and what became of it, as values."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

ListKind = Literal["playlist", "album", "artist", "track", "liked"]
TrackKind = Literal["album audio", "video"]
"""Album audio is the record's own sound; a video may begin with talk, or be somebody's upload."""


@dataclass(frozen=True, slots=True)
class Track:
    """An entry of a list."""

    video_id: str | None
    """None: it is listed, and can't be played."""
    title: str
    artists: tuple[str, ...] = ()
    album: str | None = None
    year: int | None = None
    duration_s: float | None = None
    kind: TrackKind = "video"
    thumbnail_url: str | None = None


@dataclass(frozen=True, slots=True)
class Listing:
    """A list as its source tells it."""

    kind: ListKind
    title: str
    tracks: tuple[Track, ...]
    announced: int | None = None
    """How many tracks it says it has; more than came means that some are missing from the answer."""


@dataclass(frozen=True, slots=True)
class Downloaded:
    """A track's sound, on disk for a short while."""

    path: Path
    size_bytes: int
    details: Mapping[str, str]
    """What the download itself knows: title, artist, album, release_year, ... as far as it does."""
