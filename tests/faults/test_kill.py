"""A daemon that is killed while it ingests has lost nothing when it starts again."""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import psutil
import psycopg
import pytest
from ingesting import clip_of
from psycopg.conninfo import make_conninfo
from synth import music, write_audio
from waiting import until

import daemon
from daemon.client import Client
from daemon.state_folder import socket_address
from engine.index_reader import IndexReader

REPOSITORY = Path(daemon.__file__).parents[1]
FILES = 40
SECONDS = 15


@pytest.fixture
def folder() -> Iterator[Path]:
    """Yield a folder every user can pass through: pytest's own are closed to the server's user."""
    path = Path(tempfile.mkdtemp(prefix="spectra-test-"))
    path.chmod(0o711)
    yield path
    shutil.rmtree(path)


def start(folder: Path) -> subprocess.Popen[bytes]:
    """Start a daemon on the folder's music, with its state there too."""
    environment = {
        **os.environ,
        "SPECTRA_STATE_DIR": str(folder / "state"),
        "SPECTRA_WORKERS__INGEST": "1",
        "SPECTRA_LIBRARY__QUIET_S": "0.1",
    }
    command = [sys.executable, "-m", "daemon", "serve", "--music", str(folder / "music"), "--port", "0"]
    with (folder / "log").open("ab") as log:
        return subprocess.Popen(command, cwd=REPOSITORY, env=environment, stdout=log, stderr=log)


@asynccontextmanager
async def serving(folder: Path) -> AsyncIterator[tuple[Client, psutil.Process]]:
    """Run a daemon; yield how to ask it, and its process. The end is a SIGTERM."""
    process = start(folder)
    try:
        with socket_address(folder / "state") as path:
            async with aiohttp.ClientSession(connector=aiohttp.UnixConnector(path)) as session:
                client = Client(session)
                await until(lambda: answers(client, process), within_s=60)
                yield client, psutil.Process(process.pid)
    finally:
        process.terminate()
        await asyncio.to_thread(process.wait, 30)


async def answers(client: Client, process: subprocess.Popen[bytes]) -> bool:
    assert process.poll() is None, "the daemon ended"
    try:
        await client.get("/ping")
    except (aiohttp.ClientError, OSError):
        return False
    return True


async def files_in(client: Client) -> dict[str, Any]:
    """Return the counts of the only library; {} before it is known."""
    libraries = (await client.get("/status"))["libraries"]
    return dict(libraries[0]) if libraries else {}


def descendants(process: psutil.Process) -> list[psutil.Process]:
    return process.children(recursive=True)


def is_alive(process: psutil.Process) -> bool:
    """Tell whether a process runs; one that nobody has reaped does not."""
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE


def stored(state: Path) -> tuple[list[int], list[tuple[bytes, int]]]:
    """Return the recordings, and the recording of each file, as the database has them."""
    password = (state / "postgres" / "password").read_text().strip()
    conninfo = make_conninfo(
        host=str(state / "postgres" / "socket"), user="spectra", password=password, dbname="spectra"
    )
    with psycopg.connect(conninfo) as connection:
        recordings = connection.execute("SELECT recording_id FROM recordings ORDER BY 1").fetchall()
        files = connection.execute("SELECT path, recording_id FROM files ORDER BY path").fetchall()
    return [row[0] for row in recordings], files


async def test_a_kill_amid_ingestion_loses_and_doubles_nothing(folder: Path) -> None:
    (folder / "music").mkdir()
    for number in range(FILES):
        write_audio(folder / "music" / f"{number:02}.mp3", music(number, SECONDS))

    async with serving(folder) as (client, process):

        async def is_amid() -> bool:
            counts = await files_in(client)
            return bool(counts) and counts["indexed"] >= 3

        await until(is_amid)
        before = descendants(process)
        assert {"postgres"} <= {each.name() for each in before}
        process.send_signal(signal.SIGKILL)
        assert IndexReader(folder / "state" / "index").size.recordings < FILES

    async with serving(folder) as (client, process):
        await until(lambda: not any(is_alive(each) for each in before))

        async def is_done() -> bool:
            status = await client.get("/status")
            return bool(status["index"]["recordings"] == FILES and not status["index"]["to_build"])

        await until(is_done, within_s=60)
        counts = await files_in(client)
        assert (counts["indexed"], counts["pending"], counts["failed"], counts["missing"]) == (FILES, 0, 0, 0)
        recordings, files = await asyncio.to_thread(stored, folder / "state")
        assert len(recordings) == FILES
        assert [bytes(path) for path, _ in files] == [b"%02d.mp3" % number for number in range(FILES)]
        assert sorted(recording for _, recording in files) == recordings
        index = IndexReader(folder / "state" / "index")
        assert all(index.frame_count(recording) for recording in recordings)
        for number in (0, FILES // 2, FILES - 1):
            clip = folder / "clip.wav"
            clip.write_bytes(clip_of(music(number, SECONDS), 3, 6))
            assert (await client.match(clip)).results[0]["song_name"] == f"{number:02}.mp3"
        after = descendants(process)
    await until(lambda: not any(is_alive(each) for each in after))
