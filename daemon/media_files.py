"""Open what is in a music folder, to give it to somebody: a regular file, really inside, without waiting."""

# Paths are bytes here, and pathlib holds text only:
# ruff: noqa: PTH118, PTH122

import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from typing import BinaryIO

from daemon.errors import DaemonError

_TYPES: Mapping[bytes, str] = {
    b"aac": "audio/aac",
    b"flac": "audio/flac",
    b"m4a": "audio/mp4",
    b"m4b": "audio/mp4",
    b"m4r": "audio/mp4",
    b"mp3": "audio/mpeg",
    b"mp4": "audio/mp4",
    b"oga": "audio/ogg",
    b"ogg": "audio/ogg",
    b"opus": "audio/ogg",
    b"wav": "audio/wav",
    b"wave": "audio/wav",
    b"weba": "audio/webm",
    b"webm": "audio/webm",
}
_ANY_TYPE = "application/octet-stream"


class NotServed(DaemonError):  # noqa: N818 - a fact, as in `FileNotFound`
    """There is nothing that could be given."""

    def __init__(self, what: str, reason: str) -> None:
        super().__init__(what, reason)

    def __str__(self) -> str:
        what, reason = self.args
        return f"{what} {reason}"


@dataclass(frozen=True, slots=True)
class MediaFile:
    """A file as the files table knows it."""

    root: bytes
    path: bytes
    recording_id: int | None

    @property
    def name(self) -> str:
        """Return its name, without folders."""
        return self.path.rpartition(b"/")[2].decode(errors="replace")

    @property
    def content_type(self) -> str:
        """Return the type that browsers play."""
        return _TYPES.get(os.path.splitext(self.path)[1][1:].lower(), _ANY_TYPE)


@dataclass(frozen=True, slots=True)
class OpenMedia:
    """An open file."""

    root: bytes
    file: BinaryIO
    size_bytes: int
    mtime_ns: int

    @property
    def etag(self) -> str:
        """Return what differs once the content does (RFC 9110, 8.8.3)."""
        return f'"{self.mtime_ns:x}-{self.size_bytes:x}"'


def open_media(media: MediaFile) -> OpenMedia:
    """Open a file; blocks on the disk, but not on what is no file.

    Raises
    ------
    NotServed : it is gone, can't be read, is no regular file, or not really inside its root
    """
    try:
        number = os.open(
            inner_path(media), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
        )
    except OSError as error:
        raise NotServed(media.name, f"can't be read: {error.strerror or error}.") from error
    file = open(number, "rb", buffering=0)  # noqa: PTH123, SIM115 - of a file number; the caller closes it
    try:
        status = os.fstat(number)
        _check_regular(media, status)
        # Between the look and the opening a folder may have become a link.
        _check_inside(media, os.readlink(b"/proc/self/fd/%d" % number))  # noqa: PTH115
    except BaseException:
        file.close()
        raise
    return OpenMedia(media.root, file, status.st_size, status.st_mtime_ns)


def inner_path(media: MediaFile) -> bytes:
    """Return where a regular file really is. Raises NotServed, OSError."""
    real_path = os.path.realpath(os.path.join(media.root, media.path))
    _check_inside(media, real_path)
    _check_regular(media, os.lstat(real_path))
    return real_path


def _check_inside(media: MediaFile, real_path: bytes) -> None:
    if not real_path.startswith(os.path.realpath(media.root).rstrip(b"/") + b"/"):
        raise NotServed(media.name, "leads out of its music folder: only what is inside is given.")


def _check_regular(media: MediaFile, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise NotServed(media.name, "is no regular file.")
