"""A worker process may die, and takes nothing along but its job."""

import asyncio
import math
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import psutil
import pytest
from waiting import until
from worker_tasks import (
    burn_cpu,
    die,
    die_while_answering,
    eat_memory,
    niceness,
    raise_timeout,
    raise_too_long,
    wait_forever,
)

from daemon.errors import WorkerDied
from daemon.workers import WorkerLimits, WorkerPool
from engine.errors import TooLong

LIMITS = WorkerLimits(memory_bytes=1_000_000_000, cpu_s_per_job=60, jobs_per_worker=1_000)


@asynccontextmanager
async def workers(limits: WorkerLimits = LIMITS, slots: int = 1) -> AsyncIterator[WorkerPool]:
    pool = WorkerPool("test", slots, limits)
    await pool.start()
    try:
        yield pool
    finally:
        await pool.stop()
        assert pool.pids() == []


@pytest.fixture
async def pool() -> AsyncIterator[WorkerPool]:
    """One worker."""
    async with workers() as pool:
        yield pool


async def test_work_is_done_elsewhere_and_its_result_comes_back(pool: WorkerPool) -> None:
    assert await pool.run(math.sqrt, 16.0) == 4.0
    assert [await pool.run(os.getpid)] == pool.pids()


async def test_errors_keep_their_type_and_facts(pool: WorkerPool) -> None:
    with pytest.raises(TooLong) as raised:
        await pool.run(raise_too_long)
    assert raised.value.args == ("a.mp3", 60.0)


async def test_a_disk_that_times_out_is_no_dead_worker(pool: WorkerPool) -> None:
    pids = pool.pids()
    with pytest.raises(TimeoutError, match="Connection timed out"):
        await pool.run(raise_timeout)
    assert pool.pids() == pids


async def test_after_a_death_the_next_job_finds_a_fresh_process(pool: WorkerPool) -> None:
    with pytest.raises(WorkerDied, match="out of memory or CPU time"):
        await pool.run(die)
    assert await pool.run(math.sqrt, 16.0) == 4.0


async def test_a_worker_killed_while_it_answers_is_noticed(pool: WorkerPool) -> None:
    async with asyncio.timeout(20):
        with pytest.raises(WorkerDied):
            await pool.run(die_while_answering)
        assert await pool.run(math.sqrt, 16.0) == 4.0


async def test_one_dead_worker_harms_no_other_job() -> None:
    async with workers(slots=2) as pool:
        waiting = asyncio.create_task(pool.run(wait_forever))
        with pytest.raises(WorkerDied):
            await pool.run(die)
        assert not waiting.done()
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting


async def test_a_process_that_died_while_idle_costs_no_job(pool: WorkerPool) -> None:
    [pid] = pool.pids()
    assert pool.is_usable()
    os.kill(pid, signal.SIGKILL)
    await until(lambda: not pool.is_usable())
    assert await pool.run(math.sqrt, 16.0) == 4.0
    assert pool.is_usable()


async def test_endless_computing_is_ended() -> None:
    async with workers(replace(LIMITS, cpu_s_per_job=1)) as pool:
        with pytest.raises(WorkerDied):
            await pool.run(burn_cpu)
        assert await pool.run(math.sqrt, 16.0) == 4.0


async def test_endless_waiting_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("daemon.workers._WALL_FACTOR", 0.001)
    async with workers() as pool:
        [pid] = pool.pids()
        with pytest.raises(WorkerDied):
            await pool.run(wait_forever)
        assert not psutil.pid_exists(pid)


async def test_the_cpu_limit_is_each_jobs_own() -> None:
    async with workers(replace(LIMITS, cpu_s_per_job=1)) as pool:
        pids = pool.pids()
        for _ in range(6):
            assert await pool.run(sum, range(5_000_000)) > 0  # some 0.5 s together
        assert pool.pids() == pids


async def test_memory_beyond_the_limit_is_refused(pool: WorkerPool) -> None:
    pids = pool.pids()
    assert await pool.run(eat_memory, 10_000_000) == 10_000_000
    with pytest.raises(MemoryError):
        await pool.run(eat_memory, 2_000_000_000)
    assert pool.pids() == pids


async def test_a_cancelled_job_ends_its_process(pool: WorkerPool) -> None:
    [pid] = pool.pids()
    job = asyncio.create_task(pool.run(wait_forever))
    await until(pool._free.empty)
    job.cancel()
    with pytest.raises(asyncio.CancelledError):
        await job
    assert not psutil.pid_exists(pid)
    assert await pool.run(math.sqrt, 16.0) == 4.0


async def test_a_process_is_replaced_after_its_jobs() -> None:
    async with workers(replace(LIMITS, jobs_per_worker=3)) as pool:
        pids = [await pool.run(os.getpid) for _ in range(7)]
    # Warming up was the first one's first job.
    assert len(set(pids[:2])) == len(set(pids[2:5])) == len(set(pids[5:])) == 1
    assert len(set(pids)) == 3


async def test_workers_step_back() -> None:
    async with workers(replace(LIMITS, nice=7)) as pool:
        assert await pool.run(niceness) == os.nice(0) + 7


async def test_jobs_wait_for_a_free_worker(pool: WorkerPool) -> None:
    assert await asyncio.gather(*(pool.run(math.sqrt, float(number**2)) for number in range(8))) == list(
        range(8)
    )


async def test_a_process_that_is_being_replaced_has_not_died() -> None:
    async with workers(replace(LIMITS, jobs_per_worker=1)) as pool:
        before = pool.pids()
        job = asyncio.create_task(pool.run(os.getpid))
        seen = []
        while not job.done():
            seen.append(pool.is_usable())
            await asyncio.sleep(0)
        assert [await job] != before
        assert all(seen)
