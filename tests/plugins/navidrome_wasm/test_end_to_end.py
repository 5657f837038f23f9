"""The plugin in its real runtime asks a real daemon: a file gets its tags, and Navidrome scans its folder."""

import asyncio
from pathlib import Path

import extism
import pytest
import synth
from identifying import ONE, at_once, names, piece, said, settle
from navidrome_functions import Item
from navidrome_host import NavidromeHost
from waiting import Served, served, until

from daemon.config import Config, load_config


def _mapped(config: Config, music: Path) -> Config:
    """Return the configuration of a daemon whose Navidrome runs in a container, with the music at /music."""
    mapping = load_config(overrides={"path_map": [{"server": "/music", "local": str(music)}]}).path_map
    return at_once(config, first_scan="review").model_copy(update={"path_map": mapping})


async def _go_on(host: NavidromeHost) -> bool:
    """Let the plugin's next call come, if there is one; tell whether all is done."""
    if host.waiting:
        await asyncio.to_thread(host.run_next)
    return not host.waiting


async def _run(host: NavidromeHost, daemon: Served) -> None:
    """Have the plugin look through the library, and wait until it has nothing to do."""
    host.settings["daemon_url"] = str(daemon.http._base_url)
    host.settings["token"] = daemon.bearer()["Authorization"].removeprefix("Bearer ")
    await asyncio.to_thread(host.run_cron)
    await until(lambda: _go_on(host), within_s=60)


async def test_an_untagged_file_gets_its_name_and_its_folder_is_scanned(
    config: Config, music: Path, navidrome
) -> None:
    synth.write_audio(music / "one.flac", piece(1), tags=ONE)
    async with served(_mapped(config, music), watch=True) as daemon:
        await settle(daemon.services, music)
        folder = music / "Björk & 音楽"
        folder.mkdir()
        known = synth.write_audio(folder / "x.mp3", piece(1))
        unknown = synth.write_audio(music / "y.mp3", piece(2))
        host = navidrome(
            Item("6cd6", "Björk & 音楽/x.mp3", size=known.stat().st_size, duration_s=25.0),
            Item("7de7", "y.mp3", size=unknown.stat().st_size, duration_s=25.0),
            Item("8ef8", "gone.mp3"),
        )
        await _run(host, daemon)
        assert said(known) == names(ONE)
        assert said(unknown) == (None, None, None)
    assert host.scans == [["1:Björk & 音楽"]]
    assert ["gone.mp3" in line for line in host.log if line.startswith("WARN")] == [True]


async def test_a_daemon_refuses_a_wrong_token_of_the_plugin(config: Config, music: Path, navidrome) -> None:
    async with served(_mapped(config, music)) as daemon:
        host = navidrome(Item("6cd6", "x.mp3"))
        host.settings["daemon_url"] = str(daemon.http._base_url)
        with pytest.raises(extism.Error, match="refuses the token"):
            await asyncio.to_thread(host.run_cron)
    assert len(host.requests) == 1
