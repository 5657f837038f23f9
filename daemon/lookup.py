"""Look-ups of media servers: a file that one doesn't know is named here, and asked for later."""

import asyncio
import os
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from pathlib import Path
from uuid import UUID

from psycopg.errors import ForeignKeyViolation

from daemon.answering import HANGS, OFFLINE_RETRY_S, Answering
from daemon.config_options import Tagging
from daemon.library import LibraryService, shown
from daemon.lookup_answer import answer, task_of
from daemon.lookup_errors import (
    BadPath,
    LibraryOffline,
    NoFileThere,
    OutsideRoots,
    SizeDiffers,
    TooManyLookups,
)
from daemon.lookup_place import find_file
from daemon.lookup_rows import Asked, KnownAtPlace, LookedUp, PlacedFile, Waiting
from daemon.lookup_store import LookupStore
from daemon.path_map import PathMap, is_at_or_below, is_windows, normal
from daemon.rows import Task
from daemon.scan import ScanCancelled

LONGEST_PATH_BYTES = 4_096
"""Linux takes no longer one (PATH_MAX)."""
MOST_WAITING = 20_000
"""Look-ups that may wait: a whole library whose tags are missing, in some MB of rows."""
_RETRY_AFTER_S = 60
_ANSWER_S = 5.0
"""Whoever asks is told to come again rather than kept waiting: for a disk that spins up, too."""
_LONGEST_WAIT_S = 86_400.0
"""A file that others have kept open for so long is asked for anew, or not at all."""
_BATCH = 500
_NOT_WINDOWS = (
    "is a Windows path: let the media server see its music under a path as /music, and set [[path_map]] "
    "(server = that path, local = the same folder here)"
)
_NOT_RELATIVE = (
    "is no absolute path: have the media server tell real paths (Navidrome: Report Real Path in the player's "
    "settings), or send library_path and relative_path"
)


class LookupService:
    """Takes look-ups, and answers from what is known at the moment. All methods raise psycopg.Error."""

    def __init__(
        self,
        store: LookupStore,
        library: LibraryService,
        path_map: PathMap,
        answering: Answering,
        *,
        roots: Sequence[Path],
        extensions: AbstractSet[str],
        options: Tagging,
        most_waiting: int = MOST_WAITING,
    ) -> None:
        """`roots` are the configured music folders: nothing outside of them is looked up."""
        self._store = store
        self._library = library
        self._path_map = path_map
        self._roots = [normal(os.fsencode(root)) for root in roots]
        self._extensions = extensions
        self._options = options
        self._most_waiting = most_waiting
        self._answering = answering

    async def find(self, asked: Asked) -> PlacedFile:
        """Return where a file is on this machine.

        Raises
        ------
        BadPath, OutsideRoots, NotMusic, NoFileThere, LibraryOffline
        """
        local = self._path_map.to_local(_checked(asked.path), asked.source)
        # Each root is looked at to find the one that holds a path: one that hangs must not be.
        answers = await asyncio.gather(
            *(self._answering.answers(root, within_s=_ANSWER_S) for root in self._roots)
        )
        roots = dict(zip(self._roots, answers, strict=True))
        if any(is_at_or_below(local, root) for root, is_up in roots.items() if not is_up):
            raise LibraryOffline(HANGS, OFFLINE_RETRY_S)
        up = [root for root, is_up in roots.items() if is_up]
        return await asyncio.to_thread(find_file, asked.path, local, up, extensions=self._extensions)

    async def submit(self, asked: Asked) -> Waiting:
        """Take a look-up; a file that has not been noticed yet is fingerprinted now.

        Raises
        ------
        LookupRefused : one of those in lookup_errors
        """
        found = await self.find(asked)
        known = await self._store.file_at(found.path)
        _check_size(asked, found, known)
        if known is None or not known.is_still(found):
            known = await self._noticed(asked, found)
        try:
            task_id = await self._store.add(asked, known.file_id, most_waiting=self._most_waiting)
        except ForeignKeyViolation as error:  # another file was moved to its place at this moment
            raise LibraryOffline("files are being moved", _RETRY_AFTER_S) from error
        if task_id is None:
            raise TooManyLookups(_RETRY_AFTER_S)
        return Waiting(task_id, known.file_id)

    async def task(self, task_id: UUID) -> Task | None:
        """Return a look-up's answer, or that it waits; None if there is none, or it has expired."""
        for row in await self._store.lookups([task_id]):
            return self._task(row)
        return None

    async def expire(self, lifetime_s: float) -> None:
        """Forget what has had its answer for so long; to be called now and then."""
        after = None
        while waiting := await self._store.waiting(after=after, limit=_BATCH):
            rows = await self._store.lookups(waiting)
            await self._store.finish([row.task_id for row in rows if self._task(row).status != "pending"])
            after = waiting[-1]
        await self._store.expire(lifetime_s=lifetime_s, longest_wait_s=_LONGEST_WAIT_S)

    def _task(self, row: LookedUp) -> Task:
        path = Path(os.fsdecode(row.place))
        mode = self._options.mode_of(path, arrived_later=row.arrived_later)
        later_mode = self._options.mode_of(path, arrived_later=True)
        return task_of(row, answer(row, mode=mode, later_mode=later_mode))

    async def _noticed(self, asked: Asked, found: PlacedFile) -> KnownAtPlace:
        """Have the library look at a file that is new or changed. Raises LibraryOffline, NoFileThere."""
        path = Path(os.fsdecode(found.path))
        if self._library.owner_of(path) is None:
            # Else `add_path` would make a library of the file's own folder.
            root = max((each for each in self._roots if is_at_or_below(found.path, each)), key=len)
            await self._library.add(Path(os.fsdecode(root)), watched=True)
        try:
            looked = await self._library.add_path(path)
        except ScanCancelled as error:
            raise LibraryOffline("Spectra is stopping", OFFLINE_RETRY_S) from error
        if looked.offline is not None:
            raise LibraryOffline(looked.offline, OFFLINE_RETRY_S)
        known = await self._store.file_at(found.path)
        if known is None:
            reason = "it is gone, or Spectra's scan leaves it out"
            raise NoFileThere(shown(asked.path), shown(found.path), reason)
        return known


def _checked(path: bytes) -> bytes:
    """Return an absolute path in its normal form. Raises BadPath, OutsideRoots."""
    if len(path) > LONGEST_PATH_BYTES:
        raise BadPath(shown(path[:100]) + "...", f"has more than {LONGEST_PATH_BYTES} bytes")
    if b"\0" in path:
        raise BadPath(shown(path), "holds a NUL character: no file is called so")
    if is_windows(path):
        raise BadPath(shown(path), _NOT_WINDOWS)
    if not path.startswith(b"/"):
        raise BadPath(shown(path), _NOT_RELATIVE)
    if b".." in path.split(b"/"):
        raise OutsideRoots(shown(path), None)
    return normal(path)


def _check_size(asked: Asked, found: PlacedFile, known: KnownAtPlace | None) -> None:
    """Raise SizeDiffers, unless it was we who changed the file since the server's scan."""
    if asked.size_bytes is None or asked.size_bytes == found.size_bytes:
        return
    if known is not None and known.is_tagged_by_us and known.is_still(found):
        return
    raise SizeDiffers(shown(asked.path), asked.size_bytes, found.size_bytes)
