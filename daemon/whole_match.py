"""What a whole file contains: from its constellation to a verdict, in processes of its own."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from daemon.arriving import Arriving
from daemon.errors import DaemonError
from daemon.rows import Description
from daemon.store import Store
from daemon.whole_jobs import contents_of, suspects_of
from daemon.workers import WorkerLimits, WorkerPool
from engine.errors import IndexDamaged
from engine.settings import Settings
from engine.whole_verdict import WholeVerdict

log = logging.getLogger(__name__)

_MOST_PENDING = 4
"""One is matched, some wait: each holds some megabytes, and may take a minute."""
_RETRY_AFTER_S = 30
_BYTES_PER_PEAK = 4
"""Of a constellation: 3 before they are compressed, and the long gaps."""
_OVERHEAD_BYTES = 1_024


class WholeQueueFull(DaemonError):  # noqa: N818 - a fact, as in `FileNotFound`; so below
    """Too many whole files wait already."""

    def __init__(self, retry_after_s: int) -> None:
        super().__init__(retry_after_s)

    def __str__(self) -> str:
        return f"Too many whole files are waiting: try again in {self.args[0]} s."


class ConstellationTooLarge(DaemonError):  # noqa: N818
    """More bytes than the longest file amounts to."""

    def __init__(self, limit_bytes: int) -> None:
        super().__init__(limit_bytes)

    def __str__(self) -> str:
        return (
            f"The constellation is larger than {self.args[0]} bytes, which is enough for "
            "engine.longest_decoded_s: send that of a shorter file."
        )


@dataclass(frozen=True, slots=True)
class WholeMatch:
    """What a file contains, and what that is called."""

    verdict: WholeVerdict
    descriptions: Mapping[int, Description]
    """Of every recording in the verdict."""


class WholeMatcher:
    """Matches whole files, in whichever processes it is given."""

    def __init__(
        self,
        store: Store,
        *,
        index_folder: Path,
        settings: Settings,
        drop_damaged_index: Callable[[], None],
    ) -> None:
        self._store = store
        self._index_folder = index_folder
        self._settings = settings
        self._drop_damaged_index = drop_damaged_index

    async def match(self, constellation: bytes, workers: WorkerPool) -> WholeMatch:
        """Return what the file of this constellation contains.

        Raises
        ------
        CodecError : these bytes are no constellation
        IndexDamaged : it is being built anew
        WorkerDied, MemoryError : it took more than a worker may use
        """
        try:
            suspects = await workers.run(suspects_of, constellation, self._index_folder, self._settings)
        except IndexDamaged as error:
            log.warning("matching a whole file: %s; building the index anew", error)
            self._drop_damaged_index()
            raise
        ids = sorted({suspect.recording_id for suspect in suspects})
        # A recording that goes meanwhile is in neither, or in one: only what both have can be answered.
        descriptions = await self._store.described(ids)
        stored = await self._store.constellations(ids)
        references = [(recording_id, held) for recording_id, held in stored if recording_id in descriptions]
        verdict = await workers.run(contents_of, constellation, suspects, references, self._settings)
        log.info("matched a whole file: %s (%s)", verdict.outcome, verdict.reason)
        named = {each.recording_id: descriptions[each.recording_id] for each in verdict.contents}
        return WholeMatch(verdict, named)


class WholeMatchService:
    """Answers who asks over HTTP, one file at a time, each in a process of its own that ends with it.

    Hours of music take minutes of a processor: clips, and files that come in, must not wait for that.
    """

    def __init__(self, matcher: WholeMatcher, settings: Settings, limits: WorkerLimits) -> None:
        self._matcher = matcher
        self._limits = limits
        most_peaks = round(settings.longest_decoded_s) * settings.dense.peaks_per_s
        self._most_bytes = most_peaks * _BYTES_PER_PEAK + _OVERHEAD_BYTES
        self._arriving = Arriving()
        self._turn = asyncio.Lock()
        self._pending = 0
        self._workers: WorkerPool | None = None

    @property
    def pending(self) -> int:
        """Return how many files are being received, wait, or are matched."""
        return self._pending

    async def stop(self) -> None:
        """End the process that matches; who waits for it meets WorkerDied."""
        if self._workers is not None:
            await self._workers.stop()

    async def match(self, chunks: AsyncIterator[bytes], *, announced_bytes: int | None) -> WholeMatch:
        """Take a constellation as it arrives, and return what its file contains.

        Parameters
        ----------
        announced_bytes : length of the request's body, if its sender says so; what arrives is counted anyway

        Raises
        ------
        WholeQueueFull : too many are pending; nothing was read
        ConstellationTooLarge : more bytes than the longest file amounts to
        ClipTooSlow : it does not come fast enough
        whatever `WholeMatcher.match` raises
        """
        if self._pending >= _MOST_PENDING and not self._arriving.make_room():
            raise WholeQueueFull(_RETRY_AFTER_S)
        self._pending += 1
        try:
            async with aclosing(self._arriving.paced(chunks)) as paced:
                constellation = await self._received(paced, announced_bytes or 0)
            async with self._turn, self._process() as workers:
                return await self._matcher.match(constellation, workers)
        finally:
            self._pending -= 1

    async def _received(self, chunks: AsyncIterator[bytes], announced_bytes: int) -> bytes:
        received = bytearray()
        if announced_bytes <= self._most_bytes:
            async for chunk in chunks:
                received += chunk
                if len(received) > self._most_bytes:
                    break
        if max(len(received), announced_bytes) > self._most_bytes:
            raise ConstellationTooLarge(self._most_bytes)
        return bytes(received)

    @asynccontextmanager
    async def _process(self) -> AsyncIterator[WorkerPool]:
        workers = self._workers = WorkerPool("whole", 1, self._limits)
        try:
            await workers.start()
            yield workers
        finally:
            await workers.stop()
            self._workers = None
