"""The server's processes: start one, find those on a data folder, stop them all."""

import logging
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Final

from daemon.postgres_errors import ServerSurvives
from daemon.postgres_folder import PostgresFolder
from daemon.postgres_socket import PORT
from daemon.postgres_user import ServerUser, spawn

SETTINGS: Final = {
    "listen_addresses": "",
    "port": str(PORT),
    "unix_socket_permissions": "0700",
    "cluster_name": "spectra",
    "max_connections": "40",
    "shared_buffers": "64MB",  # a home server's memory belongs to others too; the page cache does the rest
    "maintenance_work_mem": "64MB",
    "max_wal_size": "1GB",  # bounds crash recovery: 2.3 GB took 57 s
    "fsync": "on",
    "full_page_writes": "on",
    "autovacuum": "on",
    "jit": "off",  # compiling costs more than our short queries
    "max_parallel_workers_per_gather": "0",  # needs /dev/shm, which is 64 MB in a container
    "timezone": "UTC",
    "log_timezone": "UTC",
    "logging_collector": "on",
    "log_filename": "postgres-%a.log",  # a week of logs, then the oldest day is overwritten
    "log_rotation_age": "1d",
    "log_rotation_size": "0",
    "log_truncate_on_rotation": "on",
    "log_file_mode": "0600",
    "log_checkpoints": "off",
    "log_min_error_statement": "panic",  # a statement may be long, or hold what belongs in no log
}
"""Given on the command line, so that every version of Spectra brings its own."""

_STOPS: Final = ((signal.SIGINT, 60.0), (signal.SIGQUIT, 15.0), (signal.SIGKILL, 10.0))
"""Signal and how long it may take. INT ends sessions and writes a checkpoint, QUIT leaves that to recovery;
together less than systemd's 90 s. Never TERM: it waits until the last client leaves."""

_POLL_S: Final = 0.05

_TO_US: Final = ("FATAL:  the database system is", "DETAIL:  Consistent recovery state has not")
"""What each of our attempts to connect during recovery adds to the log."""

_log = logging.getLogger(__name__)


def start_server(
    folder: PostgresFolder, programs: Path, socket_folder: Path, user: ServerUser | None
) -> subprocess.Popen[bytes]:
    """Start the server; its first words go to `startup_log`, the rest to log/.

    It begins in the data folder, where `find_servers` sees it from its first moment on.
    """
    _remove_foreign_pid_file(folder.data)
    command: list[str | Path] = [programs / "postgres", "-D", folder.data]
    places = {"unix_socket_directories": str(socket_folder), "log_directory": str(folder.log)}
    for name, value in (SETTINGS | places).items():
        command += ["-c", f"{name}={value}"]
    descriptor = os.open(folder.startup_log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "wb") as output:
        return spawn(command, user, folder=folder.data, output=output)


def find_servers(data: Path) -> set[int]:
    """Return the PIDs of all PostgreSQL processes on a data folder (zombies have left it).

    PostgreSQL works inside its data folder, so the kernel knows; postmaster.pid may name anyone by now.
    """
    found = set()
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            if (entry / "comm").read_bytes() == b"postgres\n" and (entry / "cwd").samefile(data):
                found.add(int(entry.name))
        except OSError:  # ended meanwhile, or another user's
            continue
    return found


def stop_servers(data: Path, child: subprocess.Popen[bytes] | None = None) -> None:
    """Stop whatever runs on a data folder, and wait until it is gone. Raises ServerSurvives.

    Of a server whose postmaster was killed, backends may go on working for a while: they are ended at once,
    for a new server won't start before they are gone, and recovery is needed anyway.
    """
    left = _alive(data, child)
    for number, patience_s in _STOPS:
        postmaster = left & {child.pid if child else None, _read_pid(data)}
        if number is signal.SIGINT and not postmaster:
            continue
        if number is not signal.SIGINT and left:
            _log.warning("stopping PostgreSQL processes %s by %s", sorted(left), number.name)
        # INT asks other processes of the server for other things: only its postmaster may get it
        _signal(postmaster if number is signal.SIGINT else left, number)
        give_up = time.monotonic() + patience_s
        while left and time.monotonic() < give_up:
            time.sleep(_POLL_S)
            left = _alive(data, child)
        if not left:
            break
    if left:
        raise ServerSurvives(tuple(sorted(left)))


def last_lines(folder: PostgresFolder, since_ns: int, count: int = 12) -> str:
    """Return what the server said last, since the given time (nanoseconds since the epoch)."""
    newest = max(folder.log.glob("*.log"), key=lambda path: path.lstat().st_mtime_ns, default=None)
    lines = _read_tail(folder.startup_log)
    if newest is not None and newest.lstat().st_mtime_ns >= since_ns:
        lines += _read_tail(newest)
    told = [line for line in lines if not any(words in line for words in _TO_US)]
    return "\n".join(told[-count:])


def _alive(data: Path, child: subprocess.Popen[bytes] | None) -> set[int]:
    own = {child.pid} if child is not None and child.poll() is None else set()
    return own | find_servers(data)


def _signal(pids: set[int], number: signal.Signals) -> None:
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue


def _read_pid(data: Path) -> int | None:
    try:
        return int((data / "postmaster.pid").read_text("ascii", "replace").split("\n", 1)[0])
    except (FileNotFoundError, ValueError):
        return None


def _remove_foreign_pid_file(data: Path) -> None:
    """Remove a postmaster.pid whose number now belongs to another program.

    Numbers are used again, in a container almost surely; PostgreSQL would take that program for the old
    server, and refuse. To be called when `find_servers` finds none. A file whose process is gone stays:
    PostgreSQL checks the shared memory named in it before it overwrites it.
    """
    pid = _read_pid(data)
    if pid is not None and Path(f"/proc/{pid}").exists():
        _log.info("postmaster.pid names process %d, which is not PostgreSQL: removing it", pid)
        (data / "postmaster.pid").unlink()


def _read_tail(path: Path, longest_bytes: int = 8_192) -> list[str]:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)  # the folder is the server user's
    except OSError:
        return []
    with os.fdopen(descriptor, "rb") as file:
        file.seek(max(0, os.fstat(descriptor).st_size - longest_bytes))
        return file.read().decode(errors="replace").splitlines()
