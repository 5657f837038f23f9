"""Pictures of tracks, from a server of ours that may send anything."""

from collections.abc import AsyncIterator

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from synth import png

from daemon.tag_fields import LARGEST_COVER_BYTES
from daemon.thumbnails import fetch_thumbnail, is_thumbnail_url

HEAD_OF_FRAME = b"\xff\xd8\xff\xc0\x00\x11\x08"


def jpeg(width: int = 544, height: int = 544) -> bytes:
    """Return what has a JPEG's head."""
    return HEAD_OF_FRAME + height.to_bytes(2) + width.to_bytes(2) + bytes(range(256)) * 20


JPEG = jpeg()


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as opened:
        yield opened


async def send_picture(_: web.Request) -> web.Response:
    return web.Response(body=JPEG)


async def fetched(session: aiohttp.ClientSession, answer: web.Response) -> bytes | None:
    """Fetch from a server that answers this."""

    async def send(_: web.Request) -> web.Response:
        return answer

    app = web.Application()
    app.router.add_get("/it", send)
    app.router.add_get("/elsewhere", send_picture)
    async with TestServer(app) as server:
        return await fetch_thumbnail(session, str(server.make_url("/it")), is_allowed=lambda _: True)


@pytest.mark.parametrize("picture", [JPEG, png()], ids=["jpeg", "png"])
async def test_a_picture_is_fetched(session: aiohttp.ClientSession, picture: bytes) -> None:
    assert await fetched(session, web.Response(body=picture, content_type="image/anything")) == picture


async def test_a_picture_of_the_largest_size_is_fetched_and_a_larger_one_is_not(
    session: aiohttp.ClientSession,
) -> None:
    picture = JPEG + bytes(LARGEST_COVER_BYTES - len(JPEG))
    assert await fetched(session, web.Response(body=picture)) == picture
    assert await fetched(session, web.Response(body=picture + b"\0")) is None


@pytest.mark.parametrize(
    "answer",
    [
        lambda: web.Response(body=b"<html>", content_type="image/jpeg"),
        lambda: web.Response(body=b"RIFF\0\0\0\0WEBP", content_type="image/webp"),
        lambda: web.Response(body=b""),
        lambda: web.Response(body=JPEG[:7], content_type="image/jpeg"),
        lambda: web.Response(body=jpeg(1, 1)),
        lambda: web.Response(body=jpeg(60_000, 60_000)),
        lambda: web.Response(body=jpeg(544, 0)),
        lambda: web.Response(body=JPEG, status=404),
        lambda: web.Response(body=JPEG, status=302, headers={"Location": "/elsewhere"}),
    ],
    ids=["a page", "webp", "nothing", "half a head", "a dot", "a bomb", "flat", "404", "a redirect"],
)
async def test_what_is_no_picture_for_tags_is_none(session: aiohttp.ClientSession, answer: object) -> None:
    assert await fetched(session, answer()) is None  # type: ignore[operator]


async def test_a_server_that_is_away_is_no_error(session: aiohttp.ClientSession) -> None:
    assert await fetch_thumbnail(session, "http://127.0.0.1:9/", is_allowed=lambda _: True) is None


async def test_other_hosts_are_never_asked(session: aiohttp.ClientSession) -> None:
    asked = []

    async def send(request: web.Request) -> web.Response:
        asked.append(request)
        return web.Response(body=JPEG)

    app = web.Application()
    app.router.add_get("/{path}", send)
    async with TestServer(app) as server:
        assert await fetch_thumbnail(session, str(server.make_url("/it"))) is None
    assert not asked


@pytest.mark.parametrize(
    "url",
    [
        "https://i.ytimg.com/vi/dQw4w9WgXcQ/hqdefault.jpg",
        "https://lh3.googleusercontent.com/abc=w544-h544-l90-rj",
        "https://yt3.ggpht.com/abc",
        "https://I.YTIMG.com:443/vi/x/y.jpg",
    ],
)
def test_addresses_of_youtubes_pictures_are_allowed(url: str) -> None:
    assert is_thumbnail_url(url)


@pytest.mark.parametrize(
    "url",
    [
        "http://i.ytimg.com/vi/x/y.jpg",
        "https://i.ytimg.com:8080/vi/x/y.jpg",
        "https://i.ytimg.com.example.org/vi/x/y.jpg",
        "https://i.ytimg.com@example.org/x.jpg",
        "https://user@i.ytimg.com/x.jpg",
        "https://example.org/i.ytimg.com",
        "https://127.0.0.1/x.jpg",
        "https://i.ytimg.com:port/x.jpg",
        "file:///etc/passwd",
        "",
    ],
)
def test_other_addresses_are_not(url: str) -> None:
    assert not is_thumbnail_url(url)


async def test_a_webp_picture_is_asked_for_as_jpeg(session: aiohttp.ClientSession) -> None:
    asked: list[str] = []

    def note(url: str) -> bool:
        asked.append(url)
        return False

    await fetch_thumbnail(session, "https://i.ytimg.com/vi_webp/abc/sddefault.webp", is_allowed=note)
    assert asked == ["https://i.ytimg.com/vi/abc/sddefault.jpg"]
