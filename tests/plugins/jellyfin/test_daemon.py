"""A whole daemon and a Jellyfin server: a file arrives, is named, shown, and taken back."""

import json
import re
from pathlib import Path

import pytest
from identifying import NOTHING, ONE, at_once, names, piece, said, settle
from jellyfin_stub import KEY, JellyfinStub
from synth import write_audio
from waiting import Served, served, until

from daemon.config import Config, load_config

README = Path(__file__).parents[3] / "plugins" / "jellyfin" / "README.md"
SEEN = (ONE["title"], [ONE["artist"]], ONE["album"])


@pytest.fixture
def config(config: Config, music: Path, jellyfin: JellyfinStub) -> Config:
    """Jellyfin sees the music elsewhere."""
    given = load_config(
        overrides={
            "path_map": [{"server": jellyfin.library.prefix, "local": str(music), "source": "jellyfin"}],
            "plugins.jellyfin": {"url": jellyfin.url, "api_key": KEY},
        }
    )
    return at_once(config).model_copy(update={"path_map": given.path_map, "plugins": given.plugins})


async def is_connected(daemon: Served) -> bool:
    plugins = await daemon.local.get("/plugins")
    return bool(plugins["plugins"][0]["state"] == "on")


async def test_what_jellyfin_reports_is_tagged_shown_and_taken_back(
    config: Config, jellyfin: JellyfinStub, music: Path
) -> None:
    write_audio(music / "one.flac", piece(1), tags=ONE)
    template = re.search(r"```json\n(.*?)```", README.read_text("utf-8"), re.DOTALL)
    assert template
    async with served(config, watch=True) as daemon:
        await settle(daemon.services, music)
        await until(lambda: is_connected(daemon))
        new = write_audio(music / "x.mp3", piece(1))
        jellyfin.library.scan()
        item = jellyfin.library.at(new)
        assert item.said() == ("x", [], None)
        body = json.dumps(jellyfin.webhook(item, template[1]))
        # As the Webhook plugin sends it, if nobody tells it better.
        text = {"Content-Type": "text/plain; charset=utf-8"}
        async with daemon.http.post("/hooks/jellyfin", data=body, headers=text) as response:
            assert (response.status, await response.json()) == (202, {"items": 1})
        await until(lambda: said(new) == names(ONE))
        await until(lambda: item.said() == SEEN)

        [change] = (await daemon.local.get("/changes"))["changes"]
        await daemon.local.post(f"/changes/{change['change_id']}/undo")
        assert said(new) == NOTHING
        await until(lambda: item.album is None)
        refreshes = [call for call in jellyfin.calls if "/Refresh" in call]
        assert ["replaceAllMetadata=true" in call for call in refreshes] == [False, True]
        assert jellyfin.reports == []


async def test_the_plugins_test_tells_all_that_is_right(
    config: Config, jellyfin: JellyfinStub, music: Path
) -> None:
    write_audio(music / "one.flac", piece(1), tags=ONE)
    jellyfin.library.scan()
    async with served(config, watch=True) as daemon:
        await until(lambda: is_connected(daemon))
        found = await daemon.local.post("/plugins/jellyfin/test")
        assert found["is_ok"], found
        assert [check["subject"] for check in found["checks"]][-1] == "paths"
        assert KEY not in json.dumps(await daemon.local.get("/plugins"))
