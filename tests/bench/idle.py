"""How much memory the daemon holds while it does nothing."""

import contextlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psutil

from tests.bench.options import Options
from tests.bench.report import Cell, Goal, Report

MOST_MB = 250.0
_SHOWN_IMPORTS = 15
_READY = "Spectra listens"
_ENVIRONMENT = {
    "SPECTRA_WORKERS__MATCH": "1",
    "SPECTRA_WORKERS__INGEST": "1",
    "SPECTRA_SERVER__PORT": "0",
    "SPECTRA_LOGGING__LEVEL": "warning",
}
_IMPORT_COSTS = """
import builtins, json, os, sys
page_bytes = os.sysconf("SC_PAGE_SIZE")
own = {}
inner = [0]
original = builtins.__import__

def resident():
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * page_bytes

def measured(name, globals=None, locals=None, fromlist=(), level=0):
    before, loaded = resident(), len(sys.modules)
    inner.append(0)
    try:
        return original(name, globals, locals, fromlist, level)
    finally:
        grown, below = resident() - before, inner.pop()
        inner[-1] += grown
        package = (name if level == 0 else (globals or {}).get("__package__") or name).partition(".")[0]
        if len(sys.modules) > loaded:
            own[package] = own.get(package, 0) + grown - below

start = resident()
builtins.__import__ = measured
import daemon.serving
print(json.dumps({"start": start, "end": resident(), "own": own, "modules": sorted(sys.modules)}))
"""
"""Run in an interpreter of its own. What importlib.import_module loads counts for who called it."""
_ONLY_FOR_WORKERS = ("av", "scipy", "librosa", "matplotlib", "yt_dlp", "ytmusicapi")


def measure(_: Options) -> Report:
    """Start the daemon as its users do, with two workers, and add up its processes."""
    with _running() as daemon:
        family = _family(daemon)
        rows: list[tuple[Cell, ...]] = [(_role(each), each.pid, _pss_mb(each.pid)) for each in family]
        alone_mb = _alone_mb([each.pid for each in family])
    rows.append(("total, PSS", "", sum(float(pss_mb) for *_, pss_mb in rows)))
    rows.append(("total, alone", "", alone_mb))
    counting = subprocess.run([sys.executable, "-c", _IMPORT_COSTS], capture_output=True, check=True)
    costs = json.loads(counting.stdout)
    rows.append(("the interpreter alone", "", costs["start"] / 1e6))
    heaviest = sorted(costs["own"].items(), key=lambda item: -item[1])[:_SHOWN_IMPORTS]
    rows += [(f"import {package}", "", grown_bytes / 1e6) for package, grown_bytes in heaviest]
    imported = [name for name in _ONLY_FOR_WORKERS if name in costs["modules"]]
    return Report(
        "idle",
        ("what", "pid", "MB"),
        rows,
        [Goal("the idle daemon, alone, MB", alone_mb, at_most=MOST_MB)],
        [
            "without PostgreSQL; PSS (smaps_rollup) counts a page that n processes share as an n-th",
            "alone: as if no other program, this bench first of all, used the same libraries",
            f"import: growth of resident memory by daemon.serving, which ends at {costs['end'] / 1e6:.0f} MB",
            f"imported by the daemon, needed by workers and plots: {', '.join(imported) or 'nothing'}",
        ],
    )


@contextmanager
def _running() -> Iterator[psutil.Process]:
    """Run `spectra serve` on empty folders; it is ready when its context begins."""
    with tempfile.TemporaryDirectory(prefix="spectra-bench-") as folder:
        Path(folder).chmod(0o711)
        (Path(folder) / "music").mkdir()
        environment = {name: value for name, value in os.environ.items() if not name.startswith("SPECTRA_")}
        environment |= _ENVIRONMENT | {"SPECTRA_STATE_DIR": f"{folder}/state"}
        # The script, as people start it: workers begin by importing what it imports.
        spectra = Path(sys.executable).with_name("spectra")
        command = [spectra, "serve", "--music", f"{folder}/music"]
        with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as daemon:
            assert daemon.stdout is not None
            try:
                if not any(_READY in line for line in daemon.stdout):
                    raise RuntimeError(f"the daemon ended with {daemon.wait()} before it was ready")
                yield psutil.Process(daemon.pid)
            finally:
                daemon.terminate()
                daemon.stdout.close()


def _family(daemon: psutil.Process) -> list[psutil.Process]:
    family = [daemon]
    for process in daemon.children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            if process.name() != "postgres":
                family.append(process)
    return family


def _role(process: psutil.Process) -> str:
    command = " ".join(process.cmdline())
    if "resource_tracker" in command:
        return "resource tracker"
    if "forkserver" not in command:
        return "daemon"
    parent = process.parent()
    is_worker = parent is not None and "forkserver" in " ".join(parent.cmdline())
    return "worker" if is_worker else "fork server"


def _pss_mb(pid: int) -> float:
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        name, _, value = line.partition(":")
        if name == "Pss":
            return _megabytes(value)
    raise RuntimeError("the kernel tells no PSS")


def _alone_mb(pids: Sequence[int]) -> float:
    """Return what the processes hold together: anonymous memory by its share, each file's pages once.

    Pages of a file that two of them hold are taken for the same ones: of libraries they mostly are.
    Format: proc_pid_smaps(5).
    """
    anonymous_mb = 0.0
    files_mb: dict[tuple[str, str], float] = {}
    for pid in pids:
        mapping = ("", "")
        resident_mb = pss_mb = own_mb = 0.0
        for line in Path(f"/proc/{pid}/smaps").read_text().splitlines():
            name, _, value = line.partition(":")
            match name:
                case "Rss":
                    resident_mb = _megabytes(value)
                case "Pss":
                    pss_mb = _megabytes(value)
                case "Anonymous":
                    own_mb = _megabytes(value)
                    if mapping[1].startswith("/"):
                        files_mb[mapping] = max(files_mb.get(mapping, 0.0), resident_mb - own_mb)
                        # Copies of a file's pages: shared with whom this process was forked from, if at all.
                        anonymous_mb += min(own_mb, pss_mb)
                    else:
                        anonymous_mb += pss_mb
                case _ if "-" in name.partition(" ")[0]:
                    columns = line.split(maxsplit=5)
                    mapping = (columns[2], columns[5] if len(columns) == 6 else "")
    return anonymous_mb + sum(files_mb.values())


def _megabytes(value: str) -> float:
    return int(value.split(maxsplit=1)[0]) * 1_024 / 1e6
