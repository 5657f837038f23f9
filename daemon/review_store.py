"""Rows of identification and review: the only place that knows the columns of proposals and rejections."""

from collections.abc import AsyncIterator, Collection, Iterable, Sequence
from contextlib import asynccontextmanager

from psycopg.rows import TupleRow
from psycopg.types.json import Jsonb

from daemon.db import Database, fetch, storable
from daemon.review_rows import (
    ApplyAs,
    Doubt,
    FileSource,
    IdentificationCounts,
    Json,
    ListedFile,
    Proposal,
    TrackSource,
    UnknownFile,
)
from daemon.unknown import Naming

_MOST_DERIVED = 1_000


class ReviewStore:
    """Each method is one statement or one transaction; all raise psycopg.Error."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def files_to_identify(self, limit: int, after: int, only: Collection[int] | None) -> list[int]:
        """Return the next files that wait for identification, or for being written, without a job."""
        return _ids(
            await self._database.rows("files_to_identify", limit=limit, after=after, only=_listing(only))
        )

    async def references_to_offer(self, limit: int, after: int, only: Collection[int] | None) -> list[int]:
        """Return the next references that unknown files wait to be held against, without a job."""
        return _ids(
            await self._database.rows("references_to_offer", limit=limit, after=after, only=_listing(only))
        )

    async def offer_to_nobody(self, recording_id: int) -> None:
        """Note that no unknown file could have missed this reference, if so."""
        await self._database.rows("offer_to_nobody", recording_id=recording_id)

    async def forget_proposal_of_named(self, file_id: int) -> None:
        """Drop what was proposed for a file that has its name by now."""
        await self._database.rows("forget_proposal_of_named", file_id=file_id)

    async def file_to_identify(self, file_id: int) -> UnknownFile | None:
        """Return a file that lacks a name or album; None if it does not (any more), or is missing."""
        rows = await self._database.rows("file_to_identify", file_id=file_id)
        for found, root, path, recording_id, naming, *rest in rows:
            return UnknownFile(found, bytes(root), bytes(path), recording_id, Naming(naming), *rest)
        return None

    async def references_for(self, file: UnknownFile) -> list[int]:
        """Return the references that this file may be, ascending."""
        about = {"file_id": file.file_id, "recording_id": file.recording_id}
        return _ids(await self._database.rows("references_for", **about))

    async def rejected_names(self, recording_id: int) -> list[tuple[str, str]]:
        """Return titles and artists that a person said this sound has not."""
        return [
            (row[0], row[1]) for row in await self._database.rows("rejected_names", recording_id=recording_id)
        ]

    async def file_sources(
        self, recording_ids: Sequence[int], *, without_file: int, most: int
    ) -> list[FileSource]:
        """Return the files that name these recordings, `most` of each, those that are there first."""
        rows = await self._database.rows(
            "file_sources", recording_ids=list(recording_ids), file_id=without_file, most=most
        )
        return [FileSource(row[0], row[1], bytes(row[2]), bytes(row[3]), *row[4:]) for row in rows]

    async def video_sources(self, recording_ids: Sequence[int]) -> list[TrackSource]:
        """Return the playlists' tracks that are these recordings."""
        rows = await self._database.rows("video_sources", recording_ids=list(recording_ids))
        return [TrackSource(*row) for row in rows]

    async def track_covers(self, recording_ids: Sequence[int]) -> dict[int, bytes]:
        """Return the pictures of these recordings that playlists have."""
        rows = await self._database.rows("track_covers", recording_ids=list(recording_ids))
        return {row[0]: bytes(row[1]) for row in rows}

    async def note_identified(
        self,
        file: UnknownFile,
        *,
        outcome: str | None,
        reason: str = "",
        candidates: Sequence[Json] = (),
        apply_as: ApplyAs | None = None,
    ) -> bool:
        """Note what was found, in one transaction; False if the file changed or was named meanwhile, or a
        candidate rejected.

        Parameters
        ----------
        outcome : None if there is nothing to propose
        apply_as : it is to be written, without asking
        """
        async with self._database.cursor() as cursor:
            about = {
                "file_id": file.file_id,
                "recording_id": file.recording_id,
                "naming": file.naming.value,
            }
            if not await fetch(cursor, self._database.queries["note_identified"], about):
                return False
            recording_ids = [number for each in candidates for number in each["recordings"]]
            [(is_rejected,)] = await fetch(
                cursor, self._database.queries["are_rejected"], about | {"candidates": recording_ids}
            )
            if is_rejected:
                await cursor.connection.rollback()
                return False
            if outcome is None:
                await cursor.execute(self._database.queries["drop_proposal"], about)
            else:
                await cursor.execute(
                    self._database.queries["put_proposal"],
                    about
                    | {
                        "outcome": outcome,
                        "reason": reason,
                        "candidates": Jsonb(list(candidates)),
                        "apply_as": apply_as,
                        "apply_now": apply_as is not None,
                    },
                )
            return True

    async def proposal(self, file_id: int) -> Proposal | None:
        """Return what a file may be."""
        rows = await self._database.rows("proposal", file_id=file_id)
        return Proposal(*rows[0]) if rows else None

    async def drop_proposal(self, file_id: int) -> None:
        """Forget what a file may be."""
        await self._database.rows("drop_proposal", file_id=file_id)

    async def look_again(self, file_id: int) -> None:
        """Forget what a file may be, and have it identified anew."""
        await self._database.rows("look_again", file_id=file_id)

    async def note_refusal(self, file_id: int, refusal: str, *, retry_s: float | None) -> None:
        """Note why a file could not be written, and when that is tried again; None: a person is asked."""
        await self._database.rows("note_refusal", file_id=file_id, refusal=storable(refusal), retry_s=retry_s)

    async def acceptable(self, above: float) -> list[tuple[int, bytes]]:
        """Return files and absolute paths of what is identified, and waits for a person."""
        rows = await self._database.rows("acceptable", above=above)
        return [(row[0], bytes(row[1]).rstrip(b"/") + b"/" + bytes(row[2])) for row in rows]

    async def accept_proposals(self, file_ids: Sequence[int]) -> list[int]:
        """Have the first candidates of these files written; return which those are."""
        return [row[0] for row in await self._database.rows("accept_proposals", file_ids=list(file_ids))]

    async def unknown_recordings(self, recording_id: int, *, looking: Iterable[int]) -> list[int]:
        """Return the sounds of unknown files that could have missed this reference, ascending.

        Parameters
        ----------
        looking : files that are being held against the references at this moment
        """
        rows = await self._database.rows(
            "unknown_recordings", recording_id=recording_id, looking=list(looking)
        )
        return [row[0] for row in rows]

    async def end_offer(self, recording_id: int, to_identify: Sequence[int]) -> list[int]:
        """Note that a reference was offered, and which sounds it may name; return the files of those."""
        async with self._database.cursor() as cursor:
            again = {"recording_ids": list(to_identify)}
            rows = await fetch(cursor, self._database.queries["identify_again"], again)
            await cursor.execute(self._database.queries["note_offered"], {"recording_id": recording_id})
            return _ids(rows)

    async def reject(self, file_recording_id: int, candidates: Sequence[Json]) -> list[int]:
        """Note that a sound is none of these candidates, and return its files, which are looked at anew."""
        queries = self._database.queries
        async with self._database.cursor() as cursor:
            for each in candidates:
                wrong = {
                    "file_recording_id": file_recording_id,
                    "recording_ids": list(each["recordings"]),
                    "title": each["fields"].get("title"),
                    "artist": each["fields"].get("artist"),
                }
                await cursor.execute(queries["add_rejection"], wrong)
            # Locks the files' rows: a look that ends at this moment has noted its proposal, or sees this.
            again = {"recording_ids": [file_recording_id]}
            file_ids = _ids(await fetch(cursor, queries["identify_again"], again))
            await cursor.execute(queries["drop_rejected_proposals"], {"recording_id": file_recording_id})
            return file_ids

    @asynccontextmanager
    async def forgetting_rejections(self, recording_id: int) -> AsyncIterator[list[int]]:
        """Forget what a sound is not, and yield its files, which are looked at anew.

        Until the context ends, no look can note what it found.
        """
        queries = self._database.queries
        async with self._database.cursor() as cursor:
            await cursor.execute(queries["forget_rejections"], {"recording_id": recording_id})
            again = {"recording_ids": [recording_id]}
            yield _ids(await fetch(cursor, queries["identify_again"], again))

    async def confirm_name(self, file: ListedFile) -> None:
        """Note that a person says that what this file is called is right, so that it may name others."""
        queries = self._database.queries
        async with self._database.cursor() as cursor:
            await cursor.execute(queries["confirm_name"], {"file_id": file.file_id})
            await cursor.execute(queries["refresh_reference"], {"recording_id": file.recording_id})

    async def doubts(self, *, after: int = 0, file_id: int | None = None) -> list[Doubt]:
        """Return what is written in files, but said no more by its source, ascending by change."""
        rows = await self._database.rows("doubtful_changes", after=after, file_id=file_id)
        return [Doubt(*row) for row in rows]

    async def derived_from(self, file_id: int) -> list[int]:
        """Return the changes (1,000 at most) in force whose tags come from this file, latest first."""
        return _ids(await self._database.rows("derived_from_file", file_id=file_id, most=_MOST_DERIVED))

    async def files(
        self,
        status: str | None,
        *,
        words: Sequence[str] = (),
        after: int = 0,
        limit: int = 1,
        file_id: int | None = None,
    ) -> list[ListedFile]:
        """Return the next files in this state, ascending by id.

        Parameters
        ----------
        words : all occur in path, title, artist or album, whatever their case and accents
        """
        wanted = {"status": status, "words": list(words) or None, "file_id": file_id}
        return [
            _listed(row)
            for row in await self._database.rows("listed_files", **wanted, after=after, limit=limit)
        ]

    async def file_by_path(self, path: bytes) -> int | None:
        """Return the file at an absolute path."""
        rows = await self._database.rows("file_by_path", path=path)
        return rows[0][0] if rows else None

    async def counts(self) -> IdentificationCounts:
        """Return how far identification is."""
        return IdentificationCounts(*(await self._database.rows("identification_counts"))[0])


def _ids(rows: Sequence[TupleRow]) -> list[int]:
    return [row[0] for row in rows]


def _listing(only: Collection[int] | None) -> list[int] | None:
    return None if only is None else list(only)


def _listed(row: TupleRow) -> ListedFile:
    file_id, root, path, *known = row[:11]
    known.append(None if row[11] is None else Proposal(*row[11:]))
    return ListedFile(file_id, bytes(root), bytes(path), *known)
