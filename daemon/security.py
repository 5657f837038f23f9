"""Decide who may ask: this machine without, everyone else with the token.

A web page must not reach the daemon through its reader's browser (DNS rebinding, cross-site requests), nor a
visitor through a reverse proxy, although both arrive from a loopback address.
"""

import hmac
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from enum import Enum
from http import HTTPStatus
from typing import TypeAlias

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware
from multidict import CIMultiDict

from daemon.errors import TokenUnusable
from daemon.peer import Peer, parse_address, peer_of
from daemon.token_file import SHORTEST_TOKEN, load_or_create_token

__all__ = [
    "Access",
    "Facts",
    "Policy",
    "Refused",
    "classify",
    "load_or_create_token",
    "make_access_middleware",
]

FORWARDED_HEADERS = frozenset(
    {
        "cdn-loop",
        "client-ip",
        "forwarded",
        "forwarded-for",
        "proxy-connection",
        "true-client-ip",
        "via",
        "x-client-ip",
        "x-cluster-client-ip",
        "x-forwarded",
        "x-original-forwarded-for",
        "x-original-host",
        "x-original-url",
        "x-proxyuser-ip",
        "x-real-ip",
        "x-remote-addr",
        "x-remote-ip",
    }
)
FORWARDED_PREFIXES = (
    "cf-",
    "cloudfront-",
    "fastly-",
    "fly-",
    "ngrok-",
    "tailscale-",
    "x-envoy-",
    "x-forwarded-",
)
"""What reverse proxies, tunnels and CDNs add; one of them is enough."""

HOST = re.compile(r"(?P<name>\[[0-9a-f:.]+\]|[^\s:/@\[\]]+)(?::\d{1,5})?", re.IGNORECASE)
"""RFC 9110, 7.2: host, optional port."""

HOW_TO_PROVE = (
    "send the header 'Authorization: Bearer <token>' "
    "(`spectra token` shows the token on the machine that runs Spectra)"
)


class Access(Enum):
    """Why a request may pass."""

    LOCAL = "local"
    TOKEN = "token"  # noqa: S105 - the kind of access, not a secret


@dataclass(frozen=True, slots=True)
class Refused:
    """Why a request may not pass, as a sentence for its sender."""

    reason: str
    status: HTTPStatus


Verdict: TypeAlias = Access | Refused


@dataclass(frozen=True, slots=True)
class Policy:
    """What the owner allows. Names and origins in lower case."""

    token: str = field(repr=False)
    allowed_hosts: frozenset[str] = frozenset()
    cors_origins: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Facts:
    """What a request shows of its sender."""

    peer: Peer
    scheme: str
    header_names: frozenset[str]
    """In lower case."""
    hosts: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()
    fetch_sites: tuple[str, ...] = ()
    authorizations: tuple[str, ...] = field(default=(), repr=False)


def classify(facts: Facts, policy: Policy) -> Verdict:
    """Return how the request may pass, or why it may not.

    A wrong token is refused even from this machine: it was meant to be checked, and passing would hide from
    its sender that it fails everywhere else.
    """
    given = _bearer_token(facts.authorizations)
    if given is not None:
        if hmac.compare_digest(_as_bytes(given), _as_bytes(policy.token)):
            return Access.TOKEN
        return Refused(f"This token is wrong: {HOW_TO_PROVE}.", HTTPStatus.UNAUTHORIZED)
    return _why_not_local(facts, policy) or Access.LOCAL


def _why_not_local(facts: Facts, policy: Policy) -> Refused | None:
    """Return why the request is not this machine's own; None when it is."""
    if not facts.peer.on_this_machine:
        return Refused(f"Other machines need the token: {HOW_TO_PROVE}.", HTTPStatus.UNAUTHORIZED)
    if _is_forwarded(facts.header_names):
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


def _as_bytes(token: str) -> bytes:
    """Return the header's bytes; aiohttp decodes what is not UTF-8 to surrogates."""
    return token.encode("utf-8", "surrogateescape")


def _is_forwarded(header_names: Iterable[str]) -> bool:
    return any(name in FORWARDED_HEADERS or name.startswith(FORWARDED_PREFIXES) for name in header_names)


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


def make_access_middleware(
    token: str, *, allowed_hosts: Iterable[str] = (), cors_origins: Iterable[str] = ()
) -> Middleware:
    """Return the middleware that lets only this machine and owners of the token pass.

    Raises
    ------
    TokenUnusable
        An empty or short token would let everyone in.
    """
    if len(token) < SHORTEST_TOKEN:
        raise TokenUnusable("the access token", f"has fewer than {SHORTEST_TOKEN} characters")
    policy = Policy(
        token=token,
        allowed_hosts=frozenset(name.lower().strip("[]") for name in allowed_hosts),
        cors_origins=frozenset(origin.lower() for origin in cors_origins),
    )

    @web.middleware
    async def access(request: web.Request, handler: Handler) -> web.StreamResponse:
        verdict = classify(_facts_of(request), policy)
        if isinstance(verdict, Refused):
            return _refusal(verdict)
        return await handler(request)

    return access


def _facts_of(request: web.BaseRequest) -> Facts:
    headers = request.headers
    return Facts(
        peer=peer_of(request),
        scheme=request.scheme,
        header_names=frozenset(name.lower() for name in headers),
        hosts=tuple(headers.getall("Host", ())),
        origins=tuple(headers.getall("Origin", ())),
        fetch_sites=tuple(headers.getall("Sec-Fetch-Site", ())),
        authorizations=tuple(headers.getall("Authorization", ())),
    )


def _refusal(refused: Refused) -> web.Response:
    headers: CIMultiDict[str] = CIMultiDict()
    if refused.status is HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    return web.json_response({"error": refused.reason}, status=refused.status, headers=headers)
