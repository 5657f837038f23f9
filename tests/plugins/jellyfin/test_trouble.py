"""What goes wrong with a Jellyfin server becomes a sentence, and never tells the key."""

import logging
import ssl
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from jellyfin_library import LibraryItem
from jellyfin_stub import KEY, Connect, JellyfinStub, Reply, cutting, hanging, starting
from plugin_fakes import FakeHost

from plugins.api import AuthFailed, MediaServer, NotReady, PluginError, Written
from plugins.jellyfin import PLUGIN

WRITTEN = [Written("/media/music/a.mp3", "1" * 32, replaces=False)]
Call = Callable[[MediaServer], Awaitable[object]]


async def list_all(server: MediaServer) -> None:
    async for _ in server.unnamed_items():
        pass


async def tell(server: MediaServer) -> None:
    await server.tell(WRITTEN)


async def report(server: MediaServer) -> None:
    await server.tell([Written("/media/music/a.mp3", None, replaces=False)])


async def call_hook(server: MediaServer) -> None:
    await server.hook({"NotificationType": "ItemAdded", "ItemType": "Audio", "ItemId": "1" * 32})


async def ask_status(server: MediaServer) -> None:
    await server.status()


CALLS: list[Call] = [list_all, tell, report, call_hook, ask_status]
of_every_call = pytest.mark.parametrize("call", CALLS, ids=lambda call: call.__name__)


def answering(
    status: int, text: str = "", headers: Mapping[str, str] | None = None, content_type: str = "text/html"
) -> Reply:
    async def answer(_: web.Request) -> web.StreamResponse:
        return web.Response(status=status, text=text, headers=headers, content_type=content_type)

    return answer


@of_every_call
@pytest.mark.parametrize(
    ("reply", "sentence"),
    [
        (starting, "is starting or busy"),
        (answering(500), "fails \\(500\\)"),
        (answering(502, "<h1>Bad Gateway</h1>"), "fails \\(502\\)"),
        (answering(429), "fails \\(429\\)"),
        (cutting, "broke off"),
        (answering(302, headers={"Location": "https://elsewhere.example/web"}), "sends to another address"),
    ],
    ids=["starting", "500", "502", "429", "cut", "redirect"],
)
async def test_a_server_that_cannot_answer_is_not_ready(
    call: Call, reply: Reply, sentence: str, jellyfin: JellyfinStub, server: MediaServer
) -> None:
    jellyfin.reply = reply
    with pytest.raises(NotReady, match=sentence):
        await call(server)


@of_every_call
@pytest.mark.parametrize(
    "text",
    ["<html>Sign in</html>", '{"Items": [{"Id": "1', '{"Items": [{"Id": 1}]}', "[]", "", "null"],
    ids=["html", "truncated", "wrong", "list", "empty", "null"],
)
async def test_what_is_not_jellyfins_is_not_ready(
    call: Call, text: str, jellyfin: JellyfinStub, server: MediaServer
) -> None:
    jellyfin.reply = answering(200, text)
    with pytest.raises(NotReady, match=r"check plugins\.jellyfin\.url"):
        await call(server)


async def test_a_missing_page_is_no_success(jellyfin: JellyfinStub, server: MediaServer) -> None:
    jellyfin.reply = answering(404)
    for call in CALLS:
        with pytest.raises(NotReady, match=r"check plugins\.jellyfin\.url"):
            await call(server)


async def test_emby_is_not_jellyfin(jellyfin: JellyfinStub, server: MediaServer) -> None:
    emby = '{"ServerName": "attic", "Version": "4.8.0.0", "Id": "' + "1" * 32 + '"}'
    jellyfin.reply = answering(200, emby)
    with pytest.raises(NotReady, match="Something else than Jellyfin"):
        await server.status()


async def test_a_servers_name_moves_no_cursor(jellyfin: JellyfinStub, server: MediaServer) -> None:
    jellyfin.reply = answering(
        200,
        '{"ProductName": "Jellyfin Server", "Version": "10.11.3", "ServerName": "\\u001b[2J'
        + "a" * 999
        + '"}',
    )
    status = await server.status()
    assert status.isprintable()
    assert len(status) < 120


async def test_an_endless_answer_is_cut_short(
    jellyfin: JellyfinStub, server: MediaServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("plugins.jellyfin.client._LARGEST_ANSWER_BYTES", 1_000_000)
    sent = 0

    async def endless(request: web.Request) -> web.StreamResponse:
        nonlocal sent
        response = web.StreamResponse()
        await response.prepare(request)
        while sent < 50_000_000:
            await response.write(b" " * 100_000)
            sent += 100_000
        return response

    jellyfin.reply = endless
    with pytest.raises(NotReady, match=r"check plugins\.jellyfin\.url"):
        await server.status()
    assert sent < 50_000_000


@of_every_call
async def test_a_server_that_hangs_is_not_ready(
    call: Call, jellyfin: JellyfinStub, host: FakeHost, connected: Connect
) -> None:
    jellyfin.reply = hanging
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=0.1)) as impatient:
        host.session = impatient
        async with connected() as server:
            with pytest.raises(NotReady, match="did not answer in time"):
                await call(server)


async def test_a_server_that_is_away_is_not_ready(jellyfin: JellyfinStub, server: MediaServer) -> None:
    url = jellyfin.url
    await jellyfin.__aexit__()
    for call in CALLS:
        with pytest.raises(NotReady, match=f"Nothing answers at {url} "):
            await call(server)


async def test_a_certificate_must_be_trusted_unless_it_need_not_be(music: Path, connected: Connect) -> None:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(Path(__file__).with_name("tls.pem"))
    async with JellyfinStub(music, tls=tls) as jellyfin:
        async with connected(url=jellyfin.url) as server:
            with pytest.raises(NotReady, match="verify_tls = false"):
                await server.status()
        async with connected(url=jellyfin.url, verify_tls=False) as server:
            assert "attic" in await server.status()


@of_every_call
@pytest.mark.parametrize("status", [HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN])
async def test_a_refused_key_is_said_to_be_refused(
    call: Call, status: HTTPStatus, jellyfin: JellyfinStub, server: MediaServer
) -> None:
    jellyfin.reply = answering(status)
    with pytest.raises(AuthFailed, match="API Keys"):
        await call(server)


async def test_a_proxy_that_wants_a_password_is_not_blamed_on_the_key(
    jellyfin: JellyfinStub, server: MediaServer
) -> None:
    jellyfin.reply = answering(401, headers={"WWW-Authenticate": 'Basic realm="home"'})
    with pytest.raises(AuthFailed, match="proxy"):
        await server.status()


async def test_a_call_that_is_refused_for_good_is_no_reason_to_wait(
    jellyfin: JellyfinStub, server: MediaServer
) -> None:
    jellyfin.reply = answering(400)
    for call in CALLS:
        with pytest.raises(PluginError, match=r"refuses a call \(400\)") as refused:
            await call(server)
        assert not isinstance(refused.value, NotReady | AuthFailed)


async def test_told_files_are_told_again_after_trouble(jellyfin: JellyfinStub, server: MediaServer) -> None:
    jellyfin.reply = starting
    with pytest.raises(NotReady):
        await report(server)
    jellyfin.reply = None
    await report(server)
    assert jellyfin.reports == [1]


async def test_the_key_is_told_to_nobody_else(
    jellyfin: JellyfinStub, server: MediaServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    jellyfin.library.add(LibraryItem("1" * 32, "/elsewhere/a.mp3", "a"))
    options = PLUGIN.options.model_validate({"url": jellyfin.url, "api_key": KEY})
    said = [str(options), repr(options)]
    replies: list[Reply | None] = [
        None,
        starting,
        cutting,
        *(answering(status) for status in (302, 400, 401, 403)),
    ]
    for jellyfin.reply in replies:
        for call in CALLS:
            try:
                await call(server)
            except PluginError as error:
                said.append(f"{error} {error!r} {error.__cause__!r} {error.__context__!r}")
        said += [check.sentence async for check in server.checks()]
    assert len(said) > len(replies)
    assert KEY not in "\n".join([*said, *jellyfin.calls, caplog.text])
