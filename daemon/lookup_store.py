"""Rows of look-ups: the only place that knows their columns."""

from collections.abc import Sequence
from uuid import UUID, uuid4

from psycopg.rows import class_row

from daemon.db import Database
from daemon.lookup_rows import Asked, KnownAtPlace, LookedUp


class LookupStore:
    """Each method is one statement; all raise psycopg.Error."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def file_at(self, path: bytes) -> KnownAtPlace | None:
        """Return the file at an absolute path."""
        rows = await self._database.rows("file_at_place", path=path)
        return KnownAtPlace(*rows[0]) if rows else None

    async def add(self, asked: Asked, file_id: int, *, most_waiting: int) -> UUID | None:
        """Note a look-up, or find the one that asks the same; None if too many wait."""
        rows = await self._database.rows(
            "add_lookup",
            task_id=uuid4(),
            file_id=file_id,
            path=asked.path,
            source=asked.source,
            item_id=asked.item_id,
            wants_tags=asked.wants_tags,
            most_waiting=most_waiting,
        )
        return rows[0][0] if rows else None

    async def lookups(self, task_ids: Sequence[UUID]) -> list[LookedUp]:
        """Return those of these that have not expired, with the present state of their files."""
        async with self._database.pool.connection() as connection:
            cursor = connection.cursor(row_factory=class_row(LookedUp))
            await cursor.execute(self._database.queries["lookups"], {"task_ids": list(task_ids)})
            return await cursor.fetchall()

    async def waiting(self, *, after: UUID | None, limit: int) -> list[UUID]:
        """Return the next look-ups that are not noted as finished, ascending."""
        return [row[0] for row in await self._database.rows("waiting_lookups", after=after, limit=limit)]

    async def finish(self, task_ids: Sequence[UUID]) -> None:
        """Note that these have their answers, from now on."""
        await self._database.rows("finish_lookups", task_ids=list(task_ids))

    async def expire(self, *, lifetime_s: float, longest_wait_s: float) -> None:
        """Forget what was finished so long ago, and what has been waiting for longer than that."""
        await self._database.rows("expire_lookups", lifetime_s=lifetime_s, longest_wait_s=longest_wait_s)
