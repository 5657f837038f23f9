"""One plugin's life: connected, asked, told; connected again after trouble."""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from functools import partial
from itertools import groupby
from typing import Literal

import psycopg

from daemon.plugin_connection import PluginConnection
from daemon.plugin_errors import PluginHangs, PluginNotConnected, PluginStuck
from daemon.plugin_lookup import PluginLookup
from daemon.plugin_store import Notice, PluginStore
from plugins.api import AuthFailed, Item, MediaServer, PathRefused, PluginError, Written

log = logging.getLogger(__name__)

_PAGE = 100
"""Items that are fetched from a plugin at once."""
_CLOSE_S = 5.0
"""The daemon's end does not wait longer for a plugin."""
_NAMED = {"named", "tagged"}
"""The file has a name: what the server shows is out of date."""
_MOST_TOLD = 500
"""Files that a server is told of at once."""

State = Literal["starting", "on", "waiting", "off"]


@dataclass(frozen=True, slots=True)
class Pace:
    """How often a plugin is asked, in seconds."""

    sweep_every_s: float = 900.0
    """Unnamed items are asked for."""
    tell_every_s: float = 5.0
    """Files are collected for so long before a server is told of them."""
    retry_s: float = 5.0
    """The first wait after trouble; it doubles each time."""
    longest_retry_s: float = 600.0
    list_s: float = 1_800.0
    """A server may take so long to find the next hundred unnamed items among all others."""
    tell_s: float = 1_800.0
    """A server may take so long to read the files again."""


@dataclass(frozen=True, slots=True)
class PluginStatus:
    """How a plugin is."""

    state: State
    detail: str
    """A sentence: what it is connected to, or why it is not."""
    unnamed: int | None = None
    """Items that the server showed without a name, when it was asked last."""
    refused: int = 0
    """Of those, how many lead nowhere."""
    refusal: str | None = None
    """Why the last of them does."""
    told: int = 0
    """Files that the server was told of since the start."""


class PluginRunner:
    """Keeps one plugin connected, and goes on after anything that happens to it."""

    def __init__(
        self,
        name: str,
        connect: Callable[[], AbstractAsyncContextManager[PluginConnection]],
        lookup: PluginLookup,
        store: PluginStore,
        pace: Pace,
        *,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._name = name
        self._connect = connect
        self._lookup = lookup
        self._store = store
        self._pace = pace
        self._clock_s = clock_s
        self._status = PluginStatus("starting", "connecting")
        self._connection: PluginConnection | None = None
        self._woken = asyncio.Event()
        self._sweep_at_s = 0.0
        self._reread: set[str] = set()
        """Items whose files the server was asked to read again although nothing was written."""

    @property
    def status(self) -> PluginStatus:
        """Return how it is now."""
        return self._status

    def connection(self) -> PluginConnection:
        """Return the open connection. Raises PluginNotConnected."""
        if self._connection is None:
            raise PluginNotConnected(self._name, self._status.detail)
        return self._connection

    def sweep_now(self) -> None:
        """Ask for unnamed items soon; connect again at once, if it is waiting or off."""
        self._sweep_at_s = 0.0
        self._woken.set()

    async def run(self) -> None:
        """Go on until cancelled."""
        retry_s = self._pace.retry_s
        while True:
            started_s = self._clock_s()
            state = await self._connected()
            if self._clock_s() - started_s > self._pace.longest_retry_s:
                retry_s = self._pace.retry_s  # it was well for a while
            await self._woken_within(None if state == "off" else retry_s)
            retry_s = min(2 * retry_s, self._pace.longest_retry_s)

    async def _connected(self) -> State:
        """Connect and serve; return how that ended."""
        try:
            async with self._connect() as connection:
                detail = await connection.ask(lambda server: server.status())
                self._status = replace(self._status, state="on", detail=detail)
                log.info("plugin %s: connected to %s", self._name, detail)
                self._connection = connection
                await self._serve(connection)
        except AuthFailed as error:
            self._ended("off", f"{error}; mend that and run: spectra plugins test {self._name}")
        except PluginStuck as error:
            self._ended("off", str(error))
        except (PluginError, PluginHangs) as error:
            self._ended("waiting", str(error))
        except psycopg.Error as error:
            self._ended("waiting", f"the database is away ({error})")
        except Exception as error:
            # A plugin may raise anything, and must stop nobody else.
            log.exception("plugin %s failed", self._name)
            self._ended("waiting", f"it failed with {type(error).__name__}: {error} (the log tells more)")
        finally:
            self._connection = None
        return self._status.state

    def _ended(self, state: State, detail: str) -> None:
        if detail != self._status.detail:
            log.warning("plugin %s: %s", self._name, detail)
        self._status = replace(self._status, state=state, detail=detail)

    async def _serve(self, connection: PluginConnection) -> None:
        """Sweep and tell until something goes wrong."""
        while True:
            if self._clock_s() >= self._sweep_at_s:
                self._sweep_at_s = self._clock_s() + self._pace.sweep_every_s
                await self._sweep(connection)
            await self._tell(connection)
            await self._woken_within(self._pace.tell_every_s)

    async def _sweep(self, connection: PluginConnection) -> None:
        """Look up what the server shows without a name."""
        seen = refused = 0
        refusal = None
        outdated: list[Written] = []
        items = await connection.ask(_unnamed_items)
        try:
            while page := await connection.ask(lambda _: _page(items), within_s=self._pace.list_s):
                for item in page:
                    seen += 1
                    try:
                        answer = await self._lookup.look_up(item, tag=True)
                    except PathRefused as error:
                        refused += 1
                        refusal = str(error)
                    else:
                        if answer.outcome in _NAMED and item.item_id not in self._reread:
                            outdated.append(Written(item.path, item.item_id, replaces=False))
                await self._tell(connection)
                await self._have_read(connection, outdated)
        except PathRefused as error:  # its items have no paths
            refusal = str(error)
        finally:
            await connection.ask(lambda _: _closed(items), within_s=_CLOSE_S)
        if refusal is not None and refusal != self._status.refusal:
            log.warning("plugin %s: %d of %d items are refused: %s", self._name, refused, seen, refusal)
        self._status = replace(self._status, unnamed=seen, refused=refused, refusal=refusal)

    async def _tell(self, connection: PluginConnection) -> None:
        """Tell the server of what was written since."""
        while notices := await self._store.notices(self._name, _MOST_TOLD):
            files = self._written(notices)
            if files:
                await connection.ask(partial(_told, files), within_s=self._pace.tell_s)
                log.info("plugin %s: told of %d files", self._name, len(files))
            await self._store.told([each.notice_id for each in notices])
            self._status = replace(self._status, told=self._status.told + len(files))

    async def _have_read(self, connection: PluginConnection, files: list[Written]) -> None:
        """Have the server read files that have a name already, once; and forget them here."""
        if not files:
            return
        await connection.ask(partial(_told, tuple(files)), within_s=self._pace.tell_s)
        self._reread.update(file.item_id for file in files if file.item_id is not None)
        files.clear()

    def _written(self, notices: Sequence[Notice]) -> list[Written]:
        """Return what these notices say, one entry a file; what the server can't see is left out."""
        files = []
        for _, of_file in groupby(sorted(notices, key=lambda each: each.place), lambda each: each.place):
            theirs = list(of_file)
            path = self._lookup.path_at_server(theirs[0].place)
            if path is not None:
                item_id = next((each.item_id for each in theirs if each.item_id is not None), None)
                files.append(Written(path, item_id, any(each.replaces for each in theirs)))
        return files

    async def _woken_within(self, within_s: float | None) -> None:
        try:
            async with asyncio.timeout(within_s):
                await self._woken.wait()
        except TimeoutError:
            pass
        self._woken.clear()


async def _told(files: Sequence[Written], server: MediaServer) -> None:
    await server.tell(files)


async def _unnamed_items(server: MediaServer) -> AsyncIterator[Item]:
    return server.unnamed_items()


async def _page(items: AsyncIterator[Item]) -> list[Item]:
    page: list[Item] = []
    async for item in items:
        page.append(item)
        if len(page) == _PAGE:
            break
    return page


async def _closed(items: AsyncIterator[Item]) -> None:
    if isinstance(items, AsyncGenerator):
        await items.aclose()
