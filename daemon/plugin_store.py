"""Rows about media servers: what they call our files, and what they have still to be told."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from daemon.db import Database


@dataclass(frozen=True, slots=True)
class Notice:
    """A write, or an undo, that a plugin was not told of yet."""

    notice_id: int
    root: bytes
    path: bytes
    """Below the root; where the file is now."""
    item_id: str | None
    """What the server calls it."""
    replaces: bool
    """Something that the file said before is gone."""

    @property
    def place(self) -> bytes:
        """Return the file's absolute path."""
        return self.root.rstrip(b"/") + b"/" + self.path


class PluginStore:
    """Each method is one statement or one transaction; all raise psycopg.Error."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def set_listeners(self, plugins: Collection[str]) -> None:
        """Have these plugins told of every write from now on, and no others."""
        async with self._database.pool.connection() as connection:
            about = {"plugins": list(plugins)}
            await connection.execute(self._database.queries["drop_listeners"], about)
            await connection.execute(self._database.queries["add_listeners"], about)

    async def notices(self, plugin: str, limit: int) -> list[Notice]:
        """Return what a plugin has still to be told, oldest first."""
        rows = await self._database.rows("notices", plugin=plugin, limit=limit)
        return [Notice(row[0], bytes(row[1]), bytes(row[2]), row[3], row[4]) for row in rows]

    async def told(self, notice_ids: Sequence[int]) -> None:
        """Forget what a plugin was told."""
        await self._database.rows("notices_told", notice_ids=list(notice_ids))

    async def waiting(self, plugin: str) -> int:
        """Return how many writes a plugin has still to be told of."""
        return int((await self._database.rows("notices_waiting", plugin=plugin))[0][0])

    async def note_item(self, plugin: str, file_id: int, item_id: str) -> None:
        """Keep what a server calls a file."""
        await self._database.rows("note_item", plugin=plugin, file_id=file_id, item_id=item_id)
