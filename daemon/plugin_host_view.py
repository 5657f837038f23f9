"""What a plugin sees of Spectra (`plugins.api.Host`), from its own thread."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import aiohttp

from daemon.plugin_lookup import PluginLookup
from plugins.api import Answer, Item

T = TypeVar("T")

Log = logging.LoggerAdapter[logging.Logger]


class HostView:
    """Passes a plugin's wishes on to the daemon's event loop."""

    def __init__(
        self,
        name: str,
        session: aiohttp.ClientSession,
        lookup: PluginLookup,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        """`loop` is the daemon's."""
        self._session = session
        self._lookup = lookup
        self._loop = loop
        self._log = Log(logging.getLogger(f"plugin.{name}"), {})

    @property
    def session(self) -> aiohttp.ClientSession:
        """Return the plugin's HTTP session."""
        return self._session

    @property
    def log(self) -> Log:
        """Return the plugin's logger."""
        return self._log

    async def local_path(self, server_path: str) -> Path:
        """Return where a server's file is for Spectra. Raises PathRefused."""
        return await self._there(lambda: self._lookup.local_path(server_path))

    async def server_path(self, path: Path) -> str:
        """Return what the server calls a file. Raises PathRefused."""
        return self._lookup.server_path(path)

    async def look_up(self, item: Item, *, tag: bool = True) -> Answer:
        """Find out what an item is. Raises PathRefused."""
        return await self._there(lambda: self._lookup.look_up(item, tag=tag))

    async def _there(self, work: Callable[[], Awaitable[T]]) -> T:
        """Await something in the daemon's event loop."""

        async def passed_on() -> T:
            return await work()

        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(passed_on(), self._loop))
