"""Turns by number."""

import asyncio
import gc

from daemon.turns import Turns


async def test_who_wants_the_same_number_waits_and_who_wants_another_does_not() -> None:
    turns, done = Turns(), []

    async def work(number: int, name: str) -> None:
        async with turns.of(number):
            done.append(name)

    async with turns.of(1):
        same = asyncio.create_task(work(1, "same"))
        await work(2, "other")
        assert done == ["other"]
    await same
    assert done == ["other", "same"]


async def test_who_gives_up_waiting_holds_up_nobody_and_a_turn_that_is_over_is_forgotten() -> None:
    turns = Turns()

    async def wait() -> None:
        async with turns.of(1):
            pass

    async with turns.of(1):
        waiting = asyncio.create_task(wait())
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        assert list(turns._locks) == [1]
    del waiting
    await wait()
    await asyncio.sleep(0)  # the loop forgets the cancelled task
    gc.collect()
    assert not turns._locks
