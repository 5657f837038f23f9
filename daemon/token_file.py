"""Keep the owner's token in one file that only its owner can read."""

import re
import secrets
from pathlib import Path

from daemon.errors import TokenUnusable
from daemon.private_file import create_private, read_private, replace_private

TOKEN_FILE = "token"  # noqa: S105 - a file name
SHORTEST_TOKEN = 16
"""Characters; below that guessing through the rate limit becomes thinkable. Ours have 43 (256 bits)."""
TOKEN = re.compile(rf"[A-Za-z0-9._~+/=-]{{{SHORTEST_TOKEN},512}}")
"""What RFC 6750, 2.1 allows after "Bearer"."""
LARGEST_FILE_BYTES = 4_096


def new_token() -> str:
    """Return what nobody guesses: 256 bits, as 43 characters."""
    return secrets.token_urlsafe(32)


def load_or_create_token(state_dir: Path) -> str:
    """Return the owner's token, made at the first start.

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
            create_private(path, _content(new_token()))
            return _read(path)
    except OSError as error:
        raise TokenUnusable(str(path), error.strerror or str(error)) from error


def rotate_token(state_dir: Path) -> str:
    """Put a new token in the place of the former, whatever that was, and return it. Raises TokenUnusable."""
    path, token = state_dir / TOKEN_FILE, new_token()
    try:
        replace_private(path, _content(token))
    except OSError as error:
        raise TokenUnusable(str(path), error.strerror or str(error)) from error
    return token


def _content(token: str) -> bytes:
    return f"{token}\n".encode("ascii")


def _read(path: Path) -> str:
    advice = "if someone may have read it: `spectra token rotate`"
    text = read_private(path, LARGEST_FILE_BYTES, advice=advice).decode("ascii", "replace").strip()
    if not TOKEN.fullmatch(text):
        raise TokenUnusable(str(path), "does not hold a token")
    return text
