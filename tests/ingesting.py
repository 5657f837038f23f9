"""Drop music, wait until it is known, ask for it: what tests of the daemon do."""

import io
import wave
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
from synth import RATE_HZ, Sound
from waiting import until

from daemon.library import Looked
from daemon.rows import Task
from daemon.services import Services


async def look(services: Services, folder: Path) -> Looked:
    """Look through a folder, and wait until what was found is fingerprinted and indexed."""
    library = await services.library.add(folder, watched=False)
    looked = await services.library.reconcile(library)
    await until(lambda: is_settled(services))
    return looked


async def is_settled(services: Services) -> bool:
    """Tell whether nothing is pending, and the index holds what the database does."""
    counts = await services.store.file_counts()
    if any(each.pending for each in counts.values()):
        return False
    if await rows(services, "SELECT 1 FROM procrastinate_jobs WHERE task_name = 'ingest_file'"):
        return False  # its end is not noted yet
    return (
        indexed_ids(services) == await services.store.recording_ids() and not services.index.status().to_build
    )


def indexed_ids(services: Services) -> list[int]:
    """Return the recordings in the index, ascending."""
    ids: list[int] = services.index._open_writer.recording_ids().tolist()
    return ids


async def rows(services: Services, query: str) -> list[tuple[object, ...]]:
    """Return the rows of a statement."""
    async with services.database.pool.connection() as connection:
        cursor = await connection.execute(query.encode())
        return await cursor.fetchall() if cursor.description else []


async def recordings_by_name(services: Services) -> dict[str, object]:
    """Return the recording of each file, by path."""
    found = await rows(services, "SELECT path, recording_id FROM files")
    return {bytes(path).decode(errors="replace"): recording for path, recording in found}  # type: ignore[call-overload]


async def failures(services: Services) -> dict[str, str]:
    """Return why files failed, by name."""
    failed = await services.store.failed_files(100)
    return {each.place.rpartition(b"/")[2].decode(errors="replace"): each.error for each in failed}


def clip_of(sound: Sound, start_s: float, duration_s: float) -> bytes:
    """Return a part of a sound as a WAV file's bytes."""
    part = sound[round(start_s * RATE_HZ) : round((start_s + duration_s) * RATE_HZ)]
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE_HZ)
        file.writeframes((part * 32_767).astype(np.int16).tobytes())
    return buffer.getvalue()


async def in_pieces(*pieces: bytes) -> AsyncIterator[bytes]:
    """Yield the pieces, as an upload arrives."""
    for piece in pieces:
        yield piece


async def match(services: Services, clip: bytes) -> Task:
    """Ask what a clip is, and return the answer."""
    task_id = await services.matches.submit(in_pieces(clip))

    async def answer() -> Task | None:
        task = await services.matches.task(task_id)
        return task if task is not None and task.status != "pending" else None

    await until(answer)
    task = await answer()
    assert task is not None
    return task
