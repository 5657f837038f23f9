"""A clip's way: spooled, queued, matched, and its answer kept for a while."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import UUID, uuid4

import psycopg

from daemon.errors import ClipQueueFull, ClipTooLarge, EmptyClip
from daemon.store import Description, Store, Task
from daemon.worker_jobs import MatchedClip, match_clip
from daemon.workers import WorkerPool
from engine.decision import confidence
from engine.errors import SpectraError
from engine.model import Match
from engine.settings import Settings

log = logging.getLogger(__name__)

LONGEST_CLIP_S = 15 * 60.0
"""Decoded seconds of an upload: a whole piece of music, not a whole evening."""
_MOST_RESULTS = 5
_RETRY_AFTER_S = 5
"""What a full queue asks for: about the time of a few clips."""


@dataclass(frozen=True, slots=True)
class _Waiting:
    task_id: UUID
    spooled: Path


class MatchService:
    """Answers clips in the order they came; never behind ingestion, with processes of its own."""

    def __init__(
        self,
        store: Store,
        workers: WorkerPool,
        *,
        index_folder: Path,
        spool_folder: Path,
        settings: Settings,
        most_pending: int,
        most_bytes: int,
    ) -> None:
        self._store = store
        self._workers = workers
        self._index_folder = index_folder
        self._spool_folder = spool_folder
        self._settings = settings
        self._clip_settings = replace(
            settings, longest_decoded_s=min(LONGEST_CLIP_S, settings.longest_decoded_s)
        )
        self._most_pending = most_pending
        self._most_bytes = most_bytes
        self._queue: asyncio.Queue[_Waiting] = asyncio.Queue()
        self._pending = 0
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Fail what a former run left unanswered, and begin to answer."""
        await self._store.interrupt_tasks()
        await asyncio.to_thread(_empty_folder, self._spool_folder)
        self._tasks = [asyncio.create_task(self._answer()) for _ in range(self._workers.slot_count)]

    async def stop(self) -> None:
        """Stop answering; what is pending is failed, here or at the next start."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        with suppress(psycopg.Error):
            await self._store.interrupt_tasks()

    @property
    def pending(self) -> int:
        """Return how many clips are being received, wait, or are matched."""
        return self._pending

    async def submit(self, chunks: AsyncIterator[bytes]) -> UUID:
        """Spool a clip as it arrives, and return the task that will answer it.

        Raises
        ------
        ClipQueueFull : too many are pending; nothing was read
        ClipTooLarge, EmptyClip : nothing is kept
        """
        if self._pending >= self._most_pending:
            raise ClipQueueFull(_RETRY_AFTER_S)
        self._pending += 1
        task_id = uuid4()
        spooled = self._spool_folder / str(task_id)
        try:
            await self._spool(chunks, spooled)
            await self._store.add_task(task_id)
        except BaseException:
            self._pending -= 1
            await asyncio.to_thread(spooled.unlink, missing_ok=True)
            raise
        self._queue.put_nowait(_Waiting(task_id, spooled))
        return task_id

    async def task(self, task_id: UUID) -> Task | None:
        """Return a task that was asked for and has not expired."""
        return await self._store.task(task_id)

    async def _spool(self, chunks: AsyncIterator[bytes], spooled: Path) -> None:
        received = 0
        file = await asyncio.to_thread(spooled.open, "xb")
        try:
            async for chunk in chunks:
                received += len(chunk)
                if received > self._most_bytes:
                    raise ClipTooLarge(self._most_bytes)
                await asyncio.to_thread(file.write, chunk)
        finally:
            await asyncio.to_thread(file.close)
        if received == 0:
            raise EmptyClip

    async def _answer(self) -> None:
        while True:
            waiting = await self._queue.get()
            try:
                await self._match(waiting)
            except Exception:
                log.exception("the answer to task %s could not be stored", waiting.task_id)
            finally:
                self._pending -= 1
                await asyncio.to_thread(waiting.spooled.unlink, missing_ok=True)

    async def _match(self, waiting: _Waiting) -> None:
        try:
            matched = await self._workers.run(
                match_clip, waiting.spooled, self._index_folder, self._clip_settings
            )
            result = await self._results(matched)
        except (SpectraError, OSError) as error:
            log.info("task %s: %s", waiting.task_id, error)
            # The spooled name means nothing to the one who sent the clip.
            reason = str(error).replace(waiting.spooled.name, "the clip")
            await self._store.finish_task(waiting.task_id, error=reason)
            return
        log.info("task %s: %s (%s)", waiting.task_id, matched.verdict.outcome, matched.verdict.reason)
        await self._store.finish_task(waiting.task_id, result=result)

    async def _results(self, matched: MatchedClip) -> list[dict[str, object]]:
        candidates = matched.verdict.candidates[:_MOST_RESULTS]
        described = await self._store.described([match.recording_id for match in candidates])
        return [
            _result(match, described[match.recording_id], self._settings)
            for match in candidates
            if match.recording_id in described
        ]


def _result(match: Match, description: Description, settings: Settings) -> dict[str, object]:
    """Return a match in the words of the REST API, whose existing client says "song"."""
    evidence = match.evidence
    base_name = (description.path or b"").rpartition(b"/")[2].decode(errors="replace")
    return {
        "song_id": match.recording_id,
        "song_name": (description.title if description.is_reference else None) or base_name,
        "title": description.title,
        "artist": description.artist,
        "album": description.album,
        "album_art": description.album_art,
        "video_id": description.video_id,
        "webpage_url": description.webpage_url,
        "votes": evidence.votes,
        "confidence": round(confidence(match, settings), 4),
        "offset_s": round(match.offset_s, 3),
        "speed": match.speed,
        "score": round(evidence.score, 2),
        "coverage": round(evidence.coverage, 3),
        "duration_s": round(description.duration_s, 3),
        "is_reference": description.is_reference,
    }


def _empty_folder(folder: Path) -> None:
    folder.mkdir(mode=0o700, exist_ok=True)
    for leftover in folder.iterdir():
        leftover.unlink()
