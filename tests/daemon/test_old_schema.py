"""A database of an older Spectra is brought up to date by the start, and everything works with it."""

import hashlib
import os
import shutil
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import psycopg
import pytest
from golden.regenerate_schema import FOLDER, MTIME_NS, PIECE_S, SCHEMAS, golden
from ingesting import clip_of, look, match, rows
from psycopg import sql
from psycopg.conninfo import make_conninfo
from pydantic import SecretStr
from synth import music as play
from waiting import changed

from daemon.backup import back_up
from daemon.change_undoing import Undone
from daemon.config import Config, load_config
from daemon.db import migrate, newest_schema
from daemon.restore import restore
from daemon.services import Services, open_services

COLUMNS = (
    "SELECT table_name, column_name, data_type, is_nullable, column_default FROM information_schema.columns"
    " WHERE table_schema = 'public' ORDER BY 1, 2"
)
INDEXES = "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1"
CHECKS = (
    "SELECT conrelid::regclass::text, pg_get_constraintdef(oid) FROM pg_constraint"
    " WHERE connamespace = 'public'::regnamespace ORDER BY 1, 2"
)
ADDED = {"audit_findings": 4, "listeners": 6, "playlists": 7}
"""Tables with a row in the dumps, and the schema that has them first."""
_numbers = count()


@pytest.fixture
def library(music: Path) -> Path:
    """The golden library's files, as they were when it was dumped."""
    for path in FOLDER.glob("*.ogg"):
        copy = Path(shutil.copyfile(path, music / path.name))
        os.utime(copy, ns=(MTIME_NS, MTIME_NS))
    return music


@pytest.fixture(params=SCHEMAS)
def older(request: pytest.FixtureRequest, postgres_server: str, library: Path) -> Iterator[str]:
    """A database of an older schema, which knows those files."""
    name = f"spectra_older_{next(_numbers)}"
    identifier = sql.Identifier(name)
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(identifier))
        conninfo = make_conninfo(postgres_server, dbname=name)
        with psycopg.connect(conninfo, autocommit=True) as fresh:
            fresh.execute(golden(request.param).read_bytes())
            fresh.execute("UPDATE public.libraries SET root = %s", (bytes(library),))
            if request.param > 1:
                fresh.execute("UPDATE public.changes SET root = %s", (bytes(library),))
        yield conninfo
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(identifier))


def facts(conninfo: str, query: str) -> list[tuple[object, ...]]:
    with psycopg.connect(conninfo) as connection:
        return connection.execute(query.encode()).fetchall()


def on(config: Config, conninfo: str) -> Config:
    quiet = changed(config, "tagging", quiet_s=0.0)
    return changed(quiet, "database", url=SecretStr(conninfo))


async def assert_all_works(services: Services, library: Path) -> None:
    assert await rows(services, "SELECT max(version) FROM schema_migrations") == [(newest_schema(),)]
    await look(services, library)
    found = (await match(services, clip_of(play(1, PIECE_S), 1, 7))).result
    assert found
    assert (found[0]["song_name"], found[0]["artist"]) == ("So What", "Miles Davis")
    changes = await services.journal.changes()
    for change in changes:
        undone = await services.tagging.undo(change.change_id)
        assert isinstance(undone, Undone), undone
        content = (library / "track 01.ogg").read_bytes()
        assert hashlib.sha256(content).digest() == change.before_sha256


def test_every_former_schema_has_its_dump() -> None:
    assert set(range(1, newest_schema())) == set(SCHEMAS)


async def test_an_older_database_is_migrated_and_everything_works(
    config: Config, older: str, conninfo: str, library: Path
) -> None:
    [(schema,)] = facts(older, "SELECT max(version) FROM schema_migrations")
    assert isinstance(schema, int)
    assert schema < newest_schema()
    async with open_services(on(config, older), pytest.fail, watch=False) as services:
        await assert_all_works(services, library)
        assert await rows(services, "SELECT count(*) FROM changes") == [(int(schema > 1),)]
        for table, since in ADDED.items():
            counted = await rows(services, f"SELECT count(*) FROM {table}")
            assert counted == [(int(schema >= since),)], table
        rejected = await rows(services, "SELECT title, artist FROM rejections")
        assert rejected == ([("So What", "Miles Davis")] if schema > 1 else [])
    for query in (COLUMNS, INDEXES, CHECKS):
        assert facts(older, query) == facts(conninfo, query)


async def test_what_failed_before_its_reason_was_kept_is_tried_again(older: str) -> None:
    await migrate(older)
    failed = facts(older, "SELECT path, retry_at <= now() FROM files WHERE status = 'failed'")
    assert failed == [(b"broken.ogg", True)]


@pytest.mark.parametrize("older", [1, 4], indirect=True)  # a server of its own for each takes long
async def test_an_older_database_is_backed_up_as_it_is_and_migrated_after_it_is_restored(
    config: Config, older: str, library: Path, open_folder: Path
) -> None:
    [(schema,)] = facts(older, "SELECT max(version) FROM schema_migrations")
    archive = open_folder / "older.tar"
    before = facts(older, COLUMNS)
    done = await back_up(
        on(config, older), archive, force=False, with_secrets=False, on_bytes=lambda _, __: None
    )
    assert done.schema == schema
    assert facts(older, COLUMNS) == before
    embedded = load_config(
        overrides={"state_dir": str(open_folder / "state"), "tagging.quiet_s": 0, "workers.ingest": 1}
    )
    restored = await restore(embedded, archive, on_bytes=lambda _, __: None)
    assert (restored.origin.schema, restored.recordings) == (schema, 2)
    async with open_services(embedded, pytest.fail, watch=False) as services:
        await assert_all_works(services, library)
