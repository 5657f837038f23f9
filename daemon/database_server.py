"""The PostgreSQL server in use: the configured one, or our own, kept running."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from daemon.config import Config
from daemon.embedded_postgres import EmbeddedPostgres
from daemon.errors import DaemonError
from daemon.restore_folder import POSTGRES, settle
from daemon.tasks import end_tasks

log = logging.getLogger(__name__)

_CHECK_S = 5.0


@asynccontextmanager
async def database_server(config: Config) -> AsyncIterator[str]:
    """Yield how to connect: to the configured server, or to our own, which is started again if it dies.

    The state folder is held: what a restore left that died is settled first.
    """
    if config.database.url is not None:
        yield config.database.url.get_secret_value()
        return
    await asyncio.to_thread(settle, config.state_dir)
    server = EmbeddedPostgres(config.state_dir / POSTGRES, run_as=config.database.run_as)
    try:
        conninfo = await server.start()
        keeper = asyncio.create_task(_keep_running(server), name="postgres keeper")
        try:
            yield conninfo
        finally:
            await end_tasks(keeper)
    finally:
        await server.stop()


async def _keep_running(server: EmbeddedPostgres) -> None:
    while True:
        await asyncio.sleep(_CHECK_S)
        try:
            if server.pid is None:
                log.error("PostgreSQL has ended; starting it again")
                await server.start()
            elif await server.is_leaving():
                log.error("somebody has told PostgreSQL to end; starting it anew")
                await server.stop()
                await server.start()
        except (DaemonError, OSError):
            log.exception("PostgreSQL can't be started; trying again")
