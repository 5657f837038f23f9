"""What happens in a plugin's thread stays there."""

import asyncio
import sys
import threading
from collections.abc import AsyncIterator

import pytest

from daemon import plugin_thread
from daemon.plugin_errors import PluginHangs, PluginStuck
from daemon.plugin_thread import PluginThread


@pytest.fixture
async def thread(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[PluginThread]:
    """A thread that is found out quickly."""
    monkeypatch.setattr(plugin_thread, "_ALIVE_WITHIN_S", 0.1)
    thread = PluginThread("example")
    yield thread
    await thread.stop()


async def test_what_is_awaited_there_comes_back(thread: PluginThread) -> None:
    async def name() -> str:
        return threading.current_thread().name

    assert await thread.run(name, within_s=10) == "plugin example"


async def test_what_is_raised_there_comes_back(thread: PluginThread) -> None:
    async def fail() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await thread.run(fail, within_s=10)


async def test_its_own_time_limits_are_no_hang(thread: PluginThread) -> None:
    async def impatient() -> None:
        async with asyncio.timeout(0):
            await asyncio.Event().wait()

    with pytest.raises(TimeoutError):
        await thread.run(impatient, within_s=10)


async def test_what_waits_too_long_is_cancelled_and_the_thread_goes_on(thread: PluginThread) -> None:
    cancelled = threading.Event()

    async def wait() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    with pytest.raises(PluginHangs) as raised:
        await thread.run(wait, within_s=0.05)
    assert not isinstance(raised.value, PluginStuck)
    assert await asyncio.to_thread(cancelled.wait, 10)

    async def quick() -> str:
        return "still there"

    assert await thread.run(quick, within_s=10) == "still there"


async def test_what_blocks_is_given_up_for_good(thread: PluginThread) -> None:
    release = threading.Event()

    async def block() -> None:
        release.wait()

    async def quick() -> None:
        pass

    with pytest.raises(PluginStuck, match="until Spectra is restarted"):
        await thread.run(block, within_s=0.05)
    with pytest.raises(PluginStuck):
        await thread.run(quick, within_s=10)
    release.set()


async def test_what_ends_the_process_ends_only_itself(thread: PluginThread) -> None:
    async def leave() -> None:
        sys.exit("bye")

    async def quick() -> str:
        return "still there"

    with pytest.raises(RuntimeError, match="tried to end the process"):
        await thread.run(leave, within_s=10)
    assert await thread.run(quick, within_s=10) == "still there"


async def test_a_stop_cancels_what_is_left(thread: PluginThread) -> None:
    cancelled = threading.Event()

    async def begin() -> None:
        async def wait() -> None:
            try:
                await asyncio.Event().wait()
            finally:
                cancelled.set()

        begun.append(asyncio.create_task(wait()))
        await asyncio.sleep(0)

    begun: list[asyncio.Task[None]] = []
    await thread.run(begin, within_s=10)
    await thread.stop()
    assert await asyncio.to_thread(cancelled.wait, 10)
