"""The worker processes: decoding, fingerprinting and matching happen there, never in the event loop.

One process per slot: a process that dies breaks every job of its `ProcessPoolExecutor`, so each has its own.
"""

import asyncio
import functools
import logging
import multiprocessing
import os
import resource
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from typing import Any, ParamSpec, TypeVar

from daemon.errors import WorkerDied

log = logging.getLogger(__name__)

P = ParamSpec("P")
R = TypeVar("R")

_WALL_FACTOR = 4
"""A job may take so many times its CPU limit by the clock (a slow disk) before its process is killed."""
_PRELOADED = ["daemon.worker_jobs"]
"""Imported once, before the processes fork: 0.2 s a process instead of 0.85."""
_GONE_S = 5.0
"""A killed process that is there for longer waits for a disk that hangs: even SIGKILL waits with it."""
_START_S = 60.0
"""A process that does not answer by then won't: 0.2 s is usual, a few seconds on a busy machine."""


@dataclass(frozen=True, slots=True)
class WorkerLimits:
    """What a worker process may use."""

    memory_bytes: int
    """RLIMIT_DATA: heap, not mapped segments."""
    cpu_s_per_job: int
    jobs_per_worker: int
    nice: int = 0


class WorkerPool:
    """A fixed number of worker processes for one kind of work."""

    def __init__(self, purpose: str, slots: int, limits: WorkerLimits) -> None:
        self.purpose = purpose
        self._limits = limits
        self._slots = [_Slot(limits) for _ in range(slots)]
        self._free: asyncio.Queue[_Slot] = asyncio.Queue()

    @property
    def slot_count(self) -> int:
        """Return how many jobs run at once."""
        return len(self._slots)

    async def start(self) -> None:
        """Start all processes and wait until they answer, so that the first job finds one warm."""
        await asyncio.gather(*(slot.warm_up() for slot in self._slots))
        for slot in self._slots:
            self._free.put_nowait(slot)

    async def stop(self) -> None:
        """End all processes, in the middle of their jobs if need be."""
        await asyncio.gather(*(asyncio.to_thread(slot.kill) for slot in self._slots))

    async def run(self, work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Do the work in the next free process.

        Raises
        ------
        WorkerDied : the process was killed, by a limit or from outside; the next job gets a fresh one
        whatever `work` raises
        """
        slot = await self._free.get()
        try:
            return await slot.run(work, *args, **kwargs)
        finally:
            self._free.put_nowait(slot)

    def pids(self) -> list[int]:
        """Return the processes' numbers."""
        return [pid for slot in self._slots for pid in slot.pids()]

    @property
    def starts(self) -> int:
        """Return how many processes were started."""
        return sum(slot.starts for slot in self._slots)

    @property
    def deaths(self) -> int:
        """Return how many died in the middle of a job, or were killed since it took too long."""
        return sum(slot.deaths for slot in self._slots)

    def is_usable(self) -> bool:
        """Tell whether no process has died unnoticed."""
        return all(slot.is_usable() for slot in self._slots)


class _Slot:
    """One worker process, replaced when it dies or has done its jobs."""

    def __init__(self, limits: WorkerLimits) -> None:
        self.starts = 0
        self.deaths = 0
        self._limits = limits
        self._executor: ProcessPoolExecutor | None = None
        self._jobs_done = 0
        self._turn = threading.Lock()
        """Held while the process is started or ended, by threads: a kill must not miss one that starts."""

    async def warm_up(self) -> None:
        await self.run(os.getpid)

    async def run(self, work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        name = work.__name__.replace("_", " ")
        limited = functools.partial(_limited, self._limits.cpu_s_per_job, work, *args, **kwargs)
        try:
            executor = await self._started()
            async with asyncio.timeout(_WALL_FACTOR * self._limits.cpu_s_per_job) as limit:
                # Shielded: an executor that breaks just then would fail on a job that was cancelled.
                submitted = asyncio.wrap_future(executor.submit(limited))
                submitted.add_done_callback(_ignore)
                return await asyncio.shield(submitted)
        except BrokenProcessPool as error:
            self.deaths += 1
            await asyncio.to_thread(self.kill)
            raise WorkerDied(name) from error
        except TimeoutError as error:
            if not limit.expired():  # the work's own
                raise
            self.deaths += 1
            await asyncio.to_thread(self.kill)
            raise WorkerDied(name) from error
        except asyncio.CancelledError:
            await asyncio.to_thread(self.kill)
            raise

    async def _started(self) -> ProcessPoolExecutor:
        """Return an executor whose process runs. Raises BrokenProcessPool."""
        try:
            return await asyncio.to_thread(self._ready_executor)
        except OSError as error:  # a killed fork server, or no memory: never the work's own
            raise BrokenProcessPool("the process can't be started") from error

    def is_usable(self) -> bool:
        # One that is being replaced has no process for a moment.
        return self._executor is None or self._turn.locked() or bool(self.pids())

    def pids(self) -> list[int]:
        processes = getattr(self._executor, "_processes", None) or {}
        return [pid for pid, process in list(processes.items()) if process.is_alive()]

    def kill(self) -> None:
        with self._turn:
            self._kill()

    def _ready_executor(self) -> ProcessPoolExecutor:
        """Count one more job, and return an executor whose process runs; starting one blocks."""
        with self._turn:
            if self._executor is None or self._jobs_done >= self._limits.jobs_per_worker or not self.pids():
                self._kill()
                self._executor = _new_executor(self._limits)
                self.starts += 1
                self._jobs_done = 0
                try:
                    self._executor.submit(os.getpid).result(timeout=_START_S)
                except TimeoutError as error:
                    raise BrokenProcessPool("the process does not start") from error
                _leave_answering_to_process(self._executor)
            self._jobs_done += 1
            return self._executor

    def _kill(self) -> None:
        executor, self._executor = self._executor, None
        if executor is None:
            return
        processes = list((getattr(executor, "_processes", None) or {}).values())
        # What `shutdown` forgets, and would wait for without a limit.
        manager = getattr(executor, "_executor_manager_thread", None)
        answers = getattr(executor, "_result_queue", None)
        for process in processes:
            process.kill()
        executor.shutdown(wait=False, cancel_futures=True)
        if manager is not None:
            manager.join(_GONE_S)
            if manager.is_alive():
                pids = ", ".join(str(process.pid) for process in processes)
                log.warning("process %s does not die: a disk it reads hangs; another takes its place", pids)
                return
        if answers is not None:
            answers.close()


def _new_executor(limits: WorkerLimits) -> ProcessPoolExecutor:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(_PRELOADED)
    return ProcessPoolExecutor(1, mp_context=context, initializer=_set_limits, initargs=(limits,))


def _leave_answering_to_process(executor: ProcessPoolExecutor) -> None:
    """Close our own copy of the end of the pipe through which the process answers.

    While it is open, half an answer of a killed process never ends: its reader, and `shutdown`, wait forever.
    """
    writer = getattr(getattr(executor, "_result_queue", None), "_writer", None)
    if writer is not None:
        writer.close()


def _set_limits(limits: WorkerLimits) -> None:
    """Prepare a fresh worker process."""
    # Neither the executor's queue nor the fork server ends when the daemon is killed: each worker holds both.
    threading.Thread(target=_end_with_daemon, daemon=True).start()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the daemon ends us
    resource.setrlimit(resource.RLIMIT_DATA, (limits.memory_bytes, limits.memory_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.nice(limits.nice)


def _end_with_daemon() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
    os.kill(os.getpid(), signal.SIGKILL)


def _ignore(answer: asyncio.Future[Any]) -> None:
    """Look at the error of a job that nobody waits for any more: asyncio would log it otherwise."""
    if not answer.cancelled():
        answer.exception()


def _limited(cpu_s: int, work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Do the work with a CPU limit of its own: RLIMIT_CPU counts the process's whole life."""
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (int(time.process_time()) + cpu_s + 1, hard))
    return work(*args, **kwargs)
