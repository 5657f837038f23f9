"""What the database counts, for GET /metrics."""

from collections.abc import Mapping

from daemon.db import Database, fetch

_POOL_WAIT_S = 2.0
"""A scrape does not wait for a database that is away: its absence is a figure, too."""

Figures = Mapping[tuple[str, str], float]
"""How many there are, by what and of which kind."""


class MetricsStore:
    """Its method is one statement, and raises psycopg.Error."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def figures(self) -> Figures:
        """Return all that is counted."""
        query = self._database.queries["figures"]
        async with (
            self._database.pool.connection(timeout=_POOL_WAIT_S) as connection,
            connection.cursor() as cursor,
        ):
            return {(what, kind): float(number) for what, kind, number in await fetch(cursor, query, {})}
