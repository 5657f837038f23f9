"""Run a private PostgreSQL for this daemon: the database of those who don't bring one."""

import asyncio
import logging
import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from daemon.postgres_binaries import reachable_programs
from daemon.postgres_errors import FolderUnreachable, FolderUnusable, ServerFailed
from daemon.postgres_folder import ROLE, PostgresFolder, check_version, claim, create_data, lock
from daemon.postgres_process import last_lines, start_server, stop_servers
from daemon.postgres_socket import PORT, close_socket, open_socket
from daemon.postgres_user import choose_user, first_closed

DATABASE: Final = "spectra"

_FIRST_POLL_S: Final = 0.05
_LONGEST_POLL_S: Final = 1.0
_PROGRESS_S: Final = 10.0
_CONNECT_TIMEOUT_S: Final = 5

_log = logging.getLogger(__name__)


class EmbeddedPostgres:
    """A PostgreSQL server that lives in `folder`, and with this process.

    Parameters
    ----------
    folder : created when missing; what lies in it is told in postgres_folder
    run_as : the server's user when we are root (default: the first of spectra, postgres, nobody)
    """

    def __init__(self, folder: Path, *, run_as: str | None = None) -> None:
        self._given_folder = folder.absolute()
        self._run_as = run_as
        self._turn = asyncio.Lock()
        self._folder: PostgresFolder | None = None
        self._held_lock: int | None = None
        self._child: subprocess.Popen[bytes] | None = None
        self._conninfo = ""
        self._since_ns = 0

    @property
    def pid(self) -> int | None:
        """Return the server's process number, None while it doesn't run."""
        return self._child.pid if self._child is not None and self._child.poll() is None else None

    async def is_running(self) -> bool:
        """Tell whether the server lives and lets us in."""
        if self.pid is None:
            return False
        try:
            await self._connect(self._conninfo)
        except psycopg.Error:
            return False
        return True

    async def is_leaving(self) -> bool:
        """Tell whether somebody else told the server to end: it lets nobody in, and waits for us to leave."""
        return await asyncio.to_thread(_is_leaving, self._conninfo)

    async def start(self) -> str:
        """Start the server unless it runs, wait until it is ready, and return its connection string.

        Crash recovery may take as long as it takes: only a server that ends has failed.
        The string holds the password: not for logs. Raises PostgresError.
        """
        async with self._turn:
            if self.pid is None:
                try:
                    await _finish(self._launch)
                    await self._until_ready()
                except BaseException:
                    await _finish(self._halt)
                    raise
            return self._conninfo

    async def stop(self) -> None:
        """Stop the server and wait until it is gone. Raises ServerSurvives."""
        async with self._turn:
            await _finish(self._halt)

    def _launch(self) -> None:
        try:
            self._prepare_and_spawn()
        except OSError as error:
            raise FolderUnusable(str(self._given_folder), str(error)) from error

    def _prepare_and_spawn(self) -> None:
        user = choose_user(self._run_as)
        self._given_folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder = PostgresFolder(self._given_folder.resolve())
        self._folder = folder
        if self._held_lock is None:
            self._held_lock = lock(folder)
        check_version(folder)
        # A server may still run here when our predecessor was killed. Stopping it is simpler than adopting
        # it: its clients are dead, its settings and programs may be old, its end would not be told to us.
        stop_servers(folder.data, self._child)
        claim(folder, user)
        if user is not None:
            _log.info("PostgreSQL refuses to run as root: it runs as user %s", user.name)
            closed_at = first_closed(folder.path, user)
            if closed_at is not None:
                raise FolderUnreachable(str(folder.path), str(closed_at), user.name)
        programs = reachable_programs(folder.path, user)
        create_data(folder, programs, user, self._held_lock)
        socket_folder = open_socket(folder, user)
        self._conninfo = make_conninfo(
            host=str(socket_folder),
            port=PORT,
            user=ROLE,
            password=folder.password.read_text().strip(),
            dbname=DATABASE,
        )
        self._since_ns = time.time_ns()
        self._child = start_server(folder, programs, socket_folder, user)

    def _halt(self) -> None:
        """Stop what we started and let go of the folder; what we don't own stays untouched."""
        if self._folder is None or self._held_lock is None:
            return
        if self._child is not None:
            stop_servers(self._folder.data, self._child)
        try:
            if self._child is not None:
                close_socket(self._folder)
        finally:
            self._child = None
            os.close(self._held_lock)
            self._held_lock = None

    async def _until_ready(self) -> None:
        """Wait through start and crash recovery, then see that our database exists. Raises ServerFailed."""
        began_s = told_s = time.monotonic()
        poll_s = _FIRST_POLL_S
        while not await self._try_open():
            if self.pid is None:
                code = self._child.returncode if self._child else None
                raise ServerFailed(
                    "postgres", f"ended with code {code} while starting", await self._last_lines()
                )
            if time.monotonic() - told_s >= _PROGRESS_S:
                told_s = time.monotonic()
                said = (await self._last_lines()).rpartition("\n")[2]
                _log.info("waiting for PostgreSQL, %.0f s so far; it says: %s", told_s - began_s, said)
            await asyncio.sleep(poll_s)
            poll_s = min(2 * poll_s, _LONGEST_POLL_S)
        _log.info("PostgreSQL runs as process %s, in %s", self.pid, self._given_folder)

    async def _try_open(self) -> bool:
        """Create our database if it is missing; False while the server doesn't accept connections."""
        try:
            await self._connect(make_conninfo(self._conninfo, dbname="postgres"), create=True)
        except psycopg.Error as error:
            let_in = error.pgconn is not None and error.pgconn.used_password  # it got as far as asking for it
            if let_in or error.sqlstate is not None:
                reason = (
                    f"{error}\nIf {self._given_folder / 'password'} was changed: remove it, and start again"
                )
                raise ServerFailed("postgres", "runs, but refuses us", reason) from error
            return False
        return True

    async def _connect(self, conninfo: str, *, create: bool = False) -> None:
        connection = await psycopg.AsyncConnection.connect(
            conninfo, autocommit=True, connect_timeout=_CONNECT_TIMEOUT_S
        )
        async with connection:
            if create:
                known = await connection.execute("SELECT FROM pg_database WHERE datname = %s", (DATABASE,))
                if await known.fetchone() is None:
                    await connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))

    async def _last_lines(self) -> str:
        folder = self._folder
        return "" if folder is None else await asyncio.to_thread(last_lines, folder, self._since_ns)


def _is_leaving(conninfo: str) -> bool:
    # Not asynchronous: a cancellation in the middle would leave the connection open.
    try:
        psycopg.connect(conninfo, connect_timeout=_CONNECT_TIMEOUT_S).close()
    except psycopg.OperationalError as error:
        return "the database system is shutting down" in str(error)
    return False


async def _finish(work: Callable[[], None]) -> None:
    """Await blocking work in a thread. A cancellation waits for its end: nothing goes on behind our back."""
    task = asyncio.ensure_future(asyncio.to_thread(work))
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        if not task.cancelled():
            task.exception()
        raise
