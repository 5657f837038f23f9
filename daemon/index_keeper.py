"""Keep the index what the database says: the index's only writer."""

import asyncio
import logging
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from daemon.store import Store
from daemon.tasks import end_tasks, to_its_end
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
_CHECK_S = 5.0
"""What others do to the index's files is noticed after so long: until then clips may stay unknown."""


@dataclass(frozen=True, slots=True)
class IndexStatus:
    """How the index is doing."""

    size: IndexSize
    generation: int
    to_build: int
    """Recordings that are in the database but not yet in the index."""
    error: str | None
    rebuilds: int
    """Times it was dropped and built anew, since it was opened."""


def index_stamp(settings: Settings, database: str = "") -> str:
    """Name everything that stored hashes depend on: an index of another stamp is built anew.

    Parameters
    ----------
    database : `Store.identity`; numbers of recordings mean others elsewhere
    """
    stored = settings.stored
    of_database = f" of {zlib.crc32(database.encode()):08x}" if database else ""
    return (
        f"peaks-{FINGERPRINT_VERSION} pairs-{stored.peaks_per_s}x{stored.fan_out}"
        f"-{settings.zone_start_frames}-{settings.zone_end_frames}-{settings.zone_bins} {settings.hash_kind}"
        f"{of_database}"
    )


class IndexKeeper:
    """Follows the database: adds what is new, removes what is gone, merges, rebuilds."""

    def __init__(
        self,
        folder: Path,
        store: Store,
        workers: WorkerPool,
        settings: Settings,
        *,
        retry_s: float = _RETRY_S,
    ) -> None:
        self.folder = folder
        self._store = store
        self._workers = workers
        self._settings = settings
        self._retry_s = retry_s
        self._stamp = ""
        self._writer: IndexWriter | None = None
        self._arrived: dict[int, Fingerprint] = {}
        self._gone: set[int] = set()
        self._to_build: set[int] = set()
        self._turn = asyncio.Lock()
        """Held while the writer changes the index: it works in threads, one change at a time."""
        self._wake = asyncio.Event()
        self._caught_up = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._guarding: asyncio.Task[None] | None = None
        self._merge: asyncio.Task[None] | None = None
        self._must_reopen = False
        """The files are damaged, or were dropped and a new index could not be opened (a full disk)."""
        self._error: str | None = None
        self._rebuilds = 0

    async def start(self) -> None:
        """Open the index (a stale or damaged one is dropped) and compare it with the database."""
        self._stamp = index_stamp(self._settings, await self._store.identity())
        self._writer = await to_its_end(self._open)
        await self.compare()
        self._task = asyncio.create_task(self._follow(), name="index keeper")
        self._guarding = asyncio.create_task(self._guard(), name="index guard")

    async def stop(self) -> None:
        """Finish the write that is under way and let go of the index; the next start finds what waits."""
        await end_tasks(self._task, self._guarding)
        await end_tasks(self._merge)
        if self._writer is not None:
            await asyncio.to_thread(self._writer.close)

    def add(self, recording_id: int, postings: Fingerprint) -> None:
        """Index a recording that was just committed."""
        self._arrived[recording_id] = postings
        self._note_work()

    def remove(self, recording_ids: Iterable[int]) -> None:
        """Take recordings out of the index that the database no longer has."""
        gone = set(recording_ids)
        self._gone |= gone
        self._to_build -= gone
        for recording_id in gone:  # what is removed before it was written must not come after
            self._arrived.pop(recording_id, None)
        self._note_work()

    async def compare(self) -> None:
        """Find what the database has and the index hasn't, and the other way round."""
        # The index first: what is committed and indexed while the database answers is not "gone".
        present = set(self._open_writer.recording_ids().tolist())
        wanted = set(await self._store.recording_ids())
        self._to_build |= wanted - present - self._arrived.keys()
        self._gone |= present - wanted
        self._note_work()

    async def rebuild(self) -> None:
        """Drop the index and build it again from the stored constellations; look-ups see it grow."""
        async with self._turn:
            try:
                await to_its_end(self._open_writer.close)
                await to_its_end(wipe_index, self.folder)
                self._writer = await to_its_end(self._open)
            except BaseException:
                self._must_reopen = True
                self._note_work()
                raise
            self._must_reopen = False
        self._rebuilds += 1
        await self.compare()

    def drop_damaged(self) -> None:
        """Build the index anew: a reader found it damaged."""
        self._must_reopen = True
        self._note_work()

    async def caught_up(self) -> None:
        """Wait until all that is known is indexed."""
        await self._caught_up.wait()

    def status(self) -> IndexStatus:
        """Return how the index is doing."""
        writer = self._open_writer
        waiting = len(self._to_build) + len(self._arrived)
        return IndexStatus(writer.size, writer.generation, waiting, self._error, self._rebuilds)

    def _note_work(self) -> None:
        self._caught_up.clear()
        self._wake.set()

    @property
    def _open_writer(self) -> IndexWriter:
        if self._writer is None:
            raise RuntimeError("the index keeper was not started")
        return self._writer

    def _open(self) -> IndexWriter:
        try:
            return IndexWriter(self.folder, stamp=self._stamp)
        except (IndexStale, IndexDamaged) as error:
            log.warning("%s; building it anew from the database", error)
            wipe_index(self.folder)
            return IndexWriter(self.folder, stamp=self._stamp)

    async def _follow(self) -> None:
        while True:
            if not (self._arrived or self._gone or self._to_build or self._must_reopen):
                self._caught_up.set()
                await self._wake.wait()
            self._wake.clear()
            try:
                await self._step()
                self._error = None
            except Exception as error:
                self._error = f"the index can't follow the database ({error}); it is tried again"
                log.exception("the index can't follow the database; trying again in %.0f s", self._retry_s)
                await asyncio.sleep(self._retry_s)

    async def _guard(self) -> None:
        """Build the index anew when its files are lost, or replaced by others: readers would find nothing."""
        while True:
            await asyncio.sleep(_CHECK_S)
            try:
                async with self._turn:
                    is_in_place = await asyncio.to_thread(self._open_writer.is_in_place)
            except OSError as error:
                log.warning("the index can't be checked: %s", error)
                continue
            if not (is_in_place or self._must_reopen):
                log.warning("the index was changed from outside; building it anew from the database")
                self.drop_damaged()

    async def _step(self) -> None:
        """Write one batch: what is gone, what has just arrived, then a part of what is to be built."""
        if self._must_reopen:
            await self.rebuild()
        if self._gone:
            gone = set(self._gone)
            async with self._turn:
                await to_its_end(self._open_writer.remove, sorted(gone))
            self._gone -= gone
        if self._arrived:
            batch = dict(self._arrived)
            await self._write(sorted(batch.items()))
            for recording_id in batch:
                self._arrived.pop(recording_id, None)
        elif self._to_build:
            chosen = sorted(self._to_build)[:_REBUILD_BATCH]
            stored = await self._store.constellations(chosen)
            derived = await self._workers.run(derive_postings, stored, self._settings)
            for recording_id, reason in derived.damaged.items():
                log.error("recording %d: %s; `touch` its file, to have it read again", recording_id, reason)
            await self._write(derived.postings)
            self._to_build.difference_update(chosen)
        self._merge_if_due()

    async def _write(self, batch: list[tuple[int, Fingerprint]]) -> None:
        async with self._turn:
            await to_its_end(_add_fresh, self._open_writer, batch)

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
                    await to_its_end(writer.commit_merge, plan, merged)
        except Exception:
            log.exception("merging index segments failed; the index goes on with more of them")


def _add_fresh(writer: IndexWriter, batch: list[tuple[int, Fingerprint]]) -> None:
    """Add those that the index hasn't: a recording may arrive twice, by a job and by a comparison."""
    present = set(writer.recording_ids().tolist())
    writer.add([(recording_id, postings) for recording_id, postings in batch if recording_id not in present])
