"""What people may listen to and look at: the files that are known, and their covers."""

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TypeVar

from daemon.answering import Answering, FolderHangs
from daemon.covers import Picture, as_picture, read_cover
from daemon.db import Database
from daemon.errors import DaemonError, WorkerDied
from daemon.media_files import MediaFile, NotServed, OpenMedia, open_media
from daemon.workers import WorkerLimits, WorkerPool

log = logging.getLogger(__name__)

T = TypeVar("T")

_MOST_FILES = 5
"""Of one recording, how many files are tried: a folder may be offline without being known to be."""
_READERS = 4
"""Threads of each music folder: one that does not answer holds up who listens to it, and nobody else."""
_COVER_CPU_S = 5
"""Tags are read in milliseconds; what takes longer was made to."""
_MOST_WAITING = 256
"""Covers that are waited for: more than two large pages of files show."""


class TooManyCovers(DaemonError):  # noqa: N818 - a fact, as in `FileNotFound`
    """Too many wait already."""

    def __init__(self, most: int) -> None:
        super().__init__(most)

    def __str__(self) -> str:
        return f"{self.args[0]} covers are being looked for already; try again in a few seconds"


class MediaService:
    """Finds files by number, and reads them. Everything that asks the database raises psycopg.Error."""

    def __init__(self, database: Database, answering: Answering, limits: WorkerLimits) -> None:
        """`limits` are those of a worker; covers are read by one of their own, started for the first one."""
        self._database = database
        self._answering = answering
        self._workers = WorkerPool("cover", 1, replace(limits, cpu_s_per_job=_COVER_CPU_S))
        self._starting = asyncio.Lock()
        self._has_workers = False
        self._is_stopping = False
        self._waiting = 0
        self._threads: dict[bytes, ThreadPoolExecutor] = {}

    async def stop(self) -> None:
        """End the worker and the threads; a thread that waits for a disk is left behind."""
        self._is_stopping = True
        await self._workers.stop()
        for threads in self._threads.values():
            threads.shutdown(wait=False, cancel_futures=True)

    async def open_file(self, file_id: int) -> tuple[MediaFile, OpenMedia]:
        """Open a file to read it. Raises NotServed, FolderHangs."""
        media = await self._file(file_id)
        return media, await self._open(media)

    async def open_recording(self, recording_id: int) -> tuple[MediaFile, OpenMedia]:
        """Open the first file with this sound that can be opened. Raises NotServed, FolderHangs."""
        error: NotServed | FolderHangs = NotServed(
            f"recording {recording_id}",
            "has no file here that could be played: it is known from a playlist, or its files are missing.",
        )
        for media in await self._files_of(recording_id):
            try:
                return media, await self._open(media)
            except (NotServed, FolderHangs) as refused:
                error = refused
        raise error

    async def read(self, opened: OpenMedia, size_bytes: int) -> bytes:
        """Read on from where the file is; b"" at its end. Raises OSError."""
        return await self._in_thread(opened.root, lambda: opened.file.read(size_bytes))

    async def seek(self, opened: OpenMedia, offset_bytes: int) -> None:
        """Go to a place in the file."""
        await self._in_thread(opened.root, lambda: opened.file.seek(offset_bytes))

    async def close(self, opened: OpenMedia) -> None:
        """Close the file."""
        await self._in_thread(opened.root, opened.file.close)

    async def file_cover(self, file_id: int) -> Picture:
        """Return the picture of a file: its own, its folder's, or a playlist's.

        Raises
        ------
        NotServed : there is none, or no file
        TooManyCovers, FolderHangs
        """
        media = await self._file(file_id)
        found = await self._cover(media)
        if found is None and media.recording_id is not None:
            found = await self._playlist_cover(media.recording_id)
        if found is None:
            raise NotServed(media.name, "has no cover.")
        return found

    async def recording_cover(self, recording_id: int) -> Picture:
        """Return the picture of a sound: that of its first file, or a playlist's. Errors as `file_cover`."""
        files = await self._files_of(recording_id)
        found = await self._cover(files[0]) if files else None
        if found is None:
            found = await self._playlist_cover(recording_id)
        if found is None:
            raise NotServed(f"recording {recording_id}", "has no cover.")
        return found

    async def _open(self, media: MediaFile) -> OpenMedia:
        await self._answering.look(media.root)
        return await self._in_thread(media.root, lambda: open_media(media))

    async def _cover(self, media: MediaFile) -> Picture | None:
        if self._waiting >= _MOST_WAITING:
            raise TooManyCovers(_MOST_WAITING)
        self._waiting += 1
        try:
            await self._answering.look(media.root)
            async with self._starting:
                if not self._has_workers:
                    await self._workers.start()
                    self._has_workers = True
            return await self._workers.run(read_cover, media)
        except (WorkerDied, MemoryError) as error:
            if not self._is_stopping:
                reason = str(error) or "it needs too much memory"
                log.warning("the cover of %s can't be read: %s", media.name, reason)
            return None
        finally:
            self._waiting -= 1

    async def _playlist_cover(self, recording_id: int) -> Picture | None:
        rows = await self._database.rows("track_covers", recording_ids=[recording_id])
        return as_picture(bytes(rows[0][1])) if rows else None

    async def _file(self, file_id: int) -> MediaFile:
        rows = await self._database.rows("media_of_file", file_id=file_id)
        if not rows:
            raise NotServed(f"file {file_id}", "is not known; GET /files lists what is.")
        root, path, recording_id, is_missing = rows[0]
        media = MediaFile(bytes(root), bytes(path), recording_id)
        if is_missing:
            raise NotServed(media.name, "is missing from its folder.")
        return media

    async def _files_of(self, recording_id: int) -> list[MediaFile]:
        rows = await self._database.rows("media_of_recording", recording_id=recording_id, most=_MOST_FILES)
        return [MediaFile(bytes(row[0]), bytes(row[1]), row[2]) for row in rows]

    async def _in_thread(self, root: bytes, work: Callable[[], T]) -> T:
        threads = self._threads.get(root)
        if threads is None:
            threads = self._threads[root] = ThreadPoolExecutor(_READERS, thread_name_prefix="media")
        return await asyncio.get_running_loop().run_in_executor(threads, work)
