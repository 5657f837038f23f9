"""Open the folder of the server's Unix socket where every client can use it."""

import os
import shutil
import tempfile
from pathlib import Path
from typing import Final

from daemon.postgres_folder import PostgresFolder, give
from daemon.postgres_user import ServerUser

PORT: Final = 5432
"""Only names the socket: nothing listens on the network."""

LONGEST_SOCKET_BYTES: Final = 107
"""sockaddr_un's 108 on Linux, less the closing zero (unix(7))."""

_SHORT_FOLDERS: Final = (Path("/run"), Path("/tmp"))  # noqa: S108 - mkdtemp makes a private folder in it
_SOCKET_PREFIX: Final = "spectra-"


def open_socket(folder: PostgresFolder, user: ServerUser | None) -> Path:
    """Return a fresh, private folder for the socket, whose path every client can use.

    A path may be too long for a socket, or hold what a connection string can't (a comma separates hosts);
    then the folder is below /run or /tmp, and `socket` a link to it. To be called while no server runs:
    what an earlier one left is removed, for PostgreSQL takes any live process of its number for the old one.
    """
    close_socket(folder)
    if _fits_socket(folder.socket):
        folder.socket.mkdir(mode=0o700)
        give(folder.socket, user)
        return folder.socket
    base = next(
        path for path in _SHORT_FOLDERS if os.access(path, os.W_OK | os.X_OK) or path is _SHORT_FOLDERS[-1]
    )
    private = Path(tempfile.mkdtemp(prefix=_SOCKET_PREFIX, dir=base))
    folder.socket.symlink_to(private)
    give(private, user)
    return private


def close_socket(folder: PostgresFolder) -> None:
    """Remove the socket's folder, wherever it is."""
    if not folder.socket.is_symlink():
        if folder.socket.exists():
            shutil.rmtree(folder.socket)
        return
    target = folder.socket.readlink()
    if target.parent in _SHORT_FOLDERS and target.name.startswith(_SOCKET_PREFIX):
        shutil.rmtree(target, ignore_errors=True)  # after a reboot it is gone, or not ours
    folder.socket.unlink()


def _fits_socket(place: Path) -> bool:
    try:
        path = str(place / f".s.PGSQL.{PORT}").encode()
    except UnicodeEncodeError:
        return False
    return len(path) <= LONGEST_SOCKET_BYTES and b"," not in path
