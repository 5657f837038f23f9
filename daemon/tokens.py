"""Keep the tokens that have names, one for each program: what they open, and their digests."""

import fcntl
import hashlib
import json
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from daemon.private_file import read_private, replace_private
from daemon.scopes import WORDS, Scope
from daemon.token_errors import BadTokenName, NoSuchToken, TokenNameTaken, TokensUnusable, TooManyTokens
from daemon.token_file import new_token

TOKENS_FILE = "tokens.json"
MOST_TOKENS = 100
"""Each request's token is compared with all of them."""
_LARGEST_FILE_BYTES = 100_000
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._-]{0,63}")
_VERSION = 1
_DAMAGED = "does not hold tokens"


@dataclass(frozen=True, slots=True)
class NamedToken:
    """One program's token, but for the token itself."""

    name: str
    scope: Scope
    digest: bytes = field(repr=False)
    """SHA-256. A token has 256 random bits: slower hashes, made for passwords, would gain nothing."""
    created: datetime


def digest_of(token: str) -> bytes:
    """Return what is kept of a token."""
    # surrogatepass: what is not UTF-8 in a header, and half a character in JSON, arrive as lone surrogates.
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


def read_tokens(state_dir: Path) -> tuple[NamedToken, ...]:
    """Return the tokens with names, oldest first. Raises TokensUnusable."""
    path = state_dir / TOKENS_FILE
    advice = "it holds no token that anybody could use"
    try:
        content = read_private(path, _LARGEST_FILE_BYTES + 1, advice=advice)
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise TokensUnusable(str(path), error.strerror or str(error)) from error
    try:
        return _parsed(json.loads(content))
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise TokensUnusable(str(path), _DAMAGED) from error


def add_token(
    state_dir: Path, name: str, scope: Scope, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)
) -> str:
    """Make a token and return it: nobody can show it again.

    Raises
    ------
    BadTokenName, TokenNameTaken, TooManyTokens, TokensUnusable
    """
    if _NAME.fullmatch(name) is None:
        raise BadTokenName(name)
    with _changing(state_dir):
        present = read_tokens(state_dir)
        if any(each.name == name for each in present):
            raise TokenNameTaken(name)
        if len(present) >= MOST_TOKENS:
            raise TooManyTokens(MOST_TOKENS)
        token = new_token()
        _write(state_dir, (*present, NamedToken(name, scope, digest_of(token), now())))
    return token


def remove_token(state_dir: Path, name: str) -> None:
    """End a token. Raises NoSuchToken, TokensUnusable."""
    with _changing(state_dir):
        present = read_tokens(state_dir)
        left = tuple(each for each in present if each.name != name)
        if len(left) == len(present):
            raise NoSuchToken(name)
        _write(state_dir, left)


@contextmanager
def _changing(state_dir: Path) -> Iterator[None]:
    """Let one process at a time read, change and write them. Raises TokensUnusable."""
    try:
        folder = os.open(state_dir, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise TokensUnusable(str(state_dir), error.strerror or str(error)) from error
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def _write(state_dir: Path, tokens: tuple[NamedToken, ...]) -> None:
    path = state_dir / TOKENS_FILE
    listed = [
        {
            "name": each.name,
            "scope": each.scope.word,
            "sha256": each.digest.hex(),
            "created": each.created.isoformat(timespec="seconds"),
        }
        for each in tokens
    ]
    try:
        replace_private(path, json.dumps({"version": _VERSION, "tokens": listed}, indent=1).encode())
    except OSError as error:
        raise TokensUnusable(str(path), error.strerror or str(error)) from error


def _parsed(content: Any) -> tuple[NamedToken, ...]:
    """Return the tokens of the file's JSON. Raises ValueError, KeyError, TypeError: it may hold anything."""
    if content["version"] != _VERSION or len(content["tokens"]) > MOST_TOKENS:
        raise ValueError(content["version"])
    tokens = tuple(_token(each) for each in content["tokens"])
    if len({each.name for each in tokens}) != len(tokens):
        raise ValueError("two have one name")
    return tokens


def _token(entry: Any) -> NamedToken:
    name, digest, word = entry["name"], bytes.fromhex(entry["sha256"]), entry["scope"]
    if _NAME.fullmatch(name) is None or len(digest) != hashlib.sha256().digest_size or word not in WORDS:
        raise ValueError(name)
    return NamedToken(name, Scope[word.upper()], digest, datetime.fromisoformat(entry["created"]))
