"""What those who follow the daemon are told: its state, its playlists, and that changes were made."""

from collections.abc import Mapping

from daemon.api_playlists import describe_playlists
from daemon.db import fetch
from daemon.events import Seen
from daemon.services import Services
from daemon.status import describe_status


async def look_at(services: Services) -> Mapping[str, Seen]:
    """Return all that is told, by the event's name. Raises psycopg.Error."""
    return {
        "status": Seen(await describe_status(services)),
        "playlists": Seen(await describe_playlists(services.playlists.service)),
        "changes": await _changes(services),
    }


async def _changes(services: Services) -> Seen:
    database = services.database
    async with database.pool.connection() as connection, connection.cursor() as cursor:
        [(latest, count, mark)] = await fetch(cursor, database.queries["changes_mark"], {})
    return Seen({"latest": latest, "count": count}, mark)
