"""A thousand uploads at once: each is taken and answered, or asked to come back; then all is as before."""

import asyncio
import io
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import aiohttp
import pytest
from ingesting import clip_of
from real_daemon import UNLIMITED, Measured, RealDaemon, real_daemon
from synth import music as play
from synth import write_audio
from waiting import until, wait_until

UPLOADS = 1_000
PLACES = 32
ROUNDS = 5
GROWN_MB = 25.0
"""server.max_pending_matches"""
SLOW = 100
SECONDS = 15.0
CLIP = clip_of(play(1, SECONDS), 3, 6)
_NEVER_S = 120.0
"""Whoever waits so long was forgotten."""


@pytest.fixture(scope="module", params=["limited", "unlimited"])
def daemon(request: pytest.FixtureRequest) -> Iterator[RealDaemon]:
    """Yield a daemon that knows a piece; one address may ask as often as by default, or as it likes."""

    def fill(music: Path) -> None:
        write_audio(music / "piece.mp3", play(1, SECONDS), tags={"title": "Piece", "artist": "Somebody"})

    limits = UNLIMITED
    if request.param == "limited":
        limits = {name: value for name, value in UNLIMITED.items() if not name.endswith("MATCH")}
    with real_daemon(limits, prepare=fill) as opened:
        wait_until(lambda: opened.rows("SELECT 1 FROM files WHERE status = 'indexed'") == [(1,)])
        yield opened


@asynccontextmanager
async def crowd(daemon: RealDaemon) -> AsyncIterator[aiohttp.ClientSession]:
    """Yield a client with as many connections as it likes."""
    connector = aiohttp.TCPConnector(limit=0, force_close=True)
    timeout = aiohttp.ClientTimeout(total=_NEVER_S)
    async with aiohttp.ClientSession(daemon.address, connector=connector, timeout=timeout) as http:
        yield http


async def upload(http: aiohttp.ClientSession) -> tuple[int, str | None]:
    """Send a clip; return the status, and the task, or None for who was asked to come back."""
    form = aiohttp.FormData()
    form.add_field("file", io.BytesIO(CLIP), filename="clip.wav")
    async with http.post("/match_file", data=form) as response:
        answer = await response.json()
        if response.status == 202:
            return response.status, answer["task_id"]
        assert int(response.headers["Retry-After"]) > 0
        assert "ry again in" in answer["error"]
        return response.status, None


async def outcome_of(http: aiohttp.ClientSession, task_id: str) -> str:
    found: list[str] = []

    async def is_answered() -> bool:
        async with http.get(f"/task_status/{task_id}") as response:
            task = await response.json()
        if task["status"] == "success":
            found.append(task["result"][0]["song_name"])
        assert task["status"] in {"pending", "success"}, task
        return bool(found)

    await until(is_answered, within_s=_NEVER_S)
    return found[0]


async def round_of(daemon: RealDaemon) -> Counter[int]:
    """Send all uploads at once, wait for every answer, and return how many met which status."""
    async with crowd(daemon) as http:
        sent = await asyncio.gather(*(upload(http) for _ in range(UPLOADS)))
        names = await asyncio.gather(*(outcome_of(http, task_id) for _, task_id in sent if task_id))
    assert all(name == "Piece" for name in names)
    return Counter(status for status, _ in sent)


async def at_rest(daemon: RealDaemon) -> Measured:
    """Wait until nothing of the uploads is left, and return what the daemon holds then."""
    await until(lambda: not list(daemon.spool.iterdir()))

    async def is_alone() -> bool:
        # Its listening socket has the port, too; who has gone leaves CLOSE_WAIT or nothing.
        _, port = daemon.host_and_port
        peers = [each for each in daemon.process.net_connections("tcp") if each.laddr.port == port]
        return len(peers) == 1

    await until(is_alone, within_s=60.0)
    return daemon.measure()


def assert_same(after: Measured, before: Measured, *, grown_mb: float) -> None:
    assert after.heap_mb <= before.heap_mb + grown_mb, (before, after)
    assert after.files <= before.files + 8, (before, after)  # a connection more of the database's pool or two
    assert after.processes == before.processes


async def test_of_a_thousand_uploads_at_once_each_is_answered_or_asked_to_come_back(
    daemon: RealDaemon, request: pytest.FixtureRequest, tell: Callable[[str], None]
) -> None:
    statuses, seen = [], []
    while len(seen) < ROUNDS and not _is_flat(seen):
        statuses.append(await round_of(daemon))
        seen.append(await at_rest(daemon))
    tell(f"statuses {[dict(each) for each in statuses]}; {seen}")
    is_limited = "unlimited" not in request.node.name
    assert {status for each in statuses for status in each} <= {202, 429 if is_limited else 503}
    assert statuses[0][202] >= (30 if is_limited else PLACES)
    assert all(each[202] >= (0 if is_limited else PLACES) for each in statuses)
    assert_same(seen[-1], seen[-2], grown_mb=GROWN_MB)
    daemon.assert_well()


def _is_flat(seen: list[Measured]) -> bool:
    """Tell whether the last thousand found room in what those before had left in the heap.

    The second may wake a worker that the first did without; a leak grows with each.
    """
    return len(seen) > 1 and seen[-1].heap_mb <= seen[-2].heap_mb + GROWN_MB


async def send_slowly(daemon: RealDaemon) -> bytes:
    """Send a byte a second of a clip that never ends, until the daemon closes; return its answer's head."""
    reader, writer = await asyncio.open_connection(*daemon.host_and_port)
    head = (
        "POST /match_file HTTP/1.1",
        "Host: localhost",
        "Content-Type: audio/wav",
        "Content-Length: 1000000",
    )
    writer.write("\r\n".join(head).encode() + b"\r\n\r\n")
    answer = asyncio.create_task(reader.read())
    with suppress(ConnectionError):
        while not answer.done():
            writer.write(b"R")
            await writer.drain()
            await asyncio.wait([answer], timeout=1.0)
    writer.close()
    with suppress(ConnectionError):
        return (await answer).partition(b"\r\n")[0]
    return b""


@pytest.mark.parametrize("daemon", ["unlimited"], indirect=True)
async def test_who_sends_a_byte_a_second_is_in_nobodys_way_and_is_ended(
    daemon: RealDaemon, tell: Callable[[str], None]
) -> None:
    before = await at_rest(daemon)
    slow = [asyncio.create_task(send_slowly(daemon)) for _ in range(SLOW)]
    await until(lambda: len(list(daemon.spool.iterdir())) == PLACES)
    begin_s = time.monotonic()
    async with crowd(daemon) as http:
        tasks: list[str] = []

        async def is_taken() -> bool:
            _, task_id = await upload(http)
            if task_id:
                tasks.append(task_id)
            return bool(task_id)

        for count in range(1, 4):
            await until(is_taken, within_s=20.0)
            assert await outcome_of(http, tasks[-1]) == "Piece"
            assert count < PLACES
        taken_s = time.monotonic() - begin_s
        assert sum(not each.done() for each in slow) >= 1
    heads = await asyncio.wait_for(asyncio.gather(*slow), _NEVER_S)
    after = await at_rest(daemon)
    tell(f"of {SLOW} slow ones {Counter(heads)}; others taken within {taken_s:.1f} s; {before}, then {after}")
    assert {head.partition(b" ")[2][:3] for head in heads} <= {b"408", b"503", b""}
    assert_same(after, before, grown_mb=10.0)
    daemon.assert_well()
