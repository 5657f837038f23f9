"""The daemon as a whole: its sockets, its state folder, its end."""

import asyncio
import socket
import stat
from pathlib import Path

import pytest
from synth import music as play
from synth import write_audio
from waiting import Served, changed, served, until

from daemon.app import listening, make_app
from daemon.client import open_client
from daemon.config import Config
from daemon.errors import AddressUnusable, DatabaseInUse, StateInUse
from daemon.keys import SERVICES


def _stop(reason: Exception) -> None:
    raise AssertionError(reason)


async def test_the_socket_is_for_its_owner_only(config: Config) -> None:
    async with served(config) as daemon:
        mode = (config.state_dir / "spectra.sock").stat().st_mode
        assert (stat.S_ISSOCK(mode), stat.S_IMODE(mode)) == (True, 0o600)
        assert stat.S_IMODE(daemon.spool.stat().st_mode) == 0o700
        assert stat.S_IMODE((config.state_dir / "token").stat().st_mode) == 0o600


async def test_a_state_folder_with_a_long_path_has_a_socket_too(config: Config, tmp_path: Path) -> None:
    long = tmp_path / ("long" * 25) / ("er" * 50)
    async with served(config.model_copy(update={"state_dir": long})) as daemon:
        assert len(str(long)) > 107
        assert await daemon.local.get("/ping") == {"msg": "spectra-api"}
    # What a daemon that was killed left behind is no hindrance.
    assert (long / "spectra.sock").exists()
    async with served(config.model_copy(update={"state_dir": long})) as daemon:
        assert await daemon.local.get("/ping") == {"msg": "spectra-api"}


async def test_a_taken_address_is_said_and_everything_closed(config: Config) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        app = make_app(changed(config, "server", port=port), _stop, watch=False)
        with pytest.raises(AddressUnusable, match=f"can't listen on 127.0.0.1:{port}"):
            async with listening(changed(config, "server", port=port), app, tcp=True):
                pass
    assert app[SERVICES].match_workers.pids() == app[SERVICES].ingest_workers.pids() == []
    async with served(config):
        pass


async def test_a_state_folder_and_a_database_have_one_daemon(config: Config, tmp_path: Path) -> None:
    async with served(config):
        with pytest.raises(StateInUse, match="another Spectra uses"):
            async with served(config):
                pass
        other = config.model_copy(update={"state_dir": tmp_path / "other"})
        with pytest.raises(DatabaseInUse, match="another Spectra uses the database"):
            async with served(other):
                pass


async def test_a_command_line_without_a_daemon_opens_the_state_itself(config: Config) -> None:
    async with open_client(config) as client:
        assert await client.get("/ping") == {"msg": "spectra-api"}
        assert (await client.get("/health"))["checks"]["watcher"]["detail"].startswith("off")
    async with served(config) as daemon, open_client(config) as client:
        assert (await client.get("/health"))["checks"]["watcher"]["detail"].startswith("off")
        assert daemon.services.watcher is None


async def test_a_client_waits_for_a_daemon_that_is_starting(config: Config) -> None:
    entered = asyncio.Event()

    async def ask() -> object:
        entered.set()
        async with open_client(config) as client:
            return await client.get("/ping")

    async with served(config):
        # As long as a daemon recovers its database: it has the folder, but no socket.
        (config.state_dir / "spectra.sock").rename(config.state_dir / "hidden")
        asked = asyncio.create_task(ask())
        await entered.wait()
        (config.state_dir / "hidden").rename(config.state_dir / "spectra.sock")
        assert await asked == {"msg": "spectra-api"}


async def test_new_music_is_recognised_without_asking(config: Config, music: Path, tmp_path: Path) -> None:
    async with served(config, watch=True) as daemon:
        write_audio(tmp_path / "new.flac", play(1, 20.0)).rename(music / "new.flac")
        await until(lambda: daemon.services.index.status().size.recordings == 1)
        clip = write_audio(tmp_path / "clip.ogg", play(1, 20.0)[4 * 8_000 : 12 * 8_000])
        assert await _names(daemon, clip) == ["new.flac"]


async def _names(daemon: Served, clip: Path) -> list[str]:
    return [result["song_name"] for result in (await daemon.match(clip))["result"]]
