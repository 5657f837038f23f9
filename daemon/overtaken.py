"""Keep a look at the disk from noting what another one, which began later, has noted already."""

from collections.abc import Iterator, Set
from contextlib import contextmanager

from daemon.changes import Changes


class Overtaken:
    """Knows, for each look at a library that is under way, the paths that others noted since it began.

    A look through many folders takes minutes: what it saw first may be old when it ends.
    """

    def __init__(self) -> None:
        self._looks: dict[object, tuple[int, set[bytes]]] = {}

    @contextmanager
    def looking(self, library_id: int) -> Iterator[Set[bytes]]:
        """Yield the paths of which this look can say nothing any more; they become more while it lasts."""
        look = object()
        paths: set[bytes] = set()
        self._looks[look] = (library_id, paths)
        try:
            yield paths
        finally:
            del self._looks[look]

    def note(self, library_id: int, changes: Changes, own: Set[bytes]) -> None:
        """Tell all looks at this library but the one whose paths these are (`own`) what is noted."""
        pairs = (*changes.changed, *changes.moved, *changes.returned, *changes.renumbered)
        noted = {path for known, found in pairs for path in (known.path, found.path)}
        noted.update(found.path for found in changes.new)
        noted.update(known.path for known in changes.missing)
        for other_id, paths in self._looks.values():
            if other_id == library_id and paths is not own:
                paths.update(noted)
