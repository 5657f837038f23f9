"""The processes of a daemon, by what they do, to kill one of them."""

import contextlib
import os
from pathlib import Path
from random import Random

import psutil
from waiting import until

_COMES_S = 2.0

KINDS = ("daemon", "worker", "side process", "fork server", "postmaster", "backend")


def processes(daemon: psutil.Process) -> dict[str, list[psutil.Process]]:
    """Return all of a daemon's processes by kind, itself included."""
    found: dict[str, list[psutil.Process]] = {kind: [] for kind in (*KINDS, "other")}
    found["daemon"].append(daemon)
    with contextlib.suppress(psutil.NoSuchProcess):
        for child in daemon.children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):
                found[_kind(child, daemon)].append(child)
    return found


def _kind(process: psutil.Process, daemon: psutil.Process) -> str:
    command, parent = " ".join(process.cmdline()), process.parent()
    if "postgres" in process.name():
        return "postmaster" if parent == daemon else "backend"
    if "daemon.side_worker" in command:
        return "side process"
    if "forkserver" in command:
        return "fork server" if parent == daemon else "worker"
    return "other"


async def choose(daemon: psutil.Process, kind: str, random: Random) -> tuple[str, psutil.Process]:
    """Return a process of this kind, be it one that comes soon; the daemon itself if there is none."""
    of_kind: list[psutil.Process] = []
    with contextlib.suppress(TimeoutError):
        await until(lambda: of_kind.extend(processes(daemon)[kind]) or of_kind, within_s=_COMES_S)
    return (kind, random.choice(of_kind)) if of_kind else ("daemon", daemon)


def left_of(folder: Path) -> list[str]:
    """Return the processes that still run and have to do with a folder."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            is_own = process.pid == os.getpid() or process.status() == psutil.STATUS_ZOMBIE
            says = [*process.cmdline(), *process.environ().values()]
            if not is_own and any(str(folder) in each for each in says):
                found.append(f"{process.pid} {' '.join(process.cmdline())[:200]}")
    return found
