"""One file to one recording."""

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable
from pathlib import Path

from daemon.index_keeper import IndexKeeper
from daemon.rows import IngestedFile, PendingFile
from daemon.scan import bigint
from daemon.store import Store
from daemon.worker_jobs import Fingerprinted, fingerprint_file
from daemon.workers import WorkerPool
from engine.errors import AudioError
from engine.settings import FINGERPRINT_VERSION, Settings

log = logging.getLogger(__name__)

_MOST_ATTEMPTS = 3
"""A file that failed so often in ways that may pass is left alone until it changes."""


class IngestService:
    """Fingerprints files, stores their recordings, and has them indexed."""

    def __init__(
        self,
        store: Store,
        workers: WorkerPool,
        index: IndexKeeper,
        settings: Settings,
        *,
        on_indexed: Callable[[int, int], Awaitable[object]] | None = None,
    ) -> None:
        """`on_indexed` is awaited with the file and its recording once both are stored."""
        self._store = store
        self._workers = workers
        self._index = index
        self._settings = settings
        self._on_indexed = on_indexed

    async def ingest(self, file_id: int) -> None:
        """Bring a pending file to `indexed` or `failed`.

        A file that changes meanwhile stays pending, for the scan that will notice it.

        Raises
        ------
        WorkerDied : the worker was killed over it; worth another attempt
        whatever a decoder stumbled over, psycopg.Error : likewise
        """
        file = await self._store.begin_attempt(file_id)
        if file is None:
            return
        path = Path(os.fsdecode(file.root + b"/" + file.path))
        try:
            fingerprinted = await self._workers.run(fingerprint_file, path, self._settings)
            still_same = await asyncio.to_thread(_is_unchanged, path, file)
        except (FileNotFoundError, NotADirectoryError):
            return  # the next scan says where it went
        except AudioError as error:
            await self._fail(file, str(error))
            return
        except OSError as error:
            await self._fail(file, f"{file.name}: can't be read ({error.strerror or error})")
            return
        except MemoryError:
            await self._fail(file, f"{file.name}: needs more memory than allowed (workers.memory_mb)")
            return
        except Exception as error:
            if file.attempts < _MOST_ATTEMPTS:
                raise
            log.exception("%s: given up after %d attempts", file.name, file.attempts)
            await self._fail(file, f"{file.name}: {error or type(error).__name__}")
            return
        if still_same:
            await self._save(file, fingerprinted)

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

    async def _fail(self, file: PendingFile, reason: str) -> None:
        log.warning("not indexed: %s", reason)
        await self._store.file_failed(file, reason)


def _is_unchanged(path: Path, file: PendingFile) -> bool:
    status = path.stat()
    return (status.st_size, bigint(status.st_mtime_ns)) == (file.size_bytes, file.mtime_ns)
