"""A daemon that speaks the look-up contract over real HTTP, and misbehaves when told to."""

import asyncio
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

Json = dict[str, Any]
TOKEN = "a-token-of-this-test"


@dataclass
class LookupDaemon:
    """What the plugin asks, and what it is to be told."""

    url: str = ""
    outcomes: dict[str, str] = field(default_factory=dict)
    """By the item's path; unknown where nothing is said."""
    polls_until_done: int = 1
    misbehave: Callable[[Json | None], web.Response | None] = lambda _: None
    """Is given a look-up's body, None for a question after a task."""
    asked: list[Json] = field(default_factory=list)
    polls: Counter[str] = field(default_factory=Counter)

    async def take(self, request: web.Request) -> web.Response:
        """POST /lookup."""
        body = await request.json()
        if (wrong := self._wrong(request, body)) is not None:
            return wrong
        self.asked.append(body)
        answer = {"task_id": f"task-{len(self.asked) - 1}", "status": "pending", "file_id": len(self.asked)}
        return web.json_response(answer, status=202)

    async def tell(self, request: web.Request) -> web.Response:
        """GET /task_status/{task_id}."""
        if (wrong := self._wrong(request, None)) is not None:
            return wrong
        task_id = request.match_info["task_id"]
        self.polls[task_id] += 1
        if self.polls[task_id] < self.polls_until_done:
            return web.json_response({"status": "pending", "result": [], "error": None})
        path = self.asked[int(task_id.removeprefix("task-"))]["relative_path"]
        outcome = self.outcomes.get(path, "unknown")
        result = [{"outcome": outcome, "detail": "A sentence.", "path": path}]
        if outcome == "failed":
            return web.json_response({"status": "fail", "result": result, "error": "The file can't be read."})
        return web.json_response({"status": "success", "result": result, "error": None})

    def _wrong(self, request: web.Request, body: Json | None) -> web.Response | None:
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            return web.json_response({"error": "The token is wrong."}, status=401)
        return self.misbehave(body)


@contextmanager
def lookup_daemon() -> Iterator[LookupDaemon]:
    """Serve on a free port, in a thread of its own."""
    daemon = LookupDaemon()
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        runner = asyncio.run_coroutine_threadsafe(_served(daemon), loop).result()
        yield daemon
        asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result()
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _served(daemon: LookupDaemon) -> web.AppRunner:
    app = web.Application()
    app.add_routes(
        [web.post("/lookup", daemon.take), web.get("/task_status/{task_id}", daemon.tell)],
    )
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0]
    daemon.url = f"http://{host}:{port}"
    return runner
