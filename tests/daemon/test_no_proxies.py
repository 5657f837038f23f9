"""Where requests go: to no proxy of the environment, and never on to where a media server sends them."""

from collections.abc import Awaitable, Callable
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import RawTestServer
from pydantic import SecretStr
from side_tasks import environment_there

from daemon.side_process import run_aside
from daemon.youtube_download import DownloadOptions, _parameters, _Told
from plugins.api import NotReady
from plugins.jellyfin.client import JellyfinClient
from plugins.jellyfin.options import JellyfinOptions
from plugins.navidrome.client import Client
from plugins.navidrome.options import NavidromeOptions

NOBODY = "http://127.0.0.1:1"
VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy")


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.setenv(name, NOBODY)


async def test_no_process_that_speaks_to_the_internet_knows_them() -> None:
    environment = await run_aside(environment_there, within_s=60.0)
    assert "PATH" in environment
    assert not set(VARIABLES) & set(environment)


@pytest.mark.parametrize(("proxy", "used"), [(None, "__noproxy__"), (NOBODY, NOBODY)])
def test_downloads_ask_them_not(tmp_path: Path, proxy: str | None, used: str) -> None:
    from yt_dlp import YoutubeDL

    with YoutubeDL(_parameters("x", tmp_path, DownloadOptions(proxy=proxy), _Told())) as ydl:
        assert ydl.proxies == {"all": used}


async def _asked_jellyfin(session: aiohttp.ClientSession, url: str) -> None:
    options = JellyfinOptions(url=url, api_key=SecretStr("0123456789abcdef"))
    await JellyfinClient(session, options, version="1")._request("GET", "/System/Info")


async def _asked_navidrome(session: aiohttp.ClientSession, url: str) -> None:
    options = NavidromeOptions(url=url, username="u", password=SecretStr("p"), legacy_auth=True)
    await Client(options, session).call("ping")


@pytest.mark.parametrize("asked", [_asked_jellyfin, _asked_navidrome])
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_server_that_sends_us_on_sends_no_credentials_on(
    asked: Callable[[aiohttp.ClientSession, str], Awaitable[None]], status: int
) -> None:
    reached: list[str] = []

    async def elsewhere(request: web.BaseRequest) -> web.Response:
        reached.append(request.path)
        return web.json_response({})

    async with RawTestServer(elsewhere) as other:

        async def send_on(request: web.BaseRequest) -> web.Response:
            return web.Response(status=status, headers={"Location": f"{other.make_url('/')}"})

        async with RawTestServer(send_on) as server, aiohttp.ClientSession() as session:
            with pytest.raises(NotReady):
                await asked(session, str(server.make_url("")))
    assert not reached
