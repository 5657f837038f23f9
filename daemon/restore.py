"""Bring a backup back: verified before anything is touched, and nothing that was there is lost."""

import asyncio
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

from psycopg.conninfo import conninfo_to_dict

from daemon.backup import SECRET_FILES, config_files, refuse_too_little_room
from daemon.backup_archive import CONFIG, DUMP, SECRETS, Archive, OnBytes, Origin, open_archive
from daemon.backup_database import look, refuse_other_owner
from daemon.backup_errors import ArchiveDamaged, ArchiveTooNew, DatabaseNotEmpty
from daemon.config import Config
from daemon.daemon_lock import hold_daemon_lock
from daemon.db import connect, newest_schema
from daemon.embedded_postgres import EmbeddedPostgres
from daemon.errors import DatabaseInUse
from daemon.postgres_binaries import MAJOR
from daemon.postgres_clients import find_client, load
from daemon.private_file import replace_private
from daemon.restore_folder import begin, settle, swap
from daemon.state_folder import hold_state_folder, prepare_state_folder

_INDEX = "index"
_SPARE_BYTES = 400_000_000
"""What a new cluster and its write-ahead log take besides the database."""
_MAJOR = 10_000
_RESTORED = ".restored"


@dataclass(frozen=True, slots=True)
class Restored:
    """What was brought back."""

    origin: Origin
    recordings: int
    kept: Path | None
    """Where the former database is, if there was one."""
    put: tuple[Path, ...]
    """Files that were written: tokens that were missing, and what differs from the present one, beside it."""


async def restore(
    config: Config,
    path: Path,
    *,
    on_bytes: OnBytes,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Restored:
    """Bring a backup back into the embedded database, or into the configured one if that is empty.

    The former embedded database moves aside at the end; the index is built anew by the next start.

    Parameters
    ----------
    on_bytes : told how far the archive is verified, then how far the database is loaded

    Raises
    ------
    ArchiveDamaged, ArchiveTooNew, StateInUse, OtherOwner, DatabaseInUse, DatabaseNotEmpty, NoRoom,
    ClientMissing, ClientFailed, PostgresError, OSError : nothing was changed
    """
    with ExitStack() as stack:
        archive = await asyncio.to_thread(stack.enter_context, open_archive(path, on_bytes))
        origin = archive.manifest.origin
        newest = await asyncio.to_thread(newest_schema)
        if origin.schema > newest:
            raise ArchiveTooNew(str(path), origin.spectra, f"schema {origin.schema}", f"schema {newest}")
        state = config.state_dir
        await asyncio.to_thread(prepare_state_folder, state)
        stack.enter_context(hold_state_folder(state))
        refuse_other_owner(state)
        dump = _counted(archive, on_bytes)
        kept = None
        if config.database.url is not None:
            recordings = await _into_server(
                config.database.url.get_secret_value(), path, archive, dump, state
            )
        else:
            recordings, kept = await _into_folder(config, path, archive, dump, now)
        put = await asyncio.to_thread(lambda: tuple(_put_files(archive, config)))
    return Restored(origin, recordings, kept, put)


async def _into_server(
    conninfo: str, path: Path, archive: Archive, dump: Iterator[bytes], state: Path
) -> int:
    """Load an empty database of the configured server, all or nothing; return how many recordings it has."""
    name = str(conninfo_to_dict(conninfo).get("dbname") or "")
    lost: list[DatabaseInUse] = []
    async with hold_daemon_lock(conninfo, lost.append):
        connection = await connect(conninfo)
        async with connection:
            major = connection.info.server_version // _MAJOR
            cursor = await connection.execute(
                "SELECT 1 FROM pg_class WHERE relnamespace NOT IN (SELECT oid FROM pg_namespace"
                " WHERE nspname LIKE 'pg\\_%' OR nspname = 'information_schema') LIMIT 1"
            )
            if await cursor.fetchone() is not None:
                raise DatabaseNotEmpty(name or connection.info.dbname)
        program = await asyncio.to_thread(find_client, "pg_restore", major)
        await asyncio.to_thread(_drop_index, state)
        await load(program, conninfo, dump)
        return await _checked(conninfo, path, archive)


async def _into_folder(
    config: Config, path: Path, archive: Archive, dump: Iterator[bytes], now: Callable[[], datetime]
) -> tuple[int, Path | None]:
    """Load a fresh embedded database and swap it in; return its recordings, and where the former one is."""
    state = config.state_dir
    await asyncio.to_thread(settle, state)
    refuse_too_little_room(state, archive.manifest.origin.database_bytes + _SPARE_BYTES)
    program = await asyncio.to_thread(find_client, "pg_restore", MAJOR)
    folder = await asyncio.to_thread(begin, state)
    try:
        server = EmbeddedPostgres(folder, run_as=config.database.run_as)
        try:
            conninfo = await server.start()
            await load(program, conninfo, dump)
            recordings = await _checked(conninfo, path, archive)
        finally:
            await server.stop()
    except BaseException:
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)  # else the next run does it
        raise
    # Before the swap: the index of another database would name its recordings by the numbers of this one.
    await asyncio.to_thread(_drop_index, state)
    return recordings, await asyncio.to_thread(swap, state, now())


async def _checked(conninfo: str, path: Path, archive: Archive) -> int:
    """Return how many recordings were restored. Raises ArchiveDamaged: the dump is not what was announced."""
    seen = await look(conninfo)
    if seen.schema != archive.manifest.origin.schema:
        raise ArchiveDamaged(str(path), f"its database has schema {seen.schema}, its manifest says otherwise")
    async with await connect(conninfo) as connection:
        cursor = await connection.execute("SELECT count(*) FROM recordings")
        row = await cursor.fetchone()
        return 0 if row is None else int(row[0])


def _counted(archive: Archive, on_bytes: OnBytes) -> Iterator[bytes]:
    [total_bytes] = [each.size_bytes for each in archive.manifest.members if each.name == DUMP]
    done_bytes = 0
    for chunk in archive.chunks(DUMP):
        yield chunk
        done_bytes += len(chunk)
        on_bytes(done_bytes, total_bytes)


def _drop_index(state: Path) -> None:
    """Remove the index whole, so that the next start builds it: renamed first, for a death leaves no half."""
    index = state / _INDEX
    dropped = state / f"{_INDEX}-dropped"
    shutil.rmtree(dropped, ignore_errors=True)
    if index.exists():
        index.rename(dropped)
        shutil.rmtree(dropped)


def _put_files(archive: Archive, config: Config) -> Iterator[Path]:
    """Write the archive's other files: what is missing, or beside what differs; yield where."""
    present = {path.name: path for path in config_files(config)}
    for member in archive.manifest.named(CONFIG):
        name, content = PurePosixPath(member.name).name, archive.content(member.name)
        here = present.get(name)
        if here is not None and here.read_bytes() == content:
            continue
        folder = config.state_dir if here is None or not os.access(here.parent, os.W_OK) else here.parent
        yield _written(folder / f"{name}{_RESTORED}", content)
    for member in archive.manifest.named(SECRETS):
        name, content = PurePosixPath(member.name).name, archive.content(member.name)
        here = config.state_dir / name
        if name not in SECRET_FILES or (here.exists() and here.read_bytes() == content):
            continue
        yield _written(here.with_name(f"{name}{_RESTORED}") if here.exists() else here, content)


def _written(path: Path, content: bytes) -> Path:
    replace_private(path, content)
    return path
