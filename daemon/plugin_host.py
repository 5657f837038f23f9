"""All plugins: loaded, kept running, tested, and asked on behalf of the API."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from daemon.errors import DaemonError
from daemon.plugin_connection import CALL_S, PluginConnection, connected
from daemon.plugin_errors import NoSuchPlugin, PluginFailed, PluginHangs, PluginNotConnected, PluginUnusable
from daemon.plugin_host_view import HostView
from daemon.plugin_loading import Loaded, load
from daemon.plugin_lookup import PluginLookup
from daemon.plugin_runner import Pace, PluginRunner, PluginStatus
from daemon.plugin_store import PluginStore
from daemon.plugin_thread import PluginThread
from daemon.tasks import end_tasks
from plugins.api import AuthFailed, Check, MediaServer, NotReady, PathRefused, PluginError

log = logging.getLogger(__name__)

_LOAD_S = 60.0
_MOST_HOOKED = 1_000
"""Items that one call of a hook may be about."""


@dataclass(slots=True)
class _Entry:
    name: str
    section: Mapping[str, object]
    thread: PluginThread
    lookup: PluginLookup
    status: PluginStatus = field(default_factory=lambda: PluginStatus("off", "the daemon does not run"))
    """Until there is a runner."""
    loaded: Loaded | None = None
    runner: PluginRunner | None = None


class PluginHost:
    """Owns the plugins that the configuration names; none of them can stop it."""

    def __init__(
        self,
        sections: Mapping[str, Mapping[str, object]],
        store: PluginStore,
        lookup_of: Callable[[str], PluginLookup],
        *,
        pace: Pace | None = None,
        call_s: float = CALL_S,
    ) -> None:
        """`sections` are those of the configuration, by the plugin's name."""
        self._store = store
        self._pace = pace or Pace()
        self._call_s = call_s
        self._entries = {
            name: _Entry(name, section, PluginThread(name), lookup_of(name))
            for name, section in sections.items()
        }
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Begin to load and connect the plugins. Raises psycopg.Error."""
        await self._store.set_listeners(self._entries)
        for entry in self._entries.values():
            entry.status = PluginStatus("starting", "it is being loaded")
        self._tasks = [
            asyncio.create_task(self._live(entry), name=f"plugin {entry.name}")
            for entry in self._entries.values()
        ]

    async def stop(self) -> None:
        """Disconnect them, as far as they let themselves be disconnected."""
        await end_tasks(*self._tasks)
        for entry in self._entries.values():
            await entry.thread.stop()

    def statuses(self) -> dict[str, PluginStatus]:
        """Return how each plugin is, by its name."""
        return {
            name: entry.status if entry.runner is None else entry.runner.status
            for name, entry in sorted(self._entries.items())
        }

    async def waiting(self, name: str) -> int:
        """Return how many writes a plugin's server has still to be told of. Raises psycopg.Error."""
        return await self._store.waiting(name)

    def sync(self, name: str) -> None:
        """Have a plugin's server asked for unnamed items soon. Raises NoSuchPlugin, PluginNotConnected."""
        entry = self._entry(name)
        if entry.runner is None:
            raise PluginNotConnected(name, entry.status.detail)
        entry.runner.connection()
        entry.runner.sweep_now()

    async def test(self, name: str) -> list[Check]:
        """Find out what works and what doesn't; a plugin that is off is connected again if all does.

        Raises
        ------
        NoSuchPlugin
        """
        entry = self._entry(name)
        try:
            checks = await self._checks(entry)
        except PluginUnusable as error:
            return [Check("configuration", is_ok=False, sentence=str(error))]
        except AuthFailed as error:
            return [Check("credentials", is_ok=False, sentence=str(error))]
        except (NotReady, PluginHangs) as error:
            return [Check("address", is_ok=False, sentence=str(error))]
        except PluginError as error:
            return [Check("connection", is_ok=False, sentence=str(error))]
        except Exception as error:
            log.exception("plugin %s failed its test", name)
            sentence = f"the plugin failed with {type(error).__name__}: {error}"
            return [Check("plugin", is_ok=False, sentence=sentence)]
        if entry.runner is not None and all(check.is_ok for check in checks):
            entry.runner.sweep_now()
        return checks

    async def hook(self, name: str, body: Mapping[str, Any]) -> int:
        """Look up what a call of a plugin's hook is about; return how many items that are.

        Raises
        ------
        NoSuchPlugin, PluginNotConnected, PluginHangs, PluginFailed
        PluginError : the plugin does not take that; NotReady: not now
        """
        entry = self._entry(name)
        if entry.runner is None:
            raise PluginNotConnected(name, entry.status.detail)
        try:
            items = await entry.runner.connection().ask(lambda server: server.hook(body))
        except (PluginError, DaemonError):
            raise
        except Exception as error:
            log.exception("plugin %s failed over a hook", name)
            raise PluginFailed(name, type(error).__name__) from error
        for item in items[:_MOST_HOOKED]:
            try:
                await entry.lookup.look_up(item, tag=True)
            except PathRefused as error:
                log.warning("plugin %s: %s", name, error)
        return len(items)

    async def _live(self, entry: _Entry) -> None:
        """Load a plugin and run it."""
        try:
            await self._load(entry)
        except (PluginUnusable, PluginHangs) as error:
            log.warning("plugin %s is off: %s", entry.name, error)
            entry.status = PluginStatus("off", str(error))
            return
        except Exception as error:
            # Importing a plugin may raise anything, and must stop nobody else.
            log.exception("plugin %s can't be loaded", entry.name)
            entry.status = PluginStatus("off", f"it can't be loaded: {type(error).__name__}: {error}")
            return
        entry.runner = PluginRunner(
            entry.name, lambda: self._connect(entry), entry.lookup, self._store, self._pace
        )
        await entry.runner.run()

    async def _load(self, entry: _Entry) -> Loaded:
        """Return the plugin, loaded once, in its own thread: importing it may hang."""

        async def loading() -> Loaded:
            return load(entry.name, entry.section)

        if entry.loaded is None:
            entry.loaded = await entry.thread.run(loading, within_s=_LOAD_S)
        return entry.loaded

    def _connect(self, entry: _Entry) -> AbstractAsyncContextManager[PluginConnection]:
        if entry.loaded is None:
            raise PluginUnusable("it is not loaded")
        loop = asyncio.get_running_loop()

        def make_host(session: aiohttp.ClientSession) -> HostView:
            return HostView(entry.name, session, entry.lookup, loop)

        loaded = entry.loaded
        return connected(entry.thread, loaded.plugin, loaded.options, make_host, call_s=self._call_s)

    async def _checks(self, entry: _Entry) -> list[Check]:
        await self._load(entry)
        if entry.runner is not None and entry.runner.status.state == "on":
            return await entry.runner.connection().ask(_collected)
        async with self._connect(entry) as connection:
            return await connection.ask(_collected)

    def _entry(self, name: str) -> _Entry:
        if name not in self._entries:
            raise NoSuchPlugin(name)
        return self._entries[name]


async def _collected(server: MediaServer) -> list[Check]:
    return [check async for check in server.checks()]
