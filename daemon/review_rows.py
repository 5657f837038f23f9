"""What the rows of identification and review mean, as values."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from daemon.playlist_rows import TrackKind
from daemon.unknown import Naming

Json = Mapping[str, Any]
ApplyAs = Literal["identified", "filled", "accepted"]


@dataclass(frozen=True, slots=True)
class UnknownFile:
    """A file that lacks a name, or its album."""

    file_id: int
    root: bytes
    path: bytes
    recording_id: int
    naming: Naming
    tags: Json
    arrived_later: bool
    is_new: bool
    """It waits to be held against the references."""
    is_guess: bool
    """Its title and artist are what we wrote, and no person confirmed them."""

    @property
    def place(self) -> bytes:
        """Return the absolute path."""
        return self.root.rstrip(b"/") + b"/" + self.path

    @property
    def name(self) -> str:
        """Return its name, without folders."""
        return self.path.rpartition(b"/")[2].decode(errors="replace")


@dataclass(frozen=True, slots=True)
class FileSource:
    """A file whose tags are trusted as its recording's name."""

    recording_id: int
    file_id: int
    root: bytes
    path: bytes
    size_bytes: int
    mtime_ns: int
    tags: Json
    is_present: bool
    guesses: Json
    """What we wrote into it, unconfirmed; as `TagFields.as_json`."""


@dataclass(frozen=True, slots=True)
class TrackSource:
    """A playlist's track that names its recording."""

    recording_id: int
    title: str
    artists: list[str]
    album: str | None
    year: int | None
    kind: TrackKind


@dataclass(frozen=True, slots=True)
class Doubt:
    """A field that we wrote into a file, and that its source says no more."""

    change_id: int
    field: str
    written: str | None
    said_now: str | None


@dataclass(frozen=True, slots=True)
class Proposal:
    """What a file may be."""

    outcome: Literal["identified", "ambiguous"]
    reason: str
    refusal: str | None
    """Why what was identified could not be written."""
    candidates: list[dict[str, Any]]
    """Best first, as `candidates.Candidate.as_json`."""
    apply_as: ApplyAs | None
    """How the first one would be written; None: a person is asked."""
    is_due: bool
    """It is to be written without asking (in a list: now, or once that may pass)."""


@dataclass(frozen=True, slots=True)
class ListedFile:
    """A file as a person sees it."""

    file_id: int
    root: bytes
    path: bytes
    status: str
    naming: str | None
    error: str | None
    retry_at: datetime | None
    """Of a failed file; None: when it changes."""
    is_missing: bool
    recording_id: int | None
    tags: Json | None
    duration_s: float | None
    proposal: Proposal | None

    @property
    def place(self) -> bytes:
        """Return the absolute path."""
        return self.root.rstrip(b"/") + b"/" + self.path


@dataclass(frozen=True, slots=True)
class IdentificationCounts:
    """How far identification is."""

    unknown: int
    """Files without a name."""
    review: int
    """Files that wait for a person."""
    to_tag: int
    """Files whose tags are decided, and written next."""
    postponed: int
    """Those that could not be written yet."""
    tagged: int
    """Files that carry our tags."""
    to_identify: int
    to_offer: int
    """References that were not yet held against the unknown files."""
