"""Workers that can't be started are no fault of what they were to do."""

import os
from multiprocessing import forkserver

import psutil
import pytest
from waiting import until

from daemon import workers
from daemon.errors import WorkerDied
from daemon.workers import WorkerLimits, WorkerPool

LIMITS = WorkerLimits(memory_bytes=2_000_000_000, cpu_s_per_job=30, jobs_per_worker=100)


async def test_a_process_that_cant_be_started_is_a_dead_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    pool = WorkerPool("test", 1, LIMITS)

    def refuse(_: WorkerLimits) -> None:
        raise ConnectionRefusedError(111, "Connection refused")

    with monkeypatch.context() as patched:
        patched.setattr(workers, "_new_executor", refuse)
        with pytest.raises(WorkerDied):
            await pool._slots[0].run(os.getpid)
    await pool.start()
    assert await pool.run(os.getpid) != os.getpid()
    await pool.stop()


async def test_a_killed_fork_server_is_replaced() -> None:
    pool = WorkerPool("test", 1, LIMITS)
    await pool.start()
    server = psutil.Process(forkserver._forkserver._forkserver_pid)
    for process in [server, *server.children()]:
        process.kill()

    async def works() -> bool:
        try:
            return await pool.run(os.getpid) > 0
        except WorkerDied:
            return False

    await until(works)
    await pool.stop()
