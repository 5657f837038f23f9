"""A daemon in a process of its own, as people run it: started, asked, measured, ended."""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import psycopg
from psycopg.conninfo import make_conninfo
from waiting import wait_until

import daemon

REPOSITORY = Path(daemon.__file__).parents[1]
UNLIMITED = {
    f"SPECTRA_RATE_LIMITS__{group}": "100000000/minute"
    for group in ("MATCH", "TASK_STATUS", "LOOKUP", "PAGE", "SIGN_IN", "DEFAULT")
}
_DEFAULTS = {
    "SPECTRA_WORKERS__INGEST": "1",
    "SPECTRA_WORKERS__MATCH": "1",
    "SPECTRA_LIBRARY__QUIET_S": "0.1",
    # Nothing answers there: no test asks YouTube.
    "SPECTRA_YOUTUBE__PROXY": "http://127.0.0.1:9",
}
_LISTENING = re.compile(r"listening on (http://[0-9.:]+)")
_START_S = 90.0
_END_S = 60.0


@dataclass(frozen=True, slots=True)
class Measured:
    """What a daemon holds, with its workers; PostgreSQL's own memory is its own affair."""

    pss_mb: float
    """Rises also when another program ends that used the same libraries."""
    heap_mb: float
    """Of that, what is in no file."""
    files: int
    """Open descriptors."""
    threads: int
    processes: int
    connections: int
    """To PostgreSQL."""


@dataclass(frozen=True, slots=True)
class RealDaemon:
    """A running daemon; `folder` holds its `music`, its `state` and its `log`."""

    folder: Path
    process: psutil.Process
    address: str

    @property
    def music(self) -> Path:
        return self.folder / "music"

    @property
    def state(self) -> Path:
        return self.folder / "state"

    @property
    def spool(self) -> Path:
        return self.state / "spool"

    @property
    def host_and_port(self) -> tuple[str, int]:
        parts = urlsplit(self.address)
        assert parts.hostname is not None
        assert parts.port is not None
        return parts.hostname, parts.port

    def log(self) -> str:
        return (self.folder / "log").read_text(errors="replace")

    def assert_well(self) -> None:
        """Check that it runs, and that nothing surprised it so far."""
        assert self.process.is_running()
        log = self.log()
        found = log.find("Traceback")
        assert found < 0, log[max(0, found - 500) : found + 5_000]

    def conninfo(self) -> str:
        """Return how to connect to its PostgreSQL."""
        postgres = self.state / "postgres"
        return make_conninfo(
            host=str(postgres / "socket"),
            user="spectra",
            password=(postgres / "password").read_text().strip(),
            dbname="spectra",
        )

    def rows(self, query: str) -> list[tuple[object, ...]]:
        """Return the rows of a query, asked of its PostgreSQL directly."""
        with psycopg.connect(self.conninfo()) as connection:
            return connection.execute(query.encode()).fetchall()

    def measure(self) -> Measured:
        """Return what it holds now."""
        own, connections = [], 0
        for each in [self.process, *self.process.children(recursive=True)]:
            with suppress(psutil.NoSuchProcess):  # replaced, or a connection that was closed
                if each.name() == "postgres":
                    connections += "[local]" in " ".join(each.cmdline())
                else:
                    own.append((each.pid, each.num_fds(), each.num_threads()))
        return Measured(
            pss_mb=sum(_rolled_up_mb(pid, "Pss") for pid, _, _ in own),
            heap_mb=sum(_rolled_up_mb(pid, "Pss_Anon") for pid, _, _ in own),
            files=sum(files for _, files, _ in own),
            threads=sum(threads for _, _, threads in own),
            processes=len(own),
            connections=connections,
        )


@contextmanager
def real_daemon(
    environment: dict[str, str], *, prepare: Callable[[Path], object] = lambda _: None
) -> Iterator[RealDaemon]:
    """Run `spectra serve` on a folder of its own, which goes afterwards.

    Parameters
    ----------
    prepare : fills the music folder before the start
    """
    # Not below pytest's own folder: that is closed to the user PostgreSQL runs as when we are root.
    folder = Path(tempfile.mkdtemp(prefix="spectra-test-"))
    try:
        folder.chmod(0o711)
        (folder / "music").mkdir()
        prepare(folder / "music")
        with _running(folder, environment) as process:
            yield RealDaemon(folder, psutil.Process(process.pid), _address(folder, process))
    finally:
        shutil.rmtree(folder)


@contextmanager
def _running(folder: Path, environment: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("SPECTRA_") and name != "DB_URL"
    }
    given = inherited | _DEFAULTS | {"SPECTRA_STATE_DIR": str(folder / "state")} | environment
    command = [sys.executable, "-m", "daemon", "serve", "--music", str(folder / "music"), "--port", "0"]
    with (folder / "log").open("ab") as log:
        process = subprocess.Popen(command, cwd=REPOSITORY, env=given, stdout=log, stderr=log)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGCONT)  # a test may have stopped it
        process.terminate()
        try:
            process.wait(_END_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise


def _address(folder: Path, process: subprocess.Popen[bytes]) -> str:
    found: list[str] = []

    def is_listening() -> bool:
        log = (folder / "log").read_text(errors="replace")
        assert process.poll() is None, log
        found.extend(_LISTENING.findall(log))
        return bool(found)

    wait_until(is_listening, within_s=_START_S)
    return found[0]


def _rolled_up_mb(pid: int, name: str) -> float:
    """Return one line of smaps_rollup (proc_pid_smaps(5)); 0 of a process that has ended."""
    with suppress(FileNotFoundError, ProcessLookupError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith(f"{name}:"):
                return int(line.split()[1]) * 1_024 / 1e6
    return 0.0
