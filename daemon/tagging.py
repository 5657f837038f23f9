"""Change a file's tags, so that it can be undone."""

import logging
from dataclasses import dataclass
from pathlib import Path

from daemon.answering import Answering, FolderHangs
from daemon.change_errors import FileBusy, FileNotReady
from daemon.change_rows import Cause, Change, FileToTag, Json, written
from daemon.change_settling import Settler
from daemon.change_undoing import Undoer, Undone
from daemon.change_writer import ChangeWriter, drop, until_stored
from daemon.counters import TagCounters
from daemon.errors import WorkerDied
from daemon.file_safety import name_of
from daemon.journal import Journal
from daemon.own_writes import OwnWrites
from daemon.safe_write import Prepared
from daemon.scan import bigint
from daemon.tag_errors import EditedSince, FileChanged, InUse, NoSpace, NotQuiet, TagError
from daemon.tag_fields import Mode, TagFields
from daemon.tag_jobs import write_tagged_copy
from daemon.workers import WorkerPool

log = logging.getLogger(__name__)

_BUSY_RETRY_S = 60.0
"""A file that is in use, or not yet fingerprinted anew, is worth another attempt after so long."""
_TROUBLE_RETRY_S = 600.0
"""A full or failing disk, or a killed process: it may pass, and each attempt reads the whole file."""


@dataclass(frozen=True, slots=True)
class Unchanged:
    """The file says all that already; nothing was written."""


@dataclass(frozen=True, slots=True)
class Refused:
    """Nothing was changed."""

    reason: str
    """A sentence."""
    retry_after_s: float | None = None
    """When it may pass; None: not before somebody mends something."""
    is_edited: bool = False
    """An undo met a file that somebody edited since: it can be forced."""


class TaggingService:
    """Writes tags and takes them back: prepared, journaled, put in place, noted."""

    def __init__(
        self,
        journal: Journal,
        workers: WorkerPool,
        own_writes: OwnWrites,
        answering: Answering,
        *,
        quiet_s: float,
    ) -> None:
        self._answering = answering
        self.counters = TagCounters()
        self._journal = journal
        self._workers = workers
        self._quiet_s = quiet_s
        self._writer = ChangeWriter(own_writes)
        self._settler = Settler(journal, self._writer)
        self._undoer = Undoer(journal, self._writer, workers, self._answering)

    async def stop(self) -> None:
        """See through what is being written."""
        await self._writer.stop()
        await self._settler.stop()

    async def recover(self) -> None:
        """Settle what a killed run, or a lost connection, left open; before the first scan, and now and then.

        A change whose root is offline or does not answer is left for later, and one whose file may have been
        moved until the scans say where to. Raises psycopg.Error.
        """
        await self._settler.settle()

    @property
    def run(self) -> str:
        """Return what begins the names of this run's temporary files, which `sweep` spares."""
        return self._writer.run

    def sweep(self, roots: list[Path]) -> None:
        """Begin to delete what killed runs left beside files."""
        self._settler.sweep(roots)

    async def apply(
        self,
        file_id: int,
        fields: TagFields,
        *,
        cause: Cause,
        recording_id: int | None,
        evidence: Json,
        mode: Mode = "fill",
    ) -> Change | Unchanged | Refused:
        """Write these fields into a file, by the rules of `tag_fields.merged`.

        Parameters
        ----------
        recording_id : the reference that the fields come from
        evidence : why, and from which source each field came; JSON without NUL characters

        Raises
        ------
        psycopg.Error : the database is away; nothing was written
        """
        try:
            done = await self._apply(
                file_id, fields, cause=cause, recording_id=recording_id, evidence=evidence, mode=mode
            )
        except (TagError, FolderHangs, OSError, WorkerDied, MemoryError) as error:
            self.counters.wrote("refused")
            return refusal(error)
        self.counters.wrote("written" if isinstance(done, Change) else "unchanged")
        return done

    async def undo(self, change_id: int, *, force: bool = False) -> Undone | Refused:
        """Give a file back the bytes it had before a change, if it is exactly what was written then.

        Parameters
        ----------
        force : restore at least the fields if somebody edited the file since; that is a change of its own

        Raises
        ------
        psycopg.Error : the database is away; nothing was undone
        """
        try:
            undone = await self._undoer.undo(change_id, force=force)
        except (TagError, FolderHangs, OSError, WorkerDied, MemoryError) as error:
            self.counters.undid("refused")
            return refusal(error)
        self.counters.undid("undone")
        return undone

    async def _apply(
        self,
        file_id: int,
        fields: TagFields,
        *,
        cause: Cause,
        recording_id: int | None,
        evidence: Json,
        mode: Mode,
    ) -> Change | Unchanged:
        file = await self._journal.file(file_id)
        if file is None:
            raise FileNotReady(f"file {file_id}", "is not known any more")
        path = file.place
        _check_ready(file, path)
        with self._writer.turn(file_id, name_of(path)):
            async with self._answering.needed(file.root):
                prepared = await self._writer.copied(
                    path,
                    lambda name: self._workers.run(
                        write_tagged_copy, path, fields, mode, self._quiet_s, name
                    ),
                )
            if prepared is None:
                return Unchanged()
            if not _is_known(file, prepared):
                await drop(prepared)
                raise FileNotReady(name_of(path), "was changed since it was fingerprinted")
            return await self._writer.see_through(
                file_id,
                lambda: self._write(
                    file, prepared, cause=cause, recording_id=recording_id, evidence=evidence
                ),
            )

    async def _write(
        self, file: FileToTag, prepared: Prepared, *, cause: Cause, recording_id: int | None, evidence: Json
    ) -> Change:
        try:
            change_id = await self._journal.begin(
                file, prepared, cause=cause, recording_id=recording_id, evidence=evidence
            )
        except BaseException:
            await drop(prepared)
            raise
        if change_id is None:
            await drop(prepared)
            raise FileBusy(name_of(prepared.path))
        stamp = await self._writer.put(
            prepared,
            quiet_s=self._quiet_s,
            note_failure=lambda reason: self._journal.abandon(change_id, reason),
        )
        now = written(stamp, prepared.after_sha256, prepared.new.as_json(), name_of(prepared.path))
        await until_stored(lambda: self._journal.done(change_id, now))
        log.info("change %d: tagged %s", change_id, name_of(prepared.path))
        change = await until_stored(lambda: self._journal.change(change_id))
        if change is None:
            raise FileNotReady(name_of(prepared.path), "its change is gone from the journal")
        return change


def refusal(error: Exception) -> Refused:
    """Return an error as the answer, with the time after which it is worth another attempt."""
    match error:
        case NotQuiet():
            return Refused(str(error), retry_after_s=error.args[1])
        case InUse() | FileBusy() | FileChanged() | FileNotReady():
            return Refused(str(error), retry_after_s=_BUSY_RETRY_S)
        case EditedSince():
            return Refused(str(error), is_edited=True)
        case MemoryError():
            return Refused("tagging needs more memory than allowed (workers.memory_mb)")
        case OSError():
            log.warning("a file can't be tagged", exc_info=error)
            reason = f"{error.filename or 'the disk'}: {error.strerror or error}"
            return Refused(reason, retry_after_s=_TROUBLE_RETRY_S)
        case _:
            may_pass = isinstance(error, NoSpace | WorkerDied | FolderHangs)
            return Refused(str(error), retry_after_s=_TROUBLE_RETRY_S if may_pass else None)


def _check_ready(file: FileToTag, path: Path) -> None:
    if file.is_missing:
        raise FileNotReady(name_of(path), "is missing")
    if file.status != "indexed" or file.content_hash is None:
        raise FileNotReady(name_of(path), "is not fingerprinted (yet)")


def _is_known(file: FileToTag, prepared: Prepared) -> bool:
    """Tell whether the copy was made of what was fingerprinted."""
    found = prepared.found
    return (found.size_bytes, bigint(found.mtime_ns), prepared.before_sha256) == (
        file.size_bytes,
        file.mtime_ns,
        file.content_hash,
    )
