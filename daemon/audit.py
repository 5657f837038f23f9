"""The audit of the whole library, started and cancelled by people; it reports, and changes nothing."""

import asyncio
import logging
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace

import psycopg

from daemon.audit_rows import FindingKind, Run, RunStatus, ShownFinding, Since
from daemon.audit_run import AuditRun, Progress
from daemon.audit_store import AuditStore
from daemon.index_keeper import IndexKeeper
from daemon.store import Store
from daemon.tasks import end_tasks
from daemon.workers import WorkerPool
from engine.settings import Settings

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Report:
    """What the last finished audit was about, and what changed since."""

    run: Run
    counts: Mapping[str, int]
    """Findings, by kind."""
    since: Since


@dataclass(frozen=True, slots=True)
class AuditStatus:
    """What there is."""

    run: Run | None
    """The last one, which may be running."""
    progress: Progress | None
    """Of the run that is running."""
    report: Report | None


class AuditService:
    """Runs one audit at a time. All methods raise psycopg.Error."""

    def __init__(
        self,
        store: AuditStore,
        recordings: Store,
        index: IndexKeeper,
        workers: WorkerPool,
        settings: Settings,
    ) -> None:
        self._store = store
        self._recordings = recordings
        self._index = index
        self._workers = workers
        self._settings = settings
        self._turn = asyncio.Lock()
        self._run: AuditRun | None = None
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Note that what a former process was running is not running any more."""
        await self._store.interrupt_runs()

    async def stop(self) -> None:
        """Stop the run; the next one goes on where it was."""
        async with self._turn:
            with suppress(psycopg.Error):  # the next start notes it
                await self._end("interrupted")

    async def begin(self, *, fresh: bool = False) -> None:
        """Begin a run, unless one is running.

        Parameters
        ----------
        fresh : forget what former runs found out, and ask every recording anew
        """
        async with self._turn:
            if self._is_running:
                return
            run = await self._store.begin_run(is_fresh=fresh)
            self._run = AuditRun(
                run.run_id,
                store=self._store,
                recordings=self._recordings,
                index=self._index,
                workers=self._workers,
                settings=self._settings,
            )
            self._task = asyncio.create_task(self._work(self._run), name="audit")

    async def cancel(self) -> bool:
        """Stop the run, keeping what it found out for the next one; tell whether one was running."""
        async with self._turn:
            return await self._end("cancelled")

    async def status(self) -> AuditStatus:
        """Return what runs, and what the last report is about."""
        was_running = self._is_running
        runs = await self._store.last_runs()
        reported = next((run for run in runs if run.status == "done"), None)
        report = None
        if reported is not None:
            report = Report(reported, await self._store.counts(), await self._store.since(reported))
        run = next(iter(runs), None)
        if run is None or run.status != "running":
            return AuditStatus(run, None, report)
        if self._run is None or not self._is_running:
            if was_running:  # it ended while this was read
                return await self.status()
            # Its end could not be noted.
            return AuditStatus(replace(run, status="interrupted"), None, report)
        return AuditStatus(run, self._run.progress, report)

    async def findings(self, kind: FindingKind | None, *, after: int, limit: int) -> list[ShownFinding]:
        """Return the next findings of the last report, by number."""
        return await self._store.findings(kind, after=after, limit=limit)

    @property
    def _is_running(self) -> bool:
        return self._task is not None and not self._task.done()

    async def _end(self, status: RunStatus) -> bool:
        if self._run is None or not self._is_running:
            return False
        await end_tasks(self._task)
        await self._store.end_run(self._run.run_id, status)
        return True

    async def _work(self, run: AuditRun) -> None:
        log.info("audit %d begins", run.run_id)
        try:
            await run.work()
        except Exception as error:
            log.exception("audit %d has failed", run.run_id)
            with suppress(psycopg.Error):  # then it counts as interrupted when the next one begins
                await self._store.end_run(run.run_id, "failed", error=str(error) or type(error).__name__)
        else:
            log.info("audit %d is done", run.run_id)
