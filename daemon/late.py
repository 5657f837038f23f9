"""Late identification: a new reference is held against the stored sounds of unknown files.

What it costs grows with the reference, not with the library: the index is asked once for the reference's
landmarks, and only sounds that share a passage with it are looked at anew.
"""

import logging

import numpy as np

from daemon.attempts import Attempts
from daemon.identify import Request, has_caught_up
from daemon.identify_jobs import sharing_a_passage, suspects_among
from daemon.index_keeper import IndexKeeper
from daemon.looks import Looks
from daemon.review_store import ReviewStore
from daemon.store import Store
from daemon.workers import WorkerPool
from engine.settings import Settings

log = logging.getLogger(__name__)

_CROWD = 5
"""A window names so many recordings at most: of as many copies more may be hidden behind them."""


class LateIdentification:
    """Finds the files that a new reference may name, and asks for their identification."""

    def __init__(
        self,
        store: ReviewStore,
        recordings: Store,
        index: IndexKeeper,
        workers: WorkerPool,
        *,
        looks: Looks,
        settings: Settings,
        request: Request,
    ) -> None:
        self._store = store
        self._recordings = recordings
        self._index = index
        self._workers = workers
        self._looks = looks
        self._settings = settings
        self._request = request
        self._attempts = Attempts(index, "reference")

    async def offer(self, recording_id: int) -> None:
        """Have every unknown file that shares a passage with this reference identified (anew).

        Raises
        ------
        psycopg.Error, IndexDamaged, WorkerDied, MemoryError : worth another attempt
        """
        unknown = await self._store.unknown_recordings(recording_id, looking=self._looks.file_ids())
        if unknown and not await has_caught_up(self._index):
            return
        nobody: list[int] = []
        found = await self._attempts.run(
            recording_id,
            lambda: self._sharing(recording_id, unknown),
            if_unreadable=nobody,
            if_given_up=nobody,
        )
        # Before it is stored: a look that ends at this moment must not be taken for one that saw all.
        self._looks.miss(found)
        file_ids = await self._store.end_offer(recording_id, found)
        if file_ids:
            log.info("reference %d may name %d files", recording_id, len(file_ids))
            await self._request(file_ids, [])

    async def _sharing(self, recording_id: int, unknown: list[int]) -> list[int]:
        """Return the unknown sounds that have a passage of the reference."""
        stored = await self._recordings.constellations([recording_id]) if unknown else []
        if not stored:
            return []
        constellation = stored[0][1]
        left, found = np.array(unknown, np.int64), []
        while True:
            suspects = await self._workers.run(
                suspects_among, constellation, left, self._index.folder, self._settings
            )
            held = await self._recordings.constellations(sorted({each.recording_id for each in suspects}))
            sharing = await self._workers.run(
                sharing_a_passage, constellation, suspects, held, self._settings
            )
            found += sharing
            if len(sharing) < _CROWD:
                return found
            left = np.setdiff1d(left, sharing)
