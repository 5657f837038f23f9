"""GET /events: what happens, as it happens (server-sent events, WHATWG HTML, 9.2)."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from functools import partial

from aiohttp import hdrs, web

from daemon.access import may_go_on
from daemon.event_look import look_at
from daemon.events import EventFeed, Subscription, TooManyReaders
from daemon.keys import SERVICES

FEED = web.AppKey("feed", EventFeed)

_RECONNECT_MS = 3_000
_RETRY_AFTER_S = 30
_KEEP_ALIVE_S = 15.0
"""Proxies end a connection on which nothing comes for a minute, some for half of that."""
_STALLED_S = 30.0
"""A reader that takes nothing for so long is gone, whatever its connection says."""
_LOOK_S = 1.0
"""How often it is looked whether the reader is still there; aiohttp does not tell."""
_HEADERS = {
    "Content-Type": "text/event-stream",
    "Cache-Control": "no-store",
    "X-Accel-Buffering": "no",  # nginx would keep events back
}


def install_events(app: web.Application) -> None:
    """Keep the feed open while the services are, and let its readers go when the daemon stops.

    Call it after the services' context was added.
    """

    async def feed(app: web.Application) -> AsyncIterator[None]:
        app[FEED] = EventFeed(partial(look_at, app[SERVICES]))
        yield
        await app[FEED].stop()

    async def end(app: web.Application) -> None:
        app[FEED].end()

    app.cleanup_ctx.append(feed)
    # Not only in the context: before that ends, the server waits for open answers.
    app.on_shutdown.append(end)


async def stream_events(request: web.Request) -> web.StreamResponse:
    """Answer with what is known, and then with what changes, until the client goes away."""
    feed = request.app[FEED]
    response = web.StreamResponse(headers=_HEADERS)
    if request.method == hdrs.METH_HEAD:
        await response.prepare(request)
        return response
    try:
        reader = feed.subscribe()
    except TooManyReaders as error:
        raise web.HTTPServiceUnavailable(
            text=f"{error}.", headers={"Retry-After": str(_RETRY_AFTER_S)}
        ) from error
    try:
        await response.prepare(request)
        await _write(response, reader, f"retry: {_RECONNECT_MS}\n\n")
        while not reader.is_ended and request.transport is not None and await may_go_on(request):
            await _write(response, reader, _text(await _next(request, reader)))
    except (ConnectionError, TimeoutError):
        # What it has not taken would hold up the end of this answer.
        if request.transport is not None:
            request.transport.abort()
    finally:
        feed.leave(reader)
    return response


async def _next(request: web.Request, reader: Subscription) -> Mapping[str, str]:
    """Return the next events; none if it is time to show that we are there, or the client no longer is."""
    now_s = asyncio.get_running_loop().time
    until_s = now_s() + _KEEP_ALIVE_S
    while request.transport is not None and (left_s := until_s - now_s()) > 0:
        events = await reader.take(within_s=min(_LOOK_S, left_s))
        if events or reader.is_ended:
            return events
    return {}


def _text(events: Mapping[str, str]) -> str:
    if not events:
        return ": keep-alive\n\n"
    # JSON as we write it has no line breaks.
    return "".join(f"event: {name}\ndata: {value}\n\n" for name, value in events.items())


async def _write(response: web.StreamResponse, reader: Subscription, text: str) -> None:
    """Send a text. Raises TimeoutError if the reader does not take it, ConnectionError if it is gone."""
    async with reader.patience(_STALLED_S):
        await response.write(text.encode())
