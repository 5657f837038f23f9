"""A host for plugins that are tested without a daemon."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path, PurePosixPath

import aiohttp

from plugins.api import Answer, Item, PathRefused


class FakeHost:
    """Maps one folder of the server to one here, and remembers what it was asked to look up."""

    def __init__(self, session: aiohttp.ClientSession, *, server: str = "/music", local: Path) -> None:
        self.session = session
        self.log = logging.LoggerAdapter(logging.getLogger("plugin.test"), {})
        self.server = PurePosixPath(server)
        self.local = local
        self.looked_up: list[Item] = []

    async def local_path(self, server_path: str) -> Path:
        try:
            below = PurePosixPath(server_path).relative_to(self.server)
        except ValueError:
            raise PathRefused(f"{server_path} is not below {self.server}: add a [[path_map]]") from None
        return self.local / below

    async def server_path(self, path: Path) -> str:
        return str(self.server / path.relative_to(self.local))

    async def look_up(self, item: Item, *, tag: bool = True) -> Answer:
        await self.local_path(item.path)
        self.looked_up.append(item)
        return Answer("pending", "noted")


@asynccontextmanager
async def fake_host(local: Path, *, server: str = "/music") -> AsyncIterator[FakeHost]:
    """Yield a host, and close its HTTP session."""
    async with aiohttp.ClientSession(
        timeout=aiohttp.ClientTimeout(total=30), cookie_jar=aiohttp.DummyCookieJar()
    ) as session:
        yield FakeHost(session, server=server, local=local)
