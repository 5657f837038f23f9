"""Uploads that come too slowly are given up: at last for themselves, sooner for others."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from daemon import arriving
from daemon.arriving import Arriving, ClipTooSlow


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have no patience: 1 kB/s at least from the beginning, 1 MB/s while all places are taken."""
    monkeypatch.setattr(arriving, "_PATIENCE_S", 0.02)
    monkeypatch.setattr(arriving, "_LEAST_PATIENCE_S", 1e-9)
    monkeypatch.setattr(arriving, "_SLOWEST_BYTES_PER_S", 1_000.0)
    monkeypatch.setattr(arriving, "_SLOW_BYTES_PER_S", 1_000_000.0)


async def sent(chunks: list[bytes], *, then: asyncio.Event | None = None) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk
    if then is not None:
        await then.wait()


async def received(arriving: Arriving, chunks: AsyncIterator[bytes]) -> list[bytes]:
    return [chunk async for chunk in arriving.paced(chunks)]


async def test_what_comes_at_once_arrives() -> None:
    assert await received(Arriving(), sent([b"a", b"", b"b"])) == [b"a", b"", b"b"]


async def test_who_stops_sending_is_given_up() -> None:
    with pytest.raises(ClipTooSlow, match="too slow"):
        await received(Arriving(), sent([b"a"], then=asyncio.Event()))


async def test_who_has_sent_much_may_rest() -> None:
    rested = asyncio.Event()
    asyncio.get_running_loop().call_later(0.1, rested.set)
    chunks = [bytes(1_000_000)]
    assert await received(Arriving(), sent(chunks, then=rested)) == chunks


async def test_the_slowest_makes_room_and_only_once() -> None:
    uploads, never = Arriving(), asyncio.Event()
    faster = asyncio.create_task(received(uploads, sent([bytes(10_000)], then=never)))
    slowest = asyncio.create_task(received(uploads, sent([bytes(5_000)], then=never)))
    await asyncio.wait([faster], timeout=0.02)
    assert uploads.make_room()
    with pytest.raises(ClipTooSlow):
        await slowest
    assert not faster.done()
    assert uploads.make_room()
    with pytest.raises(ClipTooSlow):
        await faster
    assert not uploads.make_room()


async def test_nobody_makes_room_who_is_fast_enough() -> None:
    uploads, done = Arriving(), asyncio.Event()
    fast = asyncio.create_task(received(uploads, sent([bytes(100_000_000)], then=done)))
    await asyncio.wait([fast], timeout=0.01)
    assert not uploads.make_room()
    done.set()
    assert len(await fast) == 1


async def test_an_upload_that_is_being_written_makes_room_at_its_next_chunk() -> None:
    uploads = Arriving()
    paced = uploads.paced(sent([b"a"], then=asyncio.Event()))
    assert await anext(paced) == b"a"
    await asyncio.wait([asyncio.create_task(asyncio.sleep(0))])
    assert uploads.make_room()
    with pytest.raises(ClipTooSlow):
        await anext(paced)
