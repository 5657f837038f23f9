"""Work that is worth doing only while the one who asked still waits."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from aiohttp import web

T = TypeVar("T")

_LOOK_S = 0.25
"""How often it is looked whether the client still waits; aiohttp does not tell."""


async def while_waiting(request: web.Request, work: Coroutine[Any, Any, T]) -> T:
    """Return what the work returns; it is cancelled when the client goes away.

    Raises
    ------
    ConnectionResetError : the client went away
    """
    task = asyncio.create_task(work)
    try:
        while not task.done() and request.transport is not None:
            await asyncio.wait([task], timeout=_LOOK_S)
    finally:
        if not task.done():
            task.cancel()
            await asyncio.wait([task])
    if task.cancelled():
        raise ConnectionResetError("the client went away")
    return task.result()
