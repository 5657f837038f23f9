"""Keep the access token in one file that only its owner can read."""

import logging
import os
import re
import secrets
import stat
from contextlib import suppress
from pathlib import Path

from daemon.errors import TokenUnusable

log = logging.getLogger(__name__)

TOKEN_FILE = "token"  # noqa: S105 - a file name
SHORTEST_TOKEN = 16
"""Characters; below that guessing through the rate limit becomes thinkable. Ours have 43 (256 bits)."""
TOKEN = re.compile(rf"[A-Za-z0-9._~+/=-]{{{SHORTEST_TOKEN},512}}")
"""What RFC 6750, 2.1 allows after "Bearer"."""
LARGEST_FILE_BYTES = 4_096


def load_or_create_token(state_dir: Path) -> str:
    """Return the access token, made at the first start.

    A file that can't be used is an error, never replaced: clients were given its token.

    Raises
    ------
    TokenUnusable
        The file can't be read, written, or does not hold a token.
    """
    path = state_dir / TOKEN_FILE
    try:
        try:
            return _read(path)
        except FileNotFoundError:
            _create(path)
            return _read(path)
    except OSError as error:
        raise TokenUnusable(str(path), error.strerror or str(error)) from error


def _create(path: Path) -> None:
    """Write a fresh token under its name in one step; if another process was faster, keep that one's."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    draft_fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(draft_fd, "w", encoding="ascii") as file:
            file.write(secrets.token_urlsafe(32) + "\n")
            file.flush()
            os.fsync(file.fileno())
        # Unlike a rename, a link never replaces; unlike O_EXCL on the name, it never shows half a file.
        with suppress(FileExistsError):
            os.link(draft, path)
    finally:
        draft.unlink()
    folder_fd = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder_fd)
    finally:
        os.close(folder_fd)


def _read(path: Path) -> str:
    # O_NONBLOCK: opening a FIFO put there would wait for ever.
    token_fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(token_fd, "rb") as file:
        status = os.fstat(token_fd)
        if not stat.S_ISREG(status.st_mode):
            raise TokenUnusable(str(path), "is not a regular file")
        if status.st_mode & 0o077:
            os.fchmod(token_fd, 0o600)
            log.warning(
                "%s was readable by others and is private now; if someone may have read it, "
                "delete it and start Spectra again for a new token",
                path,
            )
        text = file.read(LARGEST_FILE_BYTES).decode("ascii", "replace").strip()
    if not TOKEN.fullmatch(text):
        raise TokenUnusable(str(path), "does not hold a token")
    return text
