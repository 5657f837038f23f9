"""Our PostgreSQL is started anew when somebody else has told it to end, and it waits for us to leave."""

import os
import signal
from pathlib import Path

import psycopg
import pytest
from conftest import must_not_stop
from ingesting import clip_of, look, match
from synth import music as tune
from synth import write_audio
from waiting import changed, until

from daemon import daemon_lock, database_server, db, jobs
from daemon.config import Config
from daemon.services import open_services


@pytest.mark.usefixtures("unblocked")
async def test_a_postgresql_that_was_told_to_end_comes_back(
    config: Config, music: Path, open_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(daemon_lock, "_CHECK_EVERY_S", 0.1)
    monkeypatch.setattr(database_server, "_CHECK_S", 0.1)
    monkeypatch.setattr(db, "_POOL_WAIT_S", 1.0)
    monkeypatch.setattr(jobs, "_RESTART_S", 0.1)
    state = open_folder / "state"
    own = changed(config, "database", url=None).model_copy(update={"state_dir": state})
    pid_file = state / "postgres" / "data" / "postmaster.pid"

    def postmaster() -> int:
        try:
            return int(pid_file.read_text().split("\n", 1)[0])
        except (FileNotFoundError, ValueError):
            return 0

    async with open_services(own, must_not_stop, watch=False) as services:
        write_audio(music / "one.wav", tune(1, 8))
        await look(services, music)
        told = postmaster()
        os.kill(told, signal.SIGTERM)
        await until(lambda: postmaster() not in (told, 0))
        await until(services.database.is_alive)

        async def is_found() -> bool:
            try:
                return bool((await match(services, clip_of(tune(1, 8), 1, 6))).result)
            except psycopg.OperationalError:
                return False

        await until(is_found)
