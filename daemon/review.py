"""What a person decides: accept, reject, or name a file."""

import os
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from daemon.change_rows import Change
from daemon.config_options import Tagging
from daemon.identify import Request
from daemon.journal import Journal
from daemon.library import shown
from daemon.looks import Looks
from daemon.name_writer import BY_A_PERSON, NameWriter
from daemon.review_errors import NoSuchCandidate, NoSuchFile, NothingProposed, NotWritten
from daemon.review_rows import Doubt, ListedFile, Proposal, UnknownFile
from daemon.review_store import ReviewStore
from daemon.tag_fields import TagFields
from daemon.tagging import Refused, TaggingService, Unchanged

_NAMING_FIELDS = ("title", "artist", "album")


@dataclass(frozen=True, slots=True)
class Named:
    """What came of naming a file by hand."""

    change: Change | None
    """None: the file said all that already."""
    derived: tuple[int, ...]
    """Changes to other files whose tags came from this one while it was called otherwise."""


@dataclass(frozen=True, slots=True)
class Doubtful:
    """A change whose source says otherwise now."""

    change: Change
    doubts: tuple[Doubt, ...]


class ReviewService:
    """Does what a person decides about unknown files. All methods raise psycopg.Error."""

    def __init__(
        self,
        store: ReviewStore,
        journal: Journal,
        tagging: TaggingService,
        writer: NameWriter,
        *,
        options: Tagging,
        looks: Looks,
        request: Request,
    ) -> None:
        self._store = store
        self._journal = journal
        self._tagging = tagging
        self._writer = writer
        self._options = options
        self._looks = looks
        self._request = request

    async def files(
        self, status: str | None, *, words: Sequence[str] = (), after: int, limit: int
    ) -> list[ListedFile]:
        """Return the next files in this state, ascending by number; `words` as `ReviewStore.files`."""
        return await self._store.files(status, words=words, after=after, limit=limit)

    async def file(self, file_id: int) -> ListedFile:
        """Return one file. Raises NoSuchFile."""
        found = await self._store.files(None, file_id=file_id)
        if not found:
            raise NoSuchFile(file_id)
        return found[0]

    async def file_at(self, path: bytes) -> int | None:
        """Return the file at an absolute path."""
        return await self._store.file_by_path(path)

    async def changes(self, file: ListedFile) -> list[Change]:
        """Return the latest changes to a file."""
        return await self._journal.changes(file=(file.root, file.path))

    async def accept(self, file_id: int, candidate: int | None = None) -> Change | None:
        """Write what is proposed, and take it for right; None if the file says all that already.

        Parameters
        ----------
        candidate : the recording that the file is; may be left out where there is one candidate only

        Raises
        ------
        NoSuchFile, NothingProposed, NoSuchCandidate
        NotWritten : the sentence says why
        """
        async with AsyncExitStack() as stack:
            file, proposal = await self._proposed_in_turn(file_id, stack)
            self._check_writes(file)
            chosen = _chosen(file_id, proposal, candidate)
            result = await self._writer.write(file, proposal, chosen, cause="accepted", by_person=True)
        change = _written(result)
        await self._confirm(file_id)
        return change

    async def accept_all(self, *, above: float) -> list[int]:
        """Have everything written that is identified with at least this confidence; return those files.

        Ambiguous files wait on, and what is accepted unseen names no other files.
        """
        waiting = await self._store.acceptable(above)
        file_ids = [
            file_id
            for file_id, place in waiting
            if self._options.mode_of(Path(os.fsdecode(place)), arrived_later=True) != "dry-run"
        ]
        accepted = await self._store.accept_proposals(file_ids)
        await self._request(accepted, [])
        return sorted(accepted)

    async def reject(self, file_id: int, candidate: int | None = None) -> list[int]:
        """Never again propose this candidate (or any that is proposed now) for the file's sound.

        Returns
        -------
        The recordings that it is not. The file is held against the others once more.

        Raises
        ------
        NoSuchFile, NothingProposed, NoSuchCandidate
        """
        async with AsyncExitStack() as stack:
            file, proposal = await self._proposed_in_turn(file_id, stack)
            rejected = proposal.candidates if candidate is None else [_chosen(file_id, proposal, candidate)]
            file_ids = await self._store.reject(file.recording_id, rejected)
        await self._request(file_ids, [])
        return sorted({recording for each in rejected for recording in each["recordings"]})

    async def rejected(self, file: ListedFile) -> list[tuple[str, str]]:
        """Return the titles and artists that a file's sound has not, as somebody said."""
        return [] if file.recording_id is None else await self._store.rejected_names(file.recording_id)

    async def reconsider(self, file_id: int) -> list[tuple[str, str]]:
        """Take back all that was said against names of a file's sound, which is held against all once more.

        Returns
        -------
        The titles and artists that may be proposed again. Raises NoSuchFile.
        """
        file = await self.file(file_id)
        if file.recording_id is None:
            return []
        async with self._writer.turn(file.recording_id):
            rejected = await self.rejected(file)
            async with self._store.forgetting_rejections(file.recording_id) as file_ids:
                self._looks.miss([file.recording_id])
        await self._request(file_ids, [])
        return rejected

    async def name(self, file_id: int, fields: TagFields) -> Named:
        """Write what a person says, and take it for right: the file names others from then on.

        Raises
        ------
        NoSuchFile
        NotWritten : the sentence says why
        """
        await self.file(file_id)
        result = await self._tagging.apply(
            file_id,
            fields,
            cause="named",
            recording_id=None,
            evidence={"reason": "a person named it", **BY_A_PERSON},
            mode="overwrite",
        )
        change = _written(result)
        await self._confirm(file_id)
        await self._store.forget_proposal_of_named(file_id)
        is_renamed = change is not None and any(
            change.before_tags.get(each) != change.after_tags.get(each) for each in _NAMING_FIELDS
        )
        return Named(change, tuple(await self.derived(file_id)) if is_renamed else ())

    async def derived(self, file_id: int) -> list[int]:
        """Return the changes in force whose tags came from this file, latest first."""
        return await self._store.derived_from(file_id)

    async def doubtful(self, *, after: int, limit: int) -> list[Doubtful]:
        """Return the next changes that no person confirmed, and whose source says otherwise now."""
        found: list[Doubtful] = []
        for change_id, doubts in groupby(await self._store.doubts(after=after), lambda each: each.change_id):
            change = await self._journal.change(change_id)
            if change is not None:
                found.append(Doubtful(change, tuple(doubts)))
            if len(found) == limit:
                break
        return found

    async def _confirm(self, file_id: int) -> None:
        """Take what the file is called for right, and have it name others."""
        for file in await self._store.files(None, file_id=file_id):
            if file.recording_id is not None:
                await self._store.confirm_name(file)
                await self._request([], [file.recording_id])

    async def _proposed_in_turn(self, file_id: int, stack: AsyncExitStack) -> tuple[UnknownFile, Proposal]:
        """Return a file and what it may be, in the turn of its sound: until the stack ends that holds."""
        file = await self._unknown(file_id)
        await stack.enter_async_context(self._writer.turn(file.recording_id))
        now, proposal = await self._unknown(file_id), await self._store.proposal(file_id)
        if proposal is None or not proposal.candidates or now.recording_id != file.recording_id:
            raise NothingProposed(file_id)
        return now, proposal

    async def _unknown(self, file_id: int) -> UnknownFile:
        file = await self._store.file_to_identify(file_id)
        if file is None:
            await self.file(file_id)  # raises where there is none
            raise NothingProposed(file_id)
        return file

    def _check_writes(self, file: UnknownFile) -> None:
        path = Path(os.fsdecode(file.place))
        if self._options.mode_of(path, arrived_later=file.arrived_later) == "dry-run":
            raise NotWritten(f"{shown(file.path)}: tagging.mode is dry-run here, so nothing is written")


def _chosen(file_id: int, proposal: Proposal, candidate: int | None) -> dict[str, Any]:
    recordings = tuple(each["recording"] for each in proposal.candidates)
    if candidate is None and len(recordings) == 1:
        return proposal.candidates[0]
    for each in proposal.candidates:
        if candidate is not None and candidate in each["recordings"]:
            return each
    raise NoSuchCandidate(file_id, recordings)


def _written(result: Change | Unchanged | Refused) -> Change | None:
    match result:
        case Refused():
            raise NotWritten(result.reason, result.retry_after_s)
        case Unchanged():
            return None
        case _:
            return result
