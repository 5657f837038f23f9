"""Say which right each request of the API needs: one table, in which a missing route needs the highest."""

from collections.abc import Mapping
from enum import IntEnum


class Scope(IntEnum):
    """What a token opens; each includes the ones before it."""

    READ = 1
    MATCH = 2
    WRITE = 3

    @property
    def word(self) -> str:
        """Return how people and programs write it."""
        return self.name.lower()


WORDS = tuple(scope.word for scope in Scope)
MEANINGS: Mapping[Scope, str] = {
    Scope.READ: "see what is known",
    Scope.MATCH: "see what is known, and ask what something is",
    Scope.WRITE: "everything",
}

ROUTES: Mapping[Scope, frozenset[tuple[str, str]]] = {
    Scope.READ: frozenset(
        {
            ("GET", "/audit"),
            ("GET", "/changes"),
            ("GET", "/changes/{change_id}"),
            ("GET", "/events"),
            ("GET", "/files"),
            ("GET", "/files/{file_id}"),
            ("GET", "/files/{file_id}/audio"),
            ("GET", "/files/{file_id}/cover"),
            ("GET", "/health"),
            ("GET", "/metrics"),
            ("GET", "/openapi.json"),
            ("GET", "/ping"),
            ("GET", "/playlists"),
            ("GET", "/playlists/{playlist_id}"),
            ("GET", "/plugins"),
            ("GET", "/recordings/{recording_id}/audio"),
            ("GET", "/recordings/{recording_id}/cover"),
            ("GET", "/review/doubtful"),
            ("GET", "/session"),
            ("GET", "/status"),
            ("DELETE", "/session"),  # who may come in may leave
        }
    ),
    Scope.MATCH: frozenset(
        {
            ("GET", "/task_status/{task_id}"),
            ("POST", "/explain_file"),
            # A hook names a server's item. Its plugin asks that server where the file is, and looks it up if
            # it is below our music folders, as it does every some minutes anyway. Nothing else in a hook is
            # believed, and `[tagging]` decides what is written: things happen sooner, never others.
            ("POST", "/hooks/{plugin}"),
            # With `"tag": true` it needs `write`: its handler, which knows the body, asks for that.
            ("POST", "/lookup"),
            ("POST", "/match_constellation"),
            ("POST", "/match_file"),
        }
    ),
    Scope.WRITE: frozenset(
        {
            ("POST", "/add"),
            ("POST", "/audit"),
            ("DELETE", "/audit"),
            ("POST", "/changes/{change_id}/undo"),
            ("POST", "/files/{file_id}/accept"),
            ("POST", "/files/{file_id}/name"),
            ("POST", "/files/{file_id}/reject"),
            ("POST", "/files/{file_id}/reconsider"),
            ("POST", "/playlists"),
            ("DELETE", "/playlists/{playlist_id}"),
            ("POST", "/playlists/{playlist_id}/sync"),
            ("POST", "/plugins/{plugin}/sync"),
            ("POST", "/plugins/{plugin}/test"),  # one that was off is on again
            ("POST", "/reindex"),
            ("POST", "/review/accept"),
            ("POST", "/scan"),
        }
    ),
}
"""By method and route. HEAD is GET's."""

_NEEDED = {route: scope for scope, routes in ROUTES.items() for route in routes}


def scope_needed(method: str, route: str) -> Scope:
    """Return the right that a route needs; `route` is its pattern, as `/files/{file_id}`."""
    return _NEEDED.get(("GET" if method == "HEAD" else method, route), Scope.WRITE)
