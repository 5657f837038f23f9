"""YouTube Music's API on this machine, for ytmusicapi itself to ask."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from youtube_music_answers import Entry, error_answer, more_answer, playlist_answer

PAGE = 100
"""Tracks in an answer."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP answer."""

    body: bytes
    status: int = 200
    content_type: str = "application/json; charset=UTF-8"
    headers: dict[str, str] = field(default_factory=dict)
    announced_bytes: int | None = None
    """Content-Length, if it lies."""


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked."""

    path: str
    key: str
    """browseId, videoId or continuation."""
    headers: dict[str, str]


class YouTubeMusic:
    """Answers what a test told it to; 404 to the rest."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.requests: list[Request] = []
        front = b'<script>ytcfg.set({"VISITOR_DATA": "visitor"});</script>'
        self.replies: dict[str, Reply] = {"/": Reply(front, content_type="text/html")}
        self.hang = threading.Event()
        """Replies to the key "hang" wait for it."""

    def put(self, key: str, answer: dict[str, Any], *, status: int = 200, **headers: str) -> None:
        """Answer with JSON what is asked by this browseId, videoId or continuation, or "endpoint:key"."""
        told = {name.replace("_", "-"): value for name, value in headers.items()}
        self.replies[key] = Reply(json.dumps(answer).encode(), status, headers=told)

    def put_page(self, key: str, html: str, *, status: int = 200, **headers: str) -> None:
        """Answer with a page for people; "/" is the front page."""
        told = {name.replace("_", "-"): value for name, value in headers.items()}
        self.replies[key] = Reply(html.encode(), status, "text/html; charset=utf-8", told)

    def put_playlist(
        self, list_id: str, title: str, tracks: list[Entry], *, announced: int | None = None
    ) -> None:
        """Answer for a list, a page of 100 at a time."""
        pages = [tracks[first : first + PAGE] for first in range(0, len(tracks), PAGE)] or [[]]
        tokens = [f"{list_id}-page-{number}" for number in range(1, len(pages))] + [None]
        count = len(tracks) if announced is None else announced
        self.put(f"VL{list_id}", playlist_answer(title, pages[0], announced=count, more=tokens[0]))
        for number, page in enumerate(pages[1:], 1):
            self.put(f"{list_id}-page-{number}", more_answer(page, tokens[number]))

    def reply(self, path: str, key: str) -> Reply:
        endpoint = path.rpartition("/")[2]
        missing = Reply(json.dumps(error_answer(404, "Requested entity was not found.")).encode(), 404)
        return self.replies.get(f"{endpoint}:{key}") or self.replies.get(key, missing)


@contextmanager
def youtube_music() -> Iterator[YouTubeMusic]:
    """Serve while the context lasts."""
    server = _Server(("127.0.0.1", 0), _Handler)
    server.youtube = YouTubeMusic(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server.youtube
    finally:
        server.youtube.hang.set()
        server.shutdown()
        thread.join()
        server.server_close()


class _Server(ThreadingHTTPServer):
    youtube: YouTubeMusic
    daemon_threads = False
    block_on_close = True


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        self._answer("/")

    def do_POST(self) -> None:
        # ytmusicapi says that its requests are gzip, and sends plain JSON.
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        names = ("continuation", "browseId", "videoId", "video_id")
        self._answer(next(asked[name] for name in names if name in asked))

    def _answer(self, key: str) -> None:
        youtube = self.server.youtube
        path = self.path.partition("?")[0]
        youtube.requests.append(Request(path, key, dict(self.headers)))
        if key.endswith("hang"):
            youtube.hang.wait()
        reply = youtube.reply(path, key)
        self.send_response(reply.status)
        self.send_header("Content-Type", reply.content_type)
        self.send_header("Content-Length", str(reply.announced_bytes or len(reply.body)))
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.end_headers()
        try:
            self.wfile.write(reply.body)
        except OSError:  # who asked has heard enough
            self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Say nothing."""
