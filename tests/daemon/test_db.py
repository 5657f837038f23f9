"""The database is brought up to date once, and every query fits its schema."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from itertools import count
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo
from waiting import until

import daemon
from daemon import daemon_lock, db
from daemon.daemon_lock import hold_daemon_lock
from daemon.db import connect, load_queries, migrate, open_database
from daemon.errors import DatabaseInUse, DatabaseUnreachable, SchemaTooNew

_numbers = count()
SOURCES = "\n".join(path.read_text() for path in Path(daemon.__file__).parent.glob("*.py"))
CALLED = re.compile(r'(?:\brows|_one|_note)\(\s*"(\w+)"|queries\["(\w+)"\]')


@pytest.fixture
def empty(postgres_server: str) -> Iterator[str]:
    """A database without anything."""
    name = f"spectra_empty_{next(_numbers)}"
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        yield make_conninfo(postgres_server, dbname=name)
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture
async def connection(conninfo: str) -> AsyncIterator[db.Connection]:
    """A connection to a database of the current schema."""
    async with await connect(conninfo) as connection:
        yield connection


async def schema(conninfo: str) -> list[tuple[object, ...]]:
    async with await connect(conninfo) as connection:
        cursor = await connection.execute(
            "SELECT table_name, column_name, data_type FROM information_schema.columns"
            " WHERE table_schema = 'public' ORDER BY 1, 2"
        )
        columns = list(await cursor.fetchall())
        if ("schema_migrations", "version", "integer") in columns:
            columns += await (
                await connection.execute("SELECT * FROM schema_migrations ORDER BY 1")
            ).fetchall()
        return columns


async def test_nothing_becomes_the_whole_schema(empty: str) -> None:
    await migrate(empty)
    tables = {row[0] for row in await schema(empty)}
    assert tables >= {"libraries", "recordings", "files", "match_tasks", "procrastinate_jobs"}


async def test_a_second_migration_changes_nothing(empty: str) -> None:
    await migrate(empty)
    first = await schema(empty)
    await migrate(empty)
    assert await schema(empty) == first


async def test_what_was_fingerprinted_before_constellations_changed_is_read_again(
    empty: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    scripts = db._migrations()
    with monkeypatch.context() as earlier:
        earlier.setattr(db, "_migrations", lambda: {1: scripts[1]})
        await migrate(empty)
    async with await connect(empty) as connection:
        await connection.execute(
            "WITH library AS (INSERT INTO libraries (root, watched) VALUES ('/music', true)"
            " RETURNING library_id),"
            " recording AS (INSERT INTO recordings (digest, fingerprint_version, constellation, duration_s)"
            " VALUES ('d', 1, 'c', 60) RETURNING recording_id)"
            " INSERT INTO files (library_id, path, size_bytes, mtime_ns, inode, device, status, recording_id)"
            " SELECT library_id, 'a.ogg', 1, 1, 1, 1, 'indexed', recording_id FROM library, recording"
        )
    await migrate(empty)
    async with await connect(empty) as connection:
        cursor = await connection.execute("SELECT status::text FROM files")
        assert await cursor.fetchall() == [("pending",)]


async def test_a_newer_schema_is_refused(empty: str) -> None:
    await migrate(empty)
    async with await connect(empty) as connection:
        await connection.execute("INSERT INTO schema_migrations (version, name) VALUES (999, 'later.sql')")
    before = await schema(empty)
    with pytest.raises(SchemaTooNew, match=r"has schema 999.*nothing was changed; install the newer Spectra"):
        await migrate(empty)
    assert await schema(empty) == before


async def test_a_migration_that_fails_leaves_no_half(empty: str, monkeypatch: pytest.MonkeyPatch) -> None:
    await migrate(empty)
    before = await schema(empty)
    broken = db._Migration("9999_broken.sql", b"CREATE TABLE half (a int); SELECT nonsense;")
    monkeypatch.setattr(db, "_migrations", lambda: {9999: broken})
    with pytest.raises(psycopg.Error, match="nonsense"):
        await migrate(empty)
    assert await schema(empty) == before


async def test_no_server_is_said_in_a_sentence(tmp_path: Path) -> None:
    nowhere = make_conninfo(host=str(tmp_path), dbname="spectra", user="spectra")
    with pytest.raises(DatabaseUnreachable, match=r"check database\.url"):
        async with open_database(nowhere, pool_max=2):
            pass


def test_queries_and_calls_name_each_other() -> None:
    called = {first or second for first, second in CALLED.findall(SOURCES)}
    assert called == set(load_queries())


async def test_every_query_fits_the_schema(connection: db.Connection) -> None:
    for name, text in load_queries().items():
        query: str = text
        for number, parameter in enumerate(sorted(set(re.findall(r"%\((\w+)\)s", query))), 1):
            query = query.replace(f"%({parameter})s", f" ${number}")
        try:
            await connection.execute(b"EXPLAIN (GENERIC_PLAN) " + query.encode())
        except psycopg.Error as error:
            pytest.fail(f"{name}: {error}")


def must_not_be_lost(error: DatabaseInUse) -> None:
    raise AssertionError(error)


async def test_a_second_daemon_is_refused(conninfo: str) -> None:
    async with hold_daemon_lock(conninfo, must_not_be_lost):
        with pytest.raises(DatabaseInUse, match="one daemon per database"):
            async with hold_daemon_lock(conninfo, must_not_be_lost):
                pass
    async with hold_daemon_lock(conninfo, must_not_be_lost):
        pass


async def test_a_daemon_that_is_just_ending_is_waited_for(
    conninfo: str, connection: db.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(daemon_lock, "_PATIENCE", "60s")

    async def start() -> None:
        async with hold_daemon_lock(conninfo, must_not_be_lost):
            pass

    async def is_waiting() -> bool:
        query = "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
        return bool(await (await connection.execute(query)).fetchall())

    async with hold_daemon_lock(conninfo, must_not_be_lost):
        starting = asyncio.create_task(start())
        await until(is_waiting)
    await starting


HOLDERS = (
    "SELECT pid FROM pg_locks JOIN pg_database ON pg_database.oid = database"
    " WHERE locktype = 'advisory' AND granted AND datname = current_database()"
)
END_HOLDERS = f"SELECT pg_terminate_backend(pid) FROM ({HOLDERS}) AS holders"


async def test_a_lost_lock_is_taken_again(
    conninfo: str, connection: db.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(daemon_lock, "_CHECK_EVERY_S", 0.02)

    async def holders() -> list[tuple[object, ...]]:
        return await (await connection.execute(HOLDERS.encode())).fetchall()

    async with hold_daemon_lock(conninfo, must_not_be_lost):
        before = await holders()
        await connection.execute(END_HOLDERS.encode())

        async def has_another() -> bool:
            return bool(await holders()) and await holders() != before

        await until(has_another)


async def test_a_database_that_another_took_meanwhile_is_given_up(
    conninfo: str, connection: db.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost: list[DatabaseInUse] = []
    monkeypatch.setattr(daemon_lock, "_CHECK_EVERY_S", 0.3)
    async with hold_daemon_lock(conninfo, lost.append):
        await connection.execute(END_HOLDERS.encode())

        async def taken() -> bool:
            cursor = await connection.execute("SELECT pg_try_advisory_lock(%s)", (daemon_lock._LOCK,))
            return bool((await cursor.fetchall())[0][0])

        await until(taken)
        await until(lambda: lost)
