"""A candidate to tags in a file: who names it is asked again at the moment of writing."""

import logging
from collections.abc import Mapping
from typing import Any

from daemon.candidates import origins_as_json
from daemon.change_rows import Change
from daemon.config_options import Tagging
from daemon.review_rows import ApplyAs, Proposal, UnknownFile
from daemon.review_store import ReviewStore
from daemon.source_reader import SourceReader
from daemon.sources import merged, same_name
from daemon.tag_fields import TagFields
from daemon.tagging import Refused, TaggingService, Unchanged

log = logging.getLogger(__name__)

_EVIDENCE = ("relation", "confidence", "score", "file_coverage", "recording_coverage", "recordings")


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

    async def write_due(self, file: UnknownFile, proposal: Proposal) -> None:
        """Write what is decided of a file; if that is refused, note why, and when it is tried again.

        Raises
        ------
        psycopg.Error, WorkerDied, MemoryError : nothing was written
        """
        if proposal.apply_as is None:
            return
        result = await self.write(file, proposal, proposal.candidates[0], cause=proposal.apply_as)
        if isinstance(result, Refused):
            log.info("file %d is not tagged: %s", file.file_id, result.reason)
            await self._store.note_refusal(file.file_id, result.reason, retry_s=result.retry_after_s)

    async def write(
        self, file: UnknownFile, proposal: Proposal, candidate: Mapping[str, Any], *, cause: ApplyAs
    ) -> Change | Unchanged | Refused:
        """Write one candidate into a file, and forget what was proposed if that is done. Raises as above."""
        wanted = TagFields(title=candidate["fields"].get("title"), artist=candidate["fields"].get("artist"))
        sources = [
            each
            for each in await self._reader.sources(candidate["recordings"], for_file=file.file_id)
            if same_name(each.fields, wanted)
        ]
        if not sources:
            return Refused(
                "what this name came from is gone or is called otherwise now: reject it, or choose"
            )
        if self._options.covers:
            sources = await self._reader.with_covers(sources)
        named = merged(sources)
        overwrites = self._options.overwrite and cause != "filled"
        result = await self._tagging.apply(
            file.file_id,
            named.fields,
            cause=cause,
            recording_id=named.best.recording_id,
            evidence={
                "outcome": proposal.outcome,
                "reason": proposal.reason,
                "sources": origins_as_json(named.origins),
                **{name: candidate[name] for name in _EVIDENCE},
            },
            mode="overwrite" if overwrites else "fill",
        )
        if not isinstance(result, Refused):
            await self._store.drop_proposal(file.file_id)
        return result
