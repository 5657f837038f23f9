"""A daemon, a real Subsonic server, and a file without tags that gets a name at both."""

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from identifying import ONE, at_once, names, piece, said
from supysonic_server import FOLDER, USERS, Supysonic, running_supysonic
from synth import write_audio
from waiting import Served, served, until

from daemon.config import Config

LONG_AGO_S = 1_600_000_000


@pytest.fixture(scope="module")
def supysonic() -> Iterator[Supysonic]:
    with running_supysonic() as server:
        yield server


@pytest.fixture
def music(supysonic: Supysonic) -> Path:
    """The server's music folder is the daemon's."""
    return supysonic.music


def with_plugin(config: Config, supysonic: Supysonic) -> Config:
    section = {
        "url": supysonic.url,
        "username": "admin",
        "password": USERS["admin"],
        "legacy_auth": True,
        "music_folders": {FOLDER: str(supysonic.music)},
    }
    return at_once(config).model_copy(update={"plugins": {"navidrome": section}})


async def status(daemon: Served) -> dict[str, Any]:
    (found,) = (await daemon.local.get("/plugins"))["plugins"]
    return dict(found)


async def test_a_file_that_the_server_could_not_name_is_shown_with_its_name(config, music, supysonic):
    write_audio(music / "one.flac", piece(1), tags=ONE)
    path = write_audio(music / "Ä untagged.mp3", piece(1))
    os.utime(path, (LONG_AGO_S, LONG_AGO_S))
    supysonic.scan()
    found = supysonic.ask("search3", query=path.name)["searchResult3"]["song"]
    (item_id,) = (entry["id"] for entry in found)
    supysonic.ask("setRating", id=item_id, rating=5)
    supysonic.ask("star", id=item_id)
    before = supysonic.entry(item_id)

    async with served(with_plugin(config, supysonic), watch=True) as daemon:

        async def is_shown() -> bool:
            shown = await asyncio.to_thread(supysonic.entry, item_id)
            return names(shown) == names(ONE)

        await until(is_shown, within_s=60)
        await until(lambda: is_told(daemon), within_s=60)
        tested = await daemon.local.post("/plugins/navidrome/test")
    assert tested["is_ok"], tested
    assert said(path) == names(ONE)
    shown = supysonic.entry(item_id)
    for name in ("userRating", "starred", "path"):
        assert shown[name] == before[name]


async def is_told(daemon: Served) -> bool:
    return bool((await status(daemon))["told"])
