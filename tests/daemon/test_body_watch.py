"""Senders that stop, or never begin: over real sockets, with time that does not pass by itself."""

import asyncio
import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from waiting import served, until

from daemon import app as daemon_app
from daemon.body_watch import make_body_watch_middleware
from daemon.config import Config
from daemon.json_errors import json_errors
from daemon.uploads import clip_chunks

HEAD = b"POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: %s\r\nContent-Length: 100\r\n\r\n"


class Turns:
    """A sleep that ends when told."""

    def __init__(self) -> None:
        self.given = asyncio.Semaphore(0)
        self.asked = 0
        """How often it was slept."""

    async def sleep(self, _: float) -> None:
        self.asked += 1
        await self.given.acquire()


ASKED = web.AppKey("asked", list[web.Request])


async def _json(request: web.Request) -> web.Response:
    request.app[ASKED].append(request)
    return web.json_response({"got": await request.json()})


async def _clip(request: web.Request) -> web.Response:
    return web.json_response({"got": sum([len(chunk) async for chunk in clip_chunks(request)])})


async def _unread(request: web.Request) -> web.Response:
    return web.json_response({})


@asynccontextmanager
async def _sending(aiohttp_client, turns: Turns, path: bytes, kind: bytes) -> AsyncIterator[tuple]:
    app = web.Application(middlewares=[json_errors, make_body_watch_middleware(1.0, sleep=turns.sleep)])
    app[ASKED] = []
    app.router.add_post("/json", _json)
    app.router.add_post("/clip", _clip)
    app.router.add_post("/unread", _unread)
    client = await aiohttp_client(app)
    async with asyncio.timeout(30):
        reader, writer = await asyncio.open_connection(client.host, client.port)
        writer.write(HEAD % (path, kind))
        try:
            yield reader, writer, app[ASKED]
        finally:
            writer.close()
            await writer.wait_closed()


BODIES = [
    (b"/json", b"application/json"),
    (b"/clip", b"application/octet-stream"),
    (b"/clip", b"multipart/form-data; boundary=x"),
]


@pytest.mark.parametrize(("path", "kind"), BODIES)
@pytest.mark.parametrize("begun", [b"", b"["])
async def test_a_body_that_stops_is_answered(
    aiohttp_client, path: bytes, kind: bytes, begun: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    turns = Turns()
    async with _sending(aiohttp_client, turns, path, kind) as (reader, writer, _):
        writer.write(begun)
        for _ in range(3):
            turns.given.release()
        assert (await reader.readline()).split()[1] == b"408"
        answer = await reader.read()  # and the connection ends
        assert b"The body stopped coming" in answer
    assert not caplog.records


async def test_a_slow_body_is_waited_for(aiohttp_client) -> None:
    turns = Turns()
    async with _sending(aiohttp_client, turns, b"/json", b"application/json") as (reader, writer, asked):
        for count, byte in enumerate(b"[" + b" " * 8, 1):
            await until(lambda count=count: turns.asked == count)
            writer.write(bytes([byte]))
            await until(lambda count=count: asked[0].content.total_bytes == count)
            turns.given.release()
        writer.write(b" " * 90 + b"]")
        assert (await reader.readline()).split()[1] == b"200"


async def test_who_needs_no_body_does_not_wait(aiohttp_client) -> None:
    async with _sending(aiohttp_client, Turns(), b"/unread", b"text/plain") as (reader, _, _):
        assert (await reader.readline()).split()[1] == b"200"
    gc.collect()
    assert not [task for task in asyncio.all_tasks() if task.get_name() == "body"]


async def test_a_connection_on_which_no_request_comes_is_ended(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(daemon_app, "_IDLE_S", 0.2)
    async with served(config) as daemon, asyncio.timeout(60):
        host, port = daemon.address.removeprefix("http://").split(":")
        for sent in (b"", b"GET /ping HT", b"GET /ping HTTP/1.1\r\nHost: x\r\n"):
            reader, writer = await asyncio.open_connection(host, int(port))
            writer.write(sent)
            assert await reader.read() == b""
            writer.close()
            await writer.wait_closed()
        # Half a head, byte for byte, is no request either.
        reader, writer = await asyncio.open_connection(host, int(port))
        ended = asyncio.ensure_future(reader.read())

        def is_over() -> bool:
            if not ended.done():
                writer.write(b"x")
            return ended.done()

        await until(is_over)
        writer.close()
