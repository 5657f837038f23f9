"""A PostgreSQL that goes away between rename and journal is waited for; without it nothing is written."""

import asyncio
from pathlib import Path
from typing import Any

import psycopg
import pytest
from ingesting import look, rows
from pydantic import SecretStr
from tagged_files import make
from waiting import changed, until

from daemon import change_writer, daemon_lock, db, jobs
from daemon.change_rows import Change
from daemon.change_undoing import Undone
from daemon.config import Config
from daemon.embedded_postgres import EmbeddedPostgres
from daemon.journal import Journal
from daemon.services import Services, open_services
from daemon.tag_fields import TagFields


@pytest.fixture
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Notice at once what is noticed within seconds."""
    monkeypatch.setattr(change_writer, "_STORE_RETRY_S", 0.1)
    monkeypatch.setattr(daemon_lock, "_CHECK_EVERY_S", 0.1)
    monkeypatch.setattr(db, "_POOL_WAIT_S", 1.0)
    monkeypatch.setattr(jobs, "_RESTART_S", 0.1)


async def apply(services: Services) -> Change:
    [(file_id,)] = await rows(services, "SELECT file_id FROM files")
    assert isinstance(file_id, int)
    fields = TagFields(title="A Song", artist="Somebody")
    change = await services.tagging.apply(file_id, fields, cause="identified", recording_id=None, evidence={})
    assert isinstance(change, Change), change
    return change


@pytest.mark.usefixtures("_impatient", "unblocked")
async def test_a_write_is_noted_when_the_database_is_back(
    config: Config,
    server: EmbeddedPostgres,
    music: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    conninfo = await server.start()
    config = changed(changed(config, "tagging", quiet_s=0.0), "database", url=SecretStr(conninfo))
    path = make(music, "mp3")
    before = path.read_bytes()
    real, tries = Journal.done, []

    async def stopped_first(journal: Journal, *arguments: Any) -> Any:
        tries.append(await asyncio.to_thread(path.read_bytes))
        if len(tries) == 1:
            await server.stop()
        if len(tries) == 3:
            await server.start()
        return await real(journal, *arguments)

    async with open_services(config, pytest.fail, watch=False) as services:
        await look(services, music)
        with monkeypatch.context() as patched:
            patched.setattr(Journal, "done", stopped_first)
            change = await apply(services)
        assert len(tries) >= 3
        assert before not in tries  # it was written by then
        assert change.status == "done"
        assert (await look(services, music)).changed == 0
        tagged = path.read_bytes()

        await server.stop()
        with pytest.raises(psycopg.OperationalError):
            await services.tagging.undo(change.change_id)
        assert path.read_bytes() == tagged
        await server.start()
        await until(services.database.is_alive)
        assert isinstance(await services.tagging.undo(change.change_id), Undone)
        assert path.read_bytes() == before
