"""Keep scans from taking what Spectra writes itself for a change."""

from collections.abc import Iterator, Set
from contextlib import contextmanager


class OwnWrites:
    """Knows the files that are being written by us, and those that were since a look at the disk began.

    Such a look may have seen the file from before the write, and then meets the row from after it.
    """

    def __init__(self) -> None:
        self._writing: set[int] = set()
        self._looks: dict[object, set[int]] = {}

    @contextmanager
    def writing(self, file_id: int) -> Iterator[None]:
        """Name a file that is written, from before its rename until its row says so."""
        self._writing.add(file_id)
        for seen in self._looks.values():
            seen.add(file_id)
        try:
            yield
        finally:
            self._writing.discard(file_id)

    @contextmanager
    def looking(self) -> Iterator[Set[int]]:
        """Yield the files of which this look can say nothing; they become more while it lasts."""
        look = object()
        self._looks[look] = set(self._writing)
        try:
            yield self._looks[look]
        finally:
            del self._looks[look]
