"""Wait for what another task or process does; serve the real application, and speak to it."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from daemon.app import listening, make_app
from daemon.client import Client, open_client
from daemon.config import Config
from daemon.errors import DaemonError
from daemon.keys import SERVICES
from daemon.services import Services
from daemon.token_file import load_or_create_token

_POLL_S = 0.02


async def until(condition: Callable[[], object | Awaitable[object]], *, within_s: float = 30.0) -> None:
    """Return once the condition (plain or async) holds. Raises TimeoutError."""
    async with asyncio.timeout(within_s):
        while True:
            holds = condition()
            if isinstance(holds, Awaitable):
                holds = await holds
            if holds:
                return
            await asyncio.sleep(_POLL_S)


def wait_until(condition: Callable[[], object], *, within_s: float = 60.0) -> None:
    """Do the same outside an event loop. Raises TimeoutError."""
    end_s = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > end_s:
            raise TimeoutError
        time.sleep(_POLL_S)


@dataclass(frozen=True, slots=True)
class Served:
    """A daemon in this process."""

    config: Config
    services: Services
    http: aiohttp.ClientSession
    """Over TCP, as any program on this machine."""
    local: Client
    """Over the Unix socket, as the command line."""
    address: str
    """Where browsers find it."""

    @property
    def spool(self) -> Path:
        return self.config.state_dir / "spool"

    def bearer(self) -> dict[str, str]:
        """Return the header that proves to be the owner's."""
        return {"Authorization": f"Bearer {load_or_create_token(self.config.state_dir)}"}

    async def has_job_worker(self) -> bool:
        """Tell whether ingest jobs are being taken."""
        async with self.services.database.pool.connection() as connection:
            cursor = await connection.execute("SELECT count(*) FROM procrastinate_workers")
            return await cursor.fetchone() != (0,)

    async def learn(self, *paths: Path) -> None:
        """Have files or folders fingerprinted and indexed."""
        body = {"paths": [str(path) for path in paths]}
        await self.local.post("/add", body)

        async def is_done() -> bool:
            pending = any(each.pending for each in (await self.services.store.file_counts()).values())
            known = await self.services.store.recording_counts()
            index = self.services.index.status()
            return not (pending or index.to_build) and index.size.recordings == known.recordings

        await until(is_done)

    async def send(self, clip: bytes | Path, **options: Any) -> str:
        """Upload a clip as a form, and return its task."""
        form = aiohttp.FormData()
        form.add_field("file", clip if isinstance(clip, bytes) else clip.read_bytes(), filename="clip.mp3")
        async with self.http.post("/match_file", data=form, **options) as response:
            assert response.status == 202, await response.text()
            return str((await response.json())["task_id"])

    async def answer(self, task_id: str) -> dict[str, Any]:
        """Return a task once it is done."""
        tasks: list[dict[str, Any]] = []

        async def is_done() -> bool:
            async with self.http.get(f"/task_status/{task_id}") as response:
                tasks.append(await response.json())
            return tasks[-1]["status"] != "pending"

        await until(is_done)
        return tasks[-1]

    async def match(self, clip: bytes | Path) -> dict[str, Any]:
        """Upload a clip and return its task once it is done."""
        return await self.answer(await self.send(clip))

    async def is_idle(self) -> bool:
        """Tell whether no clip is pending, and none is left on disk."""
        return self.services.matches.pending == 0 and not list(self.spool.iterdir())


@asynccontextmanager
async def served(config: Config, *, watch: bool = False) -> AsyncIterator[Served]:
    """Serve until the end of the context."""

    def stop(reason: DaemonError) -> None:
        raise AssertionError(reason)

    app = make_app(config, stop, watch=watch)
    async with (
        listening(config, app, tcp=True) as (address,),
        aiohttp.ClientSession(address) as http,
        open_client(config) as local,
    ):
        opened = Served(config, app[SERVICES], http, local, address)
        # A stop that meets the job worker's first queries is lost in asyncio.wait_for (Python 3.11).
        await until(opened.has_job_worker)
        yield opened


def changed(config: Config, section: str, **options: object) -> Config:
    """Return the configuration with other values in one section."""
    return config.model_copy(update={section: getattr(config, section).model_copy(update=options)})
