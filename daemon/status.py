"""What is known, what is waiting, what failed: the answer to `spectra status`."""

import asyncio
import functools
import os
from importlib.metadata import version

from daemon.library import shown
from daemon.moments import iso
from daemon.rows import FailedFile, FileCounts
from daemon.services import Services

_MOST_FAILED_SHOWN = 20


async def describe_status(services: Services) -> dict[str, object]:
    """Return the state of the service as JSON values."""
    store = services.store
    counts = await store.file_counts()
    recordings = await store.recording_counts()
    index = services.index.status()
    naming = await services.identification.store.counts()
    pause = await services.playlists.service.pause()
    return {
        "service": "spectra",
        "version": await asyncio.to_thread(_version),
        "recordings": {
            "total": recordings.recordings,
            "references": recordings.references,
            "hours": round(recordings.duration_s / 3_600, 3),
        },
        "libraries": await _libraries(services, counts),
        "files": {
            "unknown": naming.unknown,
            "to_identify": naming.to_identify,
            "to_offer": naming.to_offer,
            "review": naming.review,
            "to_tag": naming.to_tag,
            "postponed": naming.postponed,
            "tagged": naming.tagged,
        },
        "index": {
            "recordings": index.size.recordings,
            "postings": index.size.postings,
            "generation": index.generation,
            "to_build": index.to_build,
            "error": index.error,
        },
        "matches": {"pending": services.matches.pending},
        "playlists": {"pause": None if pause is None else pause.as_json()},
        "failed": [described_failure(each) for each in await store.failed_files(_MOST_FAILED_SHOWN)],
    }


def described_failure(file: FailedFile) -> dict[str, object]:
    """Return a file that can't be fingerprinted, why, and when it is tried again, as JSON values."""
    return {
        "file_id": file.file_id,
        "path": shown(file.place),
        "error": file.error,
        "retry_at": iso(file.retry_at),
    }


@functools.cache
def _version() -> str:
    """Read the installed package's metadata, once."""
    return version("spectra")


async def _libraries(services: Services, counts: dict[int, FileCounts]) -> list[dict[str, object]]:
    watched = (
        {}
        if services.watcher is None
        else {os.fsencode(root.root): root for root in services.watcher.status()}
    )
    described: list[dict[str, object]] = []
    for library in await services.store.libraries():
        files = counts.get(library.library_id, FileCounts())
        root = watched.get(library.root)
        described.append(
            {
                "root": shown(library.root),
                "state": "not watched" if root is None else root.state,
                "reason": None if root is None else root.reason,
                "scanned": library.is_scanned,
                "scanning": services.library.is_scanning(library.library_id),
                "present": files.present,
                "pending": files.pending,
                "indexed": files.indexed,
                "failed": files.failed,
                "missing": files.missing,
            }
        )
    return described
