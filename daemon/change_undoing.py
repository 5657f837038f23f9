"""Undo a change: its file's old bytes, or at least its old fields."""

import asyncio
import logging
from dataclasses import dataclass
from pathlib import Path

from daemon.answering import Answering
from daemon.change_errors import FileBusy, FileNotReady, NotUndoable
from daemon.change_rows import Change, FileToTag, written
from daemon.change_writer import ChangeWriter, drop, until_stored
from daemon.file_safety import FileStamp, name_of, stamp_of
from daemon.journal import Journal
from daemon.leftovers import temporary_name
from daemon.safe_write import Prepared, look, prepare_restore
from daemon.tag_errors import EditedSince
from daemon.tag_jobs import write_restored_copy
from daemon.workers import WorkerPool

log = logging.getLogger(__name__)

_AT_ONCE = 2
"""Undos read and write whole files in threads of the daemon."""
_NOT_IN_FORCE = {
    "prepared": "it is being written at this moment; try again when that is done",
    "undoing": "it is being undone already",
    "undone": "it was undone already",
    "abandoned": "it never came to be",
}


@dataclass(frozen=True, slots=True)
class Undone:
    """A change that is undone."""

    change: Change
    restored: Change | None
    """The change that put the old fields over what somebody edited; None: the old bytes are back."""
    derived: tuple[int, ...] = ()
    """Changes whose tags came from this file, which is no reference any more: they may be wrong, too."""


class Undoer:
    """Undoes changes, each once."""

    def __init__(
        self, journal: Journal, writer: ChangeWriter, workers: WorkerPool, answering: Answering
    ) -> None:
        self._journal = journal
        self._writer = writer
        self._workers = workers
        self._answering = answering
        self._turns = asyncio.Semaphore(_AT_ONCE)

    async def undo(self, change_id: int, *, force: bool) -> Undone:
        """Undo a change. Raises TagError, FolderHangs, OSError, WorkerDied, MemoryError, psycopg.Error."""
        change = await self._journal.change(change_id)
        if change is None:
            raise NotUndoable(change_id, "there is no such change")
        if change.status != "done":
            raise NotUndoable(change_id, _NOT_IN_FORCE[change.status])
        await self._answering.look(change.library_root)
        file = await self._file(change)
        path = file.place
        with self._writer.turn(file.file_id, name_of(path)):
            # Also where the bytes fit: a later change may have led back to what this one wrote.
            later = await self._journal.later_than(change_id)
            if later is not None:
                raise NotUndoable(change_id, f"change {later} came after it; undo that first")
            try:
                return await self._writer.see_through(file.file_id, lambda: self._restore(change, path))
            except EditedSince:
                async with self._turns:
                    stamp = await asyncio.to_thread(_stamp_if_restored, path, change)
                if stamp is not None:
                    return await self._note_restored(change, stamp, path)
                if not force:
                    raise
                return await self._force(change, file, path)

    async def _file(self, change: Change) -> FileToTag:
        """Return the file as it is now, wherever that is. Raises NotUndoable."""
        file = None if change.file_id is None else await self._journal.file(change.file_id)
        if file is not None and await asyncio.to_thread(file.place.exists):
            return file
        if file is None or file.is_missing:
            moved_to = await self._journal.follow(change, change.after_sha256)
            moved = None if moved_to is None else await self._journal.file(moved_to)
            if moved is not None:
                return moved
        if file is None:
            raise NotUndoable(change.change_id, "its file is not known any more, it was deleted or replaced")
        raise NotUndoable(
            change.change_id,
            f"{name_of(file.place)} is not there; bring it back, or mount its folder, then try again",
        )

    async def _restore(self, change: Change, path: Path) -> Undone:
        """Put the old bytes in place; whatever happens, the staged copy is gone. Raises EditedSince."""
        change_id = change.change_id
        delta = await self._journal.delta(change_id)
        name = temporary_name(self._writer.run)
        async with self._turns:
            staged = await asyncio.to_thread(prepare_restore, path, delta, temporary_name=name)
        try:
            begun = await self._journal.begin_undo(change_id)
        except BaseException:
            await drop(staged)
            raise
        if not begun:
            await drop(staged)
            raise FileBusy(name_of(staged.path))
        stamp = await self._writer.put(
            staged, quiet_s=0.0, note_failure=lambda reason: self._journal.keep(change_id, reason)
        )
        now = written(stamp, staged.after_sha256, change.before_tags, name_of(staged.path))
        lost = await until_stored(lambda: self._journal.undone(change_id, now))
        log.info("change %d: undone, %s is as it was", change_id, name_of(staged.path))
        return await self._answer(change_id, None, lost)

    async def _note_restored(self, change: Change, stamp: FileStamp, path: Path) -> Undone:
        """Note that somebody has put the old bytes back."""
        change_id = change.change_id
        if not await self._journal.begin_undo(change_id):
            raise FileBusy(name_of(path))
        now = written(stamp, change.before_sha256, change.before_tags, name_of(path))
        lost = await until_stored(lambda: self._journal.undone(change_id, now))
        log.info("change %d: undone, %s was as before already", change_id, name_of(path))
        return await self._answer(change_id, None, lost)

    async def _force(self, change: Change, file: FileToTag, path: Path) -> Undone:
        """Write the old fields over what somebody edited, as a change of its own."""
        prepared = await self._writer.copied(
            path,
            lambda name: self._workers.run(
                write_restored_copy, path, change.before_tags, change.after_tags, name
            ),
        )
        if prepared is None:
            raise NotUndoable(change.change_id, f"{name_of(path)} says already what it said before")
        if prepared.audio_md5 != change.audio_md5:
            await drop(prepared)
            raise NotUndoable(change.change_id, f"{name_of(path)} holds another sound by now")
        return await self._writer.see_through(file.file_id, lambda: self._overwrite(change, file, prepared))

    async def _overwrite(self, change: Change, file: FileToTag, prepared: Prepared) -> Undone:
        evidence = {"undoes": change.change_id}
        try:
            restoring = await self._journal.begin(
                file, prepared, cause="restored", recording_id=None, evidence=evidence
            )
        except BaseException:
            await drop(prepared)
            raise
        if restoring is None:
            await drop(prepared)
            raise FileBusy(name_of(prepared.path))
        stamp = await self._writer.put(
            prepared, quiet_s=0.0, note_failure=lambda reason: self._journal.abandon(restoring, reason)
        )
        now = written(stamp, prepared.after_sha256, prepared.new.as_json(), name_of(prepared.path))
        lost = await until_stored(lambda: self._journal.done(restoring, now))
        log.info("change %d: undone by change %d, which restored the fields", change.change_id, restoring)
        return await self._answer(change.change_id, restoring, lost)

    async def _answer(self, change_id: int, restoring: int | None, lost: int | None) -> Undone:
        change = await self._journal.change(change_id)
        restored = None if restoring is None else await self._journal.change(restoring)
        if change is None:
            raise FileNotReady(f"change {change_id}", "is gone from the journal")
        derived = () if lost is None else tuple(await self._journal.derived_from(lost))
        return Undone(change, restored, derived)


def _stamp_if_restored(path: Path, change: Change) -> FileStamp | None:
    """Return the stamp of a file that is what it was before a change. Raises OSError."""
    stamp = stamp_of(path.lstat())  # before its content is read: a later change then shows
    is_restored = look(path, change.before_sha256, change.after_sha256) == "before"
    return stamp if is_restored else None
