"""Look up in an index while its writer goes on changing it."""

from contextlib import suppress
from pathlib import Path

import numpy as np

from engine.errors import IndexDamaged
from engine.lookup import LiveSegment, look_up, open_all, total_size
from engine.manifest import NOTHING, read_first_line, read_manifest
from engine.model import Fingerprint, Hits, IndexSize


class IndexReader:
    """Looks up in the index of a folder, as it was at the last `refresh`; any number, in any process.

    Threads may share one: what a look-up has begun with stays mapped until it is done.
    """

    def __init__(self, folder: Path) -> None:
        """Map the folder's index; one without a manifest is empty. Raises IndexDamaged, OSError."""
        self._folder = folder
        self._first_line: bytes | None = None
        self._manifest = NOTHING
        self._live: dict[str, LiveSegment] = {}
        self.refresh()

    @property
    def generation(self) -> int:
        """Return the generation that is looked up in; 0 without an index."""
        return self._manifest.generation

    @property
    def stamp(self) -> str:
        """Return what the index was built by; "" without an index."""
        return self._manifest.stamp

    @property
    def size(self) -> IndexSize:
        """Return what is live."""
        return total_size(self._live.values())

    def refresh(self) -> bool:
        """Follow the manifest and return whether it has changed; a hundred bytes are read when not.

        Raises IndexDamaged, OSError; the reader keeps what it had then.
        """
        while True:
            try:
                if read_first_line(self._folder) == self._first_line:
                    return False
                manifest, first_line = read_manifest(self._folder)
            except FileNotFoundError:
                changed = self._manifest != NOTHING
                self.close()
                return changed
            try:
                live = open_all(self._folder, manifest, self._manifest, self._live)
            except FileNotFoundError as error:
                with suppress(FileNotFoundError):
                    if read_first_line(self._folder) == first_line:
                        raise IndexDamaged(str(error.filename), "the manifest lists it, it is gone") from None
                continue
            self._manifest, self._live, self._first_line = manifest, live, first_line
            return True

    def frame_count(self, recording_id: int) -> int:
        """Return the length of a live recording in frames; 0 for one that is not there."""
        for each in tuple(self._live.values()):
            table = each.segment.recordings
            place = int(np.searchsorted(table.ids, recording_id))
            if place == len(table.ids) or table.ids[place] != recording_id:
                continue
            if each.live is None or each.live[place]:
                return int(table.frame_counts[place])
        return 0

    def lookup(self, fingerprint: Fingerprint, candidate_budget: int) -> Hits:
        """Return the postings of the fingerprint's hashes, see `look_up`; raise IndexDamaged."""
        return look_up(tuple(self._live.values()), fingerprint, candidate_budget)

    def verify(self) -> None:
        """Read the whole index; raise IndexDamaged if any of it has changed since it was written."""
        for each in tuple(self._live.values()):
            each.segment.verify()

    def close(self) -> None:
        """Let go of the files; the reader is empty then, until the next refresh."""
        self._manifest, self._live, self._first_line = NOTHING, {}, None
