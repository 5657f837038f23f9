"""End tasks of the event loop."""

import asyncio
import logging

log = logging.getLogger(__name__)

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
