"""What those who follow the daemon are told: its state, its playlists, and that files have changed."""

from collections.abc import Mapping

from daemon.api_playlists import describe_playlists
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
    [(latest, count, mark)] = await services.database.rows("changes_mark")
    # What was read anew, or is proposed now, may leave every count as it was.
    return Seen({"latest": latest, "count": count}, (mark, services.identification.identify.news))
