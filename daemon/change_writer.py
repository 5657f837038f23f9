"""Put a prepared file in its place and have the journal say so, whatever happens in between."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import psycopg

from daemon.answering import in_own_thread
from daemon.change_errors import FileBusy
from daemon.errors import WorkerDied
from daemon.file_safety import FileStamp, stamp_of
from daemon.leftovers import new_run, temporary_name
from daemon.own_writes import OwnWrites
from daemon.safe_write import look
from daemon.staging import Staged, commit
from daemon.tag_errors import TagError
from daemon.tasks import end_tasks

log = logging.getLogger(__name__)

T = TypeVar("T")

_STORE_RETRY_S = 1.0
_DELETE_S = 10.0
_STOP_S = 10.0
"""Writes that are under way at the end get so long; what they leave open is settled at the next start."""


class ChangeWriter:
    """Knows which files are being written by this process, and sees each write through."""

    def __init__(self, own_writes: OwnWrites) -> None:
        self._own_writes = own_writes
        self.run = new_run()
        """Its copies have it in their names: a sweep spares them."""
        self._busy: set[int] = set()
        self._writes: dict[asyncio.Task[Any], int] = {}

    def is_busy(self, file_id: int) -> bool:
        """Tell whether this process is about to write, or writes, this file."""
        return file_id in self._busy or file_id in self._writes.values()

    @contextmanager
    def turn(self, file_id: int, name: str) -> Iterator[None]:
        """Be the only one who prepares to write a file. Raises FileBusy."""
        if self.is_busy(file_id):
            raise FileBusy(name)
        self._busy.add(file_id)
        try:
            yield
        finally:
            self._busy.discard(file_id)

    async def copied(self, path: Path, copy: Callable[[str], Awaitable[T]]) -> T:
        """Have a worker make a copy beside a file, of the name that it is given; a killed one leaves none."""
        name = temporary_name(self.run)
        try:
            return await copy(name)
        except (WorkerDied, asyncio.CancelledError):
            await _delete(path.with_name(name))
            raise

    async def see_through(self, file_id: int, work: Callable[[], Awaitable[T]]) -> T:
        """Do what must not be cut short when who asked for it is cancelled; scans leave the file alone."""

        async def marked() -> T:
            with self._own_writes.writing(file_id):
                return await work()

        task = asyncio.create_task(marked(), name=f"write file {file_id}")
        self._writes[task] = file_id
        task.add_done_callback(lambda ended: self._writes.pop(ended, None))
        return await asyncio.shield(task)

    async def stop(self) -> None:
        """Wait for what is being written, but not for a database that does not come back."""
        if self._writes:
            await asyncio.wait(list(self._writes), timeout=_STOP_S)
        await end_tasks(*self._writes)

    async def put(
        self, staged: Staged, *, quiet_s: float, note_failure: Callable[[str], Awaitable[None]]
    ) -> FileStamp:
        """Put a staged file in its place; where that fails, delete it and have the reason noted.

        Raises
        ------
        TagError, OSError : it was not put in its place; if not even that can be told, nothing is noted
        """
        try:
            return await asyncio.to_thread(commit, staged, quiet_s=quiet_s)
        except (TagError, OSError) as error:
            # The disk may have failed after the rename.
            stamp = await asyncio.to_thread(_stamp_if_there, staged)
            if stamp is not None:
                log.warning(
                    "%s is written, but its folder may not be on the disk yet: %s", staged.path, error
                )
                return stamp
            await drop(staged)
            reason = str(error)
            await until_stored(lambda: note_failure(reason))
            raise


async def drop(staged: Staged) -> None:
    """Delete a staged copy; one that can't be deleted is swept at the next start."""
    await _delete(staged.temporary)


async def until_stored(store: Callable[[], Awaitable[T]]) -> T:
    """Store what has happened already: a database that is away is waited for."""
    while True:
        try:
            return await store()
        except psycopg.OperationalError as error:
            log.warning("the journal can't be written, trying again: %s", str(error).strip())
            await asyncio.sleep(_STORE_RETRY_S)


async def _delete(temporary: Path) -> None:
    deleting = in_own_thread(_deleted, temporary)
    if not (await asyncio.wait([deleting], timeout=_DELETE_S))[0]:
        log.warning("%s is deleted when its disk answers again, or at the next start", temporary)


def _deleted(temporary: Path) -> None:
    try:
        temporary.unlink(missing_ok=True)
    except OSError as error:
        log.warning("%s can't be deleted: %s", temporary, error.strerror or error)


def _stamp_if_there(staged: Staged) -> FileStamp | None:
    """Return the stamp of the file if it is the staged one. Raises OSError."""
    try:
        # Before its content is read: a later change then shows.
        stamp = stamp_of(staged.path.lstat())
    except (FileNotFoundError, NotADirectoryError):
        return None
    is_there = look(staged.path, staged.before_sha256, staged.after_sha256) == "after"
    return stamp if is_there else None
