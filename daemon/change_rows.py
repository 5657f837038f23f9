"""What the journal's rows mean, as values."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

from daemon.file_safety import FileStamp
from daemon.filetags import FileTags
from daemon.unknown import Naming, naming

Cause = Literal["identified", "accepted", "named", "filled", "restored"]
Status = Literal["prepared", "done", "undoing", "undone", "abandoned"]
Json = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class FileToTag:
    """What is known of a file that is to be written."""

    file_id: int
    root: bytes
    path: bytes
    size_bytes: int
    mtime_ns: int
    status: str
    is_missing: bool
    content_hash: bytes | None
    recording_id: int | None

    @property
    def place(self) -> Path:
        """Return where it is."""
        return Path(os.fsdecode(self.root + b"/" + self.path))


@dataclass(frozen=True, slots=True)
class Change:
    """One write to one file, and what became of it."""

    change_id: int
    file_id: int | None
    """None: the file's row is gone."""
    root: bytes
    path: bytes
    """Below the root, at the time."""
    root_now: bytes | None
    path_now: bytes | None
    """Where the file is now; None like `file_id`."""
    is_missing: bool
    cause: Cause
    recording_id: int | None
    """The reference that the tags come from."""
    status: Status
    error: str | None
    before_sha256: bytes
    after_sha256: bytes
    audio_md5: bytes
    before_tags: dict[str, object]
    after_tags: dict[str, object]
    """As `TagFields.as_json`."""
    evidence: dict[str, object]
    confirmed_at: datetime | None
    created_at: datetime
    ended_at: datetime | None

    @property
    def library_root(self) -> bytes:
        """Return the root that the file is below, or was."""
        return self.root if self.root_now is None else self.root_now

    @property
    def place(self) -> bytes:
        """Return the file's absolute path: where it is, else where it was."""
        return self.library_root + b"/" + (self.path if self.path_now is None else self.path_now)


@dataclass(frozen=True, slots=True)
class Written:
    """What a file is after a write."""

    stamp: FileStamp
    sha256: bytes
    tags: FileTags
    naming: Naming


def written(stamp: FileStamp, sha256: bytes, tags: Json, file_name: str) -> Written:
    """Return what a file is, given its stamp and what it says (as `TagFields.as_json`)."""
    title, artist, album = (_text(tags.get(name)) for name in ("title", "artist", "album"))
    named = naming(FileTags(title, artist, album), file_name)
    return Written(
        stamp, sha256, FileTags(title, artist, album, is_trusted=named is not Naming.UNKNOWN), named
    )


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
