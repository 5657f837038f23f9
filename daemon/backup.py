"""Back up what can't be made again: the database, and what was configured, in one file."""

import asyncio
import errno
import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import aclosing, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import IO

from daemon.backup_archive import CONFIG, DUMP, SECRETS, ArchiveWriter, OnBytes, Origin
from daemon.backup_database import Look, look, reachable_database
from daemon.backup_errors import BackupExists, NoRoom, TargetUnusable
from daemon.config import Config
from daemon.config_sources import DOTENV
from daemon.postgres_clients import dumped, find_client
from daemon.restore_folder import sync
from daemon.token_file import TOKEN_FILE
from daemon.tokens import TOKENS_FILE

SECRET_FILES = (TOKEN_FILE, TOKENS_FILE)
_UNFINISHED = ".unfinished"
_SPARE_BYTES = 10_000_000
_GROWTH = 1.3
"""A dump is text, compressed: of constellations, which don't compress further, 1.1 times their size."""
_NO_LINKS = {errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK}
"""What file systems without hard links say."""


@dataclass(frozen=True, slots=True)
class BackedUp:
    """A finished backup."""

    path: Path
    size_bytes: int
    schema: int
    config_files: tuple[Path, ...]
    has_secrets: bool


async def back_up(
    config: Config,
    target: Path,
    *,
    force: bool,
    with_secrets: bool,
    on_bytes: OnBytes,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> BackedUp:
    """Write everything into one new file, which appears under its name only when it is whole.

    Parameters
    ----------
    force : replace the file if it is there already
    with_secrets : the access tokens, too
    on_bytes : told how far the dump is, of about how many bytes

    Raises
    ------
    BackupExists, TargetUnusable, NothingToBackUp, NoRoom, ClientMissing, ClientFailed, DatabaseUnreachable,
    OSError
    """
    target = target.resolve()
    refuse_present(target, force=force)
    files = config_files(config)
    async with reachable_database(config) as conninfo:
        seen = await look(conninfo)
        program = await asyncio.to_thread(find_client, "pg_dump", seen.server_major)
        refuse_too_little_room(target.parent, int(_GROWTH * seen.table_bytes) + _SPARE_BYTES)
        with _unfinished(target) as (path, file):
            writer = ArchiveWriter(file)
            writer.begin(DUMP)
            done_bytes = 0
            async with aclosing(dumped(program, conninfo)) as chunks:
                async for chunk in chunks:
                    await asyncio.to_thread(writer.write, chunk)
                    done_bytes += len(chunk)
                    on_bytes(done_bytes, max(seen.table_bytes, done_bytes))
            writer.end()
            for each in files:
                writer.add(f"{CONFIG}{each.name}", await asyncio.to_thread(each.read_bytes))
            if with_secrets:
                for name in SECRET_FILES:
                    with suppress(FileNotFoundError):
                        content = await asyncio.to_thread((config.state_dir / name).read_bytes)
                        writer.add(f"{SECRETS}{name}", content)
            origin = _origin(seen, now())
            size_bytes = await asyncio.to_thread(_finish, writer, file, origin)
            await asyncio.to_thread(_put, path, target, force=force)
    return BackedUp(target, size_bytes, seen.schema, files, with_secrets)


def config_files(config: Config) -> tuple[Path, ...]:
    """Return the files that options in force come from: the TOML file and `.env`."""
    dotenv = f"{DOTENV}:"
    places = {
        str(DOTENV) if source.startswith(dotenv) else source
        for source in config.sources.values()
        if source != "command line"
    }
    found = {Path(place).absolute() for place in places}
    return tuple(sorted(path for path in found if path.is_file()))


def refuse_present(target: Path, *, force: bool) -> None:
    """Raise BackupExists, TargetUnusable."""
    if not target.exists():
        return
    if not target.is_file():
        raise TargetUnusable(str(target))
    if not force:
        raise BackupExists(str(target))


def refuse_too_little_room(folder: Path, needed_bytes: int) -> None:
    """Raise NoRoom, OSError."""
    free_bytes = shutil.disk_usage(folder).free
    if free_bytes < needed_bytes:
        raise NoRoom(str(folder), needed_bytes, free_bytes)


@contextmanager
def _unfinished(target: Path) -> Iterator[tuple[Path, IO[bytes]]]:
    """Yield a private file beside the target, which goes unless it was moved, as does what dead runs left."""
    _remove_left(target)
    descriptor, name = tempfile.mkstemp(suffix=_UNFINISHED, prefix=f".{target.name}.", dir=target.parent)
    path = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            fcntl.flock(file, fcntl.LOCK_EX)  # as long as it is held, somebody writes it
            yield path, file
    finally:
        path.unlink(missing_ok=True)


def _remove_left(target: Path) -> None:
    names = [each for each in target.parent.iterdir() if each.name.endswith(_UNFINISHED)]
    for path in (each for each in names if each.name.startswith(f".{target.name}.")):
        with path.open("rb") as file, suppress(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink()


def _finish(writer: ArchiveWriter, file: IO[bytes], origin: Origin) -> int:
    writer.finish(origin)
    file.flush()
    os.fsync(file.fileno())
    return file.tell()


def _put(path: Path, target: Path, *, force: bool) -> None:
    """Give the finished file its name. Raises BackupExists, OSError."""
    if force:
        path.replace(target)
    else:
        try:
            os.link(path, target)  # unlike a rename, it never replaces
        except FileExistsError:
            raise BackupExists(str(target)) from None
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
            refuse_present(target, force=False)
            path.rename(target)
    sync(target.parent)


def _origin(seen: Look, now: datetime) -> Origin:
    number = seen.server_version
    return Origin(
        spectra=version("spectra"),
        schema=seen.schema,
        postgres=f"{number // 10_000}.{number % 10_000}",
        database_bytes=seen.database_bytes,
        made_at=now.isoformat(timespec="seconds"),
    )
