"""What an unknown file is: its stored constellation, held against all references."""

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable, Collection
from pathlib import Path

import numpy as np

from daemon.attempts import Attempts
from daemon.candidates import Decision, decide_name, relevant_ids
from daemon.config_options import Tagging
from daemon.identify_jobs import suspects_among
from daemon.index_keeper import IndexKeeper
from daemon.looks import Looks
from daemon.name_writer import NameWriter
from daemon.review_rows import ApplyAs, UnknownFile
from daemon.review_store import ReviewStore
from daemon.source_reader import SourceReader
from daemon.sources import trusted_part
from daemon.store import Store
from daemon.tag_fields import TagFields
from daemon.unknown import Naming
from daemon.whole_jobs import contents_of
from daemon.workers import WorkerPool
from engine.decision import Outcome
from engine.settings import Settings

log = logging.getLogger(__name__)

_INDEX_WAIT_S = 30.0
"""An index that is longer behind is being built: what waits for it is deferred again by the clock."""

Request = Callable[[Collection[int], Collection[int]], Awaitable[object]]
"""Asks for jobs: files to identify, and references to offer."""


class IdentifyService:
    """Identifies files, and writes, proposes or leaves what comes of it."""

    def __init__(
        self,
        store: ReviewStore,
        recordings: Store,
        index: IndexKeeper,
        workers: WorkerPool,
        *,
        reader: SourceReader,
        writer: NameWriter,
        options: Tagging,
        looks: Looks,
        settings: Settings,
        request: Request,
    ) -> None:
        self._store = store
        self._recordings = recordings
        self._index = index
        self._workers = workers
        self._reader = reader
        self._writer = writer
        self._options = options
        self._looks = looks
        self._settings = settings
        self._request = request
        self._attempts = Attempts(index, "file")
        self.news = 0
        """Grows with each file that was fingerprinted or decided on."""

    async def arrived(self, file_id: int, recording_id: int) -> None:
        """Ask for what follows from a file that was just fingerprinted. Raises psycopg.Error."""
        self.news += 1
        await self._store.forget_proposal_of_named(file_id)
        if not self._looks.file_ids():
            await self._store.offer_to_nobody(recording_id)
        await self._request([file_id], [recording_id])

    async def identify(self, file_id: int) -> None:
        """Find out what a file is, if that is not known; then write what is decided, if it is due.

        Raises
        ------
        psycopg.Error, IndexDamaged, WorkerDied, MemoryError : worth another attempt
        """
        file = await self._store.file_to_identify(file_id)
        if file is None:
            await self._store.forget_proposal_of_named(file_id)
            return
        if self._looks.is_at(file_id):
            return
        while file is not None and file.is_new:
            if not await self._look(file):
                return
            file = await self._store.file_to_identify(file_id)
        proposal = await self._store.proposal(file_id)
        if file is not None and proposal is not None and proposal.is_due:
            await self._writer.write_due(file)

    async def _look(self, file: UnknownFile) -> bool:
        """Decide on a file and note that; False if it has to wait."""
        with self._looks.looking(file.file_id, file.recording_id) as look:
            while True:
                look.is_stale = False
                references = await self._store.references_for(file)
                # Before the index is asked: whoever is a reference by now must be in it.
                if not await has_caught_up(self._index):
                    return False
                decision = await self._decided(file, references)
                if not await self._note(file, decision):
                    return False
                self.news += 1
                if not look.is_stale:
                    return True

    async def _note(self, file: UnknownFile, decision: Decision) -> bool:
        path = Path(os.fsdecode(file.place))
        mode = self._options.mode_of(path, arrived_later=file.arrived_later)
        apply_as: ApplyAs = "filled" if file.naming is Naming.INCOMPLETE else "identified"
        is_certain = decision.outcome is Outcome.IDENTIFIED
        log.info("file %d is %s: %s (%s)", file.file_id, decision.outcome, decision.reason, mode)
        return await self._store.note_identified(
            file,
            outcome=None if decision.outcome is Outcome.UNKNOWN else decision.outcome.value,
            reason=decision.reason,
            candidates=[each.as_json() for each in decision.candidates],
            apply_as=apply_as if is_certain and mode == "apply" else None,
        )

    async def _decided(self, file: UnknownFile, references: list[int]) -> Decision:
        if not references:
            return Decision(Outcome.UNKNOWN, "no reference is known")
        return await self._attempts.run(
            file.file_id,
            lambda: self._decision(file, references),
            if_unreadable=Decision(Outcome.UNKNOWN, "its stored constellation is damaged"),
            if_given_up=Decision(Outcome.UNKNOWN, "workers died over it"),
        )

    async def _decision(self, file: UnknownFile, references: list[int]) -> Decision:
        stored = await self._recordings.constellations([file.recording_id])
        if not stored:
            return Decision(Outcome.UNKNOWN, "its recording is gone")
        constellation = stored[0][1]
        suspects = await self._workers.run(
            suspects_among, constellation, np.array(references, np.int64), self._index.folder, self._settings
        )
        held = await self._recordings.constellations(sorted({each.recording_id for each in suspects}))
        verdict = await self._workers.run(contents_of, constellation, suspects, held, self._settings)
        sources = await self._reader.sources(relevant_ids(verdict), for_file=file.file_id)
        own = TagFields(title=file.tags.get("title"), artist=file.tags.get("artist"))
        return decide_name(
            verdict,
            sources,
            naming=file.naming,
            own=trusted_part(own, file.name),
            rejected=await self._store.rejected_names(file.recording_id),
        )


async def has_caught_up(index: IndexKeeper) -> bool:
    """Wait until the index holds all that is known; False if that takes longer than a job should."""
    try:
        async with asyncio.timeout(_INDEX_WAIT_S):
            await index.caught_up()
    except TimeoutError:
        log.info("the index is behind: identification waits")
        return False
    return True
