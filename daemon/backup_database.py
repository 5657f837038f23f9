"""Reach the database to back it up, whether a daemon runs or not, and read what it is."""

import asyncio
import os
import pwd
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from psycopg.conninfo import make_conninfo
from psycopg.errors import UndefinedTable

from daemon.backup_errors import NothingToBackUp, OtherOwner
from daemon.config import Config
from daemon.database_server import database_server
from daemon.db import connect
from daemon.embedded_postgres import DATABASE
from daemon.errors import DatabaseUnreachable, StateInUse
from daemon.postgres_folder import ROLE, PostgresFolder
from daemon.postgres_socket import PORT
from daemon.restore_folder import POSTGRES, RESTORING
from daemon.state_folder import hold_state_folder, lock_owner

_POLL_S = 0.5
_STARTING_S = 120.0
"""Whoever holds the state folder may be recovering its database first."""
_MAJOR = 10_000


@dataclass(frozen=True, slots=True)
class Look:
    """What is known of a database before it is dumped."""

    schema: int
    server_version: int
    """As PostgreSQL counts: 180004 is 18.4."""
    table_bytes: int
    """Without indexes, which no dump has."""
    database_bytes: int

    @property
    def server_major(self) -> int:
        """Return the server's major version."""
        return self.server_version // _MAJOR


@asynccontextmanager
async def reachable_database(config: Config) -> AsyncIterator[str]:
    """Yield how to connect: to the configured server, a running daemon's own, or else ours, started for this.

    Nothing is migrated, so that an old schema can be backed up before a new Spectra touches it.

    Raises
    ------
    NothingToBackUp, OtherOwner, StateInUse, PostgresError
    """
    if config.database.url is not None:
        yield config.database.url.get_secret_value()
        return
    state = config.state_dir
    if not any((state / name / "data").exists() for name in (POSTGRES, RESTORING)):
        raise NothingToBackUp(str(state))
    async with AsyncExitStack() as stack:
        try:
            stack.enter_context(hold_state_folder(state))
        except StateInUse:
            conninfo = await _running_server(state)
        else:
            refuse_other_owner(state)
            conninfo = await stack.enter_async_context(database_server(config))
        yield conninfo


def refuse_other_owner(state: Path) -> None:
    """Keep root from leaving files that the daemon, who is somebody else, can't use. Raises OtherOwner."""
    owner = lock_owner(state)
    if owner is not None and owner != os.geteuid():
        try:
            name = pwd.getpwuid(owner).pw_name
        except KeyError:
            name = f"#{owner}"
        raise OtherOwner(str(state), name)


async def look(conninfo: str) -> Look:
    """Return what a database is. Raises NothingToBackUp, DatabaseUnreachable."""
    connection = await connect(conninfo)
    async with connection:
        try:
            cursor = await connection.execute(
                "SELECT (SELECT max(version) FROM schema_migrations),"
                " (SELECT coalesce(sum(pg_table_size(oid)), 0) FROM pg_class"
                "  WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace),"
                " pg_database_size(current_database())"
            )
        except UndefinedTable:
            raise NothingToBackUp(connection.info.dbname) from None
        row = await cursor.fetchone()
        if row is None or row[0] is None:
            raise NothingToBackUp(connection.info.dbname)
        return Look(row[0], connection.info.server_version, int(row[1]), int(row[2]))


async def _running_server(state: Path) -> str:
    """Return how to connect to the server of whoever holds the state folder, once it answers."""
    folder = PostgresFolder((state / POSTGRES).resolve())
    try:
        async with asyncio.timeout(_STARTING_S):
            while True:
                try:
                    conninfo = await asyncio.to_thread(_conninfo, folder)
                    await (await connect(conninfo)).close()
                except (FileNotFoundError, DatabaseUnreachable):
                    await asyncio.sleep(_POLL_S)
                else:
                    return conninfo
    except TimeoutError as error:
        raise StateInUse(str(state)) from error


def _conninfo(folder: PostgresFolder) -> str:
    """Raises FileNotFoundError while there is no server."""
    password = folder.password.read_text("ascii").strip()
    host = folder.socket.resolve(strict=True)  # it may be a link to a shorter place
    return make_conninfo(host=str(host), port=PORT, user=ROLE, password=password, dbname=DATABASE)
