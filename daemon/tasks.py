"""End tasks of the event loop, and see blocking work through."""

import asyncio
import logging
from collections.abc import Callable
from typing import ParamSpec, TypeVar

log = logging.getLogger(__name__)

P = ParamSpec("P")
R = TypeVar("R")

_AGAIN_S = 1.0


async def end_tasks(*tasks: "asyncio.Task[None] | None") -> None:
    """Cancel tasks until they have ended.

    Once is not enough: Python 3.11's `wait_for`, which psycopg's pool waits with, loses a cancellation that
    comes together with what it waits for.
    """
    running = {task for task in tasks if task is not None}
    while running:
        for task in running:
            task.cancel()
        ended, running = await asyncio.wait(running, timeout=_AGAIN_S)
        for task in ended:
            if not task.cancelled() and (error := task.exception()) is not None:
                log.error("%s ended with an error", task.get_name(), exc_info=error)


async def to_its_end(work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Do blocking work in a thread; a cancellation waits for its end: nobody else's turn comes before."""
    thread = asyncio.ensure_future(asyncio.to_thread(work, *args, **kwargs))
    try:
        return await asyncio.shield(thread)
    except asyncio.CancelledError:
        await asyncio.wait([thread])
        if not thread.cancelled():
            thread.exception()  # else asyncio complains that nobody looked at it
        raise
