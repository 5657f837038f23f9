"""Settle what a killed run left: open changes, and copies beside files."""

import asyncio
import logging
import os
import threading
from functools import partial
from pathlib import Path
from typing import Literal

from daemon.change_rows import Change, written
from daemon.change_writer import ChangeWriter
from daemon.file_safety import FileStamp, name_of, stamp_of
from daemon.journal import Journal
from daemon.leftovers import sweep
from daemon.library import shown
from daemon.safe_write import look
from daemon.scan import look_at_root
from daemon.tasks import end_tasks

log = logging.getLogger(__name__)

Found = tuple[Literal["before", "after", "other", "missing", "offline"], FileStamp | None]

_LOOK_S = 30.0
"""A mount that hangs holds nobody up for longer; the look goes on, and is asked again the next time."""
_STOPPED = "Spectra was stopped before it was written"
_NO_FILE = 0
"""Is no file's id: they begin at 1."""
_REASONS = {
    "other": "another program changed the file while Spectra was stopped",
    "missing": "the file was deleted, or moved out of the libraries, while Spectra was stopped",
}


class Settler:
    """Makes the journal true again."""

    def __init__(self, journal: Journal, writer: ChangeWriter) -> None:
        self._journal = journal
        self._writer = writer
        self._sweeps: list[asyncio.Task[None]] = []
        self._looks: dict[int, asyncio.Task[Found]] = {}
        self._is_stopping = threading.Event()

    async def settle(self) -> None:
        """Settle every open change that nobody in this process is writing. Raises psycopg.Error."""
        for change_id in await self._journal.open_changes():
            change = await self._journal.change(change_id)
            if change is None or change.status not in ("prepared", "undoing"):
                continue
            file_id = _NO_FILE if change.file_id is None else change.file_id
            if self._writer.is_busy(file_id):
                continue
            try:
                await self._writer.see_through(file_id, partial(self._settle, change))
            except OSError as error:
                log.warning("change %d is settled later: %s", change_id, error)

    def sweep(self, roots: list[Path]) -> None:
        """Begin to delete the copies that other runs left below these folders."""
        for root in roots:
            work = asyncio.to_thread(_sweep, root, self._writer.run, self._is_stopping)
            self._sweeps.append(asyncio.create_task(work, name=f"sweep {root}"))

    async def stop(self) -> None:
        """Give up what may wait for a disk that doesn't answer."""
        self._is_stopping.set()
        await end_tasks(*self._sweeps)
        for look_task in self._looks.values():
            look_task.cancel()

    async def _settle(self, change: Change) -> None:
        found, stamp = await self._look(change)
        if found == "offline":
            return
        if found == "missing":
            if await self._journal.follow(change, change.after_sha256) is not None:
                return  # it is settled at its new place the next time
            if await self._journal.may_turn_up(change.change_id):
                return
            is_undo = change.status == "undoing"
            if is_undo and await self._journal.follow(change, change.before_sha256) is not None:
                return
        await self._note(change, found, stamp)
        log.info("change %d is settled, its file is %s: %s", change.change_id, found, shown(change.place))

    async def _note(self, change: Change, found: str, stamp: FileStamp | None) -> None:
        name = name_of(Path(os.fsdecode(change.place)))
        is_undo = change.status == "undoing"
        if found == "after" and stamp is not None and not is_undo:
            now = written(stamp, change.after_sha256, change.after_tags, name)
            await self._journal.done(change.change_id, now)
        elif found == "before" and stamp is not None and is_undo:
            now = written(stamp, change.before_sha256, change.before_tags, name)
            await self._journal.undone(change.change_id, now)
        elif is_undo:
            await self._journal.keep(change.change_id, _REASONS.get(found, _STOPPED))
        else:
            await self._journal.abandon(change.change_id, _REASONS.get(found, _STOPPED))

    async def _look(self, change: Change) -> Found:
        """Look at a change's file; one that takes long counts as offline until its look has ended."""
        look_task = self._looks.get(change.change_id)
        if look_task is None:
            look_task = self._looks[change.change_id] = asyncio.create_task(asyncio.to_thread(_find, change))
        await asyncio.wait([look_task], timeout=_LOOK_S)
        if not look_task.done():
            log.warning("change %d is settled later: its disk does not answer", change.change_id)
            return "offline", None
        del self._looks[change.change_id]
        return look_task.result()


def _find(change: Change) -> Found:
    root, path = (Path(os.fsdecode(each)) for each in (change.library_root, change.place))
    if look_at_root(root).offline is not None:
        return "offline", None
    try:
        # Before its content is read: a later change then shows.
        stamp = stamp_of(path.lstat())
    except (FileNotFoundError, NotADirectoryError):
        return "missing", None
    return look(path, change.before_sha256, change.after_sha256), stamp


def _sweep(root: Path, spared_run: str, is_stopping: threading.Event) -> None:
    try:
        swept = sweep(root, spared_run=spared_run, cancelled=is_stopping.is_set)
    except Exception:
        log.exception("%s can't be swept of the copies of a killed run", root)
        return
    if swept.removed:
        log.info("%s: %d copies of a killed run deleted", root, len(swept.removed))
    for path, reason in swept.failed:
        log.debug("%s can't be swept: %s", path, reason)
