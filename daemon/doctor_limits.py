"""The doctor's look at what the kernel allows: watched folders, open files, memory."""

import resource
from collections.abc import Iterator
from pathlib import Path

import psutil

from daemon.config import Config
from daemon.doctor_diagnosis import Diagnosis, megabytes, trouble, well
from daemon.doctor_folders import count, network_file_system

_LIMITS = Path("/proc/sys/fs/inotify")
_CGROUP_LIMIT = Path("/sys/fs/cgroup/memory.max")
_KEPT = "to keep it, put the line without `sysctl -w` into /etc/sysctl.d/60-spectra.conf"
_WATCHES_STEP = 524_288
_INSTANCES_FOR_OTHERS = 32
"""A desktop session takes some 30, a file synchroniser a few."""
_FILES_AT_REST = 150
"""Measured: 100 of the daemon, the rest for a reload, which closes late what it opens anew."""
_FILES_A_CLIP = 4
_LEAST_FREE_BYTES = 300_000_000
"""The daemon, two workers and its database take that at rest."""


def watches(config: Config, now_s: float, *, limits: Path = _LIMITS) -> Iterator[Diagnosis]:
    """Tell whether the kernel watches as many folders as there are."""
    subject = "inotify"
    local = [root for root in config.library.roots if root.is_dir() and network_file_system(root) is None]
    counted = [count(root, config.library.audio_extensions, now_s) for root in local]
    folders = sum(each.folders for each in counted)
    more = "" if all(each.is_whole for each in counted) else "more than "
    most = int((limits / "max_user_watches").read_text())
    instances = int((limits / "max_user_instances").read_text())
    if folders > most:
        wanted = (2 * folders // _WATCHES_STEP + 1) * _WATCHES_STEP
        yield trouble(
            subject,
            f"{more}{folders} folders are to be watched, the kernel allows {most}; changes in the others "
            f"are found late: sysctl -w fs.inotify.max_user_watches={wanted} ({_KEPT})",
        )
    if instances < len(local) + _INSTANCES_FOR_OTHERS:
        yield trouble(
            subject,
            f"the kernel allows a user {instances} watchers, for Spectra ({len(local)}) and all its other "
            f"programs: sysctl -w fs.inotify.max_user_instances=1024 ({_KEPT})",
        )
    elif folders <= most:
        yield well(subject, f"{more}{folders} folders to watch, {most} are allowed")


def open_files(config: Config) -> Iterator[Diagnosis]:
    """Tell whether enough files may be open, here; a service has limits of its own."""
    subject = "open files"
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = _FILES_AT_REST + config.database.pool_max + _FILES_A_CLIP * config.server.max_pending_matches
    if soft != resource.RLIM_INFINITY and soft < needed:
        sentence = (
            f"{soft} may be open at once, under load {needed} are: `ulimit -n 4096` before the start, or "
            "LimitNOFILE= in the systemd unit"
        )
        yield trouble(subject, sentence)
    else:
        yield well(subject, f"{'any number' if soft == resource.RLIM_INFINITY else soft} may be open at once")


def memory(config: Config) -> Iterator[Diagnosis]:
    """Tell whether there is memory to begin with, and what the workers could take at most."""
    subject = "memory"
    total_bytes = min(psutil.virtual_memory().total, _cgroup_limit_bytes())
    free_bytes = min(psutil.virtual_memory().available, total_bytes)
    processes = config.workers.match + config.workers.ingest_processes
    most_bytes = processes * config.workers.memory_mb * 1_000_000
    sentence = f"{megabytes(free_bytes)} of {megabytes(total_bytes)} free"
    if free_bytes < _LEAST_FREE_BYTES:
        yield trouble(subject, f"only {sentence}: end other programs, or give this machine more")
    elif most_bytes > total_bytes:
        yield well(
            subject,
            f"{sentence}; {processes} workers may take {megabytes(most_bytes)}, and rarely do: if memory "
            "runs out, set workers.ingest or workers.memory_mb lower",
        )
    else:
        yield well(subject, f"{sentence}, at most {megabytes(most_bytes)} for {processes} workers")


def _cgroup_limit_bytes() -> float:
    """Return what a container may take; infinity where nothing is said."""
    try:
        return float(_CGROUP_LIMIT.read_text().replace("max", "inf"))
    except (OSError, ValueError):
        return float("inf")
