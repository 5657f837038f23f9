"""A plugin that does whatever its options tell it to."""

import asyncio
import sys
import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Literal

from pydantic import BaseModel

from plugins.api import Check, Host, Item, MediaServer, Plugin, Written

released = threading.Event()
"""Ends what blocks."""

Where = Literal["connect", "status", "unnamed_items", "tell", "checks", "close"]
How = Literal["raises", "waits", "blocks", "exits"]


class Options(BaseModel):
    """`[plugins.rude]`."""

    where: Where
    how: How


async def misbehave(how: How) -> None:
    """Do it."""
    match how:
        case "raises":
            raise ZeroDivisionError("a plugin's own mistake")
        case "waits":
            await asyncio.Event().wait()
        case "blocks":
            released.wait(60)
        case "exits":
            sys.exit("a plugin ends the process")


class RudeServer(MediaServer):
    """Behaves, but for one method."""

    def __init__(self, options: Options) -> None:
        self._options = options

    async def _maybe(self, where: Where) -> None:
        if self._options.where == where:
            await misbehave(self._options.how)

    async def unnamed_items(self) -> AsyncIterator[Item]:
        """Yield nothing."""
        await self._maybe("unnamed_items")
        for _ in ():
            yield _

    async def tell(self, files: Sequence[Written]) -> None:
        """Forget it."""
        await self._maybe("tell")

    async def status(self) -> str:
        """Return a line."""
        await self._maybe("status")
        return "a rude server"

    async def checks(self) -> AsyncIterator[Check]:
        """Yield one that is well."""
        await self._maybe("checks")
        yield Check("address", is_ok=True, sentence="it is there")


@asynccontextmanager
async def connect(options: Options, host: Host) -> AsyncIterator[MediaServer]:
    """Open nothing."""
    if options.where == "connect":
        await misbehave(options.how)
    try:
        yield RudeServer(options)
    finally:
        if options.where == "close":
            await misbehave(options.how)


PLUGIN = Plugin(options=Options, connect=connect)
