"""The index as a worker process asks it."""

import functools
from pathlib import Path

from engine.index_reader import IndexReader


def mapped_index(folder: Path) -> IndexReader:
    """Return the index as it is now; this process maps it once, which costs more than asking it.

    Raises IndexDamaged, OSError.
    """
    index = _reader(folder)
    index.refresh()
    return index


@functools.lru_cache(maxsize=1)
def _reader(folder: Path) -> IndexReader:
    return IndexReader(folder)
