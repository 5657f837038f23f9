"""The durable jobs: thin tasks that call the services (procrastinate, in our own database)."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager

from procrastinate import App, PsycopgConnector, RetryStrategy
from procrastinate.jobs import Job

from daemon.db import Database
from daemon.errors import WorkerDied
from daemon.ingest import IngestService
from daemon.store import Store
from daemon.tasks import end_tasks

log = logging.getLogger(__name__)

_INGEST_QUEUE = "ingest"
_INGEST_TASK = "ingest_file"
_POLL_S = 0.2
"""procrastinate's default of 5 s would stall a burst of files between two polls."""
_DEFER_BATCH = 500
_WORKER_DEATHS_RETRIED = 2
_RETRY_S = 1
_RESTART_S = 1.0
"""procrastinate's worker ends when the database goes away; it is started again after so long."""
_LATER = -1
"""Priority of what should come after all fingerprints: it then knows more references."""

Due = Callable[[int, int, Collection[int] | None], Awaitable[list[int]]]
"""Returns the next so many ids (at most) after an id that wait without a job, of all or of these only."""


class Jobs:
    """Defers and runs jobs. One daemon per database, so every unfinished job of a former run is ours."""

    def __init__(self, database: Database, store: Store, *, concurrency: int) -> None:
        self._database = database
        self._store = store
        self._concurrency = concurrency
        self._app = App(connector=PsycopgConnector())
        self._deferring = asyncio.Lock()
        self._deferring_due = asyncio.Lock()
        self._due: dict[str, Due] = {}
        self._locks: dict[str, str] = {}
        self._running: set[str] = set()
        self._suspected: set[str] = set()
        self._is_stopping = False

    def register_ingest(self, ingest: IngestService) -> None:
        """Say what an ingest job does."""
        retry = RetryStrategy(
            max_attempts=1 + _WORKER_DEATHS_RETRIED, wait=_RETRY_S, retry_exceptions=[WorkerDied]
        )

        @self._app.task(name=_INGEST_TASK, queue=_INGEST_QUEUE, retry=retry)
        async def ingest_file(file_id: int) -> None:
            name = _lock_of(file_id)
            self._running.add(name)
            try:
                await ingest.ingest(file_id)
            finally:
                self._running.discard(name)

    def register(
        self, kind: str, work: Callable[[int], Awaitable[None]], due: Due, *, lock: str | None = None
    ) -> None:
        """Say what a further kind of job does with an id, and which ids wait for it.

        Parameters
        ----------
        lock : of the jobs with it, of whatever kind, one runs at a time; the others hold up nobody
        """
        self._due[kind] = due
        if lock is not None:
            self._locks[kind] = lock
        retry = RetryStrategy(
            max_attempts=1 + _WORKER_DEATHS_RETRIED, wait=_RETRY_S, retry_exceptions=[WorkerDied, MemoryError]
        )

        @self._app.task(name=kind, queue=_INGEST_QUEUE, retry=retry)
        async def do_work(number: int) -> None:
            name = f"{kind}:{number}"
            self._running.add(name)
            try:
                await work(number)
            finally:
                self._running.discard(name)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Run jobs until the end of the context; those in the middle of their work are run again later."""
        async with self._app.open_async(self._database.pool):
            worker = asyncio.create_task(self._work(), name="job worker")
            try:
                yield
            finally:
                self._is_stopping = True
                await end_tasks(worker)

    async def defer_ingest(self) -> int:
        """Defer a job for every file that waits for a fingerprint and has none queued; return how many.

        Failed files whose pause is over wait again.
        """
        await self._store.retry_due_files()
        deferred = 0
        last_id = 0  # onwards only: a job may end without result (a root that went away) before we do
        async with self._deferring:
            while file_ids := await self._store.pending_without_job(_DEFER_BATCH, after=last_id):
                await self._app.job_manager.batch_defer_jobs_async([_ingest_job(each) for each in file_ids])
                deferred += len(file_ids)
                last_id = file_ids[-1]
        return deferred

    async def defer_due(self, kind: str, only: Collection[int] | None = None) -> int:
        """Defer a job of a registered kind for every id that waits, or those of them; return how many."""
        deferred = last_id = 0
        async with self._deferring_due:
            while numbers := await self._due[kind](_DEFER_BATCH, last_id, only):
                jobs = [_later_job(kind, number, self._locks.get(kind)) for number in numbers]
                await self._app.job_manager.batch_defer_jobs_async(jobs)
                deferred += len(numbers)
                last_id = numbers[-1]
        return deferred

    async def recover(self) -> None:
        """Defer what was lost: jobs that were never queued, or whose end could not be noted."""
        doing = await self._store.jobs_in_progress() - self._running
        # Seen twice, a minute apart: else it may be just beginning, or just ending.
        await self._store.release_jobs(doing & self._suspected)
        self._suspected = doing
        await self._defer_all()

    async def _defer_all(self) -> None:
        await self.defer_ingest()
        for kind in self._due:
            await self.defer_due(kind)

    async def _work(self) -> None:
        while not self._is_stopping:
            try:
                # Of a run that was killed: what they were for is pending, and is deferred again.
                await self._store.release_jobs(await self._store.jobs_in_progress())
                await self._defer_all()
                await self._app.run_worker_async(
                    queues=[_INGEST_QUEUE],
                    concurrency=self._concurrency,
                    fetch_job_polling_interval=_POLL_S,
                    install_signal_handlers=False,
                    shutdown_graceful_timeout=0,
                    delete_jobs="always",
                )
            except Exception:
                log.exception("the job worker has ended; starting it again in %.0f s", _RESTART_S)
            await asyncio.sleep(_RESTART_S)


def _lock_of(file_id: int) -> str:
    return f"ingest:{file_id}"


def _ingest_job(file_id: int) -> Job:
    return Job(
        id=None,
        queue=_INGEST_QUEUE,
        lock=None,
        queueing_lock=_lock_of(file_id),
        task_name=_INGEST_TASK,
        task_kwargs={"file_id": file_id},
    )


def _later_job(kind: str, number: int, lock: str | None) -> Job:
    return Job(
        id=None,
        queue=_INGEST_QUEUE,
        lock=lock,
        queueing_lock=f"{kind}:{number}",
        task_name=kind,
        task_kwargs={"number": number},
        priority=_LATER,
    )
