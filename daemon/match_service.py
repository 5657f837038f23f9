"""A clip's way: spooled, queued, matched, and its answer kept for a while."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import UUID, uuid4

import psycopg

from daemon.arriving import Arriving
from daemon.clip_match import match_clip
from daemon.counters import MatchCounters
from daemon.errors import ClipQueueFull, WorkerDied
from daemon.match_result import match_result
from daemon.match_task_store import MatchTaskStore
from daemon.rows import Task
from daemon.spool import remove_clip, spool_clip
from daemon.store import Store
from daemon.tasks import end_tasks
from daemon.workers import WorkerPool
from engine.decision import Verdict, decide
from engine.errors import AudioError, IndexDamaged
from engine.settings import Settings

log = logging.getLogger(__name__)

LONGEST_CLIP_S = 15 * 60.0
"""Decoded seconds of an upload: a whole piece of music, not a whole evening."""
_MOST_RESULTS = 5
_RETRY_AFTER_S = 5
"""What a full queue asks for: about the time of a few clips."""
_STORE_AGAIN_S = 2.0
"""While the database is away, an answer is kept and tried again so often."""


@dataclass(frozen=True, slots=True)
class _Waiting:
    task_id: UUID
    spooled: Path
    taken_s: float
    """When it was all there, by the monotonic clock."""


@dataclass(frozen=True, slots=True)
class _Answer:
    """A result and its verdict, or an error."""

    result: list[dict[str, object]] | None = None
    outcome: str | None = None
    reason: str | None = None
    error: str | None = None


class MatchService:
    """Answers clips in the order they came; never behind ingestion, with processes of its own."""

    def __init__(
        self,
        store: Store,
        tasks: MatchTaskStore,
        workers: WorkerPool,
        *,
        index_folder: Path,
        spool_folder: Path,
        settings: Settings,
        most_pending: int,
        most_bytes: int,
        drop_damaged_index: Callable[[], None],
    ) -> None:
        self.counters = MatchCounters()
        self._store = store
        self._asked = tasks
        self._workers = workers
        self._index_folder = index_folder
        self._spool_folder = spool_folder
        self._settings = settings
        self._clip_settings = replace(
            settings, longest_decoded_s=min(LONGEST_CLIP_S, settings.longest_decoded_s)
        )
        self._most_pending = most_pending
        self._most_bytes = most_bytes
        self._drop_damaged_index = drop_damaged_index
        self._queue: asyncio.Queue[_Waiting] = asyncio.Queue()
        self._arriving = Arriving()
        self._pending = 0
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Fail what a former run left unanswered, and begin to answer."""
        await self._asked.interrupt()
        await asyncio.to_thread(_empty_folder, self._spool_folder)
        self._tasks = [asyncio.create_task(self._answer()) for _ in range(self._workers.slot_count)]

    async def stop(self) -> None:
        """Stop answering; what is pending is failed, here or at the next start."""
        await end_tasks(*self._tasks)
        with suppress(psycopg.Error):
            await self._asked.interrupt()

    @property
    def pending(self) -> int:
        """Return how many clips are being received, wait, or are matched."""
        return self._pending

    async def submit(self, chunks: AsyncIterator[bytes], *, announced_bytes: int | None = None) -> UUID:
        """Spool a clip as it arrives, and return the task that will answer it.

        Parameters
        ----------
        announced_bytes : length of the request's body, if its sender says so; what arrives is counted anyway

        Raises
        ------
        ClipQueueFull : too many are pending; nothing was read
        ClipTooLarge, ClipTooSlow, EmptyClip, ClipNotKept : nothing is kept
        """
        if self._pending >= self._most_pending and not self._arriving.make_room():
            raise ClipQueueFull(_RETRY_AFTER_S)
        self._pending += 1
        task_id = uuid4()
        spooled = self._spool_folder / str(task_id)
        try:
            async with aclosing(self._arriving.paced(chunks)) as paced:
                await spool_clip(paced, spooled, most_bytes=self._most_bytes, announced_bytes=announced_bytes)
            await self._asked.add(task_id)
        except BaseException:
            self._pending -= 1
            await asyncio.shield(remove_clip(spooled))
            raise
        self._queue.put_nowait(_Waiting(task_id, spooled, time.monotonic()))
        self.counters.asked()
        return task_id

    async def task(self, task_id: UUID) -> Task | None:
        """Return a task that was asked for and has not expired."""
        return await self._asked.task(task_id)

    async def expire(self, lifetime_s: float) -> None:
        """Forget tasks that were finished so long ago."""
        await self._asked.expire(lifetime_s)

    async def _answer(self) -> None:
        while True:
            waiting = await self._queue.get()
            try:
                answer = await self._match(waiting)
                await self._store_answer(waiting.task_id, answer)
                self.counters.answered(answer.outcome, time.monotonic() - waiting.taken_s)
            except Exception:
                log.exception("the answer to task %s could not be stored", waiting.task_id)
            finally:
                self._pending -= 1
                await asyncio.shield(remove_clip(waiting.spooled))

    async def _match(self, waiting: _Waiting) -> _Answer:
        """Return the answer to a clip, whatever happens to it: a task must not stay pending."""
        try:
            found = await match_clip(
                waiting.spooled,
                workers=self._workers,
                store=self._store,
                index_folder=self._index_folder,
                settings=self._clip_settings,
            )
            verdict = decide(found.matches, self._settings)
            result = await self._results(verdict)
        except IndexDamaged as error:
            log.warning("task %s: %s; building the index anew", waiting.task_id, error)
            self._drop_damaged_index()
            return _Answer(
                error="the index is damaged; it is being built anew: send the clip again in a while"
            )
        except (AudioError, WorkerDied, MemoryError) as error:
            reason = _reason(error, waiting.spooled.name)
            log.info("task %s: %s", waiting.task_id, reason)
            return _Answer(error=reason)
        except Exception:
            log.exception("task %s failed", waiting.task_id)
            return _Answer(error="Spectra failed to look this clip up; its log tells why.")
        log.info("task %s: %s (%s)", waiting.task_id, verdict.outcome, verdict.reason)
        return _Answer(result=result, outcome=str(verdict.outcome), reason=verdict.reason)

    async def _store_answer(self, task_id: UUID, answer: _Answer) -> None:
        """Store the answer, however long the database is away."""
        while True:
            try:
                await self._asked.finish(
                    task_id,
                    result=answer.result,
                    outcome=answer.outcome,
                    reason=answer.reason,
                    error=answer.error,
                )
            except psycopg.OperationalError as error:
                log.warning("the answer to task %s can't be stored yet: %s", task_id, error)
                await asyncio.sleep(_STORE_AGAIN_S)
            else:
                return

    async def _results(self, verdict: Verdict) -> list[dict[str, object]]:
        candidates = verdict.candidates[:_MOST_RESULTS]
        described = await self._store.described([match.recording_id for match in candidates])
        return [
            match_result(match, described[match.recording_id], self._settings)
            for match in candidates
            if match.recording_id in described
        ]


def _reason(error: AudioError | WorkerDied | MemoryError, spooled_name: str) -> str:
    """Return what the one who sent the clip may know: no path, and not the name it was spooled under."""
    match error:
        case AudioError():
            return str(error).replace(spooled_name, "the clip")
        case WorkerDied():
            return str(error)
        case MemoryError():
            return "the clip needs more memory than a worker may use (workers.memory_mb)"


def _empty_folder(folder: Path) -> None:
    folder.mkdir(mode=0o700, exist_ok=True)
    for leftover in folder.iterdir():
        leftover.unlink()
