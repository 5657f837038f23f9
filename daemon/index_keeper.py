"""Keep the index what the database says: the index's only writer."""

import asyncio
import logging
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from daemon.store import Store
from daemon.worker_jobs import derive_postings, merge_segments
from daemon.workers import WorkerPool
from engine.errors import IndexDamaged, IndexStale
from engine.index import IndexWriter, wipe_index
from engine.model import Fingerprint, IndexSize
from engine.settings import FINGERPRINT_VERSION, Settings

log = logging.getLogger(__name__)

_REBUILD_BATCH = 200
"""Recordings per segment when rebuilding: 12 MB of postings."""
_RETRY_S = 30.0
"""A full disk is tried again after so long."""


@dataclass(frozen=True, slots=True)
class IndexStatus:
    """How the index is doing."""

    size: IndexSize
    generation: int
    to_build: int
    """Recordings that are in the database but not yet in the index."""
    error: str | None


def index_stamp(settings: Settings) -> str:
    """Name everything that stored hashes depend on: an index of another stamp is built anew."""
    stored = settings.stored
    return (
        f"peaks-{FINGERPRINT_VERSION} pairs-{stored.peaks_per_s}x{stored.fan_out}"
        f"-{settings.zone_start_frames}-{settings.zone_end_frames}-{settings.zone_bins} {settings.hash_kind}"
    )


class IndexKeeper:
    """Follows the database: adds what is new, removes what is gone, merges, rebuilds."""

    def __init__(self, folder: Path, store: Store, workers: WorkerPool, settings: Settings) -> None:
        self.folder = folder
        self._store = store
        self._workers = workers
        self._settings = settings
        self._writer: IndexWriter | None = None
        self._arrived: dict[int, Fingerprint] = {}
        self._gone: set[int] = set()
        self._to_build: set[int] = set()
        self._turn = asyncio.Lock()
        """Held while the writer changes the index: it works in threads, one change at a time."""
        self._wake = asyncio.Event()
        self._caught_up = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._merge: asyncio.Task[None] | None = None
        self._error: str | None = None

    async def start(self) -> None:
        """Open the index (a stale or damaged one is dropped) and compare it with the database."""
        self._writer = await asyncio.to_thread(self._open)
        await self.compare()
        self._task = asyncio.create_task(self._follow(), name="index keeper")

    async def stop(self) -> None:
        """Write what is waiting and let go of the index; what is lost here is found by the next start."""
        for task in (self._task, self._merge):
            if task is not None:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task
        if self._writer is not None:
            await asyncio.to_thread(self._writer.close)

    def add(self, recording_id: int, postings: Fingerprint) -> None:
        """Index a recording that was just committed."""
        self._arrived[recording_id] = postings
        self._wake.set()

    def remove(self, recording_ids: Iterable[int]) -> None:
        """Take recordings out of the index that the database no longer has."""
        self._gone.update(recording_ids)
        self._wake.set()

    async def compare(self) -> None:
        """Find what the database has and the index hasn't, and the other way round."""
        wanted = set(await self._store.recording_ids())
        present = set(self._open_writer.recording_ids().tolist())
        self._to_build |= wanted - present - self._arrived.keys()
        self._gone |= present - wanted
        self._wake.set()

    async def rebuild(self) -> None:
        """Drop the index and build it again from the stored constellations; look-ups see it grow."""
        async with self._turn:
            await asyncio.to_thread(self._open_writer.close)
            await asyncio.to_thread(wipe_index, self.folder)
            self._writer = await asyncio.to_thread(self._open)
        await self.compare()

    async def caught_up(self) -> None:
        """Wait until all that is known is indexed."""
        await self._caught_up.wait()

    def status(self) -> IndexStatus:
        """Return how the index is doing."""
        writer = self._open_writer
        waiting = len(self._to_build) + len(self._arrived)
        return IndexStatus(writer.size, writer.generation, waiting, self._error)

    @property
    def _open_writer(self) -> IndexWriter:
        if self._writer is None:
            raise RuntimeError("the index keeper was not started")
        return self._writer

    def _open(self) -> IndexWriter:
        stamp = index_stamp(self._settings)
        try:
            return IndexWriter(self.folder, stamp=stamp)
        except (IndexStale, IndexDamaged) as error:
            log.warning("%s; building it anew from the database", error)
            wipe_index(self.folder)
            return IndexWriter(self.folder, stamp=stamp)

    async def _follow(self) -> None:
        while True:
            if not (self._arrived or self._gone or self._to_build):
                self._caught_up.set()
                await self._wake.wait()
            self._caught_up.clear()
            self._wake.clear()
            try:
                await self._step()
                self._error = None
            except Exception as error:
                self._error = f"the index can't be written: {error}"
                log.exception("the index can't be written; trying again in %.0f s", _RETRY_S)
                await asyncio.sleep(_RETRY_S)

    async def _step(self) -> None:
        """Write one batch: what is gone, what has just arrived, then a part of what is to be built."""
        if self._gone:
            gone = set(self._gone)
            async with self._turn:
                await asyncio.to_thread(self._open_writer.remove, sorted(gone))
            self._gone -= gone
        if self._arrived:
            batch = dict(self._arrived)
            await self._write(sorted(batch.items()))
            for recording_id in batch:
                del self._arrived[recording_id]
        elif self._to_build:
            chosen = sorted(self._to_build)[:_REBUILD_BATCH]
            stored = await self._store.constellations(chosen)
            await self._write(await self._workers.run(derive_postings, stored, self._settings))
            self._to_build.difference_update(chosen)
        self._merge_if_due()

    async def _write(self, batch: list[tuple[int, Fingerprint]]) -> None:
        async with self._turn:
            await asyncio.to_thread(_add_fresh, self._open_writer, batch)

    def _merge_if_due(self) -> None:
        if self._merge is None or self._merge.done():
            self._merge = asyncio.create_task(self._run_merge(), name="index merge")

    async def _run_merge(self) -> None:
        """Merge segments while look-ups and additions go on."""
        try:
            writer = self._open_writer
            async with self._turn:
                plan = await asyncio.to_thread(writer.plan_merge)
            if plan is None:
                return
            merged = await self._workers.run(merge_segments, plan)
            async with self._turn:
                if writer is self._writer:  # else the index was dropped meanwhile
                    await asyncio.to_thread(writer.commit_merge, plan, merged)
        except Exception:
            log.exception("merging index segments failed; the index goes on with more of them")


def _add_fresh(writer: IndexWriter, batch: list[tuple[int, Fingerprint]]) -> None:
    """Add those that the index hasn't: a recording may arrive twice, by a job and by a comparison."""
    present = set(writer.recording_ids().tolist())
    writer.add([(recording_id, postings) for recording_id, postings in batch if recording_id not in present])
