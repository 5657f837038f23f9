"""Hold the tokens in force: the owner's and those with names, read anew as soon as their files change."""

import asyncio
import base64
import hashlib
import hmac
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self, TypeAlias

from daemon.errors import TokenUnusable
from daemon.scopes import Scope
from daemon.token_file import SHORTEST_TOKEN, TOKEN_FILE, load_or_create_token
from daemon.tokens import TOKENS_FILE, NamedToken, digest_of, read_tokens

_SESSION_PURPOSE = b"spectra session key v2"

Stamp: TypeAlias = tuple[int, int, int, int] | None
"""Inode, size, mtime and ctime in ns of a file; None for one that is not there."""


@dataclass(frozen=True, slots=True)
class Key:
    """A token in force, by its digest, and what it opens."""

    name: str | None
    """None for the owner's."""
    scope: Scope
    digest: bytes = field(repr=False)

    @property
    def session_id(self) -> str:
        """Return what a session says of the token that made it, which tells nobody the token."""
        named = hashlib.sha256(_SESSION_PURPOSE + self.digest).digest()
        return base64.urlsafe_b64encode(named[:16]).rstrip(b"=").decode()


@dataclass(frozen=True, slots=True)
class Keys:
    """All tokens in force at one moment."""

    owner: str = field(repr=False)
    keys: tuple[Key, ...]
    """The owner's first."""

    @classmethod
    def of(cls, owner: str, named: Iterable[NamedToken] = ()) -> Self:
        """Return them. Raises TokenUnusable for an owner's token that could be guessed."""
        if len(owner) < SHORTEST_TOKEN:
            raise TokenUnusable("the access token", f"has fewer than {SHORTEST_TOKEN} characters")
        owners = Key(None, Scope.WRITE, digest_of(owner))
        return cls(owner, (owners, *(Key(each.name, each.scope, each.digest) for each in named)))

    def find(self, given: str) -> Key | None:
        """Return the token given, if it is in force, in a time that says nothing about any of them."""
        digest, found = digest_of(given), None
        for key in self.keys:
            if hmac.compare_digest(digest, key.digest):
                found = key
        return found

    def of_session(self, session_id: str) -> Key | None:
        """Return the token that made a session, if it is still in force. Ids are no secrets."""
        return next((key for key in self.keys if key.session_id == session_id), None)


NO_KEYS = Keys("", ())
"""With which nobody passes."""


class Keyring:
    """The tokens of one state folder."""

    def __init__(self, state_dir: Path) -> None:
        self._state_dir = state_dir
        self._latest: tuple[tuple[Stamp, Stamp], Keys] | None = None

    def load(self) -> Keys:
        """Return the tokens in force; the owner's is made if there is none. Reads files.

        Raises
        ------
        TokenUnusable : a file can't be read or trusted; then nobody's token counts
        """
        stamps = _stamp(self._state_dir / TOKEN_FILE), _stamp(self._state_dir / TOKENS_FILE)
        latest = self._latest
        if latest is not None and latest[0] == stamps and stamps[0] is not None:
            return latest[1]
        keys = Keys.of(load_or_create_token(self._state_dir), read_tokens(self._state_dir))
        # What was written since the stamps were taken has others, and is read at the next question.
        self._latest = stamps, keys
        return keys

    async def current(self) -> Keys:
        """Do the same, in a thread."""
        return await asyncio.to_thread(self.load)


def _stamp(path: Path) -> Stamp:
    try:
        status = os.lstat(path)
    except OSError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns
