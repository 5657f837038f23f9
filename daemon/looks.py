"""Which files are being held against the references at this moment, and which must be so once more."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager


class Look:
    """One file's look at the references."""

    def __init__(self, recording_id: int) -> None:
        self.recording_id = recording_id
        self.is_stale = False
        """A reference arrived that this look may have missed."""


class Looks:
    """All looks that are under way; one file has one."""

    def __init__(self) -> None:
        self._looks: dict[int, Look] = {}

    def file_ids(self) -> list[int]:
        """Return the files that are looked at."""
        return list(self._looks)

    def is_at(self, file_id: int) -> bool:
        """Tell whether a file is looked at."""
        return file_id in self._looks

    @contextmanager
    def looking(self, file_id: int, recording_id: int) -> Iterator[Look]:
        """Name a file that is looked at, and its sound."""
        look = self._looks[file_id] = Look(recording_id)
        try:
            yield look
        finally:
            del self._looks[file_id]

    def miss(self, recording_ids: Collection[int]) -> None:
        """Say that looks at these sounds may have missed something."""
        for look in self._looks.values():
            look.is_stale = look.is_stale or look.recording_id in recording_ids
