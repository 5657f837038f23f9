"""The state folder: who has it, and the Unix socket in it."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from daemon.errors import StateInUse

LOCK_NAME = "lock"
_SOCKET_NAME = "spectra.sock"
_LONGEST_SOCKET_PATH = 107
"""Bytes of sun_path, less the closing NUL."""
_FOR_US = 0o700
_FOR_US_AND_OUR_DATABASE = 0o711
"""As root, PostgreSQL runs as somebody else, who must get through to its own folder below."""


def prepare_state_folder(folder: Path) -> None:
    """Create the folder if it is missing. Raises OSError."""
    mode = _FOR_US_AND_OUR_DATABASE if os.geteuid() == 0 else _FOR_US
    if not folder.exists():
        folder.mkdir(parents=True)
        folder.chmod(mode)


@contextmanager
def hold_state_folder(folder: Path) -> Iterator[None]:
    """Keep other daemons and command lines out until the end of the context, or of this process.

    Raises
    ------
    StateInUse : another process has it
    OSError : it can't be written
    """
    descriptor = os.open(folder / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StateInUse(str(folder)) from None
        yield
    finally:
        os.close(descriptor)


def lock_owner(folder: Path) -> int | None:
    """Return the user (number) whose Spectra first had the folder; None if none ever had. Raises OSError."""
    try:
        return (folder / LOCK_NAME).stat().st_uid
    except FileNotFoundError:
        return None


@contextmanager
def socket_address(folder: Path) -> Iterator[str]:
    """Yield an address for the folder's socket that fits, for binding or connecting within the context."""
    path = folder / _SOCKET_NAME
    if len(os.fsencode(path)) <= _LONGEST_SOCKET_PATH:
        yield str(path)
        return
    descriptor = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{descriptor}/{_SOCKET_NAME}"
    finally:
        os.close(descriptor)
