"""How often one address may ask. The clock is injected: nothing waits."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from ipaddress import ip_network
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from daemon.config import RateLimits
from daemon.ip_address import IPNetwork
from daemon.json_errors import json_errors
from daemon.rate_limit import MovingWindows, _bucket, client_address, make_rate_limit_middleware

LIMITS = RateLimits(
    match="2/minute", task_status="4/minute", page="5/minute", sign_in="1/minute", default="3/minute"
)
MEDIA = [
    f"/{path}/{kind}"
    for path in ("files/{file_id}", "recordings/{recording_id}")
    for kind in ("audio", "cover")
]
LOOPBACK = ip_network("127.0.0.0/8")


@dataclass
class Clock:
    """Time that passes only when told."""

    now_s: float = 1_000.0

    def __call__(self) -> float:
        return self.now_s


async def _ok(request: web.Request) -> web.Response:
    return web.Response()


@pytest.fixture
def clock() -> Clock:
    return Clock()


def _app(clock: Clock, trusted: tuple[IPNetwork, ...] = ()) -> web.Application:
    async def address(request: web.Request) -> web.Response:
        return web.Response(text=client_address(request, trusted))

    limit = make_rate_limit_middleware(LIMITS, trusted_proxies=trusted, clock=clock)
    app = web.Application(middlewares=[json_errors, limit])
    app.router.add_post("/match_file", _ok)
    app.router.add_get("/task_status/{task_id}", _ok)
    for path in ("/", "/web/{path:.+}", "/favicon.ico", *MEDIA, "/other", "/session"):
        app.router.add_get(path, _ok)
    app.router.add_post("/session", _ok)
    app.router.add_get("/address", address)
    return app


@pytest.fixture
async def client(aiohttp_client, clock: Clock):
    return await aiohttp_client(_app(clock))


@pytest.fixture
async def proxied(aiohttp_client, clock: Clock):
    """A client whose X-Forwarded-For is believed."""
    return await aiohttp_client(_app(clock, trusted=(LOOPBACK,)))


@asynccontextmanager
async def _session_from(address: str) -> AsyncIterator[aiohttp.ClientSession]:
    connector = aiohttp.TCPConnector(local_addr=(address, 0))
    async with aiohttp.ClientSession(connector=connector) as session:
        yield session


async def test_one_request_too_many_is_told_when_to_come_back(client, clock: Clock) -> None:
    for _ in range(2):
        assert (await client.post("/match_file")).status == 200
        clock.now_s += 10.5
    refused = await client.post("/match_file")
    assert refused.status == 429
    assert refused.headers["Retry-After"] == "39"
    body = await refused.json()
    assert body["retry_after_s"] == 39
    assert body["error"].endswith("Try again in 39 s.")


async def test_coming_back_when_told_succeeds(client, clock: Clock) -> None:
    for _ in range(2):
        await client.post("/match_file")
    refused = await client.post("/match_file")
    clock.now_s += int(refused.headers["Retry-After"]) - 1
    assert (await client.post("/match_file")).status == 429
    clock.now_s += 1
    assert (await client.post("/match_file")).status == 200


async def test_refused_requests_do_not_prolong_the_wait(client, clock: Clock) -> None:
    for _ in range(2):
        await client.post("/match_file")
    for _ in range(5):
        clock.now_s += 10
        assert (await client.post("/match_file")).status == 429
    clock.now_s += 10
    assert (await client.post("/match_file")).status == 200


async def test_unknown_paths_and_methods_are_limited_together(client) -> None:
    assert (await client.get("/a")).status == 404
    assert (await client.get("/b")).status == 404
    assert (await client.put("/match_file")).status == 405
    refused = await client.get("/c")
    assert refused.status == 429
    assert 1 <= int(refused.headers["Retry-After"]) <= 60
    assert (await client.get("/other")).status == 429


async def test_all_tasks_share_one_limit(client) -> None:
    assert [(await client.get(f"/task_status/{number}")).status for number in range(5)] == [200] * 4 + [429]


@pytest.mark.parametrize(
    "path", ["/", "/favicon.ico", *(path.format(file_id=1, recording_id=1) for path in MEDIA)]
)
async def test_the_page_and_what_it_shows_share_one_limit(client, path: str) -> None:
    asked = ["/", "/web/app.js", "/web/vendor/x.js", path]
    assert [(await client.get(each)).status for each in asked] == [200] * 4
    assert [(await client.head(path)).status, (await client.get(path)).status] == [200, 429]
    assert (await client.get("/other")).status == 200
    assert (await client.post("/")).status == 405


async def test_guessing_the_token_is_slow_and_locks_nobody_out(client) -> None:
    assert [(await client.post("/session")).status for _ in range(3)] == [200, 429, 429]
    assert (await client.get("/session")).status == 200


async def test_an_encoded_path_counts_as_its_route(client) -> None:
    for path in ("/match_file", "/match%5Ffile"):
        assert (await client.post(aiohttp.client.URL(path, encoded=True))).status == 200
    assert (await client.post("/match_file")).status == 429


async def test_groups_are_counted_apart(client) -> None:
    for _ in range(2):
        await client.post("/match_file")
    assert (await client.post("/match_file")).status == 429
    assert (await client.get("/task_status/1")).status == 200
    assert (await client.get("/other")).status == 200


async def test_addresses_are_counted_apart(client) -> None:
    url = client.make_url("/match_file")
    async with _session_from("127.0.0.2") as one, _session_from("127.0.0.3") as other:
        assert [(await one.post(url)).status for _ in range(3)] == [200, 200, 429]
        assert (await other.post(url)).status == 200


async def test_an_invented_forwarded_header_does_not_evade_the_limit(client) -> None:
    statuses = [
        (await client.post("/match_file", headers={"X-Forwarded-For": f"9.9.9.{number}"})).status
        for number in range(3)
    ]
    assert statuses == [200, 200, 429]


async def test_behind_a_trusted_proxy_clients_are_counted_apart(proxied) -> None:
    async def ask(forwarded: str) -> int:
        return (await proxied.post("/match_file", headers={"X-Forwarded-For": forwarded})).status

    assert [await ask("8.8.8.8, 9.9.9.9") for _ in range(3)] == [200, 200, 429]
    assert await ask("1.1.1.1, 9.9.9.9") == 429
    assert await ask("9.9.9.9, 8.8.8.8") == 200


@pytest.mark.parametrize(
    ("forwarded", "address"),
    [
        (["1.1.1.1, 2.2.2.2"], "2.2.2.2"),
        (["1.1.1.1", "2.2.2.2"], "2.2.2.2"),
        (["1.1.1.1, 127.0.0.7"], "1.1.1.1"),
        (["127.0.0.8, 127.0.0.7"], "127.0.0.8"),
        (["1.1.1.1, nonsense"], "127.0.0.1"),
        (["1.1.1.1, nonsense, 127.0.0.7"], "127.0.0.7"),
        (["1.1.1.1:5555"], "1.1.1.1"),
        (["[2001:db8::1]:5555"], "2001:db8::1"),
        (["2001:db8::1"], "2001:db8::1"),
        (["::ffff:1.1.1.1"], "1.1.1.1"),
        ([""], "127.0.0.1"),
        ([], "127.0.0.1"),
    ],
)
async def test_the_client_is_the_last_one_a_trusted_proxy_saw(
    proxied, forwarded: list[str], address: str
) -> None:
    headers = [("X-Forwarded-For", value) for value in forwarded]
    response = await proxied.get("/address", headers=headers)
    assert await response.text() == address


async def test_a_unix_socket_peer_is_exempt(tmp_path: Path, clock: Clock) -> None:
    runner = web.AppRunner(_app(clock))
    await runner.setup()
    path = str(tmp_path / "s")
    try:
        await web.UnixSite(runner, path).start()
        async with aiohttp.ClientSession(connector=aiohttp.UnixConnector(path)) as session:
            for _ in range(4):
                assert (await session.post("http://localhost/match_file")).status == 200
            assert await (await session.get("http://localhost/address")).text() == "unix"
    finally:
        await runner.cleanup()


def test_an_ipv6_subscriber_is_one_client() -> None:
    assert _bucket("2001:db8::1") == _bucket("2001:db8::ffff:1") != _bucket("2001:db8:0:1::1")
    assert _bucket("10.0.0.1") != _bucket("10.0.0.2")


async def test_expired_windows_are_forgotten(clock: Clock) -> None:
    windows = MovingWindows(clock)
    for number in range(100):
        assert await windows.acquire_entry(f"client {number}", 5, 60)
    clock.now_s += 60
    assert await windows.acquire_entry("another", 5, 60)
    assert len(windows) == 1


async def test_many_addresses_stay_within_the_bound(clock: Clock) -> None:
    windows = MovingWindows(clock, most_keys=10)
    for number in range(100):
        assert await windows.acquire_entry(f"client {number}", 1, 60)
        assert len(windows) <= 10
    assert not await windows.acquire_entry("client 99", 1, 60)


@given(
    steps=st.lists(st.tuples(st.integers(0, 40), st.sampled_from("ab")), max_size=60),
    limit=st.integers(1, 4),
)
async def test_no_window_ever_holds_more_than_its_limit(steps: list[tuple[int, str]], limit: int) -> None:
    clock = Clock()
    windows = MovingWindows(clock)
    allowed: dict[str, list[float]] = {"a": [], "b": []}
    for wait_s, key in steps:
        clock.now_s += wait_s
        recent = [at_s for at_s in allowed[key] if at_s > clock.now_s - 60]
        assert (await windows.get_moving_window(key, limit, 60))[1] == len(recent)
        passed = await windows.acquire_entry(key, limit, 60)
        assert passed == (len(recent) < limit)
        if passed:
            allowed[key].append(clock.now_s)
