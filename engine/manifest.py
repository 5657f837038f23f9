"""The manifest: which segments make up the index, and which of their recordings are removed.

Two lines of JSON, replaced as a whole: `{"crc32", "format", "generation"}`, which changes whenever the
index does and is all that a reader has to look at, and the body that the crc32 covers.
"""

import fcntl
import json
import os
import re
import secrets
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from engine.errors import IndexDamaged, IndexLocked

MANIFEST_NAME = "manifest.json"
LOCK_NAME = "writer.lock"
TEMPORARY_SUFFIX = ".tmp"
SEGMENT_NAME = re.compile(r"[0-9a-f]{16}\.segment")

_FORMAT = 1
_FIRST_LINE_BYTES = 128
"""More than a first line has: three keys and three numbers."""


@dataclass(frozen=True, slots=True)
class SegmentEntry:
    """A segment file and what is removed from it."""

    name: str
    crc32: int
    """Of the content, see `Segment.crc32`."""
    recordings: int
    postings: int
    removed: tuple[int, ...] = ()
    """Ids of recordings that count no longer, ascending. The same id may live in another segment."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """The whole state of an index. An id is live in one segment at most."""

    stamp: str
    generation: int
    segments: tuple[SegmentEntry, ...]


NOTHING = Manifest(stamp="", generation=0, segments=())
"""What a folder without a manifest amounts to."""


def new_segment_name() -> str:
    """Return a name no segment ever had.

    Random, so that a worker that outlived its daemon can't replace a file that a later one lists.
    """
    return f"{secrets.token_hex(8)}.segment"


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Replace the folder's manifest; after an OSError the old one or the new one is in place."""
    body = json.dumps(
        {
            "stamp": manifest.stamp,
            "generation": manifest.generation,
            "segments": [
                [each.name, each.crc32, each.recordings, each.postings, each.removed]
                for each in manifest.segments
            ],
        },
        separators=(",", ":"),
    ).encode()
    first = {"crc32": zlib.crc32(body), "format": _FORMAT, "generation": manifest.generation}
    with replace_durably(folder / MANIFEST_NAME) as file:
        file.write(json.dumps(first).encode() + b"\n" + body)


def read_first_line(folder: Path) -> bytes:
    """Return the line that tells one manifest from another; raise FileNotFoundError."""
    with (folder / MANIFEST_NAME).open("rb") as file:
        return file.read(_FIRST_LINE_BYTES).partition(b"\n")[0]


def read_manifest(folder: Path) -> tuple[Manifest, bytes]:
    """Return the manifest and its first line; raise IndexDamaged, FileNotFoundError."""
    path = folder / MANIFEST_NAME
    first_line, _, body = path.read_bytes().partition(b"\n")
    try:
        first = json.loads(first_line)
        if first["format"] != _FORMAT:
            raise IndexDamaged(str(path), f"its format is {first['format']}, this version reads {_FORMAT}")
        if first["crc32"] != zlib.crc32(body):
            raise IndexDamaged(str(path), "it has changed since it was written")
        fields = json.loads(body)
        manifest = Manifest(
            stamp=str(fields["stamp"]),
            generation=int(fields["generation"]),
            segments=tuple(
                SegmentEntry(str(name), int(crc32), int(recordings), int(postings), tuple(map(int, removed)))
                for name, crc32, recordings, postings, removed in fields["segments"]
            ),
        )
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
        raise IndexDamaged(str(path), "it is not a manifest") from error
    if first.get("generation") != manifest.generation or not all(
        SEGMENT_NAME.fullmatch(each.name) for each in manifest.segments
    ):
        raise IndexDamaged(str(path), "it has changed since it was written")
    return manifest, first_line


@contextmanager
def replace_durably(path: Path) -> Iterator[BinaryIO]:
    """Write to a temporary file beside `path`, which takes its place only when all of it is on disk.

    After an exception `path` is as it was, and the temporary file is gone; but for an OSError of the very
    last step, when the folder can't be synced: then the new file is in place.
    """
    temporary = path.with_name(path.name + TEMPORARY_SUFFIX)
    try:
        with temporary.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise
    descriptor = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def derived_files(folder: Path) -> list[Path]:
    """Return the files of an index but its lock: listed, orphaned and half-written."""
    names = {path: path.name.removesuffix(TEMPORARY_SUFFIX) for path in folder.iterdir()}
    return [path for path, name in names.items() if name == MANIFEST_NAME or SEGMENT_NAME.fullmatch(name)]


def lock_folder(folder: Path) -> int:
    """Return a descriptor that holds the writer's lock until it is closed, or its process is gone."""
    descriptor = os.open(folder / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        # flock, not lockf: a second writer in the same process must be refused too.
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        if isinstance(error, BlockingIOError):
            raise IndexLocked(str(folder)) from None
        raise
    return descriptor
