"""What the database's rows mean, as values."""

from dataclasses import dataclass
from datetime import datetime

from daemon.filetags import FileTags


@dataclass(frozen=True, slots=True)
class Library:
    """A root folder whose files are known."""

    library_id: int
    root: bytes
    watched: bool
    is_scanned: bool


@dataclass(frozen=True, slots=True)
class FileCounts:
    """How many files of a library are in which state; missing ones are counted nowhere else."""

    present: int = 0
    pending: int = 0
    indexed: int = 0
    failed: int = 0
    missing: int = 0


@dataclass(frozen=True, slots=True)
class PendingFile:
    """A file whose turn it is; size and mtime are those that the result will be true for."""

    file_id: int
    root: bytes
    path: bytes
    size_bytes: int
    mtime_ns: int
    attempts: int
    """How often it failed since it changed."""

    @property
    def name(self) -> str:
        """Return the file's name as text, whatever its bytes."""
        return self.path.rpartition(b"/")[2].decode(errors="replace")


@dataclass(frozen=True, slots=True)
class FailedFile:
    """A file that can't be fingerprinted."""

    file_id: int
    place: bytes
    """Its absolute path."""
    error: str
    retry_at: datetime | None
    """None: when it changes."""


@dataclass(frozen=True, slots=True)
class IngestedFile:
    """What a worker learned of a file."""

    digest: bytes
    constellation: bytes
    duration_s: float
    fingerprint_version: int
    content_hash: bytes
    tags: FileTags


@dataclass(frozen=True, slots=True)
class Description:
    """What a recording is called."""

    recording_id: int
    is_reference: bool
    title: str | None
    artist: str | None
    album: str | None
    album_art: str | None
    video_id: str | None
    webpage_url: str | None
    duration_s: float
    path: bytes | None
    """Of one of its files, below the library's root."""


@dataclass(frozen=True, slots=True)
class RecordingCounts:
    """How much is known."""

    recordings: int
    references: int
    duration_s: float


@dataclass(frozen=True, slots=True)
class Task:
    """A match that was asked for."""

    status: str
    result: list[dict[str, object]] | None
    error: str | None
    outcome: str | None = None
    """Of a match: as `engine.decision.Outcome`."""
    reason: str | None = None
    """Why that was decided."""
