"""Put a new file beside an old one, and then in its place in one step.

A process that opens the old file for writing in the microseconds between the last check and the rename is not
seen: it would go on writing into the file that has no name any more.
"""

import errno
import hashlib
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from daemon.file_lease import unwritten
from daemon.file_safety import (
    FileStamp,
    check_replaceable,
    check_same,
    keep_attributes,
    name_of,
    opened,
    refusing,
    stamp_of,
)
from daemon.leftovers import temporary_name
from daemon.tag_errors import FileChanged

QUIET_S = 60.0
"""A file that changed less than this ago is not touched: a download may go on."""
_PART_BYTES = 1 << 20
_NEWER_NS = 2_000_000_000
"""Media servers look at a file again when its mtime is newer, by more than a second."""


@dataclass(frozen=True, slots=True)
class Staged:
    """A file to be, beside the one that it is to replace."""

    path: Path
    temporary: Path
    found: FileStamp
    """Of the file as it was read."""
    found_ctime_ns: int
    staged: FileStamp
    """Of the temporary file."""
    before_sha256: bytes
    after_sha256: bytes


def commit(staged: Staged, *, clock: Callable[[], float] = time.time, quiet_s: float = QUIET_S) -> FileStamp:
    """Put a staged file in its place, if nothing changed since; return what the file is now.

    After a refusal the file is as it was, and the copy still there: try again, or `discard` it.

    Raises
    ------
    FileRefused : the file changed, is being written, or must not be replaced any more
    OSError : the disk fails, perhaps after the rename: `look` tells
    """
    path = staged.path
    with refusing(path), opened(path) as file:
        check_replaceable(path, file, now_s=clock(), quiet_s=quiet_s)
        with unwritten(path, file, now_s=clock(), quiet_s=quiet_s) as check_unwritten:
            now = _touch(staged)
            check_same(path, file, staged.found, staged.found_ctime_ns)
            check_unwritten()
            staged.temporary.replace(path)
        sync_folder(path.parent)
    return now


def discard(staged: Staged) -> None:
    """Delete a staged copy that is not wanted any more; one that is gone is no error. Raises OSError."""
    staged.temporary.unlink(missing_ok=True)


@contextmanager
def temporary_beside(path: Path, name: str | None) -> Iterator[Path]:
    """Make a temporary file (of this name) that is deleted if anything goes wrong."""
    temporary = path.parent / (name or temporary_name())
    os.close(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600))
    try:
        yield temporary
    except BaseException:
        with suppress(OSError):  # what went wrong before is what should be told
            temporary.unlink()
        raise


def finish(path: Path, file: BinaryIO, temporary: Path) -> FileStamp:
    """Give a copy the file's attributes and bring it to the disk."""
    with temporary.open("r+b") as copy:
        keep_attributes(path, file, copy.fileno())
        os.fsync(copy.fileno())
        return stamp_of(os.fstat(copy.fileno()))


def _touch(staged: Staged) -> FileStamp:
    """Check that the copy is the one that was staged, and make it newer than the file."""
    with staged.temporary.open("rb") as copy:
        # a commit that was refused has touched it already
        if stamp_of(os.fstat(copy.fileno())) != staged.staged and sha256_of(copy) != staged.after_sha256:
            raise FileChanged(name_of(staged.path), "had its tagged copy changed")
        mtime_ns = max(time.time_ns(), staged.found.mtime_ns + _NEWER_NS)
        os.utime(copy.fileno(), ns=(mtime_ns, mtime_ns))
        os.fsync(copy.fileno())
        return stamp_of(os.fstat(copy.fileno()))


def sync_folder(folder: Path) -> None:
    """Bring a folder's names to the disk. Raises OSError."""
    number = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(number)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # some file systems can't, and need not
            raise
    finally:
        os.close(number)


def parts_of(file: BinaryIO) -> Iterator[bytes]:
    """Yield an open file from its start."""
    file.seek(0)
    while part := file.read(_PART_BYTES):
        yield part


def sha256_of(file: BinaryIO) -> bytes:
    """Return an open file's SHA-256."""
    hashed = hashlib.sha256()
    for part in parts_of(file):
        hashed.update(part)
    return hashed.digest()


def write_parts(path: Path, parts: Iterator[bytes]) -> bytes:
    """Write a file; return its SHA-256."""
    hashed = hashlib.sha256()
    with path.open("wb") as file:
        for part in parts:
            hashed.update(part)
            file.write(part)
    return hashed.digest()
