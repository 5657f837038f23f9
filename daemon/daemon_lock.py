"""One daemon per database: an advisory lock, held on a connection of its own."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

import psycopg

from daemon.db import Connection, connect
from daemon.errors import DatabaseInUse, DatabaseUnreachable

log = logging.getLogger(__name__)

_LOCK = 0x5370656374726100
"""The lock's number: "Spectra" in ASCII."""
_CHECK_EVERY_S = 5.0


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
    connection = await _take(conninfo)
    keeper = asyncio.create_task(_keep(conninfo, connection, on_lost))
    try:
        yield
    finally:
        keeper.cancel()
        with suppress(asyncio.CancelledError):
            await keeper


async def _take(conninfo: str) -> Connection:
    connection = await connect(conninfo)
    cursor = await connection.execute("SELECT pg_try_advisory_lock(%s)", (_LOCK,))
    row = await cursor.fetchone()
    if row is None or not row[0]:
        await connection.close()
        raise DatabaseInUse(connection.info.dbname)
    return connection


async def _keep(conninfo: str, connection: Connection, on_lost: Callable[[DatabaseInUse], None]) -> None:
    try:
        while True:
            await asyncio.sleep(_CHECK_EVERY_S)
            try:
                await connection.execute("SELECT 1")
            except psycopg.Error:
                with suppress(DatabaseUnreachable, psycopg.Error):
                    await connection.close()
                    connection = await _take(conninfo)
                    log.info("took the database's daemon lock again")
    except DatabaseInUse as error:
        log.critical("%s", error)
        on_lost(error)
    finally:
        await connection.close()
