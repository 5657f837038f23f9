"""Rows to values: the only place that knows the columns."""

from collections.abc import Iterable, Sequence
from datetime import timedelta

from psycopg.errors import ForeignKeyViolation
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from daemon.changes import Changes, KnownFile
from daemon.db import Database, fetch, storable
from daemon.rows import (
    Description,
    FailedFile,
    FileCounts,
    IngestedFile,
    Library,
    PendingFile,
    RecordingCounts,
)
from daemon.scan import FoundFile
from daemon.unknown import naming


class Store:
    """Reads and writes rows; each method is one statement or one transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add_library(self, root: bytes, *, watched: bool) -> int:
        """Return the library of this root, made if it is new."""
        [(library_id,)] = await self._database.rows("add_library", root=root, watched=watched)
        return int(library_id)

    async def libraries(self) -> list[Library]:
        """Return all libraries."""
        rows = await self._database.rows("libraries")
        return [Library(row[0], bytes(row[1]), row[2], row[3] is not None) for row in rows]

    async def known_files(self, library_id: int, below: Iterable[bytes] | None = None) -> list[KnownFile]:
        """Return the files of a library, or those at or below the given paths."""
        if below is None:
            rows = await self._database.rows("known_files", library_id=library_id)
        else:
            paths = list(below)
            folders = [path + b"/" if path else b"" for path in paths]
            rows = await self._database.rows(
                "known_files_below", library_id=library_id, paths=paths, folders=folders
            )
        return [KnownFile(row[0], bytes(row[1]), *row[2:]) for row in rows]

    async def apply_changes(self, library_id: int, changes: Changes, *, whole: bool) -> frozenset[bytes]:
        """Make the files table equal what a scan found.

        Parameters
        ----------
        whole : the scan saw the whole library, which counts as scanned from now on

        Returns
        -------
        The changed paths that are left as they were: the journal has still to settle what was written there.
        """
        library = {"library_id": library_id}
        queries = self._database.queries
        async with self._database.cursor() as cursor:
            # Moves first: their new paths may be where another file was, their old ones where one is now.
            for known, found in changes.moved:
                moved = library | {"file_id": known.file_id, "path": found.path}
                await cursor.execute(queries["forget_missing_at"], moved)
                await cursor.execute(queries["file_moved"], moved)
            await cursor.executemany(queries["add_file"], [library | _found(each) for each in changes.new])
            await cursor.execute(
                queries["files_to_settle"], {"file_ids": [known.file_id for known, _ in changes.changed]}
            )
            unsettled = {row[0] for row in await cursor.fetchall()}
            await cursor.executemany(
                queries["file_changed"],
                [
                    {"file_id": known.file_id} | _found(found)
                    for known, found in changes.changed
                    if known.file_id not in unsettled
                ],
            )
            await cursor.executemany(
                queries["file_renumbered"],
                [{"file_id": known.file_id} | _found(found) for known, found in changes.renumbered],
            )
            await cursor.executemany(
                queries["file_returned"], [{"file_id": known.file_id} for known, _ in changes.returned]
            )
            await cursor.executemany(
                queries["file_missing"], [{"file_id": known.file_id} for known in changes.missing]
            )
            if whole:
                await cursor.execute(queries["mark_scanned"], library)
        return frozenset(found.path for known, found in changes.changed if known.file_id in unsettled)

    async def pending_without_job(self, limit: int, *, after: int = 0) -> list[int]:
        """Return the next file ids that wait for a fingerprint and for which no job is queued, ascending."""
        rows = await self._database.rows("pending_without_job", limit=limit, after=after)
        return [row[0] for row in rows]

    async def jobs_in_progress(self) -> set[str]:
        """Return the queueing locks of the jobs that are marked as being done."""
        return {row[0] for row in await self._database.rows("jobs_in_progress")}

    async def release_jobs(self, queueing_locks: Iterable[str]) -> None:
        """Forget jobs that nobody does any more: what they were for is pending, and is deferred again."""
        await self._database.rows("release_jobs", queueing_locks=list(queueing_locks))

    async def pending_file(self, file_id: int) -> PendingFile | None:
        """Return a file whose turn it is; None if it needs no fingerprint (any more)."""
        rows = await self._database.rows("pending_file", file_id=file_id)
        return PendingFile(file_id, bytes(rows[0][0]), bytes(rows[0][1]), *rows[0][2:]) if rows else None

    async def save_ingested(self, file: PendingFile, ingested: IngestedFile) -> tuple[int, int | None] | None:
        """Store the recording and point the file at it, in one transaction.

        Returns
        -------
        The recording's id, and that of one which no file has any more (and which is gone now);
        None if the file changed meanwhile: then nothing is stored.
        """
        queries = self._database.queries
        async with self._database.cursor() as cursor:
            row = await fetch(
                cursor,
                queries["add_recording"],
                {
                    "digest": ingested.digest,
                    "fingerprint_version": ingested.fingerprint_version,
                    "constellation": ingested.constellation,
                    "duration_s": ingested.duration_s,
                },
            )
            recording_id = int(row[0][0])
            before = await fetch(
                cursor,
                queries["file_indexed"],
                {
                    "file_id": file.file_id,
                    "recording_id": recording_id,
                    "content_hash": ingested.content_hash,
                    "tags": Jsonb(ingested.tags.as_json()),
                    "naming": naming(ingested.tags, file.name).value,
                    "size_bytes": file.size_bytes,
                    "mtime_ns": file.mtime_ns,
                },
            )
            if not before:
                await cursor.connection.rollback()
                return None
            # It was about the file as it was; this one is identified anew.
            await cursor.execute(queries["drop_proposal"], {"file_id": file.file_id})
            await cursor.execute(queries["refresh_reference"], {"recording_id": recording_id})
        former = before[0][0]
        if former is None or former == recording_id:
            return recording_id, None
        # In a transaction of its own: two files that swap their sounds would wait for each other. What is
        # left behind by a crash in between goes at the next start.
        return recording_id, await self._drop_or_refresh(former)

    async def attempt_failed(self, file: PendingFile) -> None:
        """Count an attempt at a file that stays pending, if it is still the same file."""
        await self._database.rows("attempt_failed", **_same(file))

    async def file_failed(self, file: PendingFile, error: str, *, pause: timedelta | None = None) -> None:
        """Note why a file can't be fingerprinted, if it is still the same file.

        Parameters
        ----------
        pause : after which it is tried again; None: it is not until it changes
        """
        await self._database.rows("file_failed", error=storable(error), pause=pause, **_same(file))

    async def retry_at_once(self, places: Iterable[bytes]) -> None:
        """Shorten the pause of the failed files at or below these absolute paths; see `retry_due_files`."""
        await self._database.rows("retry_at_once", places=list(places))

    async def retry_due_files(self) -> None:
        """Have the failed files wait for a fingerprint whose pause is over."""
        await self._database.rows("retry_due_files")

    async def file_counts(self) -> dict[int, FileCounts]:
        """Return the counts of every library that has files."""
        return {row[0]: FileCounts(*row[1:]) for row in await self._database.rows("file_counts")}

    async def failed_files(self, limit: int) -> list[FailedFile]:
        """Return the files that can't be fingerprinted, latest first."""
        rows = await self._database.rows("failed_files", limit=limit)
        return [
            FailedFile(file_id, bytes(root).rstrip(b"/") + b"/" + bytes(path), error, retry_at)
            for file_id, root, path, error, retry_at in rows
        ]

    async def drop_unused_recordings(self) -> None:
        """Forget recordings that no file has, present or missing, and that came from no playlist."""
        await self._database.rows("drop_unused_recordings")

    async def recording_ids(self) -> list[int]:
        """Return the ids of all recordings, ascending."""
        return [row[0] for row in await self._database.rows("recording_ids")]

    async def identity(self) -> str:
        """Return what tells this database from all others: ids mean something in it only."""
        [(identity,)] = await self._database.rows("database_identity")
        return str(identity)

    async def constellations(self, recording_ids: Sequence[int]) -> list[tuple[int, bytes]]:
        """Return ids and encoded constellations of those that (still) exist."""
        rows = await self._database.rows("constellations", recording_ids=list(recording_ids))
        return [(recording_id, bytes(constellation)) for recording_id, constellation in rows]

    async def described(self, recording_ids: Sequence[int]) -> dict[int, Description]:
        """Return what these recordings are called, by id."""
        parameters = {"recording_ids": list(recording_ids)}
        async with self._database.pool.connection() as connection:
            cursor = connection.cursor(row_factory=class_row(Description))
            await cursor.execute(self._database.queries["described"], parameters)
            return {description.recording_id: description async for description in cursor}

    async def recording_counts(self) -> RecordingCounts:
        """Return how many recordings there are, how many of them references, and their seconds."""
        [counts] = await self._database.rows("recording_counts")
        return RecordingCounts(*counts)

    async def _drop_or_refresh(self, recording_id: int) -> int | None:
        """Forget a recording that has lost a file, or name it after those it still has."""
        try:
            rows = await self._database.rows("drop_unused_recording", recording_id=recording_id)
        except ForeignKeyViolation:  # another file took it at this moment
            return None
        if rows:
            return recording_id
        await self._database.rows("refresh_reference", recording_id=recording_id)
        return None


def _same(file: PendingFile) -> dict[str, object]:
    return {"file_id": file.file_id, "size_bytes": file.size_bytes, "mtime_ns": file.mtime_ns}


def _found(file: FoundFile) -> dict[str, object]:
    return {
        "path": file.path,
        "size_bytes": file.size_bytes,
        "mtime_ns": file.mtime_ns,
        "inode": file.inode,
        "device": file.device,
    }
