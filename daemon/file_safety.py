"""Tell whether a file may be replaced: what it is, who writes it, and what would be lost."""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from daemon.tag_errors import (
    AttributesNotKept,
    FileChanged,
    LinkRefused,
    NoSpace,
    NotQuiet,
    NotTaggable,
    ReadOnly,
)

SPARE_BYTES = 16 << 20
"""Left free beside the copy, for what others write meanwhile."""
_OF_THE_CONTENT = frozenset({"security.ima", "security.evm"})
"""The kernel's own digests of a file: they can't be those of another content."""


@dataclass(frozen=True, slots=True)
class FileStamp:
    """What tells whether a file is still the same."""

    device: int
    inode: int
    size_bytes: int
    mtime_ns: int


def stamp_of(status: os.stat_result) -> FileStamp:
    """Return a status as a stamp."""
    return FileStamp(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)


def name_of(path: Path) -> str:
    """Return a file's name as text for messages and comparisons, whatever its bytes."""
    return os.fsencode(path.name).decode(errors="replace")


@contextmanager
def refusing(path: Path) -> Iterator[None]:
    """Say as a refusal what the operating system says of a file or its folder."""
    name = name_of(path)
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise NoSpace(name, _size_bytes(path) + SPARE_BYTES, _free_bytes(path.parent)) from error
        if error.errno in (errno.EROFS, errno.EPERM, errno.EACCES, errno.EXDEV, errno.EBUSY):
            raise ReadOnly(name, reason) from error
        if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):
            raise FileChanged(name, "was moved or deleted") from error
        raise


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """Open a regular file with a single name, without following a link. Raises FileRefused, OSError."""
    name = name_of(path)
    status = path.lstat()
    if stat.S_ISLNK(status.st_mode):
        target = os.fsencode(path.readlink()).decode(errors="replace")
        raise LinkRefused(name, f"a symbolic link: tag the file it leads to ({target}) in its own place")
    if not stat.S_ISREG(status.st_mode):
        raise NotTaggable(name, "no regular file")
    number = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    with open(number, "rb") as file:  # noqa: PTH123 - of a file number
        yield file


def check_replaceable(path: Path, file: BinaryIO, *, now_s: float, quiet_s: float) -> None:
    """Check that a file may be replaced as things are.

    Raises
    ------
    LinkRefused, ReadOnly, NotQuiet : it may not
    """
    name = name_of(path)
    status = os.fstat(file.fileno())
    if status.st_nlink > 1:
        raise LinkRefused(
            name,
            f"one of {status.st_nlink} names (hard links) of one file, and writing tags would separate them: "
            "copy it in place of this link to have it tagged",
        )
    if os.fstatvfs(file.fileno()).f_flag & os.ST_RDONLY:
        raise ReadOnly(name, "its file system is mounted read-only")
    if not status.st_mode & 0o222 or not os.access(path, os.W_OK, effective_ids=True):
        raise ReadOnly(name, "its permissions don't allow writing")
    if not os.access(path.parent, os.W_OK | os.X_OK, effective_ids=True):
        raise ReadOnly(name, "its folder's permissions don't allow new files")
    wait_s = quiet_wait_s(status, now_s, quiet_s)
    if wait_s > 0:
        raise NotQuiet(name, wait_s)


def check_same(path: Path, file: BinaryIO, stamp: FileStamp, ctime_ns: int) -> None:
    """Check that an open file, and what its path leads to, is still the one with this stamp.

    Raises
    ------
    FileChanged : it was replaced, written, or got other attributes
    """
    for status in (os.fstat(file.fileno()), path.lstat()):
        found = stamp_of(status)
        if (found.device, found.inode) != (stamp.device, stamp.inode):
            raise FileChanged(name_of(path), "was replaced")
        if found != stamp:
            raise FileChanged(name_of(path), "was written to")
        if status.st_ctime_ns != ctime_ns:
            raise FileChanged(name_of(path), "got other attributes")


def check_space(path: Path, needed_bytes: int) -> None:
    """Check that the file's file system has room. Raises NoSpace."""
    free_bytes = _free_bytes(path.parent)
    if free_bytes < needed_bytes + SPARE_BYTES:
        raise NoSpace(name_of(path), needed_bytes + SPARE_BYTES, free_bytes)


def quiet_wait_s(status: os.stat_result, now_s: float, quiet_s: float) -> float:
    """Return how long a file must still be left alone.

    An mtime in the future is a wrong date, no change; a ctime far in the future is of a clock that was ahead,
    and would keep the file from being written until then.
    """
    if quiet_s <= 0:
        return 0.0
    changed_s = (status.st_ctime_ns / 1e9, now_s + quiet_s), (status.st_mtime_ns / 1e9, now_s)
    return max((quiet_s - (now_s - at_s) for at_s, latest_s in changed_s if at_s <= latest_s), default=0.0)


def keep_attributes(path: Path, file: BinaryIO, copy: int) -> None:
    """Give a copy (a file number) owner, group, ACL, extended attributes and mode of the file.

    Raises
    ------
    AttributesNotKept : some can't be given
    """
    wanted = os.fstat(file.fileno())
    reason = "they are not taken over"
    try:
        have = os.fstat(copy)
        if (have.st_uid, have.st_gid) != (wanted.st_uid, wanted.st_gid):
            os.fchown(copy, wanted.st_uid, wanted.st_gid)
        _copy_xattrs(file.fileno(), copy)
        os.fchmod(copy, stat.S_IMODE(wanted.st_mode))
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise
        reason = error.strerror or str(error)
    have = os.fstat(copy)
    lost = [
        what
        for what, is_kept in (
            ("owner", have.st_uid == wanted.st_uid),
            ("group", have.st_gid == wanted.st_gid),
            ("ACL or extended attributes", _xattrs(copy) == _xattrs(file.fileno())),
            ("permissions", stat.S_IMODE(have.st_mode) == stat.S_IMODE(wanted.st_mode)),
        )
        if not is_kept
    ]
    if lost:
        raise AttributesNotKept(name_of(path), ", ".join(lost), reason)


def _copy_xattrs(source: int, copy: int) -> None:
    wanted, have = _xattrs(source), _xattrs(copy)
    for key in have.keys() - wanted.keys():  # what the folder's defaults gave it
        os.removexattr(copy, key)
    for key, value in wanted.items():
        if have.get(key) != value:
            os.setxattr(copy, key, value)


def _xattrs(number: int) -> dict[str, bytes]:
    try:
        keys = os.listxattr(number)
    except OSError as error:
        if error.errno in (errno.ENOTSUP, errno.ENOSYS):
            return {}
        raise
    return {key: os.getxattr(number, key) for key in keys if key not in _OF_THE_CONTENT}


def _free_bytes(folder: Path) -> int:
    try:
        status = os.statvfs(folder)
    except OSError:
        return 0
    return status.f_bavail * status.f_frsize


def _size_bytes(path: Path) -> int:
    try:
        return path.lstat().st_size
    except OSError:
        return 0
