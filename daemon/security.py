"""Decide who may ask: this machine without, everyone else with a token.

A web page must not reach the daemon through its reader's browser (DNS rebinding, cross-site requests), nor a
visitor through a reverse proxy, although both arrive from a loopback address.
"""

from collections.abc import Collection
from dataclasses import dataclass
from enum import Enum
from http import HTTPStatus
from typing import TypeAlias

from daemon.ip_address import parse_address
from daemon.keyring import Keys
from daemon.request_facts import HOST, Facts
from daemon.scopes import MEANINGS, Scope
from daemon.session import Session, session_of

HOW_TO_PROVE = (
    "send the header 'Authorization: Bearer <token>' "
    "(`spectra token` shows the token on the machine that runs Spectra)"
)


class Access(Enum):
    """Why a request may pass."""

    LOCAL = "local"
    TOKEN = "token"  # noqa: S105 - the kind of access, not a secret
    SESSION = "session"


@dataclass(frozen=True, slots=True)
class Granted:
    """That a request may pass, and how far."""

    access: Access
    scope: Scope
    session: Session | None = None

    def refusal_of(self, needed: Scope) -> "Refused | None":
        """Return why what needs a scope may not be done; None if it may."""
        if self.scope >= needed:
            return None
        return Refused(
            f"This token opens `{self.scope.word}` ({MEANINGS[self.scope]}), and this needs `{needed.word}`: "
            f"`spectra token add NAME --scope {needed.word}` on the machine that runs Spectra makes one.",
            HTTPStatus.FORBIDDEN,
        )


@dataclass(frozen=True, slots=True)
class Refused:
    """Why a request may not pass, as a sentence for its sender."""

    reason: str
    status: HTTPStatus


Verdict: TypeAlias = Granted | Refused

WRONG_TOKEN = Refused(f"This token is wrong: {HOW_TO_PROVE}.", HTTPStatus.UNAUTHORIZED)
_NO_SESSION = Refused(
    "You are no longer signed in: sign in again with the token "
    "(`spectra token` shows it on the machine that runs Spectra).",
    HTTPStatus.UNAUTHORIZED,
)
_FOREIGN_PAGE = Refused(
    "A page of another site sent this, or a proxy changed the Host header (let it pass on the browser's): "
    f"sign in on Spectra's own page, or {HOW_TO_PROVE}.",
    HTTPStatus.FORBIDDEN,
)


@dataclass(frozen=True, slots=True)
class Policy:
    """What the owner allows. Names and origins in lower case."""

    keys: Keys
    allowed_hosts: frozenset[str] = frozenset()
    cors_origins: frozenset[str] = frozenset()


def classify(facts: Facts, policy: Policy) -> Verdict:
    """Return how the request may pass, or why it may not.

    A wrong token is refused even from this machine: it was meant to be checked, and passing would hide from
    its sender that it fails everywhere else. A session that has ended is no claim: browsers send it along.
    """
    given = _bearer_token(facts.authorizations)
    if given is not None:
        key = policy.keys.find(given)
        return WRONG_TOKEN if key is None else Granted(Access.TOKEN, key.scope)
    not_local = _why_not_local(facts, policy)
    if not_local is None:
        return Granted(Access.LOCAL, Scope.WRITE)
    if not facts.sessions:
        return not_local
    if not facts.comes_from_our_page:
        return _FOREIGN_PAGE
    session = session_of(facts.sessions, policy.keys, facts.at_s)
    return _NO_SESSION if session is None else Granted(Access.SESSION, session.key.scope, session)


def may_sign_in(facts: Facts) -> Refused | None:
    """Return why this is no place to send the token from; None when it is.

    Another site's page could not read the answer, but its readers would guess for it.
    """
    return None if facts.comes_from_our_page or facts.comes_from_a_program else _FOREIGN_PAGE


def _why_not_local(facts: Facts, policy: Policy) -> Refused | None:
    """Return why the request is not this machine's own; None when it is."""
    if not facts.peer.on_this_machine:
        return Refused(f"Other machines need the token: {HOW_TO_PROVE}.", HTTPStatus.UNAUTHORIZED)
    if facts.is_forwarded:
        return Refused(f"A proxy forwarded this request: {HOW_TO_PROVE}.", HTTPStatus.UNAUTHORIZED)
    if not _names_this_machine(facts.hosts, policy.allowed_hosts):
        return Refused(
            f"The Host header names another machine: add it to server.allowed_hosts, or {HOW_TO_PROVE}.",
            HTTPStatus.FORBIDDEN,
        )
    if not _comes_from_known_page(facts, policy.cors_origins):
        return Refused(
            f"A page of another site sent this: add its origin to server.cors_origins, or {HOW_TO_PROVE}.",
            HTTPStatus.FORBIDDEN,
        )
    return None


def _bearer_token(authorizations: Collection[str]) -> str | None:
    """Return the token given; None when no header has the Bearer scheme (RFC 6750, 2.1)."""
    schemes = [value.strip().partition(" ") for value in authorizations]
    if not any(scheme.lower() == "bearer" for scheme, _, _ in schemes):
        return None
    # Two headers are a contradiction: joined, they match no token.
    return ", ".join(token.strip() for _, _, token in schemes)


def _names_this_machine(hosts: Collection[str], allowed_hosts: Collection[str]) -> bool:
    """Return whether there is one Host and a page elsewhere can't have it: only a name can be rebound."""
    if len(hosts) != 1:
        return False
    matched = HOST.fullmatch(next(iter(hosts)))
    if matched is None:
        return False
    name = matched["name"].strip("[]").lower()
    if name == "localhost" or name in allowed_hosts:
        return True
    address = parse_address(name)
    return address is not None and address.is_loopback


def _comes_from_known_page(facts: Facts, cors_origins: Collection[str]) -> bool:
    """Return whether no page sent it, or the daemon's own, or one the owner listed.

    A page on another port of this machine is another program's ("same-site").
    """
    origins = [origin.lower() for origin in facts.origins]
    if origins and all(origin in cors_origins for origin in origins):
        return True
    own = f"{facts.scheme}://{facts.hosts[0]}".lower() if facts.hosts else None
    if any(origin != own for origin in origins):
        return False
    return all(site.lower() in {"same-origin", "none"} for site in facts.fetch_sites)
