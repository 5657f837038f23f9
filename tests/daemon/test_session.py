"""Signing in and out, over a real socket. The clock is injected: nothing waits."""

import asyncio
import re
from dataclasses import dataclass
from http import HTTPStatus
from importlib.metadata import version

import aiohttp
import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st
from token_holder import holding, named

from daemon import api_session, request_facts
from daemon.access import make_access_middleware
from daemon.api_session import SIGN_IN, SignIn, get_session, sign_in, sign_out
from daemon.ip_address import parse_address
from daemon.json_errors import json_errors
from daemon.keyring import Keys
from daemon.peer import Peer
from daemon.scopes import Scope
from daemon.session import COOKIE, LIFETIME_S, Session, make_session, session_of, session_values

pytestmark = pytest.mark.usefixtures("unblocked")
TOKEN = "correct-horse-battery-staple"
OTHER_TOKEN = "another-horse-battery-staple"
NOW_S = 1_800_000_000.0
PHONE = "a-telephone-on-the-wall"
PHONES = named("phone", PHONE, Scope.READ)
KEYS = Keys.of(TOKEN, [PHONES])
VALID = make_session(KEYS, KEYS.keys[0], NOW_S)


@dataclass
class Clock:
    """Time that passes only when told."""

    now_s: float = NOW_S

    def __call__(self) -> float:
        return self.now_s


async def _hello(request: web.Request) -> web.Response:
    return web.json_response({})


async def _streamed(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    return response


def _app(clock: Clock, token: str = TOKEN) -> web.Application:
    app = web.Application(
        middlewares=[json_errors, make_access_middleware(holding(token, PHONES), clock=clock)]
    )
    app[SIGN_IN] = SignIn(holding(token, PHONES), clock)
    app.router.add_get("/session", get_session)
    app.router.add_post("/session", sign_in)
    app.router.add_delete("/session", sign_out)
    app.router.add_get("/hello", _hello)
    app.router.add_post("/hello", _hello)
    app.router.add_get("/streamed", _streamed)
    return app


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(autouse=True)
def _another_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """All requests come from another machine."""
    monkeypatch.setattr(request_facts, "peer_of", lambda request: Peer(parse_address("192.168.1.9")))


@pytest.fixture
async def client(aiohttp_client, clock: Clock):
    # As a browser keeps cookies of an address without a name.
    return await aiohttp_client(_app(clock), cookie_jar=aiohttp.CookieJar(unsafe=True))


def _own(client) -> dict[str, str]:
    """Return what a browser says of our page over plain HTTP."""
    return {"Origin": f"http://{client.host}:{client.port}"}


async def _sign_in(client, **headers: str) -> aiohttp.ClientResponse:
    response = await client.post("/session", json={"token": TOKEN}, headers=_own(client) | headers)
    assert response.status == 200, await response.text()
    return response


def _given(response: aiohttp.ClientResponse) -> list[str]:
    return response.headers.getall("Set-Cookie", [])


async def test_the_token_opens_a_session(client) -> None:
    assert (await client.get("/hello")).status == 401
    response = await _sign_in(client)
    assert await response.json() == {"access": "session", "scope": "write"}
    (cookie,) = _given(response)
    flags = {part.strip().lower() for part in cookie.split(";")[1:]}
    assert flags == {"httponly", "samesite=strict", "path=/", f"max-age={LIFETIME_S}"}
    assert TOKEN not in cookie
    assert (await client.get("/hello")).status == 200
    assert (await client.post("/hello", headers=_own(client))).status == 200
    assert (await client.post("/hello", headers={"Origin": "http://evil.example"})).status == 403
    assert (await client.post("/hello")).status == 403
    session = await client.get("/session")
    assert await session.json() == {"access": "session", "scope": "write", "version": version("spectra")}


async def test_the_page_learns_why_it_may_pass(client, monkeypatch: pytest.MonkeyPatch) -> None:
    bearer = {"Authorization": f"Bearer {TOKEN}"}
    assert (await (await client.get("/session", headers=bearer)).json())["access"] == "token"
    refused = await client.get("/session")
    assert (refused.status, "the token" in (await refused.json())["error"]) == (401, True)
    monkeypatch.setattr(request_facts, "peer_of", lambda request: Peer(parse_address("127.0.0.1")))
    assert (await (await client.get("/session")).json())["access"] == "local"


@pytest.mark.parametrize("headers", [{"X-Forwarded-Proto": "https"}, {"X-Forwarded-Proto": "HTTPS, http"}])
async def test_behind_tls_the_cookie_stays_behind_tls(client, headers: dict[str, str]) -> None:
    (cookie,) = _given(await _sign_in(client, **headers))
    assert "; secure" in cookie.lower()


async def test_a_browser_that_says_https_gets_a_cookie_for_tls(client) -> None:
    origin = f"https://{client.host}:{client.port}"
    (cookie,) = _given(await _sign_in(client, Origin=origin))
    assert "; secure" in cookie.lower()


@pytest.mark.parametrize("token", ["", "wrong", TOKEN + "x", TOKEN[:-1], "t\xf6ken", "\ud800", "\x00"])
async def test_a_wrong_token_opens_nothing(client, token: str) -> None:
    response = await client.post("/session", json={"token": token}, headers=_own(client))
    assert response.status == 401
    assert "This token is wrong" in (await response.json())["error"]
    assert not _given(response)


@pytest.mark.parametrize("body", [b"", b"x", b"[]", b"{}", b'{"token": 7}', b"\xff", b"[" * 4_000])
async def test_what_is_no_token_is_said(client, body: bytes) -> None:
    headers = _own(client) | {"Content-Type": "application/json"}
    response = await client.post("/session", data=body, headers=headers)
    assert response.status == 400
    assert '{"token": "..."}' in (await response.json())["error"]


async def test_strangers_can_send_little(client) -> None:
    async def endless():
        for _ in range(100):
            yield b" " * 1_000

    headers = _own(client) | {"Content-Type": "application/json"}
    for body in (b" " * 100_000, endless()):
        assert (await client.post("/session", data=body, headers=headers)).status == 413


async def test_strangers_can_not_keep_it_waiting(client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api_session, "_LONGEST_S", 0.0)
    reader, writer = await asyncio.open_connection(client.host, client.port)
    writer.write(
        b"POST /session HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{"
    )
    assert (await reader.readline()).split()[1] == b"408"
    writer.close()
    await writer.wait_closed()


async def test_a_form_of_another_site_is_no_sign_in(client) -> None:
    response = await client.post("/session", data=b'{"token": "x"}', headers={"Content-Type": "text/plain"})
    assert response.status == 415


@pytest.mark.parametrize(
    "headers",
    [{"Origin": "https://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}],
)
async def test_another_site_cant_guess_through_its_readers(client, headers: dict[str, str]) -> None:
    response = await client.post("/session", json={"token": TOKEN}, headers=headers)
    assert response.status == 403
    assert not _given(response)


async def test_a_session_ends_after_its_time(client, clock: Clock) -> None:
    cookie = {"Cookie": f"{COOKIE}={make_session(KEYS, KEYS.keys[0], clock.now_s)}"}
    clock.now_s += LIFETIME_S - 1
    assert (await client.get("/hello", headers=cookie)).status == 200
    client.session.cookie_jar.clear()  # of the fresh one that came along
    clock.now_s += 1
    ended = await client.get("/hello", headers=cookie)
    assert ended.status == HTTPStatus.UNAUTHORIZED
    assert "sign in again" in (await ended.json())["error"]


async def test_a_session_in_use_is_renewed_at_half_its_time(client, clock: Clock) -> None:
    await _sign_in(client)
    clock.now_s += LIFETIME_S // 2
    assert not _given(await client.get("/hello"))
    clock.now_s += 1
    assert _given(await client.get("/hello"))
    assert not _given(await client.get("/hello"))
    clock.now_s += LIFETIME_S - 1
    assert (await client.get("/hello")).status == 200


async def test_a_stream_is_left_alone_by_the_renewal(client, clock: Clock) -> None:
    await _sign_in(client)
    clock.now_s += LIFETIME_S - 1
    response = await client.get("/streamed")
    assert (response.status, _given(response)) == (200, [])


async def test_signing_out_lets_the_browser_forget(client, clock: Clock) -> None:
    await _sign_in(client)
    clock.now_s += LIFETIME_S - 1  # and is not undone by a renewal
    response = await client.delete("/session", headers=_own(client))
    assert response.status == 204
    (cookie,) = _given(response)
    assert re.match(rf'{COOKIE}="";.*Max-Age=0', cookie)
    assert (await client.get("/hello")).status == 401


async def test_another_site_cant_sign_out(client) -> None:
    await _sign_in(client)
    assert (await client.delete("/session", headers={"Origin": "http://evil.example"})).status == 403


async def test_sessions_outlive_the_daemon_but_not_its_token(aiohttp_client, clock: Clock) -> None:
    cookie = {"Cookie": f"other=1; {COOKIE}={VALID}; x"}
    again, renewed = await aiohttp_client(_app(clock)), await aiohttp_client(_app(clock, OTHER_TOKEN))
    assert (await again.get("/hello", headers=cookie)).status == 200
    assert (await renewed.get("/hello", headers=cookie)).status == 401


@pytest.mark.parametrize(
    "cookie",
    [
        f"{COOKIE}={VALID}; {COOKIE}={VALID}",
        f"{COOKIE}={VALID}; {COOKIE}=",
        f"{COOKIE}=",
        COOKIE,
        f"{COOKIE}=" + "1" * 8_000,
        f"{COOKIE}=1.{'9' * 4_000}.{'A' * 43}",
        f"{COOKIE}=\xfc\u0661",
        ";=;;" * 1_900 + f"{COOKIE}=x",
        f'{COOKIE}="{VALID}"',
        f"{COOKIE.upper()}={VALID}",
    ],
)
async def test_odd_cookies_open_nothing(client, cookie: str) -> None:
    assert (await client.get("/hello", headers={"Cookie": cookie})).status == 401


@given(headers=st.lists(st.text(), max_size=3))
def test_any_cookie_header_can_be_read(headers: list[str]) -> None:
    assert session_of(session_values(headers), KEYS, NOW_S) is None


@given(
    token=st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=16), now_s=st.floats(0, 1e11)
)
def test_a_session_is_good_for_its_token_and_its_time_only(token: str, now_s: float) -> None:
    keys, others = Keys.of(token), Keys.of(token + "x")
    value = make_session(keys, keys.keys[0], now_s)
    session = Session(keys.keys[0], int(now_s) + LIFETIME_S)
    assert session_of((value,), keys, now_s) == session
    assert session_of((value,), others, now_s) is None
    assert session_of((value,), keys, now_s + LIFETIME_S) is None
    assert session_values([f"a=b; {COOKIE}={value}"]) == (value,)


async def test_a_session_opens_what_its_token_opens(client) -> None:
    """A route that no table names needs everything."""
    response = await client.post("/session", json={"token": PHONE}, headers=_own(client))
    assert await response.json() == {"access": "session", "scope": "read"}
    assert (await (await client.get("/session")).json())["scope"] == "read"
    refused = await client.get("/hello")
    assert refused.status == 403
    assert "--scope write" in (await refused.json())["error"]
    assert (await client.delete("/session", headers=_own(client))).status == 204


async def test_a_renewed_session_opens_no_more(client, clock: Clock) -> None:
    await client.post("/session", json={"token": PHONE}, headers=_own(client))
    clock.now_s += LIFETIME_S // 2 + 1
    assert _given(await client.get("/session"))
    assert (await (await client.get("/session")).json())["scope"] == "read"
