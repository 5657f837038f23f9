"""Many simulated recordings, in PostgreSQL and the index: their files are unknown, or they are references."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, LiteralString

import numpy as np
from psycopg.rows import TupleRow

from daemon.services import Services
from engine.codec import encode
from engine.fingerprint import fingerprint
from engine.model import Fingerprint, Peaks
from engine.settings import FINGERPRINT_VERSION, Settings
from tests.bench.running import caught_up
from tests.bench.simulated import HashSource, moved

DURATION_S = 30.0
_LANDMARKS = 1_800
"""Of 30 s at 60 per second: a hundred thousand whole tracks would be 10 GB of index."""
_KINDS = 64
"""Different constellations in PostgreSQL: only those of suspects are ever read."""
_BATCH = 2_000
_SETTLED_S = 1.0

_ADD = """
INSERT INTO recordings (digest, fingerprint_version, constellation, duration_s, offered_at)
SELECT sha256(('crowd ' || number)::bytea), %(version)s,
       (%(constellations)s::bytea[])[1 + number %% %(kinds)s], %(duration_s)s, now()
FROM generate_series(%(first)s::int, %(last)s::int) AS number
RETURNING recording_id
"""
_ADD_ONE = """
INSERT INTO recordings (digest, fingerprint_version, constellation, duration_s, is_reference, title, artist,
                        offered_at)
VALUES (sha256(%(name)s::bytea), %(version)s, %(constellation)s, %(duration_s)s, %(is_reference)s, %(name)s,
        'Bench', now())
RETURNING recording_id
"""
_ADD_FILES = """
INSERT INTO files (library_id, path, size_bytes, mtime_ns, inode, device, status, recording_id, naming, tags,
                   identified_at)
SELECT %(library_id)s, ('track ' || recording_id || '.mp3')::bytea, 1, 1, recording_id, 1, 'indexed',
       recording_id, 'unknown', '{"trusted": false}', now()
FROM unnest(%(recording_ids)s::bigint[]) AS recording_id
RETURNING file_id
"""
_NAME_FILES = """
UPDATE files SET naming = CASE WHEN %(are_named)s THEN 'named' ELSE 'unknown' END,
       tags = jsonb_build_object('trusted', %(are_named)s::boolean,
                                 'title', recording_id::text, 'artist', 'Bench')
WHERE recording_id = ANY(%(recording_ids)s)
"""
_NAME_RECORDINGS = """
UPDATE recordings SET is_reference = %(are_named)s, title = recording_id, artist = 'Bench'
WHERE recording_id = ANY(%(recording_ids)s)
"""


class Crowd:
    """Unknown files without audio, fingerprinted and held against all references before."""

    def __init__(
        self, services: Services, library_id: int, real: Sequence[Peaks], settings: Settings
    ) -> None:
        """Simulate recordings whose hashes and peaks are distributed as those of real ones."""
        self._services = services
        self._library_id = library_id
        self._settings = settings
        self._random = np.random.default_rng(7)
        self._frame_count = round(DURATION_S * settings.frames_per_s)
        stored = [fingerprint(each, settings.stored, settings) for each in real]
        self._hashes = HashSource(stored, self._random)
        self._constellations = [
            encode(_begin(moved(real[number % len(real)], self._random, settings), self._frame_count))
            for number in range(_KINDS)
        ]
        self._recording_ids: list[int] = []

    async def grow(self, size: int) -> None:
        """Add until there are so many, and wait until all is indexed, merged and counted."""
        while len(self._recording_ids) < size:
            await self._add(min(len(self._recording_ids) + _BATCH, size))
            print(f"\r{len(self._recording_ids)} of {size} simulated files", end="", flush=True)
        print()
        generation = -1
        while generation != self._services.index.status().generation:
            generation = self._services.index.status().generation
            await asyncio.sleep(_SETTLED_S)
        async with self._services.database.pool.connection() as connection:
            await connection.execute("ANALYZE files, recordings")  # as autovacuum does, sooner or later

    async def add_reference(self, name: str, peaks: Peaks) -> int:
        """Add a recording with a tagged file, which was offered already; return its id."""
        recording_id = await self._add_one(name, peaks, is_reference=True)
        await self._add_files([recording_id])
        await run(self._services, _NAME_FILES, {"are_named": True, "recording_ids": [recording_id]})
        return recording_id

    async def add_unknown(self, name: str, peaks: Peaks) -> int:
        """Add a file of this sound; return the file's id."""
        recording_id = await self._add_one(name, peaks, is_reference=False)
        return (await self._add_files([recording_id]))[0]

    @asynccontextmanager
    async def named(self) -> AsyncIterator[None]:
        """Have all of the crowd be references within the context."""
        await self._name(are_named=True)
        try:
            yield
        finally:
            await self._name(are_named=False)

    async def _add(self, last: int) -> None:
        about = {
            "version": FINGERPRINT_VERSION,
            "constellations": self._constellations,
            "kinds": len(self._constellations),
            "duration_s": DURATION_S,
            "first": len(self._recording_ids) + 1,
            "last": last,
        }
        added = [row[0] for row in await run(self._services, _ADD, about)]
        await self._add_files(added)
        for recording_id in added:
            hashes = self._hashes.draw(_LANDMARKS, self._hashes.moved_share)
            frames = np.sort(self._random.integers(0, self._frame_count, _LANDMARKS)).astype(np.uint32)
            self._services.index.add(recording_id, Fingerprint(hashes, frames, self._frame_count))
        self._recording_ids += added
        await caught_up(self._services)

    async def _add_one(self, name: str, peaks: Peaks, *, is_reference: bool) -> int:
        about = {
            "name": name,
            "version": FINGERPRINT_VERSION,
            "constellation": encode(peaks),
            "duration_s": peaks.frame_count / self._settings.frames_per_s,
            "is_reference": is_reference,
        }
        recording_id = int((await run(self._services, _ADD_ONE, about))[0][0])
        self._services.index.add(recording_id, fingerprint(peaks, self._settings.stored, self._settings))
        return recording_id

    async def _add_files(self, recording_ids: list[int]) -> list[int]:
        files = {"library_id": self._library_id, "recording_ids": recording_ids}
        return [row[0] for row in await run(self._services, _ADD_FILES, files)]

    async def _name(self, *, are_named: bool) -> None:
        about = {"are_named": are_named, "recording_ids": self._recording_ids}
        await run(self._services, _NAME_FILES, about)
        await run(self._services, _NAME_RECORDINGS, about)
        await run(self._services, "ANALYZE files, recordings")


async def run(
    services: Services, statement: LiteralString, about: Mapping[str, Any] | None = None
) -> list[TupleRow]:
    """Run one statement and return its rows."""
    async with services.database.pool.connection() as connection:
        cursor = await connection.execute(statement, about)
        return await cursor.fetchall() if cursor.description else []


def _begin(peaks: Peaks, frame_count: int) -> Peaks:
    count = int(np.searchsorted(peaks.frames, frame_count))
    return Peaks(
        peaks.frames[:count], peaks.bins[:count], peaks.ranks[:count], min(frame_count, peaks.frame_count)
    )
