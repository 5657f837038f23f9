"""Run pg_dump and pg_restore against a server, streaming."""

import asyncio
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import IO, Final

from psycopg.conninfo import conninfo_to_dict, make_conninfo

from daemon.backup_errors import ClientFailed, ClientMissing
from daemon.postgres_binaries import PROGRAMS, installed_root
from daemon.postgres_errors import BinariesMissing

_VERSION: Final = re.compile(r"\(PostgreSQL\) (\d+)")
_VERSION_S: Final = 30.0
_CHUNK_BYTES: Final = 1 << 18
_LONGEST_SAID: Final = 2_000


def find_client(name: str, server_major: int) -> Path:
    """Return the program that fits a server best: of its own major version, else the next newer one.

    Those in PATH, and those that come with Spectra. Runs them. Raises ClientMissing.
    """
    found = dict(_candidates(name))
    fitting = {path: major for path, major in found.items() if major >= server_major}
    if not fitting:
        raise ClientMissing(name, server_major, tuple(f"{path} ({major})" for path, major in found.items()))
    return min(fitting, key=lambda path: fitting[path])


async def dumped(program: Path, conninfo: str) -> AsyncGenerator[bytes, None]:
    """Yield the database of one moment, in pg_dump's custom format. Raises ClientFailed.

    Compressed lightly: constellations, most of it, are compressed already.
    """
    options = ("--format=custom", "--compress=1", "--no-owner", "--no-privileges", "--lock-wait-timeout=60s")
    async with _running(program, options, conninfo, stdout=subprocess.PIPE) as process:
        while process.stdout is not None and (chunk := await process.stdout.read(_CHUNK_BYTES)):
            yield chunk


async def load(program: Path, conninfo: str, chunks: Iterator[bytes]) -> None:
    """Bring a dump into an empty database, all of it or nothing. Raises ClientFailed."""
    options = ("--format=custom", "--exit-on-error", "--single-transaction", "--no-owner", "--no-privileges")
    async with _running(program, options, conninfo, stdin=subprocess.PIPE) as process:
        if process.stdin is None:
            return
        # It may have ended with an error, which is told when it is waited for.
        with suppress(ConnectionError):
            while (chunk := await asyncio.to_thread(next, chunks, None)) is not None:
                process.stdin.write(chunk)
                await process.stdin.drain()
            process.stdin.close()
            await process.stdin.wait_closed()


def _candidates(name: str) -> Iterator[tuple[Path, int]]:
    places = [shutil.which(name)]
    with suppress(BinariesMissing):
        places.append(str(installed_root() / PROGRAMS / name))
    for place in places:
        if place is None:
            continue
        try:
            done = subprocess.run(  # noqa: S603 - PostgreSQL's own programs
                [place, "--version"], capture_output=True, text=True, timeout=_VERSION_S, check=True
            )
        except (OSError, subprocess.SubprocessError):
            continue
        version = _VERSION.search(done.stdout)
        if version is not None:
            yield Path(place), int(version[1])


@asynccontextmanager
async def _running(
    program: Path,
    options: tuple[str, ...],
    conninfo: str,
    *,
    stdin: int = subprocess.DEVNULL,
    stdout: int = subprocess.DEVNULL,
) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run a program within the context, to its end unless the context ends with an error."""
    address, environment = _connection(conninfo)
    with await asyncio.to_thread(tempfile.TemporaryFile) as said:
        process = await asyncio.create_subprocess_exec(
            program,
            *options,
            "--no-password",
            f"--dbname={address}",
            stdin=stdin,
            stdout=stdout,
            stderr=said,
            env=environment,
        )
        try:
            yield process
            code = await process.wait()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if code:
            raise ClientFailed(program.name, code, await asyncio.to_thread(_tail, said))


def _connection(conninfo: str) -> tuple[str, Mapping[str, str]]:
    """Return how to connect without the password, which everybody could read among the arguments."""
    parts = conninfo_to_dict(conninfo)
    password = parts.pop("password", None)
    environment = os.environ | {"LC_ALL": "C"}
    if password is not None:
        environment["PGPASSWORD"] = str(password)
    return make_conninfo("", **parts), environment


def _tail(said: IO[bytes]) -> str:
    size_bytes = said.seek(0, os.SEEK_END)
    said.seek(max(0, size_bytes - _LONGEST_SAID))
    return said.read().decode(errors="replace").strip()
