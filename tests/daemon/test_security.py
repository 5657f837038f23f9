"""Who may ask: over real sockets where one machine can show it, as a pure function for the rest."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from http import HTTPStatus
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st
from token_holder import holding, named

from daemon import request_facts
from daemon.access import make_access_middleware
from daemon.errors import TokenUnusable
from daemon.ip_address import parse_address
from daemon.keyring import Keys
from daemon.peer import Peer
from daemon.request_facts import FORWARDED_HEADERS, FORWARDED_PREFIXES, Facts
from daemon.scopes import Scope
from daemon.security import Access, Granted, Policy, Refused, classify

TOKEN = "correct-horse-battery-staple"
PHONE = "a-telephone-on-the-wall"
PAGE = "https://music.example"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
KEYS = Keys.of(TOKEN, [named("phone", PHONE, Scope.MATCH)])
POLICY = Policy(KEYS, allowed_hosts=frozenset({"spectra.home"}), cors_origins=frozenset({PAGE}))


async def _hello(request: web.Request) -> web.Response:
    return web.json_response({"hello": "there"})


def _app(origins: tuple[str, ...] = (PAGE,)) -> web.Application:
    access = make_access_middleware(holding(TOKEN), allowed_hosts=["Spectra.Home"], cors_origins=origins)
    app = web.Application(middlewares=[access])
    app.router.add_get("/hello", _hello)
    app.router.add_post("/hello", _hello)
    return app


@asynccontextmanager
async def _served(site_of: type[web.BaseSite], *where: object) -> AsyncIterator[web.AppRunner]:
    runner = web.AppRunner(_app())
    await runner.setup()
    try:
        await site_of(runner, *where).start()
        yield runner
    finally:
        await runner.cleanup()


@pytest.fixture
async def client(aiohttp_client):
    return await aiohttp_client(_app())


async def test_this_machine_needs_no_token(client) -> None:
    response = await client.get("/hello")
    assert (response.status, await response.json()) == (200, {"hello": "there"})


async def test_a_unix_socket_peer_needs_no_token(tmp_path: Path) -> None:
    path = str(tmp_path / "s")
    async with (
        _served(web.UnixSite, path),
        aiohttp.ClientSession(connector=aiohttp.UnixConnector(path)) as session,
    ):
        assert (await session.get("http://localhost/hello")).status == 200
        assert (await session.get("http://localhost/hello", headers={"X-Real-IP": "1.2.3.4"})).status == 401
        assert (await session.get("http://rebound.example/hello")).status == 403


async def test_an_ipv4_peer_of_a_dual_stack_socket_is_this_machine() -> None:
    if not socket.has_dualstack_ipv6():
        pytest.skip("no dual-stack IPv6 here")
    with socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True) as listening:
        port = listening.getsockname()[1]
        async with _served(web.SockSite, listening), aiohttp.ClientSession() as session:
            assert (await session.get(f"http://127.0.0.1:{port}/hello")).status == 200
            assert (await session.get(f"http://[::1]:{port}/hello")).status == 200


@pytest.mark.parametrize(
    "host", ["localhost:9", "LOCALHOST", "127.0.0.1", "127.9.9.9:80", "[::1]:80", "spectra.home"]
)
async def test_names_of_this_machine_are_accepted(client, host: str) -> None:
    assert (await client.get("/hello", headers={"Host": host})).status == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "localhost.evil.example",
        "evil.localhost",
        "127.0.0.1.evil.example",
        "192.168.1.2",
        "localhost@evil.example",
        "localhost:80:80",
        "localhost:",
        "0.0.0.0",
        "[::]",
        "",
    ],
)
async def test_a_rebound_name_does_not_reach_the_daemon(client, host: str) -> None:
    response = await client.get("/hello", headers={"Host": host})
    assert response.status == 403
    assert "server.allowed_hosts" in (await response.json())["error"]
    assert (await client.get("/hello", headers={"Host": host, **BEARER})).status == 200


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "http://localhost:1", "https://music.example.evil"]
)
async def test_a_foreign_page_does_not_reach_the_daemon(client, origin: str) -> None:
    response = await client.post("/hello", headers={"Origin": origin})
    assert response.status == 403
    assert "Access-Control-Allow-Origin" not in response.headers


async def test_a_proxy_that_says_nothing_is_known_by_its_protocol(client) -> None:
    async with asyncio.timeout(30):
        reader, writer = await asyncio.open_connection(client.host, client.port)
        # What nginx sends with nothing but `proxy_pass`.
        writer.write(b"GET /hello HTTP/1.0\r\nHost: 127.0.0.1:8765\r\nConnection: close\r\n\r\n")
        answer = await reader.read()
        writer.close()
        await writer.wait_closed()
    assert answer.startswith(b"HTTP/1.0 401 ")


async def test_the_daemons_own_page_does(client) -> None:
    own = f"http://{client.host}:{client.port}"
    assert (
        await client.post("/hello", headers={"Origin": own, "Sec-Fetch-Site": "same-origin"})
    ).status == 200
    assert (await client.get("/hello", headers={"Sec-Fetch-Site": "none"})).status == 200


@pytest.mark.parametrize("site", ["cross-site", "same-site", "something new"])
async def test_a_request_without_origin_from_another_site_is_refused(client, site: str) -> None:
    assert (await client.get("/hello", headers={"Sec-Fetch-Site": site})).status == 403
    listed = {"Sec-Fetch-Site": site, "Origin": PAGE}
    assert (await client.get("/hello", headers=listed)).status == 200


@pytest.mark.parametrize(
    "header", [*sorted(FORWARDED_HEADERS), *(f"{prefix}x" for prefix in FORWARDED_PREFIXES)]
)
async def test_a_forwarded_request_needs_the_token(client, header: str) -> None:
    response = await client.get("/hello", headers={header: "127.0.0.1"})
    assert response.status == 401
    assert response.headers["WWW-Authenticate"] == "Bearer"
    assert "`spectra token`" in (await response.json())["error"]
    assert (await client.get("/hello", headers={header: "127.0.0.1", **BEARER})).status == 200


@pytest.mark.parametrize(
    "authorization",
    [
        "Bearer wrong",
        "Bearer",
        "bearer  ",
        "Bearer t\xf6ken",
        f"Bearer {TOKEN} x",
        f"Bearer x, Bearer {TOKEN}",
    ],
)
async def test_a_wrong_token_is_refused_even_from_this_machine(client, authorization: str) -> None:
    assert (await client.get("/hello", headers={"Authorization": authorization})).status == 401


async def test_another_scheme_is_no_token(client) -> None:
    assert (await client.get("/hello", headers={"Authorization": "Basic eDp5"})).status == 200


async def test_another_machine_needs_the_token(client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(request_facts, "peer_of", lambda request: Peer(parse_address("192.168.1.9")))
    assert (await client.get("/hello")).status == 401
    assert (await client.get("/unknown")).status == 401
    assert (await client.get("/hello", headers=BEARER)).status == 200


ADDRESSES = st.sampled_from(
    ["127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1", "192.168.1.2", "2001:db8::1"]
)
PEERS = st.one_of(
    st.builds(Peer, ADDRESSES.map(parse_address)),
    st.just(Peer(None, over_unix_socket=True)),
    st.just(Peer(None)),
)
PLAIN_HEADERS = st.frozensets(st.sampled_from(["host", "accept", "origin", "user-agent"]))
FORWARDS = st.one_of(
    st.sampled_from(sorted(FORWARDED_HEADERS)),
    st.sampled_from(FORWARDED_PREFIXES).flatmap(lambda prefix: st.just(prefix + "for")),
)
OWN_HOSTS = st.sampled_from(["localhost", "localhost:8765", "127.0.0.1:8765", "[::1]:8765", "spectra.home"])
FOREIGN_HOSTS = st.one_of(
    st.just(()),
    st.tuples(st.from_regex(r"[a-z0-9-]{1,20}\.(example|localhost)(:[0-9]{1,5})?", fullmatch=True)),
    st.tuples(OWN_HOSTS, OWN_HOSTS),
    st.tuples(
        st.text().filter(
            lambda text: not any(name in text.lower() for name in ("local", "127", "1]", "spec"))
        )
    ),
)
FOREIGN_ORIGINS = st.one_of(
    st.sampled_from(["null", "", "https://evil.example", "http://localhost:1", "https://localhost:8765"]),
    st.text().filter(lambda text: "://" not in text),
)
AUTHORIZATIONS = st.lists(st.one_of(st.text(), st.just("Basic eDp5"), st.just("Bearer no")), max_size=2).map(
    tuple
)


@given(peer=PEERS, names=PLAIN_HEADERS, forward=FORWARDS, host=OWN_HOSTS, authorizations=AUTHORIZATIONS)
def test_no_forwarded_request_is_local(peer, names, forward, host, authorizations) -> None:
    facts = Facts(peer, "http", names | {forward}, hosts=(host,), authorizations=authorizations)
    assert isinstance(classify(facts, POLICY), Refused)


@given(peer=PEERS, names=PLAIN_HEADERS, hosts=FOREIGN_HOSTS, origin=st.sampled_from([(), (PAGE,)]))
def test_no_request_for_another_host_is_local(peer, names, hosts, origin) -> None:
    assert isinstance(classify(Facts(peer, "http", names, hosts=hosts, origins=origin), POLICY), Refused)


@given(
    peer=PEERS,
    host=OWN_HOSTS,
    origin=FOREIGN_ORIGINS,
    others=st.lists(st.just(PAGE), max_size=1),
    site=st.sampled_from([(), ("same-origin",), ("none",), ("cross-site",)]),
)
def test_no_request_from_another_page_is_local(peer, host, origin, others, site) -> None:
    origins = (origin, *others)
    facts = Facts(peer, "http", frozenset({"origin"}), hosts=(host,), origins=origins, fetch_sites=site)
    assert isinstance(classify(facts, POLICY), Refused)


@given(peer=PEERS, names=PLAIN_HEADERS, hosts=st.tuples(OWN_HOSTS), authorizations=AUTHORIZATIONS)
def test_only_this_machine_is_local(peer, names, hosts, authorizations) -> None:
    verdict = classify(Facts(peer, "http", names, hosts=hosts, authorizations=authorizations), POLICY)
    wrong_token = any(text.strip().lower().split(" ")[0] == "bearer" for text in authorizations)
    assert (verdict == Granted(Access.LOCAL, Scope.WRITE)) == (peer.on_this_machine and not wrong_token)


@given(
    peer=PEERS,
    names=st.frozensets(FORWARDS),
    hosts=FOREIGN_HOSTS,
    scheme=st.sampled_from(["bearer", "Bearer"]),
)
def test_the_token_opens_from_everywhere(peer, names, hosts, scheme) -> None:
    facts = Facts(peer, "http", names, hosts=hosts, authorizations=(f"{scheme} {TOKEN}",))
    assert classify(facts, POLICY) == Granted(Access.TOKEN, Scope.WRITE)
    of_a_program = replace(facts, authorizations=(f"{scheme} {PHONE}",))
    assert classify(of_a_program, POLICY) == Granted(Access.TOKEN, Scope.MATCH)


@given(header=st.binary(max_size=40))
def test_no_header_bytes_break_the_comparison(header: bytes) -> None:
    given_header = "Bearer " + header.decode("utf-8", "surrogateescape")
    verdict = classify(Facts(Peer(None), "http", frozenset(), authorizations=(given_header,)), POLICY)
    assert isinstance(verdict, Refused)
    assert verdict.status is HTTPStatus.UNAUTHORIZED


def test_the_policy_does_not_show_its_token() -> None:
    assert TOKEN not in repr(POLICY)
    assert TOKEN not in repr(Facts(Peer(None), "http", frozenset(), authorizations=(f"Bearer {TOKEN}",)))


@pytest.mark.parametrize("token", ["", "short"])
def test_the_daemon_does_not_start_with_a_token_that_everyone_knows(token: str) -> None:
    with pytest.raises(TokenUnusable):
        Keys.of(token)
