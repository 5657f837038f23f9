"""One daemon per database: an advisory lock, held on a connection of its own."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

import psycopg
from psycopg.errors import LockNotAvailable

from daemon.db import Connection, connect
from daemon.errors import DatabaseInUse, DatabaseUnreachable
from daemon.tasks import end_tasks

log = logging.getLogger(__name__)

_LOCK = 0x5370656374726100
"""The lock's number: "Spectra" in ASCII."""
_CHECK_EVERY_S = 5.0
_PATIENCE = "2s"
"""The server may need a moment to see that the daemon before us has gone."""


@asynccontextmanager
async def hold_daemon_lock(conninfo: str, on_lost: Callable[[DatabaseInUse], None]) -> AsyncIterator[None]:
    """Hold the database's lock; when the server restarts, take it again.

    Parameters
    ----------
    on_lost : called when another daemon took the database while the server was away: then we must stop

    Raises
    ------
    DatabaseInUse : another daemon has this database
    """
    holder = _Holder(conninfo, await _take(conninfo))
    keeper = asyncio.create_task(holder.keep(on_lost))
    try:
        yield
    finally:
        await end_tasks(keeper)
        await holder.connection.close()


async def _take(conninfo: str) -> Connection:
    connection = await connect(conninfo)
    name = connection.info.dbname  # a closed connection does not know it
    try:
        await connection.execute("SELECT set_config('lock_timeout', %s, false)", (_PATIENCE,))
        await connection.execute("SELECT pg_advisory_lock(%s)", (_LOCK,))
    except LockNotAvailable as error:
        await connection.close()
        raise DatabaseInUse(name) from error
    return connection


class _Holder:
    """The connection that holds the lock, replaced when it breaks."""

    def __init__(self, conninfo: str, connection: Connection) -> None:
        self._conninfo = conninfo
        self.connection = connection

    async def keep(self, on_lost: Callable[[DatabaseInUse], None]) -> None:
        try:
            while True:
                await asyncio.sleep(_CHECK_EVERY_S)
                with suppress(DatabaseUnreachable, psycopg.Error):
                    await self._check()
        except DatabaseInUse as error:
            log.critical("%s", error)
            on_lost(error)

    async def _check(self) -> None:
        try:
            await self.connection.execute("SELECT 1")
        except psycopg.Error:
            await self.connection.close()
            self.connection = await _take(self._conninfo)
            log.info("took the database's daemon lock again")
