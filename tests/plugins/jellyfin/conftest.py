"""A Jellyfin server over the test's music, a host, and the plugin connected to both."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest
from jellyfin_stub import KEY, Connect, JellyfinStub
from plugin_fakes import FakeHost, fake_host

from plugins.api import MediaServer
from plugins.jellyfin import PLUGIN


@pytest.fixture
async def jellyfin(music: Path) -> AsyncIterator[JellyfinStub]:
    async with JellyfinStub(music) as stub:
        yield stub


@pytest.fixture
async def host(jellyfin: JellyfinStub, music: Path) -> AsyncIterator[FakeHost]:
    async with fake_host(music, server=jellyfin.library.prefix) as opened:
        yield opened


@pytest.fixture
def connected(jellyfin: JellyfinStub, host: FakeHost) -> Connect:
    """Connect with other options than the right ones."""

    def connect(**options: Any) -> AbstractAsyncContextManager[MediaServer]:
        known = {"url": jellyfin.url, "api_key": KEY}
        return PLUGIN.connect(PLUGIN.options.model_validate(known | options), host)

    return connect


@pytest.fixture
async def server(connected: Connect) -> AsyncIterator[MediaServer]:
    async with connected() as opened:
        yield opened
