"""All parts together: alone on their database and folder, and going on when PostgreSQL went away."""

import asyncio
import os
import signal
from pathlib import Path

import psutil
import psycopg
import pytest
from ingesting import clip_of, indexed_ids, look, match, rows
from psycopg.conninfo import make_conninfo
from pydantic import SecretStr
from synth import music as tune
from synth import write_audio
from waiting import changed, until

from daemon import daemon_lock, database_server, db, jobs
from daemon.config import Config
from daemon.config_options import Database, Workers
from daemon.embedded_postgres import EmbeddedPostgres
from daemon.errors import DatabaseInUse, DatabaseUnreachable, StateInUse
from daemon.services import Services, open_services


@pytest.fixture
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Notice at once what is noticed within seconds."""
    monkeypatch.setattr(daemon_lock, "_CHECK_EVERY_S", 0.1)
    monkeypatch.setattr(db, "_POOL_WAIT_S", 1.0)
    monkeypatch.setattr(jobs, "_RESTART_S", 0.1)
    monkeypatch.setattr(database_server, "_CHECK_S", 0.1)


def configured(state_dir: Path, conninfo: str | None) -> Config:
    return Config(
        state_dir=state_dir,
        database=Database(url=None if conninfo is None else SecretStr(conninfo)),
        workers=Workers(match=1, ingest=1),
    )


async def test_a_second_one_on_the_same_folder_is_refused(services: Services, config: Config) -> None:
    with pytest.raises(StateInUse):
        async with open_services(config, pytest.fail, watch=False):
            pass
    await rows(services, "SELECT 1")


async def test_a_second_one_on_the_same_database_is_refused(
    services: Services, config: Config, tmp_path: Path
) -> None:
    other = config.model_copy(update={"state_dir": tmp_path / "other"})
    with pytest.raises(DatabaseInUse):
        async with open_services(other, pytest.fail, watch=False):
            pass
    await rows(services, "SELECT 1")


async def test_only_files_with_configured_extensions_are_music(config: Config, music: Path) -> None:
    write_audio(music / "one.flac", tune(1, 5.0))
    write_audio(music / "two.ogg", tune(2, 5.0))
    only_flac = changed(config, "library", extensions=(".flac",))
    async with open_services(only_flac, pytest.fail, watch=False) as services:
        looked = await services.library.reconcile(await services.library.add(music, watched=False))
    assert (looked.found, looked.new) == (1, 1)


async def test_nothing_survives_the_end(config: Config, unblocked: None) -> None:
    for _ in range(2):
        async with open_services(config, pytest.fail, watch=True) as opened:
            pids = opened.ingest_workers.pids() + opened.match_workers.pids()
            assert len(pids) == 2
        assert not [pid for pid in pids if psutil.pid_exists(pid)]
        assert {task for task in asyncio.all_tasks() if task is not asyncio.current_task()} == set()


async def test_a_start_that_fails_closes_what_was_open(config: Config, unblocked: None) -> None:
    config.state_dir.mkdir()
    (config.state_dir / "index").write_text("in the way")
    with pytest.raises(FileExistsError):
        async with open_services(config, pytest.fail, watch=False):
            pass
    (config.state_dir / "index").unlink()
    async with open_services(config, pytest.fail, watch=False) as opened:
        await rows(opened, "SELECT 1")


async def test_without_a_database_the_start_fails_and_says_so(tmp_path: Path) -> None:
    nowhere = configured(tmp_path / "state", make_conninfo(host=str(tmp_path), dbname="a", user="b"))
    with pytest.raises(DatabaseUnreachable):
        async with open_services(nowhere, pytest.fail, watch=False):
            pass


async def test_a_watched_folder_is_followed(config: Config, music: Path, unblocked: None) -> None:
    write_audio(music / "one.flac", tune(1, 8))
    async with open_services(config, pytest.fail, watch=True) as opened:
        await until(lambda: len(indexed_ids(opened)) == 1)
        write_audio(music / "two.flac", tune(2, 8))
        await until(lambda: len(indexed_ids(opened)) == 2)
        (music / "one.flac").rename(music / "three.flac")

        async def renamed() -> bool:
            return (
                await rows(opened, "SELECT 1 FROM files WHERE path = 'three.flac' AND status = 'indexed'")
                != []
            )

        await until(renamed)
        assert len(indexed_ids(opened)) == 2


@pytest.mark.usefixtures("_impatient", "unblocked")
async def test_a_database_that_was_stopped_and_started_is_used_again(
    server: EmbeddedPostgres, open_folder: Path, music: Path
) -> None:
    conninfo = await server.start()
    async with open_services(configured(open_folder / "state", conninfo), pytest.fail, watch=False) as opened:
        write_audio(music / "one.flac", tune(1, 8))
        await look(opened, music)
        await server.stop()
        with pytest.raises(psycopg.Error):
            await look(opened, music)
        assert not await opened.database.is_alive()
        assert await server.start() == conninfo
        await until(opened.database.is_alive)
        write_audio(music / "two.flac", tune(2, 8))
        await look(opened, music)
        result = (await match(opened, clip_of(tune(2, 8), 1, 6))).result
        assert result
        assert result[0]["song_name"] == "two.flac"
        holders = "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND granted"
        await until(lambda: rows(opened, holders))
        with pytest.raises(DatabaseInUse):
            async with open_services(configured(open_folder / "b", conninfo), pytest.fail, watch=False):
                pass


@pytest.mark.usefixtures("_impatient", "unblocked")
async def test_our_own_database_is_started_again_when_it_was_killed(open_folder: Path, music: Path) -> None:
    async with open_services(configured(open_folder / "state", None), pytest.fail, watch=False) as opened:
        write_audio(music / "one.flac", tune(1, 8))
        await look(opened, music)
        [postmaster] = [
            each
            for each in psutil.Process().children()
            if "postgres" in each.name()
            and each.is_running()
            and str(open_folder) in " ".join(each.cmdline())
        ]
        os.kill(postmaster.pid, signal.SIGKILL)
        await until(lambda: not postmaster.is_running() or postmaster.status() == psutil.STATUS_ZOMBIE)
        await until(opened.database.is_alive)
        write_audio(music / "two.flac", tune(2, 8))
        await look(opened, music)
        assert len(indexed_ids(opened)) == 2
