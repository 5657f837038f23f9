"""The real services on a fresh state folder, and what they cost."""

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path

import psutil

from daemon.app import listening, make_app
from daemon.config import Config, RateLimits, Server, Workers
from daemon.config_options import Tagging
from daemon.errors import DaemonError
from daemon.keys import SERVICES
from daemon.services import Services, open_services
from daemon.workers import WorkerLimits, WorkerPool

INGEST_PROCESSES = 2
_POLL_S = 0.02
_UNLIMITED = "1000000/minute"


@contextmanager
def fresh_config(
    *, ingest_nice: int = Workers().ingest_nice, tagging: Tagging | None = None
) -> Iterator[Config]:
    """Yield a configuration with an empty state folder, whatever this machine's own one says."""
    # Not closed to the user that PostgreSQL runs as when we are root.
    with tempfile.TemporaryDirectory(prefix="spectra-bench-") as folder:
        Path(folder).chmod(0o711)
        yield Config(
            state_dir=Path(folder) / "state",
            server=Server(port=0),
            workers=Workers(
                ingest=INGEST_PROCESSES, ingest_nice=ingest_nice, match=1, jobs_per_worker=1_000_000
            ),
            rate_limits=RateLimits(match=_UNLIMITED, task_status=_UNLIMITED, default=_UNLIMITED),
            tagging=tagging or Tagging(),
        )


@asynccontextmanager
async def fresh_services(
    *, ingest_nice: int = Workers().ingest_nice, tagging: Tagging | None = None
) -> AsyncIterator[Services]:
    """Open all services; nothing is watched."""
    with fresh_config(ingest_nice=ingest_nice, tagging=tagging) as config:
        async with open_services(config, _stop, watch=False) as services:
            yield services


@asynccontextmanager
async def fresh_server() -> AsyncIterator[tuple[str, Services]]:
    """Open all services and listen on a loopback port; yield the address too."""
    with fresh_config() as config:
        app = make_app(config, _stop, watch=False)
        async with listening(config, app, tcp=True) as addresses:
            yield addresses[0], app[SERVICES]


@asynccontextmanager
async def pool(processes: int, *, nice: int = 0) -> AsyncIterator[WorkerPool]:
    """Run the bench's own work in processes such as the service's."""
    limits = WorkerLimits(memory_bytes=1_024_000_000, cpu_s_per_job=600, jobs_per_worker=1_000_000, nice=nice)
    workers = WorkerPool("bench", processes, limits)
    try:
        await workers.start()
        yield workers
    finally:
        await workers.stop()


async def ingest(services: Services, folder: Path) -> int:
    """Look through a folder and wait until all of it can be matched; return the files."""
    library = await services.library.add(folder, watched=False)
    looked = await services.library.reconcile(library)
    while True:
        counts = (await services.store.file_counts())[library.library_id]
        if counts.pending == 0:
            break
        await asyncio.sleep(_POLL_S)
    await caught_up(services)
    if counts.indexed != looked.found:
        raise RuntimeError(f"{looked.found} files were found, {counts.indexed} indexed")
    return counts.indexed


async def caught_up(services: Services) -> None:
    """Wait until all that is committed is in the index."""
    while True:
        if services.index.status().to_build == 0:
            return
        await asyncio.sleep(_POLL_S)


@contextmanager
def folder_of(files: Iterable[Path]) -> Iterator[Path]:
    """Yield a folder of just these files: links, which a scan follows."""
    with tempfile.TemporaryDirectory(prefix="spectra-bench-") as folder:
        for path in files:
            (Path(folder) / path.name).symlink_to(path.absolute())
        yield Path(folder)


def cpu_s(pids: Iterable[int]) -> float:
    """Return the CPU seconds that processes have used so far."""
    times = [psutil.Process(pid).cpu_times() for pid in pids]
    return sum(each.user + each.system for each in times)


def whole_cpu_s() -> float:
    """Return the CPU seconds of this process and all below it, PostgreSQL's included, the ended ones too."""
    here = psutil.Process()
    total_s = 0.0
    for process in (here, *here.children(recursive=True)):
        with suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            total_s += times.user + times.system + times.children_user + times.children_system
    return total_s


@contextmanager
def stopwatch() -> Iterator[list[float]]:
    """Time a block: the list has its seconds afterwards, and the CPU seconds of all our processes."""
    spent: list[float] = []
    begin_s, begin_cpu_s = time.perf_counter(), whole_cpu_s()
    yield spent
    spent += [time.perf_counter() - begin_s, whole_cpu_s() - begin_cpu_s]


def _stop(reason: DaemonError) -> None:
    raise reason
