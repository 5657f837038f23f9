"""What the rows of an audit mean, as values."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from daemon.sources import TaggedFile
from engine.kinship import KinKind, Kinship

FindingKind = Literal["mislabelled", "duplicates", "broken"]
KINDS: tuple[FindingKind, ...] = ("mislabelled", "duplicates", "broken")
Problem = Literal["failed", "truncated", "silent", "short"]
RunStatus = Literal["running", "done", "cancelled", "failed", "interrupted"]
MemberRelation = Literal["identical", "copy", "version", "edit", "fuller", "excerpt", "contains"]
"""Of a duplicate to another: the same bytes, what `engine.kinship` says, and that from the other side."""


@dataclass(frozen=True, slots=True)
class Run:
    """One audit of the library."""

    run_id: int
    status: RunStatus
    is_fresh: bool
    error: str | None
    recordings: int | None
    files: int | None
    started_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class FileToLookAt:
    """A file whose headers were not read since it changed."""

    file_id: int
    file: TaggedFile


@dataclass(frozen=True, slots=True)
class Stated:
    """What a file states of itself; None where it doesn't."""

    codec: str | None = None
    is_lossless: bool | None = None
    bit_rate: int | None = None
    sample_rate_hz: int | None = None
    channels: int | None = None
    stated_s: float | None = None
    """How long it says it is, where that is no guess."""
    has_mbid: bool = False


@dataclass(frozen=True, slots=True)
class Examined:
    """What one recording's turn brought."""

    sounding_s: float | None
    is_recognisable: bool | None
    kin: Mapping[int, Kinship]
    """By the other recording; this one is `one`."""


@dataclass(frozen=True, slots=True)
class Related:
    """Two recordings that are related."""

    one_id: int
    other_id: int
    relation: KinKind
    is_reversed: bool
    coverage: float
    other_coverage: float
    met_share: float
    speed: float


@dataclass(frozen=True, slots=True)
class AuditedFile:
    """A file whose recording is related to others, or is in several files; or a reference without a file."""

    recording_id: int
    duration_s: float
    title: str | None
    artist: str | None
    is_named: bool
    """Title and artist mean something."""
    has_album: bool
    file_id: int | None = None
    place: bytes | None = None
    """Absolute path."""
    size_bytes: int | None = None
    mtime_ns: int | None = None
    disk_place: tuple[int, int] | None = None
    """Device and inode: hard links share it."""
    content_hash: bytes | None = None
    is_lossless: bool | None = None
    bit_rate: int | None = None
    has_mbid: bool = False

    @property
    def name(self) -> str:
        """Return the file's name as text, whatever its bytes."""
        return (self.place or b"").rpartition(b"/")[2].decode(errors="replace")


@dataclass(frozen=True, slots=True)
class SuspectFile:
    """A file that failed, states more than is in it, or whose sound can hardly be known again."""

    file_id: int
    place: bytes
    recording_id: int | None
    size_bytes: int
    mtime_ns: int
    error: str | None
    duration_s: float | None
    stated_s: float | None
    sounding_s: float | None
    is_recognisable: bool | None


@dataclass(frozen=True, slots=True)
class Member:
    """A file (or reference) that a finding is about, as it was when the report was made."""

    file_id: int | None
    recording_id: int | None
    path: bytes | None
    size_bytes: int | None
    mtime_ns: int | None
    duration_s: float | None
    name_number: int | None = None
    title: str | None = None
    artist: str | None = None
    source: str | None = None
    is_likely: bool | None = None
    relation: MemberRelation | None = None
    related_place: int | None = None
    coverage: float | None = None
    other_coverage: float | None = None
    met_share: float | None = None
    speed: float | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that a person should look at."""

    kind: FindingKind
    reason: str
    members: tuple[Member, ...]
    problem: Problem | None = None


@dataclass(frozen=True, slots=True)
class ShownMember:
    """A member as it is shown, with what is known of the file by now."""

    member: Member
    place: int
    path_now: bytes | None
    """None: the file is gone."""
    is_changed: bool
    stated: Stated


@dataclass(frozen=True, slots=True)
class ShownFinding:
    """A finding of the last report."""

    finding_id: int
    kind: FindingKind
    problem: Problem | None
    reason: str
    members: tuple[ShownMember, ...]


@dataclass(frozen=True, slots=True)
class Since:
    """What changed since the last report."""

    new: int
    changed: int
    missing: int
