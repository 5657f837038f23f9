"""Worker pools as they are configured."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from daemon.config import Config
from daemon.workers import WorkerLimits, WorkerPool


def worker_limits(config: Config, *, nice: int = 0) -> WorkerLimits:
    """Return what each process may use."""
    return WorkerLimits(
        memory_bytes=config.workers.memory_mb * 1_000_000,
        cpu_s_per_job=config.workers.cpu_s_per_job,
        jobs_per_worker=config.workers.jobs_per_worker,
        nice=nice,
    )


@asynccontextmanager
async def running_workers(
    purpose: str, slots: int, config: Config, *, nice: int = 0
) -> AsyncIterator[WorkerPool]:
    """Run so many processes while the context lasts."""
    pool = WorkerPool(purpose, slots, worker_limits(config, nice=nice))
    try:
        await pool.start()
        yield pool
    finally:
        await pool.stop()
