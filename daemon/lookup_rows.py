"""What media servers ask, and what the rows about it mean, as values."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

from daemon.path_map import normal

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Asked:
    """A file that a media server does not know, as it sees it."""

    path: bytes
    """Should be absolute; may be anything."""
    size_bytes: int | None = None
    source: str | None = None
    """Which server; at most 64 characters without NUL."""
    item_id: str | None = None
    """What it calls the file; at most 256 characters without NUL."""
    wants_tags: bool = False
    """It is to be tagged, as far as its folder's mode allows."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A look-up that was taken."""

    task_id: UUID
    file_id: int


@dataclass(frozen=True, slots=True)
class PlacedFile:
    """A file that is on disk, below a music folder."""

    path: bytes
    """Absolute, as the library spells it."""
    size_bytes: int
    mtime_ns: int


@dataclass(frozen=True, slots=True)
class KnownAtPlace:
    """What the database holds of the file at a path."""

    file_id: int
    size_bytes: int
    mtime_ns: int
    is_tagged_by_us: bool

    def is_still(self, found: PlacedFile) -> bool:
        """Tell whether the file is as it was when it was noted."""
        return (self.size_bytes, self.mtime_ns) == (found.size_bytes, found.mtime_ns)


@dataclass(frozen=True, slots=True)
class LookedUp:
    """A look-up, and the present state of its file; what begins with `root` is None if the file is gone."""

    task_id: UUID
    file_id: int | None
    asked_path: bytes
    source: str | None
    item_id: str | None
    wants_tags: bool
    root: bytes | None
    path: bytes | None
    status: Literal["pending", "indexed", "failed"] | None
    naming: Literal["named", "incomplete", "unknown"] | None
    error: str | None
    is_missing: bool
    arrived_later: bool
    is_identified: bool
    """It was held against all references."""
    tags: Json | None
    outcome: Literal["identified", "ambiguous"] | None
    """Of what is proposed, as the next four."""
    reason: str | None
    refusal: str | None
    candidate: Json | None
    """The best one."""
    is_to_be_written: bool
    is_being_written: bool
    change_id: int | None
    """The change that made the file what it is."""
    change_confidence: float | None

    @property
    def place(self) -> bytes:
        """Return the absolute path; "/" if the file is gone."""
        return normal((self.root or b"") + b"/" + (self.path or b""))
