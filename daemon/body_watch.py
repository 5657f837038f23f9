"""End requests whose sender stops in the middle of the body: each holds a connection, and its handler."""

import asyncio
from collections.abc import Awaitable, Callable

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from daemon.tasks import end_tasks

STALL_S = 30.0
"""A phone that changes networks is silent for some seconds."""


def make_body_watch_middleware(
    stall_s: float = STALL_S, *, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
) -> Middleware:
    """Return the middleware that answers 408 when for `stall_s` to twice that no byte of the body came.

    Place it after the access check: who is refused there is not waited for. What we ourselves are too slow to
    take does not count.
    """

    async def watch(request: web.Request) -> None:
        seen_bytes = -1
        while not request.content.is_eof():
            transport = request.transport
            is_our_turn = isinstance(transport, asyncio.ReadTransport) and not transport.is_reading()
            if request.content.total_bytes == seen_bytes and not is_our_turn:
                # Whoever reads it, now or later, raises this.
                request.content.set_exception(
                    web.HTTPRequestTimeout(text="The body stopped coming: send it again.")
                )
                return
            seen_bytes = request.content.total_bytes
            await sleep(stall_s)

    @web.middleware
    async def end_stalled_bodies(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.content.is_eof():
            return await handler(request)
        watching = asyncio.create_task(watch(request), name="body")
        try:
            return await handler(request)
        finally:
            await end_tasks(watching)
            if isinstance(request.content.exception(), web.HTTPRequestTimeout):
                # Nothing more is waited for, as would be after other answers, and nothing more is taken.
                request.content.feed_eof()
                request.protocol.close()

    return end_stalled_bodies
