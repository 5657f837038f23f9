"""A candidate to tags in a file: who names it is asked again at the moment of writing."""

import logging
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any

from daemon.candidates import origins_as_json
from daemon.change_rows import Cause, Change
from daemon.config_options import Tagging
from daemon.review_rows import ApplyAs, Proposal, UnknownFile
from daemon.review_store import ReviewStore
from daemon.source_reader import SourceReader
from daemon.sources import agrees, merged, same_name, trusted_part
from daemon.tag_fields import Mode, TagFields
from daemon.tagging import Refused, TaggingService, Unchanged
from daemon.turns import Turns
from daemon.unknown import Naming

log = logging.getLogger(__name__)

_EVIDENCE = ("relation", "confidence", "score", "file_coverage", "recording_coverage", "recordings")
BY_A_PERSON = {"decided_by": "a person"}
"""In a change's evidence: it is confirmed with being done (sql/changes.sql)."""


class NameWriter:
    """Writes what files are called."""

    def __init__(
        self,
        store: ReviewStore,
        reader: SourceReader,
        tagging: TaggingService,
        options: Tagging,
    ) -> None:
        self._store = store
        self._reader = reader
        self._tagging = tagging
        self._options = options
        self._turns = Turns()

    def turn(self, recording_id: int) -> AbstractAsyncContextManager[None]:
        """Wait for who writes, accepts or rejects for this sound: what one has decided, the next one sees."""
        return self._turns.of(recording_id)

    async def write_due(self, file: UnknownFile) -> None:
        """Write what is decided of a file; if that is refused, note why, and when it is tried again.

        Raises
        ------
        psycopg.Error, WorkerDied, MemoryError : nothing was written
        """
        async with self.turn(file.recording_id):
            now = await self._store.file_to_identify(file.file_id)
            proposal = await self._store.proposal(file.file_id)
            if now is None or now.is_new or now.recording_id != file.recording_id:
                return
            if proposal is None or proposal.apply_as is None or not proposal.is_due:
                return
            result = await self.write(now, proposal, proposal.candidates[0], cause=proposal.apply_as)
            if isinstance(result, Refused):
                log.info("file %d is not tagged: %s", file.file_id, result.reason)
                await self._store.note_refusal(file.file_id, result.reason, retry_s=result.retry_after_s)

    async def write(
        self,
        file: UnknownFile,
        proposal: Proposal,
        candidate: Mapping[str, Any],
        *,
        cause: ApplyAs,
        by_person: bool = False,
    ) -> Change | Unchanged | Refused:
        """Write one candidate into a file, in its turn, and forget what was proposed if that is done.

        Parameters
        ----------
        by_person : a person chose it for this file

        Raises
        ------
        psycopg.Error, WorkerDied, MemoryError : nothing was written
        """
        wanted = TagFields(title=candidate["fields"].get("title"), artist=candidate["fields"].get("artist"))
        sources = [
            each
            for each in await self._reader.sources(candidate["recordings"], for_file=file.file_id)
            if same_name(each.fields, wanted)
        ]
        if not sources:
            await self._store.look_again(file.file_id)
            return Refused(
                "what this name came from is gone or is called otherwise now: the file is looked at anew"
            )
        if self._options.covers:
            sources = await self._reader.with_covers(sources)
        named = merged(sources)
        result = await self._tagging.apply(
            file.file_id,
            named.fields,
            cause=_cause(file, cause),
            recording_id=named.best.recording_id,
            evidence={
                "outcome": proposal.outcome,
                "reason": proposal.reason,
                "sources": origins_as_json(named.origins),
                **{name: candidate[name] for name in _EVIDENCE},
                **(BY_A_PERSON if by_person else {}),
            },
            mode=self._mode(file, named.fields, by_person=by_person),
        )
        if not isinstance(result, Refused):
            await self._store.drop_proposal(file.file_id)
        return result

    def _mode(self, file: UnknownFile, fields: TagFields, *, by_person: bool) -> Mode:
        """Return how to write: who chooses another name than the file's wants that one, not half of each."""
        if file.naming is Naming.INCOMPLETE:
            return "fill"
        own = trusted_part(TagFields(title=file.tags.get("title"), artist=file.tags.get("artist")), file.name)
        is_chosen_over_it = by_person and not agrees(own, fields)
        return "overwrite" if self._options.overwrite or is_chosen_over_it else "fill"


def _cause(file: UnknownFile, cause: ApplyAs) -> Cause:
    """Return why it is written: what is filled into a file that has a name of its own leaves it that name."""
    if file.naming is Naming.INCOMPLETE:
        return "identified" if file.is_guess else "filled"
    return cause
