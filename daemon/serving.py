"""Run the daemon until it is told to end; when it is told to reload, open everything anew."""

import asyncio
import logging
import os
import signal
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from typing import TypeVar

import psycopg
from aiohttp import web

from daemon.app import listening, make_app
from daemon.blocking_threads import BlockingThreads
from daemon.config import Config
from daemon.config_changes import changed_options
from daemon.errors import DaemonError
from daemon.keys import SERVICES
from daemon.sd_notify import Notifier
from daemon.service_status import telling_status
from engine.errors import SpectraError

log = logging.getLogger(__name__)

T = TypeVar("T")

OnReady = Callable[[list[str], web.Application], None]
"""Called with the addresses once requests are answered, also after each reload."""


async def serve(
    config: Config,
    on_ready: OnReady,
    *,
    read_config: Callable[[], Config] | None = None,
    notifier: Notifier | None = None,
) -> None:
    """Run the daemon until SIGTERM or SIGINT; SIGHUP reads the configuration again.

    Parameters
    ----------
    read_config : how the configuration is read again, in a thread; None: it stays as it is
    notifier : whom to tell

    Raises
    ------
    DaemonError : it could not start, or can't go on
    """
    asyncio.get_running_loop().set_default_executor(BlockingThreads())
    wishes = _Wishes()
    notifier = notifier or Notifier(None)
    with _signals(wishes):
        async with notifier.alive():
            daemon = _Daemon(on_ready, read_config or (lambda: config), notifier, wishes)
            await daemon.run(config)
    if wishes.reason is not None:
        raise wishes.reason


class _Wishes:
    """What signals, and services that can't go on, ask of the daemon."""

    def __init__(self) -> None:
        self.is_ending = False
        self.reason: DaemonError | None = None
        self._came = asyncio.Event()
        self._start: asyncio.Timeout | None = None

    def end(self, reason: DaemonError | None = None) -> None:
        """End, also in the middle of a start; the first reason counts."""
        if self.is_ending:
            return
        self.is_ending, self.reason = True, reason
        self._came.set()
        if self._start is not None:
            # Only once: a second cancellation could cut off the closing of what is open already.
            self._start.reschedule(asyncio.get_running_loop().time())

    def reload(self) -> None:
        """Reload; what comes during a reload is done after it."""
        self._came.set()

    async def wants_reload(self) -> bool:
        """Wait for a wish, and take it: True to reload, False to end."""
        await self._came.wait()
        self._came.clear()
        return not self.is_ending

    async def unless_ending(self, start: Awaitable[T]) -> T | None:
        """Return what a start returns; None if it is given up because the end is wished for."""
        try:
            async with asyncio.timeout(0 if self.is_ending else None) as self._start:
                return await start
        except TimeoutError:
            if self._start is None or not self._start.expired():
                raise
            return None
        finally:
            self._start = None


class _Daemon:
    """The services of one configuration after the other, in one process."""

    def __init__(
        self, on_ready: OnReady, read_config: Callable[[], Config], notifier: Notifier, wishes: _Wishes
    ) -> None:
        self._on_ready = on_ready
        self._read_config = read_config
        self._notifier = notifier
        self._wishes = wishes
        self._is_open = False

    async def run(self, config: Config) -> None:
        """Serve until the end is wished for; where a reload can't open the new one, go back to the former."""
        former: Config | None = None
        while True:
            try:
                wanted = await self._serve(config)
            except Exception as error:
                if self._is_open or former is None:
                    raise
                _log_going_back(error)
                config, former = former, None
                continue
            if wanted is None:
                return
            former, config = config, wanted

    async def _serve(self, config: Config) -> Config | None:
        """Serve until another configuration is wanted, and return it; None: the end is."""
        self._is_open = False
        app = make_app(config, self._wishes.end, watch=True)
        async with AsyncExitStack() as stack:
            start = stack.enter_async_context(listening(config, app, tcp=True))
            addresses = await self._wishes.unless_ending(start)
            if addresses is None:
                self._say_stopping()
                return None
            self._is_open = True
            await stack.enter_async_context(telling_status(self._notifier, app[SERVICES]))
            log.info("listening on %s", " and ".join(addresses))
            self._notifier.ready("Answering.")
            self._on_ready(addresses, app)
            return await self._until_told(config)

    async def _until_told(self, config: Config) -> Config | None:
        while await self._wishes.wants_reload():
            self._notifier.reloading("Reading the configuration again.")
            try:
                wanted = await asyncio.to_thread(self._read_config)
            except SpectraError as error:
                _log_refused(error)
                self._notifier.ready("The configuration was not taken, see the log.")
                continue
            changed = ", ".join(changed_options(config, wanted)) or "nothing"
            log.info("opening everything anew; changed in the configuration: %s", changed)
            return wanted
        self._say_stopping()
        return None

    def _say_stopping(self) -> None:
        self._notifier.stopping("Stopping.")
        log.info("stopping")


def _log_refused(error: SpectraError) -> None:
    for problem in str(error).splitlines():
        log.error("%s", problem)
    log.error("the configuration is not taken; the former one stays in force")


def _log_going_back(error: Exception) -> None:
    has_sentence = isinstance(error, SpectraError | OSError | psycopg.Error)
    log.error("the new configuration can't be used: %s", error, exc_info=None if has_sentence else error)
    log.error("going back to the former one")


@contextmanager
def _signals(wishes: _Wishes) -> Iterator[None]:
    """Turn signals into wishes while the context lasts."""
    loop = asyncio.get_running_loop()
    had_terminal = _has_terminal()

    def hang_up() -> None:
        # Whoever closes the window of `make run` wants the daemon to end.
        if had_terminal and not _has_terminal():
            wishes.end()
        else:
            wishes.reload()

    meanings = {signal.SIGTERM: wishes.end, signal.SIGINT: wishes.end, signal.SIGHUP: hang_up}
    for number, meaning in meanings.items():
        loop.add_signal_handler(number, meaning)
    try:
        yield
    finally:
        for number in meanings:
            loop.remove_signal_handler(number)


def _has_terminal() -> bool:
    """Tell whether this process belongs to a terminal that is still there."""
    try:
        os.close(os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC))
    except OSError:
        return False
    return True
