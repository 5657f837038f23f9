"""The durable jobs: thin tasks that call the services (procrastinate, in our own database)."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from procrastinate import App, PsycopgConnector, RetryStrategy
from procrastinate.jobs import Job

from daemon.db import Database
from daemon.errors import WorkerDied
from daemon.ingest import IngestService
from daemon.store import Store

log = logging.getLogger(__name__)

_INGEST_QUEUE = "ingest"
_INGEST_TASK = "ingest_file"
_POLL_S = 0.2
"""procrastinate's default of 5 s would stall a burst of files between two polls."""
_DEFER_BATCH = 500
_WORKER_DEATHS_RETRIED = 2


class Jobs:
    """Defers and runs jobs. One daemon per database, so every unfinished job of a former run is ours."""

    def __init__(self, database: Database, store: Store, *, concurrency: int) -> None:
        self._database = database
        self._store = store
        self._concurrency = concurrency
        self._app = App(connector=PsycopgConnector())
        self._deferring = asyncio.Lock()

    def register_ingest(self, ingest: IngestService) -> None:
        """Say what an ingest job does."""
        retry = RetryStrategy(max_attempts=1 + _WORKER_DEATHS_RETRIED, wait=1, retry_exceptions=[WorkerDied])

        @self._app.task(name=_INGEST_TASK, queue=_INGEST_QUEUE, retry=retry)
        async def ingest_file(file_id: int) -> None:
            await ingest.ingest(file_id)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Run jobs until the end of the context; those in the middle of their work are run again later."""
        async with self._app.open_async(self._database.pool):
            await self._release_interrupted()
            worker = asyncio.create_task(
                self._app.run_worker_async(
                    queues=[_INGEST_QUEUE],
                    concurrency=self._concurrency,
                    fetch_job_polling_interval=_POLL_S,
                    install_signal_handlers=False,
                    shutdown_graceful_timeout=0,
                    delete_jobs="always",
                ),
                name="job worker",
            )
            try:
                yield
            finally:
                worker.cancel()
                with suppress(asyncio.CancelledError):
                    await worker

    async def defer_ingest(self) -> int:
        """Defer a job for every file that waits for a fingerprint and has none queued; return how many."""
        deferred = 0
        async with self._deferring:
            while file_ids := await self._store.pending_without_job(_DEFER_BATCH):
                await self._app.job_manager.batch_defer_jobs_async([_ingest_job(each) for each in file_ids])
                deferred += len(file_ids)
        return deferred

    async def _release_interrupted(self) -> None:
        """Forget the jobs of a run that was killed: what they were for is pending, and is deferred again."""
        async with self._database.pool.connection() as connection:
            await connection.execute(self._database.queries["release_interrupted_jobs"])


def _ingest_job(file_id: int) -> Job:
    return Job(
        id=None,
        queue=_INGEST_QUEUE,
        lock=None,
        queueing_lock=f"ingest:{file_id}",
        task_name=_INGEST_TASK,
        task_kwargs={"file_id": file_id},
    )
