"""A plugin's connection to its server, held open in the plugin's own thread."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

import aiohttp
from pydantic import BaseModel

from daemon.plugin_thread import PluginThread, contained
from plugins.api import Host, MediaServer, Plugin

log = logging.getLogger(__name__)

T = TypeVar("T")

CALL_S = 120.0
"""What a plugin is asked takes less, or it hangs."""
_CLOSE_S = 5.0
_REQUEST_S = 60.0

MakeHost = Callable[[aiohttp.ClientSession], Host]


class PluginConnection:
    """Asks a connected `MediaServer`; used from the daemon's event loop."""

    def __init__(self, thread: PluginThread, server: MediaServer, *, call_s: float) -> None:
        self._thread = thread
        self._server = server
        self._call_s = call_s

    async def ask(self, step: Callable[[MediaServer], Awaitable[T]], *, within_s: float | None = None) -> T:
        """Await what a step makes of the server. Raises PluginHangs, and what the plugin raises."""
        return await self._thread.run(lambda: step(self._server), within_s=within_s or self._call_s)


@asynccontextmanager
async def connected(
    thread: PluginThread,
    plugin: Plugin[BaseModel],
    options: BaseModel,
    make_host: MakeHost,
    *,
    call_s: float = CALL_S,
) -> AsyncIterator[PluginConnection]:
    """Hold a connection open while the context lasts. Raises PluginHangs, and what the plugin raises."""
    holder = _Holder(plugin, options, make_host)
    try:
        server = await thread.run(holder.open, within_s=call_s)
        yield PluginConnection(thread, server, call_s=call_s)
    finally:
        # What ends the connection is what its owner must hear, not what goes wrong while it is closed.
        try:
            await thread.run(holder.close, within_s=_CLOSE_S)
        except Exception:
            log.warning("a plugin's connection was not closed properly", exc_info=True)


class _Holder:
    """Enters and leaves the plugin's context in one task, as contexts with time limits need it."""

    def __init__(self, plugin: Plugin[BaseModel], options: BaseModel, make_host: MakeHost) -> None:
        self._plugin = plugin
        self._options = options
        self._make_host = make_host
        self._closing = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def open(self) -> MediaServer:
        opened: asyncio.Future[MediaServer] = asyncio.get_running_loop().create_future()
        task = self._task = asyncio.create_task(contained(lambda: self._hold(opened)))
        try:
            await asyncio.wait((opened, task), return_when=asyncio.FIRST_COMPLETED)
        finally:
            if not opened.done():
                task.cancel()
        if not opened.done():
            await task  # raises why
            raise RuntimeError("connect() ended without yielding a server")
        return opened.result()

    async def close(self) -> None:
        self._closing.set()
        if self._task is not None:
            await asyncio.wait({self._task})
            if not self._task.cancelled():
                self._task.result()

    async def _hold(self, opened: asyncio.Future[MediaServer]) -> None:
        timeout = aiohttp.ClientTimeout(total=_REQUEST_S)
        # No cookies: a session of the server's must not outlive its credentials.
        async with (
            aiohttp.ClientSession(timeout=timeout, cookie_jar=aiohttp.DummyCookieJar()) as session,
            self._plugin.connect(self._options, self._make_host(session)) as server,
        ):
            opened.set_result(server)
            await self._closing.wait()
