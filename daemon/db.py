"""PostgreSQL: the pool, the migrations and the named queries."""

import asyncio
import logging
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib import resources
from typing import Any, LiteralString, cast

import psycopg
from procrastinate.schema import SchemaManager
from psycopg import AsyncConnection, AsyncCursor
from psycopg.rows import TupleRow
from psycopg_pool import AsyncConnectionPool

from daemon.errors import DatabaseUnreachable, SchemaTooNew

log = logging.getLogger(__name__)

_MIGRATION_LOCK = 0x5370656374726101
"""Advisory lock under which the schema changes ("Spectra" in ASCII, and a number)."""
_QUERY_NAME = re.compile(r"^-- name: (\w+)$", re.MULTILINE)
_CONNECT_TIMEOUT_S = 10
_POOL_WAIT_S = 10.0

Connection = AsyncConnection[TupleRow]
Pool = AsyncConnectionPool[Connection]
Queries = Mapping[str, LiteralString]


@dataclass(frozen=True, slots=True)
class _Migration:
    name: str
    sql: bytes


@dataclass(frozen=True, slots=True)
class Database:
    """An open database of the current schema."""

    pool: Pool
    queries: Queries

    @asynccontextmanager
    async def cursor(self) -> AsyncIterator[AsyncCursor[TupleRow]]:
        """Yield a cursor in a transaction of its own, which is committed where the context ends."""
        async with self.pool.connection() as connection, connection.cursor() as cursor:
            yield cursor

    async def rows(self, query: str, **parameters: object) -> list[TupleRow]:
        """Run a named query in a transaction of its own, and return its rows; [] if it returns nothing."""
        async with self.cursor() as cursor:
            return await fetch(cursor, self.queries[query], parameters)

    async def is_alive(self) -> bool:
        """Tell whether a query is answered."""
        try:
            async with self.pool.connection(timeout=2) as connection:
                await connection.execute("SELECT 1")
        except psycopg.Error:
            return False
        return True


async def connect(conninfo: str) -> Connection:
    """Open one connection in autocommit mode.

    Raises
    ------
    DatabaseUnreachable : no connection within 10 s
    """
    try:
        return await AsyncConnection.connect(conninfo, autocommit=True, connect_timeout=_CONNECT_TIMEOUT_S)
    except psycopg.Error as error:
        raise DatabaseUnreachable(str(error).strip()) from error


@asynccontextmanager
async def open_database(conninfo: str, *, pool_max: int) -> AsyncIterator[Database]:
    """Bring the schema up to date and yield the pool.

    Raises
    ------
    DatabaseUnreachable : no connection within 10 s
    SchemaTooNew : a newer Spectra wrote it
    """
    await migrate(conninfo)
    pool: Pool = AsyncConnectionPool(
        conninfo,
        min_size=1,
        max_size=pool_max,
        timeout=_POOL_WAIT_S,
        open=False,
        check=AsyncConnectionPool.check_connection,
        # Its waits double: after minutes without a server it would not notice for minutes that there is one.
        reconnect_timeout=_POOL_WAIT_S,
    )
    async with pool:
        yield Database(pool, await asyncio.to_thread(load_queries))


async def migrate(conninfo: str) -> None:
    """Apply the migrations that the database does not have, each in a transaction of its own.

    Raises
    ------
    SchemaTooNew : it has migrations that this Spectra does not know
    """
    scripts = await asyncio.to_thread(_migrations)
    connection = await connect(conninfo)
    async with connection:
        await connection.execute("SELECT pg_advisory_lock(%s)", (_MIGRATION_LOCK,))
        await connection.execute(
            "CREATE TABLE IF NOT EXISTS schema_migrations"
            " (version int PRIMARY KEY, name text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())"
        )
        cursor = await connection.execute("SELECT coalesce(max(version), 0) FROM schema_migrations")
        current = cast("tuple[int]", await cursor.fetchone())[0]
        if current > max(scripts):
            raise SchemaTooNew(current, max(scripts))
        for version, script in sorted(scripts.items()):
            if version > current:
                await _apply(connection, version, script)


async def _apply(connection: Connection, version: int, script: _Migration) -> None:
    log.info("applying migration %s", script.name)
    async with connection.transaction():
        # psycopg sends a statement without parameters as it is, so a script may hold many.
        await connection.execute(script.sql)
        if version == 1:
            await connection.execute(await asyncio.to_thread(SchemaManager.get_schema))
        await connection.execute(
            "INSERT INTO schema_migrations (version, name) VALUES (%s, %s)", (version, script.name)
        )


async def fetch(
    cursor: AsyncCursor[TupleRow], query: LiteralString, parameters: Mapping[str, Any]
) -> list[TupleRow]:
    """Run a statement and return its rows; none of one that returns nothing. Raises psycopg.Error."""
    await cursor.execute(query, parameters)
    return await cursor.fetchall() if cursor.description else []


def storable(text: str) -> str:
    """Return what PostgreSQL's text can hold: a reason may quote a file's bytes, NUL and all."""
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}").encode(errors="replace").decode()


def load_queries() -> Queries:
    """Return the named queries of `sql/*.sql`: a line `-- name: x` begins query x."""
    queries: dict[str, LiteralString] = {}
    for file in resources.files("daemon").joinpath("sql").iterdir():
        if file.name.endswith(".sql"):
            parts = _QUERY_NAME.split(file.read_text(encoding="utf-8"))[1:]
            for name, sql in zip(parts[::2], parts[1::2], strict=True):
                # Our own files, read from the package: as literal as strings in the code.
                queries[name] = cast("LiteralString", sql.strip())
    return queries


def newest_schema() -> int:
    """Return the schema that this Spectra knows. Reads the package's files."""
    return max(_migrations())


def _migrations() -> dict[int, _Migration]:
    folder = resources.files("daemon").joinpath("sql", "migrations")
    return {
        int(file.name.split("_")[0]): _Migration(file.name, file.read_bytes())
        for file in folder.iterdir()
        if file.name.endswith(".sql")
    }
