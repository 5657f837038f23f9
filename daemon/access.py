"""Let pass who may ask, as far as their token reaches."""

import logging
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, replace
from http import HTTPStatus

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware
from multidict import CIMultiDict

from daemon.errors import TokenUnusable
from daemon.keyring import NO_KEYS, Keys
from daemon.request_facts import Facts, facts_of
from daemon.scopes import Scope, scope_needed
from daemon.security import Granted, Policy, Refused, Verdict, classify
from daemon.session import COOKIE, give_session, make_session

log = logging.getLogger(__name__)

OPEN_ROUTES = frozenset({("GET", "/"), ("GET", "/web/{path}"), ("GET", "/favicon.ico"), ("POST", "/session")})
"""What everybody may ask for: the page, which holds no secret, and to sign in with a token."""

GRANTED = web.RequestKey("granted", Granted)
"""Why this request passed, and how far. Open routes have none."""
_RETRY_AFTER_S = 10
UNREADABLE = Refused("Spectra can't read its tokens; its log tells why.", HTTPStatus.SERVICE_UNAVAILABLE)


@dataclass(frozen=True, slots=True)
class _Recheck:
    """How to ask whether a request would pass if it came now."""

    passes_now: Callable[[], Awaitable[bool]]


_RECHECK = web.RequestKey("recheck", _Recheck)


def make_access_middleware(
    current: Callable[[], Awaitable[Keys]],
    *,
    allowed_hosts: Iterable[str] = (),
    cors_origins: Iterable[str] = (),
    clock: Callable[[], float] = time.time,
) -> Middleware:
    """Return the middleware that lets only this machine, owners of a token and who signed in with it pass.

    Parameters
    ----------
    current : the tokens in force, asked for at every request that shows one; may raise TokenUnusable
    """
    hosts = frozenset(name.lower().strip("[]") for name in allowed_hosts)
    origins = frozenset(origin.lower() for origin in cors_origins)

    async def decide(facts: Facts) -> tuple[Verdict, Policy]:
        # Who shows nothing is not compared with anything: no file needs to be looked at.
        keys = await current() if facts.authorizations or facts.sessions else NO_KEYS
        policy = Policy(keys, hosts, origins)
        return classify(facts, policy), policy

    @web.middleware
    async def access(request: web.Request, handler: Handler) -> web.StreamResponse:
        if _is_open(request):
            return await handler(request)
        facts = facts_of(request, at_s=clock())
        try:
            verdict, policy = await decide(facts)
        except TokenUnusable as error:
            log.warning("%s", error)
            return refusal(UNREADABLE)
        if isinstance(verdict, Refused):
            return refusal(verdict)
        if refused := verdict.refusal_of(_needed(request)):
            return refusal(refused)

        async def passes_now() -> bool:
            try:
                again, _ = await decide(replace(facts, at_s=clock()))
            except TokenUnusable:
                return False
            return isinstance(again, Granted)

        request[GRANTED], request[_RECHECK] = verdict, _Recheck(passes_now)
        response = await handler(request)
        session = verdict.session
        # Signing out has emptied it.
        if session is not None and session.is_half_gone(facts.at_s) and COOKIE not in response.cookies:
            give_session(response, request, make_session(policy.keys, session.key, facts.at_s))
        return response

    return access


def require(request: web.Request, needed: Scope) -> None:
    """Ask for more than the route does, once a handler knows what is wanted. Raises web.HTTPForbidden."""
    if refused := request[GRANTED].refusal_of(needed):
        raise web.HTTPForbidden(text=refused.reason)


async def may_go_on(request: web.Request) -> bool:
    """Return whether an answer that is sent for hours may go on: tokens are removed, and sessions end."""
    return await request[_RECHECK].passes_now()


def refusal(refused: Refused) -> web.Response:
    """Return the answer to a request that may not pass."""
    headers: CIMultiDict[str] = CIMultiDict()
    if refused.status is HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    if refused.status is HTTPStatus.SERVICE_UNAVAILABLE:
        headers["Retry-After"] = str(_RETRY_AFTER_S)
    return web.json_response({"error": refused.reason}, status=refused.status, headers=headers)


def _needed(request: web.Request) -> Scope:
    if request.match_info.http_exception is not None:  # there is nothing, or nothing by this method
        return Scope.READ
    resource = request.match_info.route.resource
    return Scope.WRITE if resource is None else scope_needed(request.method, resource.canonical)


def _is_open(request: web.Request) -> bool:
    resource = request.match_info.route.resource
    method = "GET" if request.method == "HEAD" else request.method
    return resource is not None and (method, resource.canonical) in OPEN_ROUTES
