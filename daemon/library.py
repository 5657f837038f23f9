"""The music folders: who owns the files table, and keeps it what the disk says."""

import asyncio
import logging
import os
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Set
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from daemon.answering import HANGS, Answering
from daemon.changes import diff, held_back
from daemon.overtaken import Overtaken
from daemon.own_writes import OwnWrites
from daemon.rows import Library
from daemon.scan import Scan, scan_paths, scan_root
from daemon.store import Store

log = logging.getLogger(__name__)

_MOST_RESTLESS = 1_000
"""More files changed at once are a copy of a library, or a clock that is wrong."""


@dataclass(frozen=True, slots=True)
class Looked:
    """What a look at a library found."""

    root: str
    found: int
    new: int = 0
    changed: int = 0
    moved: int = 0
    missing: int = 0
    offline: str | None = None
    again: frozenset[bytes] = frozenset()
    """Paths left out, to be looked at again once they are still: somebody writes them, or just did."""
    unreadable: tuple[tuple[str, str], ...] = ()
    """Folders and files that could not be looked at, with the reason."""

    def problems(self) -> tuple[tuple[str, str], ...]:
        """Return what stood in the way, by path."""
        return self.unreadable if self.offline is None else (*self.unreadable, (self.root, self.offline))


class LibraryService:
    """Scans folders, notes the difference, and asks for fingerprints of what is new or changed."""

    def __init__(
        self,
        store: Store,
        extensions: Set[str],
        request_ingest: Callable[[], Awaitable[object]],
        answering: Answering,
        *,
        quiet_s: float,
        own_writes: OwnWrites | None = None,
        clock_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        """`request_ingest` is awaited whenever files were noted that wait for a fingerprint."""
        self._store = store
        self._extensions = extensions
        self._request_ingest = request_ingest
        self._answering = answering
        self._quiet_ns = int(quiet_s * 1e9)
        self._own_writes = own_writes or OwnWrites()
        self._overtaken = Overtaken()
        self._clock_ns = clock_ns
        self._libraries: dict[bytes, Library] = {}
        self._turns: dict[int, asyncio.Lock] = {}
        self._looks: dict[int, Looked] = {}
        self._scanning: Counter[int] = Counter()
        self._is_stopping = False

    @property
    def extensions(self) -> Set[str]:
        """Return how audio files' names end."""
        return self._extensions

    async def start(self) -> None:
        """Learn of the libraries there are."""
        for library in await self._store.libraries():
            self._libraries[library.root] = library
            self._turns.setdefault(library.library_id, asyncio.Lock())

    async def add(self, root: Path, *, watched: bool) -> Library:
        """Return the library of this folder, made if it is new."""
        library_id = await self._store.add_library(os.fsencode(root), watched=watched)
        await self.start()
        return next(each for each in self._libraries.values() if each.library_id == library_id)

    def stop(self) -> None:
        """Give up the scans that are running."""
        self._is_stopping = True

    def owner_of(self, path: Path) -> Library | None:
        """Return the innermost library that holds this path."""
        wanted = os.fsencode(path)
        owners = [
            library
            for root, library in self._libraries.items()
            if wanted == root or wanted.startswith(root.rstrip(b"/") + b"/")
        ]
        return max(owners, key=lambda library: len(library.root), default=None)

    async def reconcile(self, library: Library, *, leave_restless: bool = False) -> Looked:
        """Look through the whole library.

        Parameters
        ----------
        leave_restless : leave out what somebody may still be writing; `Looked.again` names it
        """
        with self._looking(library) as unsaid, self._noted(library.library_id):
            scan = await asyncio.to_thread(
                scan_root,
                Path(os.fsdecode(library.root)),
                extensions=self._extensions,
                cancelled=lambda: self._is_stopping,
            )
            restless = self._restless(scan) if leave_restless else frozenset()
            return await self._note(library, scan, below=None, restless=restless, unsaid=unsaid)

    async def look_at(self, library: Library, paths: Set[bytes]) -> Looked:
        """Look at some paths below the library's root, and everything below them, but `Looked.again`."""
        with self._looking(library) as unsaid:
            scan = await asyncio.to_thread(
                scan_paths,
                Path(os.fsdecode(library.root)),
                paths,
                extensions=self._extensions,
                cancelled=lambda: self._is_stopping,
            )
            return await self._note(library, scan, below=scan.scope, restless=frozenset(), unsaid=unsaid)

    async def add_path(self, path: Path) -> Looked:
        """Look at a file or folder: in the library that holds it, else in an unwatched one of its own."""
        owner = self.owner_of(path)
        if not await self._answering.answers(owner.root if owner else os.fsencode(path)):
            return Looked(shown(os.fsencode(path)), found=0, offline=HANGS)
        try:
            is_folder = await asyncio.to_thread(path.is_dir)
            is_there = owner is not None or is_folder or await asyncio.to_thread(path.exists)
        except OSError as error:  # a name too long, a folder that may not be entered
            return Looked(shown(os.fsencode(path)), found=0, offline=error.strerror or str(error))
        if not is_there:
            return Looked(shown(os.fsencode(path)), found=0, offline="there is no such file or folder")
        if owner is None:
            owner = await self.add(path if is_folder else path.parent, watched=False)
        relative = os.fsencode(path)[len(owner.root.rstrip(b"/")) + 1 :]
        if not relative:
            return await self.reconcile(owner)
        return await self.look_at(owner, frozenset({relative}))

    def is_scanning(self, library_id: int) -> bool:
        """Tell whether the whole library is being looked through."""
        return self._scanning[library_id] > 0

    @contextmanager
    def _looking(self, library: Library) -> Iterator[tuple[Set[bytes], Set[int]]]:
        """Yield the paths and the files of which a look can say nothing; they become more meanwhile."""
        with self._own_writes.looking() as own, self._overtaken.looking(library.library_id) as overtaken:
            yield overtaken, own

    @contextmanager
    def _noted(self, library_id: int) -> Iterator[None]:
        self._scanning[library_id] += 1
        try:
            yield
        finally:
            self._scanning[library_id] -= 1

    def last_look(self, library_id: int) -> Looked | None:
        """Return what the last look through a whole library found."""
        return self._looks.get(library_id)

    def _restless(self, scan: Scan) -> frozenset[bytes]:
        """Return what was changed within the quiet time; nothing of many, which would never come to rest."""
        since_ns = self._clock_ns() - self._quiet_ns
        restless = frozenset(path for path, file in scan.files.items() if file.mtime_ns > since_ns)
        return restless if len(restless) <= _MOST_RESTLESS else frozenset()

    async def _note(
        self,
        library: Library,
        scan: Scan,
        *,
        below: Set[bytes] | None,
        restless: frozenset[bytes],
        unsaid: tuple[Set[bytes], Set[int]],
    ) -> Looked:
        root = shown(library.root)
        overtaken, own = unsaid
        unreadable = tuple((shown(path), reason) for path, reason in scan.unreadable)
        if scan.offline is not None:
            looked = Looked(root, found=0, offline=scan.offline, unreadable=unreadable)
            log.warning("%s is offline (%s): nothing is changed", root, scan.offline)
        else:
            # Two looks at once would each insert what the other has just found.
            async with self._turns[library.library_id]:
                known = await self._store.known_files(library.library_id, below)
                changes, again = held_back(diff(scan, known), paths=overtaken | restless, file_ids=own)
                self._overtaken.note(library.library_id, changes, overtaken)
                again |= await self._store.apply_changes(library.library_id, changes, whole=below is None)
            looked = Looked(
                root,
                found=len(scan.files),
                new=len(changes.new),
                changed=len(changes.changed),
                moved=len(changes.moved),
                missing=len(changes.missing),
                again=again,
                unreadable=unreadable,
            )
            has_changed = looked.new or looked.changed or looked.moved or looked.missing
            log.log(
                logging.INFO if has_changed else logging.DEBUG,
                "%s: %d files, %d new, %d changed, %d moved, %d missing, %d unreadable",
                root,
                looked.found,
                looked.new,
                looked.changed,
                looked.moved,
                looked.missing,
                len(unreadable),
            )
        await self._request_ingest()
        # Last: who is told of it goes on with `again` at once, so that nobody meets it in between.
        if below is None:
            self._looks[library.library_id] = looked
        return looked


def shown(path: bytes) -> str:
    """Return a path for people to read; what is not UTF-8 in it is replaced."""
    return path.decode(errors="replace")
