"""Keep the journal of every change to a file: the only place that knows the columns of `changes`."""

from collections.abc import Mapping
from datetime import datetime

from psycopg import AsyncCursor
from psycopg.errors import UniqueViolation
from psycopg.rows import TupleRow, class_row
from psycopg.types.json import Jsonb

from daemon.change_errors import NameRejected
from daemon.change_rows import Cause, Change, FileToTag, Json, Written
from daemon.db import Database, storable
from daemon.file_safety import name_of
from daemon.safe_write import Prepared
from daemon.scan import bigint

_MOST_DERIVED = 1_000


class Journal:
    """Each method is one statement or one transaction; all raise psycopg.Error."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def file(self, file_id: int) -> FileToTag | None:
        """Return what is known of a file."""
        async with self._database.pool.connection() as connection:
            cursor = connection.cursor(row_factory=class_row(FileToTag))
            await cursor.execute(self._database.queries["file_to_tag"], {"file_id": file_id})
            return await cursor.fetchone()

    async def file_at(self, root: bytes, path: bytes) -> int | None:
        """Return the file at a path below a library's root."""
        async with self._database.cursor() as cursor:
            return await self._one("file_at", {"root": root, "path": path}, cursor)

    async def begin(
        self, file: FileToTag, prepared: Prepared, *, cause: Cause, recording_id: int | None, evidence: Json
    ) -> int | None:
        """Note what is about to be written; None if another write to this file is under way.

        Raises
        ------
        NameRejected : a person said meanwhile that it is wrong
        """
        about = {"file_id": file.file_id, "recording_id": recording_id}
        async with self._database.cursor() as cursor:
            await self._one("lock_file", about, cursor)
            if await self._one("is_rejected", about, cursor):
                raise NameRejected(name_of(file.place))
            return await self._one(
                "begin_change",
                {
                    "file_id": file.file_id,
                    "root": file.root,
                    "path": file.path,
                    "cause": cause,
                    "recording_id": recording_id,
                    "before_sha256": prepared.before_sha256,
                    "after_sha256": prepared.after_sha256,
                    "audio_md5": prepared.audio_md5,
                    "delta": prepared.delta,
                    "before_tags": Jsonb(prepared.old.as_json()),
                    "after_tags": Jsonb(prepared.new.as_json()),
                    "evidence": Jsonb(dict(evidence)),
                },
                cursor,
            )

    async def done(self, change_id: int, now: Written) -> int | None:
        """Note that a change is written, and what its file is now, together; once more is no error.

        A change that restores what another one had overwritten marks that one as undone.

        Returns
        -------
        The file's recording if that stopped to be a reference.
        """
        async with self._database.cursor() as cursor:
            await cursor.execute(self._database.queries["change_done"], {"change_id": change_id})
            row = await cursor.fetchone()
            if row is None:
                return None
            file_id, undoes = row
            if undoes is not None:
                await self._end(cursor, undoes, status="done")
            return await self._note_file(cursor, file_id, now)

    async def abandon(self, change_id: int, reason: str) -> None:
        """Note that a change was not written, and why."""
        await self._database.rows("change_abandoned", change_id=change_id, error=storable(reason))

    async def begin_undo(self, change_id: int) -> bool:
        """Note that a change is about to be undone; False if it is not done, or its file is being written."""
        try:
            async with self._database.cursor() as cursor:
                return await self._one("begin_undo", {"change_id": change_id}, cursor) is not None
        except UniqueViolation:
            return False

    async def undone(self, change_id: int, now: Written) -> int | None:
        """Note that a change is undone, what its file is now, and that it was wrong, together.

        What that change itself had undone is in force again.

        Returns
        -------
        The file's recording if that stopped to be a reference.
        """
        async with self._database.cursor() as cursor:
            file_id = await self._end(cursor, change_id, status="undoing")
            if file_id is None:
                return None
            return await self._note_file(cursor, file_id, now)

    async def keep(self, change_id: int, reason: str) -> None:
        """Note that a change was not undone after all, and why."""
        await self._database.rows("undo_failed", change_id=change_id, error=storable(reason))

    async def confirm(self, change_id: int) -> bool:
        """Note that a person says a change is right, so that its file may name others; False if not done."""
        async with self._database.cursor() as cursor:
            await cursor.execute(self._database.queries["confirm_change"], {"change_id": change_id})
            row = await cursor.fetchone()
            if row is not None and row[0] is not None:
                await cursor.execute(self._database.queries["refresh_reference"], {"recording_id": row[0]})
            return row is not None

    async def change(self, change_id: int) -> Change | None:
        """Return one change."""
        found = await self._changes(change_id=change_id)
        return found[0] if found else None

    async def changes(
        self,
        *,
        file: tuple[bytes, bytes] | None = None,
        since: datetime | None = None,
        before_id: int | None = None,
        limit: int = 100,
    ) -> list[Change]:
        """Return changes, latest first.

        Parameters
        ----------
        file : only those to the file that is, or was, at this path below this root
        before_id : only earlier ones than this: the next page
        """
        root, path = (None, None) if file is None else file
        file_id = None if file is None else await self.file_at(*file)
        return await self._changes(
            root=root, path=path, file_id=file_id, since=since, before_id=before_id, limit=limit
        )

    async def open_changes(self) -> list[int]:
        """Return the changes of which the file tells whether they are written."""
        async with self._database.cursor() as cursor:
            await cursor.execute(self._database.queries["open_changes"])
            return [row[0] for row in await cursor.fetchall()]

    async def derived_from(self, recording_id: int) -> list[int]:
        """Return the changes (1,000 at most) whose tags come from this recording, latest first."""
        async with self._database.cursor() as cursor:
            await cursor.execute(
                self._database.queries["derived_changes"],
                {"recording_id": recording_id, "limit": _MOST_DERIVED},
            )
            return [row[0] for row in await cursor.fetchall()]

    async def later_than(self, change_id: int) -> int | None:
        """Return the latest change that was made to the same file after this one, and still holds."""
        async with self._database.cursor() as cursor:
            return await self._one("later_change", {"change_id": change_id}, cursor)

    async def may_turn_up(self, change_id: int) -> bool:
        """Tell whether scans have still to say what became of a change's file."""
        async with self._database.cursor() as cursor:
            return bool(await self._one("may_turn_up", {"change_id": change_id}, cursor))

    async def follow(self, change: Change, sha256: bytes) -> int | None:
        """Give a missing file's history to a new one that has its content: it was moved.

        Returns
        -------
        That file; None if there is none.
        """
        async with self._database.cursor() as cursor:
            file_id = await self._one("moved_here", {"content_hash": sha256}, cursor)
            if file_id is not None:
                about = {"change_id": change.change_id, "file_id": file_id}
                await cursor.execute(self._database.queries["move_history"], about)
            return file_id

    async def delta(self, change_id: int) -> bytes:
        """Return what makes the old file of the new one."""
        async with self._database.cursor() as cursor:
            await cursor.execute(self._database.queries["change_delta"], {"change_id": change_id})
            row = await cursor.fetchone()
            return b"" if row is None else bytes(row[0])

    async def _end(self, cursor: AsyncCursor[TupleRow], change_id: int, *, status: str) -> int | None:
        """Note that a change in this status is undone, and was wrong; return its file, if there is one."""
        about = {"change_id": change_id, "status": status}
        await cursor.execute(self._database.queries["change_undone"], about)
        row = await cursor.fetchone()
        if row is None:
            return None
        file_id: int | None
        file_id, undoes = row
        await cursor.execute(self._database.queries["reject_undone"], about)
        if undoes is not None:
            await cursor.execute(self._database.queries["change_redone"], {"change_id": undoes})
        return file_id

    async def _note_file(self, cursor: AsyncCursor[TupleRow], file_id: int, now: Written) -> int | None:
        """Make the file's row what the file is; return its recording if that stopped to be a reference."""
        recording_id = await self._one(
            "file_rewritten",
            {
                "file_id": file_id,
                "size_bytes": now.stamp.size_bytes,
                "mtime_ns": bigint(now.stamp.mtime_ns),
                "inode": bigint(now.stamp.inode),
                "device": bigint(now.stamp.device),
                "content_hash": now.sha256,
                "tags": Jsonb(now.tags.as_json()),
                "naming": now.naming.value,
            },
            cursor,
        )
        if recording_id is None:
            return None
        about = {"recording_id": recording_id}
        was_reference = await self._one("is_reference", about, cursor)
        await cursor.execute(self._database.queries["refresh_reference"], about)
        is_reference = await self._one("is_reference", about, cursor)
        return recording_id if was_reference and not is_reference else None

    async def _changes(self, **wanted: object) -> list[Change]:
        names = ("change_id", "root", "path", "file_id", "since", "before_id")
        parameters = dict.fromkeys(names) | {"limit": 1} | wanted
        async with self._database.pool.connection() as connection:
            cursor = connection.cursor(row_factory=class_row(Change))
            await cursor.execute(self._database.queries["changes"], parameters)
            return await cursor.fetchall()

    async def _one(
        self, query: str, parameters: Mapping[str, object], cursor: AsyncCursor[TupleRow]
    ) -> int | None:
        """Return a row's only value, None if there is no row."""
        await cursor.execute(self._database.queries[query], parameters)
        row = await cursor.fetchone()
        return None if row is None else row[0]
