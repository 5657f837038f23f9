"""Hold changed paths back until nobody writes to them any more."""

# Paths are bytes here, and pathlib holds text only:
# ruff: noqa: PTH116, PTH118

import math
import os
from collections.abc import Callable, Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import TypeAlias

Stamp: TypeAlias = tuple[int, int]
"""(size in bytes, mtime in ns) of a path."""


@dataclass(frozen=True, slots=True)
class _Pending:
    due_s: float
    is_seen: bool
    stamp: Stamp | None


class SettleQueue:
    """Hold paths back until size and mtime were still for `quiet_s`. No I/O, no threads.

    A path is looked at twice: soon after its last event, and `quiet_s` later. The caller stats what `ripe`
    returns (in a thread) and hands the stamps to `settle`. A path that stays away settles too: it is gone.
    """

    def __init__(self, *, quiet_s: float, limit: int, clock: Callable[[], float]) -> None:
        self._quiet_s = quiet_s
        self._limit = limit
        self._clock = clock
        self._pending: dict[bytes, _Pending] = {}
        self._next_s = math.inf
        self._collapsed = False

    def __len__(self) -> int:
        return len(self._pending)

    def touch(self, *paths: bytes) -> None:
        """Note that these changed. Above the limit all are dropped, and `take_collapse` tells so."""
        # a quarter: one burst of events makes one round of looks
        due_s = self._clock() + self._quiet_s / 4
        self._pending.update((path, _Pending(due_s, is_seen=False, stamp=None)) for path in paths)
        self._next_s = min(self._next_s, due_s)
        if len(self._pending) > self._limit:
            self._pending.clear()
            self._next_s = math.inf
            self._collapsed = True

    def take_collapse(self) -> bool:
        """Tell, once, whether paths were dropped: then the root must be looked through."""
        was, self._collapsed = self._collapsed, False
        return was

    def next_due_s(self) -> float:
        """Return the seconds until something is ripe: 0 now, infinity never."""
        return max(0.0, self._next_s - self._clock())

    def ripe(self) -> list[bytes]:
        """Return the paths that are to be looked at now."""
        now_s = self._clock()
        self._next_s = min((pending.due_s for pending in self._pending.values()), default=math.inf)
        if self._next_s > now_s:
            return []
        return [path for path, pending in self._pending.items() if pending.due_s <= now_s]

    def settle(self, stamps: Mapping[bytes, Stamp | None]) -> frozenset[bytes]:
        """Return the paths that have settled, given what a look (None: not there) at the ripe ones gave.

        A folder waits for what is pending below it: whoever lists it would meet half a file.
        """
        now_s = self._clock()
        still: set[bytes] = set()
        for path, stamp in stamps.items():
            pending = self._pending.get(path)
            if pending is None or pending.due_s > now_s:
                continue  # touched again meanwhile
            if pending.is_seen and pending.stamp == stamp:
                still.add(path)
            else:
                self._pending[path] = _Pending(now_s + self._quiet_s, is_seen=True, stamp=stamp)
        busy = self._folders_of(self._pending.keys() - still) if still else frozenset()
        for path in still:
            stamp = stamps[path]
            if path in busy and stamp is not None:
                self._pending[path] = _Pending(now_s + self._quiet_s, is_seen=True, stamp=stamp)
            else:
                del self._pending[path]
        next_s = min((pending.due_s for pending in self._pending.values()), default=math.inf)
        # a steady stream of events makes eight rounds of looks, not one for each event
        self._next_s = max(next_s, now_s + self._quiet_s / 8)
        return frozenset(still - self._pending.keys())

    @staticmethod
    def _folders_of(paths: AbstractSet[bytes]) -> frozenset[bytes]:
        folders: set[bytes] = set()
        for path in paths:
            folder = path.rpartition(b"/")[0]
            while folder and folder not in folders:
                folders.add(folder)
                folder = folder.rpartition(b"/")[0]
        return frozenset(folders)


def look_at(root: bytes, paths: Iterable[bytes]) -> dict[bytes, Stamp | None]:
    """Return the stamps of relative paths, as `SettleQueue.settle` takes them; blocks on the disk."""
    stamps: dict[bytes, Stamp | None] = {}
    for path in paths:
        try:
            status = os.stat(os.path.join(root, path))
        except OSError:  # gone, or for the scan to name
            stamps[path] = None
        else:
            stamps[path] = (status.st_size, status.st_mtime_ns)
    return stamps
