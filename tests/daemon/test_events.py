"""Who follows the daemon is told what differs, and costs it little."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping

import psycopg
import pytest
from waiting import until

from daemon import events
from daemon.events import EventFeed, Seen, Subscription, TooManyReaders


class World:
    """What there is to see, how long a look takes, and the time: it goes on only by `turn`."""

    def __init__(self) -> None:
        self.state: dict[str, Seen] = {"status": Seen(1), "changes": Seen({"latest": None})}
        self.error: Exception | None = None
        self.look_s = 0.0
        self.now_s = 0.0
        self.looks = 0
        self.rests_s: list[float] = []
        self._turns = asyncio.Semaphore(0)

    async def look(self) -> Mapping[str, Seen]:
        self.looks += 1
        self.now_s += self.look_s
        if self.error is not None:
            raise self.error
        return dict(self.state)

    async def rest(self, rest_s: float) -> None:
        self.rests_s.append(rest_s)
        await self._turns.acquire()

    async def turn(self) -> None:
        """Have it look once more, and wait until it rests again."""
        looks = len(self.rests_s)
        self._turns.release()
        await until(lambda: len(self.rests_s) > looks)


@pytest.fixture
async def world() -> World:
    return World()


@pytest.fixture
async def feed(world: World) -> AsyncIterator[EventFeed]:
    feed = EventFeed(world.look, clock=lambda: world.now_s, sleep=world.rest)
    yield feed
    await feed.stop()
    assert not feed.is_looking


async def told(reader: Subscription) -> dict[str, object]:
    return {name: json.loads(text) for name, text in (await reader.take(within_s=30.0)).items()}


async def nothing_told(reader: Subscription) -> bool:
    return await reader.take(within_s=0.01) == {}


async def test_a_reader_is_told_everything_first_and_then_what_differs(feed: EventFeed, world: World) -> None:
    reader = feed.subscribe()
    assert await told(reader) == {"status": 1, "changes": {"latest": None}}
    await world.turn()
    assert await nothing_told(reader)
    world.state["status"] = Seen(2)
    await world.turn()
    assert await told(reader) == {"status": 2}
    world.state["changes"] = Seen({"latest": None}, "undone")
    await world.turn()
    assert await told(reader) == {"changes": {"latest": None}}


async def test_one_look_serves_all_and_who_comes_later_waits_for_none(feed: EventFeed, world: World) -> None:
    readers = [feed.subscribe() for _ in range(3)]
    everything = {"status": 1, "changes": {"latest": None}}
    assert [await told(each) for each in readers] == [everything] * 3
    assert (await told(feed.subscribe()), world.looks) == (everything, 1)


async def test_who_reads_slowly_is_told_the_latest_only(feed: EventFeed, world: World) -> None:
    reader = feed.subscribe()
    await told(reader)
    for number in range(100):
        world.state["status"] = Seen(number)
        await world.turn()
    assert await told(reader) == {"status": 99}
    assert await nothing_told(reader)


@pytest.mark.parametrize(("look_s", "rest_s"), [(0.0, 1.0), (0.04, 1.0), (0.2, 4.0), (90.0, 60.0)])
async def test_looking_takes_a_small_part_of_the_time(
    feed: EventFeed, world: World, look_s: float, rest_s: float
) -> None:
    world.look_s = look_s
    await told(feed.subscribe())
    await until(lambda: world.rests_s)
    assert world.rests_s == [pytest.approx(rest_s)]


async def test_it_looks_only_while_somebody_reads(feed: EventFeed, world: World) -> None:
    assert (feed.is_looking, world.looks) == (False, 0)
    one, two = feed.subscribe(), feed.subscribe()
    await told(one)
    feed.leave(one)
    assert feed.is_looking
    feed.leave(two)
    await until(lambda: not feed.is_looking)
    # What was seen is old: the next one is told what is.
    world.state["status"] = Seen(5)
    assert (await told(feed.subscribe()))["status"] == 5


async def test_trouble_is_told_once_and_its_end_with_everything(feed: EventFeed, world: World) -> None:
    reader = feed.subscribe()
    await told(reader)
    world.error = psycopg.OperationalError("gone")
    await world.turn()
    assert "database does not answer" in str(await told(reader))
    await world.turn()
    assert await nothing_told(reader)
    assert world.rests_s[-1] > world.rests_s[0]
    assert "trouble" in await told(feed.subscribe())
    world.error = None
    await world.turn()
    assert await told(reader) == {"status": 1, "changes": {"latest": None}}


async def test_our_own_fault_is_logged_and_ends_nothing(
    feed: EventFeed, world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.error = ZeroDivisionError()
    reader = feed.subscribe()
    assert list(await told(reader)) == ["trouble"]
    assert "ZeroDivisionError" in caplog.text
    world.error = None
    await world.turn()
    assert (await told(reader))["status"] == 1


async def test_a_look_that_nobody_waits_for_is_the_last_one(world: World) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def look() -> Mapping[str, Seen]:
        begun.set()
        await go_on.wait()
        return await world.look()

    feed = EventFeed(look, clock=lambda: 0.0, sleep=world.rest)
    first = feed.subscribe()
    await begun.wait()
    feed.leave(first)
    second = feed.subscribe()
    go_on.set()
    assert (await told(second))["status"] == 1
    await until(lambda: world.looks == 2)
    assert len(world.rests_s) == 1
    feed.leave(second)
    await until(lambda: not feed.is_looking)


async def test_the_end_does_not_wait_for_a_look(world: World) -> None:
    begun = asyncio.Event()

    async def look() -> Mapping[str, Seen]:
        begun.set()
        await asyncio.Event().wait()
        return {}

    feed = EventFeed(look)
    feed.subscribe()
    await begun.wait()
    async with asyncio.timeout(30):
        await feed.stop()
    assert not feed.is_looking


async def test_readers_are_limited(feed: EventFeed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "_MOST_READERS", 2)
    first = feed.subscribe()
    feed.subscribe()
    with pytest.raises(TooManyReaders, match="2 pages follow"):
        feed.subscribe()
    feed.leave(first)
    feed.subscribe()


async def test_the_end_lets_all_go_even_who_takes_nothing(feed: EventFeed) -> None:
    waiting, stalled = feed.subscribe(), feed.subscribe()
    await told(waiting)

    async def write() -> None:
        async with stalled.patience(600.0):
            await asyncio.Event().wait()

    taking, writing = asyncio.create_task(waiting.take(within_s=600.0)), asyncio.create_task(write())
    await asyncio.sleep(0)
    feed.end()
    async with asyncio.timeout(30):
        assert await taking == {}
        with pytest.raises(TimeoutError):
            await writing
    assert (waiting.is_ended, feed.subscribe().is_ended, feed.reader_count) == (True, True, 2)
