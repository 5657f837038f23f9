"""One audit, from what is not known yet to the report: recordings are asked, files looked at, words found.

All it learns is stored as it goes, so a run that is stopped is continued by the next one. It takes one ingest
process at a time: files that come in wait for one answer at most.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal, TypeVar

import psycopg

from daemon.audit_jobs import examine, look_at_file, suspects_elsewhere
from daemon.audit_report import build_report
from daemon.audit_rows import Examined, FileToLookAt, Stated
from daemon.audit_store import AuditStore
from daemon.errors import WorkerDied
from daemon.identify import has_caught_up
from daemon.index_keeper import IndexKeeper
from daemon.store import Store
from daemon.workers import WorkerPool
from engine.errors import CodecError, IndexDamaged
from engine.settings import Settings

log = logging.getLogger(__name__)

T = TypeVar("T")

Phase = Literal["recordings", "files", "report"]

_BATCH = 200
_MOST_ATTEMPTS = 3
_RETRY_S = 5.0
"""While the database is away, it is asked again so often."""
_NOTHING = Examined(sounding_s=None, is_recognisable=None, kin={})


@dataclass(slots=True)
class Progress:
    """How far a run is."""

    phase: Phase = "recordings"
    done: int = 0
    left: int = 0
    """As counted at the begin; what arrives meanwhile has its turn too."""

    def step(self) -> None:
        """Count one more recording or file."""
        self.done += 1
        self.left = max(0, self.left - 1)


class AuditRun:
    """Does the work of one run."""

    def __init__(
        self,
        run_id: int,
        *,
        store: AuditStore,
        recordings: Store,
        index: IndexKeeper,
        workers: WorkerPool,
        settings: Settings,
    ) -> None:
        self.run_id = run_id
        self.progress = Progress()
        self._store = store
        self._recordings = recordings
        self._index = index
        self._workers = workers
        self._settings = settings

    async def work(self) -> None:
        """Find out what is not known yet, and replace the last report.

        Raises
        ------
        IndexDamaged : it is damaged again and again
        psycopg.Error : not that the database is away; that is waited for
        """
        self.progress.left = sum(await _patiently(self._store.unaudited_counts))
        await self._for_each(self._store.unaudited_recordings, lambda each: each, self._ask)
        self.progress.phase = "files"
        await self._for_each(self._store.unaudited_files, lambda each: each.file_id, self._look_at)
        self.progress.phase = "report"
        await _patiently(self._report)

    async def _for_each(
        self,
        next_ones: Callable[[int, int], Awaitable[list[T]]],
        number: Callable[[T], int],
        work: Callable[[T], Awaitable[None]],
    ) -> None:
        """Do the work for all that wait, onwards only: what can't be done now waits for the next run."""
        last = 0
        while batch := await _patiently(lambda: next_ones(last, _BATCH)):  # noqa: B023 - awaited at once
            for each in batch:
                await _patiently(lambda: work(each))  # noqa: B023 - likewise
                self.progress.step()
            last = number(batch[-1])

    async def _ask(self, recording_id: int) -> None:
        """Hold a recording against all others; those that come later will be held against it."""
        stored = await self._recordings.constellations([recording_id])
        if not stored:
            return
        for attempt in range(1, _MOST_ATTEMPTS + 1):
            while not await has_caught_up(
                self._index
            ):  # else two that are not in it yet would miss each other
                pass
            try:
                examined = await self._examined(recording_id, stored[0][1])
                break
            except IndexDamaged as error:
                log.warning("auditing recording %d: %s; building the index anew", recording_id, error)
                self._index.drop_damaged()
                if attempt == _MOST_ATTEMPTS:
                    raise
            except CodecError as error:
                log.warning("recording %d can't be audited (%s): `touch` its file", recording_id, error)
                examined = _NOTHING
                break
            except (WorkerDied, MemoryError) as error:
                log.warning("auditing recording %d: %s", recording_id, error or "out of memory")
                examined = _NOTHING
        await self._store.save_examined(recording_id, examined)

    async def _examined(self, recording_id: int, constellation: bytes) -> Examined:
        suspects = await self._workers.run(
            suspects_elsewhere, constellation, recording_id, self._index.folder, self._settings
        )
        known = await self._store.kin_of(recording_id)
        suspected = {each.recording_id for each in suspects} - known
        held = await self._recordings.constellations(sorted(suspected))
        return await self._workers.run(examine, constellation, suspects, held, self._settings)

    async def _look_at(self, file: FileToLookAt) -> None:
        """Note what a file states; one that can't be read now is looked at by the next run."""
        try:
            stated = await self._workers.run(look_at_file, file.file)
        except (WorkerDied, MemoryError) as error:
            log.warning("%s can't be looked at: %s", file.file.path, error or "out of memory")
            stated = Stated()
        if stated is not None:
            await self._store.save_stated(file, stated)

    async def _report(self) -> None:
        findings = await asyncio.to_thread(
            build_report,
            await self._store.related_files(),
            await self._store.pairs(),
            await self._store.suspect_files(),
        )
        await self._store.save_report(self.run_id, findings)


async def _patiently(work: Callable[[], Awaitable[T]]) -> T:
    """Return what the work returns, however long the database is away."""
    while True:
        try:
            return await work()
        except psycopg.OperationalError as error:
            log.warning("the audit waits for the database: %s", error)
            await asyncio.sleep(_RETRY_S)
