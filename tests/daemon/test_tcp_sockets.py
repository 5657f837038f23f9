"""How many connections are taken: over real sockets, as event loops accept them."""

import asyncio
import logging
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from ipaddress import ip_network

import pytest
from waiting import until

from daemon.ip_address import LOOPBACK
from daemon.tcp_sockets import Gate, bound_sockets

Ends = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@asynccontextmanager
async def echoing(gate: Gate, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """Serve what sends everything back, and yield its port."""

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := await reader.readline():
                writer.write(line)
        finally:
            writer.close()

    (bound,) = bound_sockets("127.0.0.1", 0, gate)
    server = await asyncio.start_server(echo, sock=bound, ssl=tls)
    async with server:
        yield bound.getsockname()[1]


async def connected(stack: AsyncExitStack, port: int) -> Ends:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    stack.callback(writer.close)
    return reader, writer


async def is_served(ends: Ends) -> bool:
    """Tell whether the other end answers; else it has closed."""
    reader, writer = ends
    try:
        writer.write(b"hello\n")
        async with asyncio.timeout(10):
            return await reader.readline() == b"hello\n"
    except ConnectionError:
        return False


async def test_one_neighbour_gets_so_many_connections_and_again_when_some_end(
    caplog: pytest.LogCaptureFixture,
) -> None:
    gate = Gate((), most_of_one=3)
    async with AsyncExitStack() as stack, echoing(gate) as port:
        held = [await connected(stack, port) for _ in range(3)]
        assert [await is_served(ends) for ends in held] == [True] * 3
        for _ in range(5):
            assert not await is_served(await connected(stack, port))
        assert [await is_served(ends) for ends in held] == [True] * 3
        held[0][1].close()
        await until(lambda: gate.open == 2)
        assert await is_served(await connected(stack, port))
    await until(lambda: gate.open == 0)
    told = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert [record.getMessage() for record in told] == [
        "127.0.0.1 is refused: 3 connections are open, 3 of them its"
    ]


async def test_a_handshake_that_never_comes_counts_too() -> None:
    gate = Gate((), most_of_one=2)
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    async with AsyncExitStack() as stack, echoing(gate, tls) as port:
        held = [await connected(stack, port) for _ in range(2)]
        await until(lambda: gate.open == 2)
        reader, _ = await connected(stack, port)
        async with asyncio.timeout(10):
            assert await reader.read() == b""
        for _, writer in held:
            writer.close()
        await until(lambda: gate.open == 0)


async def test_this_machine_and_proxies_are_not_counted() -> None:
    gate = Gate((*LOOPBACK, ip_network("10.0.0.0/8")), most_of_one=0)
    async with AsyncExitStack() as stack, echoing(gate) as port:
        assert await is_served(await connected(stack, port))
    for address in ("127.0.0.9", "::1", "::ffff:127.0.0.1", "10.1.2.3", "::ffff:10.1.2.3"):
        assert gate.enter(address) is not None, address
    for address in ("192.168.1.9", "fe80::1%eth0", "::ffff:192.168.1.9"):
        assert gate.enter(address) is None, address
    assert gate.open == 0


def test_a_network_of_ipv6_counts_as_one_and_all_together_have_a_limit() -> None:
    now_s = [0.0]
    gate = Gate((), most_of_one=2, most=5, clock=lambda: now_s[0])
    assert [gate.enter(f"2001:db8::{number}") is not None for number in range(3)] == [True, True, False]
    assert gate.enter("2001:db8:0:1::1") is not None
    leave = gate.enter("192.0.2.1")
    assert leave is not None
    assert gate.enter("192.0.2.2") is not None
    assert gate.enter("192.0.2.3") is None
    leave()
    assert gate.open == 4
    assert gate.enter("192.0.2.3") is not None


def test_a_refusal_is_told_once_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    now_s = [1_000.0]
    gate = Gate((), most_of_one=0, clock=lambda: now_s[0])
    told = []
    for now_s[0] in (1_000.0, 1_001.0, 1_059.0, 1_060.0, 1_061.0):
        assert gate.enter("192.0.2.1") is None
        told.append(len(caplog.records))
    assert told == [1, 1, 1, 2, 2]


def test_a_name_is_listened_on_at_all_its_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [
        (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 0)),
        (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 0)),
        (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.2", 0)),
    ]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    bound = bound_sockets("nas.example", 0, Gate(()))
    try:
        assert [each.getsockname()[0] for each in bound] == ["127.0.0.1", "127.0.0.2"]
    finally:
        for each in bound:
            each.close()


def test_what_cant_be_bound_leaves_nothing_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, socket.create_server(("127.0.0.1", 0)) as free:
        places = [free.getsockname(), taken.getsockname()]
        free.close()
        found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", place) for place in places]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
        with pytest.raises(OSError, match="in use"):
            bound_sockets("nas.example", 0, Gate(()))
        socket.create_server(places[0]).close()
