"""Tokens for tests of what sits behind the access check, without files."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from daemon.keyring import Keys
from daemon.scopes import Scope
from daemon.tokens import NamedToken, digest_of

CREATED = datetime(2026, 11, 22, tzinfo=UTC)


def named(name: str, token: str, scope: Scope) -> NamedToken:
    """Return what the daemon keeps of a token."""
    return NamedToken(name, scope, digest_of(token), CREATED)


def holding(owner: str, *others: NamedToken) -> Callable[[], Awaitable[Keys]]:
    """Return what answers with these tokens, for the access middleware."""
    keys = Keys.of(owner, others)

    async def current() -> Keys:
        return keys

    return current
