"""Settle what a killed run left: open changes, and copies beside files."""

import asyncio
import logging
import os
from functools import partial
from pathlib import Path

from daemon.change_rows import Change, written
from daemon.change_writer import ChangeWriter
from daemon.file_safety import FileStamp, name_of, stamp_of
from daemon.journal import Journal
from daemon.leftovers import sweep
from daemon.library import shown
from daemon.safe_write import look
from daemon.scan import look_at_root

log = logging.getLogger(__name__)

_STOPPED = "Spectra was stopped before it was written"
_NO_FILE = 0
"""Is no file's id: they begin at 1."""
_REASONS = {
    "other": "another program changed the file while Spectra was stopped",
    "missing": "the file was moved or deleted while Spectra was stopped",
}


class Settler:
    """Makes the journal true again."""

    def __init__(self, journal: Journal, writer: ChangeWriter) -> None:
        self._journal = journal
        self._writer = writer
        self._sweeping: asyncio.Task[None] | None = None

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
        """Begin to delete the copies that killed runs left below these folders."""
        self._sweeping = asyncio.create_task(_sweep_all(roots), name="sweep leftovers")

    async def swept(self) -> None:
        """Wait until that is done: it would delete what is being written."""
        if self._sweeping is not None:
            await asyncio.wait([self._sweeping])

    async def _settle(self, change: Change) -> None:
        root, path = (Path(os.fsdecode(each)) for each in (change.library_root, change.place))
        if (await asyncio.to_thread(look_at_root, root)).offline is not None:
            return
        found, stamp = await asyncio.to_thread(_find, path, change)
        name = name_of(path)
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
        log.info("change %d is settled, its file is %s: %s", change.change_id, found, shown(change.place))


def _find(path: Path, change: Change) -> tuple[str, FileStamp | None]:
    try:
        # Before its content is read: a later change then shows.
        stamp = stamp_of(path.lstat())
    except (FileNotFoundError, NotADirectoryError):
        return "missing", None
    return look(path, change.before_sha256, change.after_sha256), stamp


async def _sweep_all(roots: list[Path]) -> None:
    for root in roots:
        try:
            swept = await asyncio.to_thread(sweep, root)
        except Exception:
            log.exception("%s can't be swept of the copies of a killed run", root)
            continue
        if swept.removed:
            log.info("%s: %d copies of a killed run deleted", root, len(swept.removed))
        for path, reason in swept.failed:
            log.debug("%s can't be swept: %s", path, reason)
