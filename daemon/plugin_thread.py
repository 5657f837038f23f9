"""A thread with an event loop of its own, so that what hangs in it hangs nobody else."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from typing import TypeVar

from daemon.plugin_errors import PluginHangs, PluginStuck

T = TypeVar("T")

_ALIVE_WITHIN_S = 10.0
"""A loop that does not turn for so long is held by code that never awaits."""


class PluginThread:
    """Runs one plugin's coroutines; used from the daemon's event loop."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._loop: asyncio.AbstractEventLoop | None = None
        self._is_stuck = False

    async def run(self, work: Callable[[], Awaitable[T]], *, within_s: float) -> T:
        """Await something in the plugin's loop.

        Raises
        ------
        PluginHangs : it took longer, and was cancelled
        PluginStuck : it can't even be cancelled
        whatever it raises; SystemExit and KeyboardInterrupt as RuntimeError
        """
        if self._is_stuck:
            raise PluginStuck(self._name, within_s)
        future = asyncio.run_coroutine_threadsafe(contained(work), self._started())
        try:
            async with asyncio.timeout(within_s) as limit:
                return await asyncio.wrap_future(future)
        except TimeoutError:
            if not limit.expired():
                raise
            await self._check_alive(within_s)
            raise PluginHangs(self._name, within_s) from None

    async def stop(self) -> None:
        """End the thread as soon as it lets itself be ended; one that is stuck ends with the process."""
        loop, self._loop = self._loop, None
        if loop is not None:
            loop.call_soon_threadsafe(loop.stop)

    def _started(self) -> asyncio.AbstractEventLoop:
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            # A daemon thread: what hangs in it must not hold up the end of the process.
            threading.Thread(
                target=_turn, args=(self._loop,), name=f"plugin {self._name}", daemon=True
            ).start()
        return self._loop

    async def _check_alive(self, waited_s: float) -> None:
        """Raises PluginStuck if the loop does not turn."""
        turned = asyncio.run_coroutine_threadsafe(asyncio.sleep(0), self._started())
        try:
            async with asyncio.timeout(_ALIVE_WITHIN_S):
                await asyncio.wrap_future(turned)
        except TimeoutError:
            self._is_stuck = True
            raise PluginStuck(self._name, waited_s) from None


def _turn(loop: asyncio.AbstractEventLoop) -> None:
    """Run a loop until it is stopped, and close it."""
    asyncio.set_event_loop(loop)
    try:
        loop.run_forever()
        left = asyncio.all_tasks(loop)
        for task in left:
            task.cancel()
        loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        loop.run_until_complete(loop.shutdown_asyncgens())
    finally:
        loop.close()


async def contained(work: Callable[[], Awaitable[T]]) -> T:
    """Await; what would end the whole process ends only this."""
    try:
        return await work()
    except (SystemExit, KeyboardInterrupt) as error:
        raise RuntimeError(f"the plugin tried to end the process ({error!r})") from error
