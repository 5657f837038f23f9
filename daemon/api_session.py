"""REST: signing in on the page with a token, and out."""

import asyncio
import json
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from http import HTTPStatus
from importlib.metadata import version

from aiohttp import web

from daemon.access import GRANTED, UNREADABLE, refusal
from daemon.errors import TokenUnusable
from daemon.keyring import Keys
from daemon.request_facts import facts_of
from daemon.security import WRONG_TOKEN, Access, may_sign_in
from daemon.session import give_session, make_session, take_session

log = logging.getLogger(__name__)

_LARGEST_BYTES = 4_096
"""Of a body that strangers may send; a token has 512 characters at most."""
_LONGEST_S = 10.0
_BODY = 'The body must be JSON: {"token": "..."}.'


@dataclass(frozen=True, slots=True)
class SignIn:
    """What signing in needs."""

    current: Callable[[], Awaitable[Keys]]
    """The tokens in force; may raise TokenUnusable."""
    clock: Callable[[], float] = time.time


SIGN_IN = web.AppKey("sign_in", SignIn)


async def sign_in(request: web.Request) -> web.Response:
    """Give a session to who knows a token: it opens what that opens."""
    door = request.app[SIGN_IN]
    now_s = door.clock()
    if refused := may_sign_in(facts_of(request, at_s=now_s)):
        return refusal(refused)
    given = await _token(request)
    try:
        keys = await door.current()
    except TokenUnusable as error:
        log.warning("%s", error)
        return refusal(UNREADABLE)
    key = keys.find(given)
    if key is None:
        return refusal(WRONG_TOKEN)
    response = web.json_response({"access": Access.SESSION.value, "scope": key.scope.word})
    give_session(response, request, make_session(keys, key, now_s))
    return response


async def get_session(request: web.Request) -> web.Response:
    """Answer with why this request may pass, and how far, which the page asks first."""
    release = await asyncio.to_thread(version, "spectra")
    granted = request[GRANTED]
    return web.json_response(
        {"access": granted.access.value, "scope": granted.scope.word, "version": release}
    )


async def sign_out(request: web.Request) -> web.Response:
    """Let this browser forget its session; others keep theirs."""
    response = web.Response(status=HTTPStatus.NO_CONTENT)
    take_session(response, request)
    return response


async def _token(request: web.Request) -> str:
    """Return the token of `{"token": "..."}`."""
    if request.content_type != "application/json":
        # Pages of other sites can send the other types without asking first.
        raise web.HTTPUnsupportedMediaType(text=_BODY)
    try:
        async with asyncio.timeout(_LONGEST_S):
            text = await request.clone(client_max_size=_LARGEST_BYTES).read()
        body = json.loads(text)
    except TimeoutError as error:
        raise web.HTTPRequestTimeout(text="The token took too long to come: send it again.") from error
    except (ValueError, RecursionError) as error:
        raise web.HTTPBadRequest(text=_BODY) from error
    token = body.get("token") if isinstance(body, dict) and not body.keys() - {"token"} else None
    if not isinstance(token, str):
        raise web.HTTPBadRequest(text=_BODY)
    return token
