"""Rows of the clips that somebody asked about: the only place that knows the columns of `match_tasks`."""

from uuid import UUID

from psycopg.types.json import Jsonb

from daemon.db import Database, storable
from daemon.rows import Task


class MatchTaskStore:
    """Each method is one statement; all raise psycopg.Error."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, task_id: UUID) -> None:
        """Note a match that was asked for."""
        await self._database.rows("add_task", task_id=task_id)

    async def finish(
        self,
        task_id: UUID,
        *,
        result: list[dict[str, object]] | None = None,
        outcome: str | None = None,
        reason: str | None = None,
        error: str | None = None,
    ) -> None:
        """Note a match's result, or why there is none."""
        await self._database.rows(
            "finish_task",
            task_id=task_id,
            status="success" if error is None else "fail",
            result=None if result is None else Jsonb(result),
            outcome=outcome,
            reason=reason,
            error=None if error is None else storable(error),
        )

    async def task(self, task_id: UUID) -> Task | None:
        """Return a match that was asked for and has not expired."""
        rows = await self._database.rows("task", task_id=task_id)
        return Task(*rows[0]) if rows else None

    async def interrupt(self) -> None:
        """Fail what was running when the service stopped."""
        await self._database.rows("interrupt_tasks")

    async def expire(self, lifetime_s: float) -> None:
        """Forget what was finished so long ago."""
        await self._database.rows("expire_tasks", lifetime_s=lifetime_s)
