"""Small files that only their owner can read, replaced as a whole."""

import logging
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

log = logging.getLogger(__name__)


class NotRegularError(OSError):
    """Something else than a file has its name."""


def read_private(path: Path, most_bytes: int, *, advice: str) -> bytes:
    """Return the first bytes of a file; one that others could read is made private.

    Parameters
    ----------
    advice : what to do if somebody has read it meanwhile, for the log

    Raises
    ------
    OSError : also NotRegularError, and for a link
    """
    # O_NONBLOCK: opening a FIFO put there would wait for ever.
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise NotRegularError(0, "is not a regular file")
        if status.st_mode & 0o077:
            os.fchmod(descriptor, 0o600)
            log.warning("%s was readable by others and is private now; %s", path, advice)
        return file.read(most_bytes)


def create_private(path: Path, content: bytes) -> None:
    """Write a new file in one step; if another process was faster, keep that one's. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with _draft(path, content) as draft, suppress(FileExistsError):
        # Unlike a rename, a link never replaces; unlike O_EXCL on the name, it never shows half a file.
        os.link(draft, path)


def replace_private(path: Path, content: bytes) -> None:
    """Put a file in the place of another, or of none, in one step. Raises OSError."""
    with _draft(path, content) as draft:
        draft.replace(path)


@contextmanager
def _draft(path: Path, content: bytes) -> Iterator[Path]:
    """Yield a finished file beside the path, which goes unless it was moved; make the folder durable."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            if os.geteuid() == 0:  # the daemon, which has to read it, may be somebody else
                owner = path.parent.stat()
                os.fchown(descriptor, owner.st_uid, owner.st_gid)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        yield draft
    finally:
        draft.unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
