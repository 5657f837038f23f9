"""The command line's way to a daemon: the running one, else one of its own while the command runs."""

import asyncio
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from daemon.api_names import HEADLINE_HEADER, OUTCOME_HEADER, VERSION_PARAMETER
from daemon.errors import DaemonError, RequestFailed, StateInUse
from daemon.state_folder import socket_address
from engine.settings import FINGERPRINT_VERSION

if TYPE_CHECKING:
    import aiohttp

    from daemon.config import Config

_BASE = "http://localhost"
_POLL_S = 0.1
_STARTING_S = 120.0
"""A daemon that holds the state folder but does not answer yet is recovering its database."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """A picture, and what it says."""

    png: bytes
    outcome: str
    headline: str


@dataclass(frozen=True, slots=True)
class Matched:
    """What a clip is."""

    results: list[dict[str, Any]]
    """The best first; none if it is unknown."""
    outcome: str
    reason: str

    @property
    def is_ambiguous(self) -> bool:
        """Tell whether several recordings explain it about equally well."""
        from engine.decision import Outcome  # numpy: not for commands that ask nothing of the kind

        return self.outcome == Outcome.AMBIGUOUS


class Client:
    """Asks a daemon over its Unix socket: the REST API, without a token."""

    def __init__(self, session: "aiohttp.ClientSession", *, is_own: bool = False) -> None:
        self._session = session
        self.is_own = is_own
        """The daemon lives as long as this command only: it has just started, and may still be building."""

    async def get(self, path: str) -> Any:
        """Return the JSON answer. Raises RequestFailed."""
        async with self._session.get(_BASE + path) as response:
            return await _answer(response)

    async def post(self, path: str, body: Mapping[str, object] | None = None) -> Any:
        """Send JSON and return the JSON answer. Raises RequestFailed."""
        async with self._session.post(_BASE + path, json=body or {}) as response:
            return await _answer(response)

    async def delete(self, path: str) -> Any:
        """Return the JSON answer. Raises RequestFailed."""
        async with self._session.delete(_BASE + path) as response:
            return await _answer(response)

    async def match(self, file: Path) -> Matched:
        """Upload a clip and return what it is once that is known. Raises RequestFailed, OSError."""
        async with self._uploading("/match_file", file) as response:
            task_id = (await _answer(response))["task_id"]
        while (task := await self.get(f"/task_status/{task_id}"))["status"] == "pending":  # noqa: ASYNC110 - over HTTP
            await asyncio.sleep(_POLL_S)
        if task["status"] == "fail":
            raise RequestFailed(task["error"])
        return Matched(task["result"], task["outcome"], task["reason"])

    async def explain(self, file: Path) -> Explanation:
        """Upload a clip and return why it is known, or is not. Raises RequestFailed, OSError."""
        async with self._uploading("/explain_file", file) as response:
            if response.status >= HTTPStatus.BAD_REQUEST:
                await _answer(response)
            words = unquote(response.headers[HEADLINE_HEADER])
            return Explanation(await response.read(), response.headers[OUTCOME_HEADER], words)

    async def match_whole(self, constellation: bytes) -> dict[str, Any]:
        """Send a file's constellation and return what the file contains. Raises RequestFailed."""
        headers = {"Content-Type": "application/octet-stream"}
        path = f"/match_constellation?{VERSION_PARAMETER}={FINGERPRINT_VERSION}"
        async with self._session.post(_BASE + path, data=constellation, headers=headers) as response:
            found: dict[str, Any] = await _answer(response)
        return found

    @asynccontextmanager
    async def _uploading(self, path: str, file: Path) -> AsyncIterator["aiohttp.ClientResponse"]:
        with await asyncio.to_thread(file.open, "rb") as clip:
            headers = {"Content-Type": "application/octet-stream"}
            async with self._session.post(_BASE + path, data=clip, headers=headers) as response:
                yield response


@asynccontextmanager
async def open_client(config: "Config") -> AsyncIterator[Client]:
    """Yield a client of the daemon that has the state folder, or of our own if none has it.

    Raises
    ------
    DaemonError : no daemon runs, and ours can't start
    """
    if await _is_answered(config):
        async with _connected(config) as client:
            yield client
        return
    from daemon.app import listening, make_app  # the whole daemon: a second that most commands need not wait

    failed: list[DaemonError] = []
    try:
        app = make_app(config, failed.append, watch=False)
        async with listening(config, app, tcp=False), _connected(config, is_own=True) as client:
            yield client
    except StateInUse:
        await _until_answered(config)
        async with _connected(config) as client:
            yield client


@asynccontextmanager
async def running_daemon(config: "Config") -> AsyncIterator[Client | None]:
    """Yield a client of the daemon that has the state folder; None if none answers."""
    if not await _is_answered(config):
        yield None
        return
    async with _connected(config) as client:
        yield client


async def _until_answered(config: "Config") -> None:
    try:
        async with asyncio.timeout(_STARTING_S):
            while not await _is_answered(config):  # noqa: ASYNC110 - another process
                await asyncio.sleep(_POLL_S)
    except TimeoutError as error:
        raise StateInUse(str(config.state_dir)) from error


async def _is_answered(config: "Config") -> bool:
    from aiohttp import ClientError

    if not await asyncio.to_thread(os.path.isdir, config.state_dir):
        return False
    async with _connected(config) as client:
        try:
            await client.get("/ping")
        except ClientError:
            return False
    return True


@asynccontextmanager
async def _connected(config: "Config", *, is_own: bool = False) -> AsyncIterator[Client]:
    from aiohttp import ClientSession, ClientTimeout, UnixConnector

    with socket_address(config.state_dir) as address:
        async with ClientSession(connector=UnixConnector(address), timeout=ClientTimeout()) as session:
            yield Client(session, is_own=is_own)


async def _answer(response: "aiohttp.ClientResponse") -> Any:
    body = await response.json()
    if response.status >= 400 and "checks" not in body:  # /health answers 503 with what is wrong
        raise RequestFailed(body.get("error") or f"the daemon answered {response.status}")
    return body
