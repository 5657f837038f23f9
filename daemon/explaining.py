"""Why a clip is known or is not: its way to a picture."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import uuid4

from daemon.arriving import Arriving
from daemon.clip_match import match_clip
from daemon.errors import ClipQueueFull
from daemon.explain_job import ToDraw, draw_explanation
from daemon.match_result import match_result
from daemon.match_service import LONGEST_CLIP_S
from daemon.spool import remove_clip, spool_clip
from daemon.store import Store
from daemon.workers import WorkerLimits, WorkerPool
from engine.decision import confidence, decide
from engine.errors import AudioError, IndexDamaged
from engine.explain_words import Finding
from engine.model import Match, Peaks
from engine.settings import Settings

log = logging.getLogger(__name__)

_MOST_PENDING = 4
"""One is drawn, some wait: a person asked for each, and looks at it."""
_RETRY_AFTER_S = 10
"""What a full queue asks for: a picture takes two or three seconds."""
_LEAST_MEMORY_BYTES = 512_000_000
"""matplotlib and librosa do not fit into the 256 MB that is enough to match."""
_END_S = 5.0
"""At the end, clips get so long to be removed: their disk may hang."""


@dataclass(frozen=True, slots=True)
class Explained:
    """The picture and what it says."""

    png: bytes
    finding: Finding


class ExplainService:
    """Draws one picture at a time, each in a process of its own that ends with it.

    Libraries for drawing would stay in the memory of a daemon that draws once a month; and who waits for a
    picture is in nobody's way who waits for a match.
    """

    def __init__(
        self,
        store: Store,
        *,
        index_folder: Path,
        spool_folder: Path,
        cache_folder: Path,
        settings: Settings,
        limits: WorkerLimits,
        most_bytes: int,
        drop_damaged_index: Callable[[], None],
    ) -> None:
        self._store = store
        self._index_folder = index_folder
        self._spool_folder = spool_folder
        self._cache_folder = cache_folder
        self._settings = settings
        self._clip_settings = replace(
            settings, longest_decoded_s=min(LONGEST_CLIP_S, settings.longest_decoded_s)
        )
        self._limits = replace(limits, memory_bytes=max(limits.memory_bytes, _LEAST_MEMORY_BYTES))
        self._most_bytes = most_bytes
        self._drop_damaged_index = drop_damaged_index
        self._arriving = Arriving()
        self._turn = asyncio.Lock()
        self._pending = 0
        self._at_rest = asyncio.Event()
        self._at_rest.set()
        self._workers: WorkerPool | None = None

    @property
    def pending(self) -> int:
        """Return how many clips are being received, wait, or are explained."""
        return self._pending

    def pids(self) -> list[int]:
        """Return the number of the process that draws, if one does."""
        return self._workers.pids() if self._workers else []

    async def stop(self) -> None:
        """End the process that draws, and wait until all clips are gone.

        Who still waits for a picture meets WorkerDied.
        """
        if self._workers:
            await self._workers.stop()
        with suppress(TimeoutError):  # the next start empties the folder
            async with asyncio.timeout(_END_S):
                await self._at_rest.wait()

    async def explain(self, chunks: AsyncIterator[bytes], *, announced_bytes: int | None) -> Explained:
        """Take a clip as it arrives, match it and draw why; cancelled or done, nothing of it is left.

        Raises
        ------
        ClipQueueFull : too many are pending; nothing was read
        ClipTooLarge, ClipTooSlow, EmptyClip, ClipNotKept : the upload is refused
        AudioError, WorkerDied, MemoryError : the clip can't be matched, or not drawn
        IndexDamaged : it is being built anew
        """
        if self._pending >= _MOST_PENDING and not self._arriving.make_room():
            raise ClipQueueFull(_RETRY_AFTER_S)
        self._pending += 1
        self._at_rest.clear()
        spooled = self._spool_folder / str(uuid4())
        try:
            async with aclosing(self._arriving.paced(chunks)) as paced:
                await spool_clip(paced, spooled, most_bytes=self._most_bytes, announced_bytes=announced_bytes)
            async with self._turn, self._process() as workers:
                return await self._explain(spooled, workers)
        except IndexDamaged as error:
            log.warning("explaining a clip: %s; building the index anew", error)
            self._drop_damaged_index()
            raise
        except AudioError as error:
            # Its first fact is the file's name: ours, which tells the sender nothing.
            raise type(error)("the clip", *error.args[1:]) from error
        finally:
            await asyncio.shield(self._forget(spooled))

    async def _forget(self, spooled: Path) -> None:
        try:
            await remove_clip(spooled)
        finally:
            self._pending -= 1
            if self._pending == 0:
                self._at_rest.set()

    @asynccontextmanager
    async def _process(self) -> AsyncIterator[WorkerPool]:
        workers = self._workers = WorkerPool("explain", 1, self._limits)
        try:
            await workers.start()
            yield workers
        finally:
            await workers.stop()
            self._workers = None

    async def _explain(self, spooled: Path, workers: WorkerPool) -> Explained:
        found = await match_clip(
            spooled,
            workers=workers,
            store=self._store,
            index_folder=self._index_folder,
            settings=self._clip_settings,
        )
        finding = await self._finding(found.matches)
        best = finding.match
        queries: tuple[Peaks, ...] = found.shortlist.queries[best.speed] if best else ()
        stored = await self._store.constellations([best.recording_id]) if best else []
        reference = stored[0][1] if stored else None
        to_draw = ToDraw(spooled, queries, reference, finding)
        png = await workers.run(draw_explanation, to_draw, self._cache_folder, self._clip_settings)
        log.info("explained a clip: %s (%s)", finding.outcome, finding.reason)
        return Explained(png, finding)

    async def _finding(self, matches: Sequence[Match]) -> Finding:
        verdict = decide(matches, self._settings)
        best = next(iter(verdict.candidates or matches), None)
        if best is None:
            return Finding(verdict.outcome, verdict.reason, None, None, 0.0)
        described = (await self._store.described([best.recording_id])).get(best.recording_id)
        name = None
        if described is not None:
            name = str(match_result(best, described, self._settings)["song_name"])
            if described.is_reference and described.artist:
                name = f"{name} by {described.artist}"
        return Finding(verdict.outcome, verdict.reason, best, name, confidence(best, self._settings))
