"""A daemon as a process of its own, on a folder of its own, that may be killed and started again."""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import psutil
import psycopg
from faults import near_daemon
from faults.victims import left_of
from psycopg.conninfo import make_conninfo
from waiting import until

import daemon
from daemon.client import Client
from daemon.state_folder import socket_address

LIST_ID = "PLxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
_URL = f"https://music.youtube.com/playlist?list={LIST_ID}"
_REPOSITORY = Path(daemon.__file__).parents[1]
_OPTIONS = {
    "LIBRARY__QUIET_S": "0.1",
    "TAGGING__QUIET_S": "0",
    "TAGGING__FIRST_SCAN": "apply",
    "WORKERS__INGEST": "1",
    "YOUTUBE__PAUSE_S": "0.1",
    "PLAYLISTS": json.dumps([{"url": _URL, "every": "6h"}]),
}


class Killable:
    """Starts the daemon of a folder, and asks it and its database."""

    def __init__(self, folder: Path, *, lists_url: str, media_url: str) -> None:
        self.folder = folder
        self.music = folder / "music"
        self.state = folder / "state"
        self._urls = lists_url, media_url
        self._process: subprocess.Popen[bytes] | None = None
        self._turned_s = 0.0
        self.music.mkdir()
        self.turn_clock(0.0)

    def turn_clock(self, by_s: float) -> None:
        """Have it be so much later for the playlists."""
        self._turned_s += by_s
        new = self.folder / "clock.new"
        new.write_text(str(self._turned_s))
        new.replace(self.folder / "clock")

    def start(self) -> None:
        """Start the daemon unless it runs."""
        if self.is_running:
            return
        command = [near_daemon.__file__, *self._urls, str(self.folder / "clock"), "serve"]
        options = {**_OPTIONS, "STATE_DIR": str(self.state)}
        environment = {
            **os.environ,
            "PYTHONPATH": str(_REPOSITORY),
            "FAULTS_FOLDER": str(self.folder),
            **{f"SPECTRA_{name}": value for name, value in options.items()},
        }
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, *command, "--music", str(self.music), "--port", "0"],
                cwd=_REPOSITORY,
                env=environment,
                stdout=log,
                stderr=log,
            )

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def process(self) -> psutil.Process:
        assert self._process is not None
        return psutil.Process(self._process.pid)

    async def ended(self) -> int:
        """Wait until it has ended, and return its exit code."""
        assert self._process is not None
        return await asyncio.to_thread(self._process.wait, 60)

    async def end(self) -> None:
        """End it as systemd does; fail if it does not go, or leaves a process."""
        self.process.terminate()
        assert await self.ended() == 0
        await until(lambda: asyncio.to_thread(lambda: not left_of(self.folder)))

    def give_up(self) -> None:
        """Kill whatever is left."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        for line in left_of(self.folder):
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(line.partition(" ")[0]), signal.SIGKILL)

    @asynccontextmanager
    async def client(self) -> AsyncIterator[Client]:
        """Yield who asks it; whether it answers is another matter."""
        timeout = aiohttp.ClientTimeout(total=30)
        await until(self.state.is_dir)
        with socket_address(self.state) as path:
            connector = aiohttp.UnixConnector(path)
            async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
                yield Client(session)

    async def answers(self) -> bool:
        """Tell whether it answers."""
        with contextlib.suppress(aiohttp.ClientError, OSError, TimeoutError):
            async with self.client() as client:
                await client.get("/ping")
                return True
        return False

    def database(self) -> "psycopg.Connection[tuple[Any, ...]]":
        """Return a connection to its PostgreSQL. Raises OSError, psycopg.Error."""
        folder = self.state / "postgres"
        password = (folder / "password").read_text().strip()
        conninfo = make_conninfo(
            host=str(folder / "socket"), user="spectra", password=password, dbname="spectra"
        )
        return psycopg.connect(conninfo, autocommit=True)
