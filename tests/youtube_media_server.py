"""A server that yt-dlp fetches sound from, and that fails in every way there is."""

import asyncio
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from urllib.parse import quote

from aiohttp import web
from aiohttp.test_utils import TestServer

from daemon.youtube_download import DownloadOptions

_PIECE_BYTES = 8_192
_DRIP_S = 0.1


@dataclass(slots=True)
class Media:
    """What is sent for a video id."""

    content: bytes
    content_type: str = "audio/webm"
    announced_bytes: int | None = None
    """In the header; None: the real size."""
    is_announced: bool = True
    status: int = 200
    later_status: int = 200
    """From the second request on: the first is yt-dlp's look at what there is."""
    headers: dict[str, str] = field(default_factory=dict)
    stalls_after_bytes: int | None = None
    """Then nothing more comes, until the server stops."""
    drips_after_bytes: int | None = None
    """Then a byte comes now and then."""
    redirect: str | None = None


class MediaServer:
    """Serves `media` by video id, below /media/."""

    def __init__(self) -> None:
        self.media: dict[str, Media] = {}
        self.requests: Counter[str] = Counter()
        self.cookies: list[str] = []
        self.stalled = asyncio.Event()
        """Set while somebody waits for a stalled answer."""
        self.dripped = 0
        """Bytes that came one by one."""
        self._closing = asyncio.Event()
        app = web.Application()
        app.router.add_get("/media/{video_id}", self._send)
        self._server = TestServer(app, host="127.0.0.1")

    async def __aenter__(self) -> "MediaServer":
        await self._server.start_server()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._closing.set()
        await self._server.close()

    def url(self, video_id: str, *, host: str = "127.0.0.1") -> str:
        """Return where a video id is."""
        return f"http://{host}:{self._server.port}/media/{quote(video_id, safe='')}"

    def options(self, **changes: object) -> DownloadOptions:
        """Return options that ask this server."""
        page_url = f"http://127.0.0.1:{self._server.port}/media/{{video_id}}"
        values: dict[str, object] = {
            "page_url": page_url,
            "extractors": ("generic",),
            "proxy": "",
            "socket_timeout_s": 10.0,
            **changes,
        }
        return DownloadOptions(**values)  # type: ignore[arg-type]

    async def _send(self, request: web.Request) -> web.StreamResponse:
        video_id = request.match_info["video_id"]
        self.requests[video_id] += 1
        self.cookies.append(request.headers.get("Cookie", ""))
        media = self.media.get(video_id)
        if media is None:
            return web.Response(status=404)
        if media.redirect:
            return web.Response(status=302, headers={"Location": media.redirect})
        status = media.status if self.requests[video_id] == 1 else media.later_status
        if status != 200:
            return web.Response(status=status, headers=media.headers)
        return await self._stream(request, media)

    async def _stream(self, request: web.Request, media: Media) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": media.content_type, **media.headers})
        if media.is_announced:
            response.content_length = media.announced_bytes or len(media.content)
        await response.prepare(request)
        ends = (media.stalls_after_bytes, media.drips_after_bytes, len(media.content))
        end = next(each for each in ends if each is not None)
        for start in range(0, end, _PIECE_BYTES):
            await response.write(media.content[start : min(end, start + _PIECE_BYTES)])
        if media.drips_after_bytes is not None:
            await self._drip(response, media.content[end:])
        if media.stalls_after_bytes is not None:
            self.stalled.set()
            await self._closing.wait()
        elif media.announced_bytes and request.transport:
            request.transport.abort()  # before all that was announced
        return response

    async def _drip(self, response: web.StreamResponse, content: bytes) -> None:
        """Send byte by byte, until the server stops or nobody listens any more."""
        with suppress(ConnectionError):
            for byte in content:
                await response.write(bytes([byte]))
                self.dripped += 1
                with suppress(TimeoutError):
                    async with asyncio.timeout(_DRIP_S):
                        await self._closing.wait()
                        return
