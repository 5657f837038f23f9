"""One file to one recording."""

import logging
import os
from collections.abc import Awaitable, Callable
from pathlib import Path

from daemon.answering import Answering, FolderHangs, in_own_thread
from daemon.errors import WorkerDied
from daemon.index_keeper import IndexKeeper
from daemon.rows import IngestedFile, PendingFile
from daemon.scan import bigint
from daemon.source_backoff import Backoff
from daemon.store import Store
from daemon.worker_jobs import Fingerprinted, fingerprint_file
from daemon.workers import WorkerPool
from engine.errors import AudioError
from engine.settings import FINGERPRINT_VERSION, Settings

log = logging.getLogger(__name__)

_AT_ONCE = 3
"""So often a file is tried in a row that workers die or decoders stumble over; then it counts as failed."""
_RETRY = Backoff(5 * 60.0, 86_400.0, most_attempts=None)
"""A folder that may be entered again, a disk or a network that is back; none of them says so."""


class IngestService:
    """Fingerprints files, stores their recordings, and has them indexed."""

    def __init__(
        self,
        store: Store,
        workers: WorkerPool,
        index: IndexKeeper,
        settings: Settings,
        answering: Answering,
        *,
        on_indexed: Callable[[int, int], Awaitable[object]] | None = None,
    ) -> None:
        """`on_indexed` is awaited with the file and its recording once both are stored."""
        self._store = store
        self._workers = workers
        self._index = index
        self._settings = settings
        self._on_indexed = on_indexed
        self._answering = answering

    async def ingest(self, file_id: int) -> None:
        """Bring a pending file to `indexed` or `failed`.

        A file that changes meanwhile stays pending, for the scan that will notice it; one whose folder goes
        away or does not answer, until it is back.

        Raises
        ------
        WorkerDied : the worker was killed over it; worth another attempt
        whatever a decoder stumbled over : likewise
        psycopg.Error : likewise, and nothing is held against the file
        """
        file = await self._store.pending_file(file_id)
        if file is None:
            return
        path = Path(os.fsdecode(file.root + b"/" + file.path))
        try:
            async with self._answering.needed(file.root):
                fingerprinted = await self._workers.run(fingerprint_file, path, self._settings)
                still_same = await in_own_thread(_is_unchanged, path, file)
        except (FileNotFoundError, NotADirectoryError, FolderHangs):
            return  # the next scan says where it went
        except AudioError as error:
            await self._fail(file, str(error))
            return
        except OSError as error:
            if not await self._is_offline(file.root):
                reason = f"{file.name}: can't be read ({error.strerror or error})"
                await self._fail(file, reason, may_pass=True)
            return
        except MemoryError:
            reason = f"{file.name}: needs more memory than allowed (workers.memory_mb)"
            await self._fail(file, reason, may_pass=True)
            return
        except Exception as error:
            attempts = file.attempts + 1
            if attempts < _AT_ONCE:
                await self._store.attempt_failed(file)
                raise
            log.exception("%s: given up after %d attempts", file.name, attempts)
            reason = f"{file.name}: {error or type(error).__name__}"
            await self._fail(file, reason, may_pass=isinstance(error, WorkerDied))
            return
        if still_same:
            await self._save(file, fingerprinted)

    async def _is_offline(self, root: bytes) -> bool:
        try:
            return (await self._answering.look(root)).offline is not None
        except FolderHangs:
            return True

    async def _save(self, file: PendingFile, fingerprinted: Fingerprinted) -> None:
        saved = await self._store.save_ingested(
            file,
            IngestedFile(
                digest=fingerprinted.digest,
                constellation=fingerprinted.constellation,
                duration_s=fingerprinted.duration_s,
                fingerprint_version=FINGERPRINT_VERSION,
                content_hash=fingerprinted.content_hash,
                tags=fingerprinted.tags,
            ),
        )
        if saved is None:
            return
        recording_id, dropped_id = saved
        self._index.add(recording_id, fingerprinted.postings)
        if dropped_id is not None:
            self._index.remove([dropped_id])
        log.debug("indexed %s as recording %d", file.path, recording_id)
        if self._on_indexed is not None:
            await self._on_indexed(file.file_id, recording_id)

    async def _fail(self, file: PendingFile, reason: str, *, may_pass: bool = False) -> None:
        pause = _RETRY.delay(file.attempts + 1) if may_pass else None
        again = "when it changes" if pause is None else f"in {pause}"
        log.warning("not indexed: %s; it is tried again %s", reason, again)
        await self._store.file_failed(file, reason, pause=pause)


def _is_unchanged(path: Path, file: PendingFile) -> bool:
    status = path.stat()
    return (status.st_size, bigint(status.st_mtime_ns)) == (file.size_bytes, file.mtime_ns)
