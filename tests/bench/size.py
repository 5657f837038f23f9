"""How many bytes a further hour of music takes, in the index and in PostgreSQL."""

import asyncio
import hashlib
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from daemon.changes import Changes
from daemon.filetags import FileTags
from daemon.rows import IngestedFile
from daemon.scan import FoundFile
from daemon.services import Services
from engine.codec import encode
from engine.fingerprint import fingerprint
from engine.index import IndexWriter
from engine.merging import run_merge
from engine.model import Peaks
from engine.settings import FINGERPRINT_VERSION, Settings
from tests.bench.corpus import music
from tests.bench.options import Options
from tests.bench.report import Goal, Report
from tests.bench.running import fresh_services
from tests.bench.simulated import constellations, moved

MOST_INDEX_MB_PER_H = 2.5
MOST_DATABASE_MB_PER_H = 1.5
_BATCH = 50
_SIZE = "SELECT pg_total_relation_size('recordings'), pg_total_relation_size('files')"


@dataclass(frozen=True, slots=True)
class Sizes:
    """At some point of growing."""

    hours: float
    index_bytes: int
    recordings_bytes: int
    files_bytes: int


def measure(options: Options) -> Report:
    """Grow an index and a database by simulated recordings, and return what the second half took."""
    settings, random = Settings(), np.random.default_rng(1)
    real = constellations(music(options.corpus), settings)
    count = options.scaled(1_000, 100)
    simulated = [moved(real[number % len(real)], random, settings) for number in range(count)]
    half, whole = asyncio.run(_grow(simulated, settings))
    hours = whole.hours - half.hours
    per_hour = {
        "index": (whole.index_bytes - half.index_bytes) / hours / 1e6,
        "recordings": (whole.recordings_bytes - half.recordings_bytes) / hours / 1e6,
        "files": (whole.files_bytes - half.files_bytes) / hours / 1e6,
    }
    database = per_hour["recordings"] + per_hour["files"]
    return Report(
        "size",
        ("part", "MB at half", "MB at the end", "MB per further hour"),
        [
            ("index", half.index_bytes / 1e6, whole.index_bytes / 1e6, per_hour["index"]),
            ("recordings", half.recordings_bytes / 1e6, whole.recordings_bytes / 1e6, per_hour["recordings"]),
            ("files", half.files_bytes / 1e6, whole.files_bytes / 1e6, per_hour["files"]),
        ],
        [
            Goal("index, MB per hour", per_hour["index"], at_most=MOST_INDEX_MB_PER_H),
            Goal("PostgreSQL, MB per hour", database, at_most=MOST_DATABASE_MB_PER_H),
        ],
        [
            f"{count} recordings, {whole.hours:.1f} h: constellations of the corpus, transposed and rotated",
            "index: after every due merge; PostgreSQL: tables with their indexes and TOAST, no VACUUM",
        ],
    )


async def _grow(simulated: list[Peaks], settings: Settings) -> tuple[Sizes, Sizes]:
    with tempfile.TemporaryDirectory() as index:
        async with fresh_services() as services:
            library_id = await services.store.add_library(b"/simulated", watched=False)
            sizes = []
            seen_s = 0.0
            with IndexWriter(Path(index), stamp="bench") as writer:
                for first in range(0, len(simulated), _BATCH):
                    batch = simulated[first : first + _BATCH]
                    _add(writer, first, batch, settings)
                    await _save(services, library_id, first, batch, settings)
                    seen_s += sum(_duration_s(each, settings) for each in batch)
                    if first + _BATCH in (len(simulated) // 2, len(simulated)):
                        sizes.append(await _sizes(services, Path(index), seen_s / 3_600))
    return sizes[0], sizes[1]


def _add(writer: IndexWriter, first_id: int, batch: list[Peaks], settings: Settings) -> None:
    stored = [fingerprint(each, settings.stored, settings) for each in batch]
    writer.add(list(enumerate(stored, first_id)))
    while plan := writer.plan_merge():
        writer.commit_merge(plan, run_merge(plan))


async def _save(
    services: Services, library_id: int, first: int, batch: list[Peaks], settings: Settings
) -> None:
    """Store recordings as ingest does, each with its file."""
    found = [
        FoundFile(
            path=f"Some Artist {number // 12}/Some Album/{number % 12:02} Some Title {number}.mp3".encode(),
            size_bytes=number,
            mtime_ns=number,
            inode=number,
            device=1,
        )
        for number in range(first, first + len(batch))
    ]
    await services.store.apply_changes(library_id, Changes(new=found), whole=False)
    pending = sorted(await services.store.pending_without_job(len(batch)))
    for number, file_id, peaks in zip(range(first, first + len(batch)), pending, batch, strict=True):
        encoded = encode(peaks)
        file = await services.store.pending_file(file_id)
        assert file is not None
        ingested = IngestedFile(
            digest=hashlib.sha256(encoded).digest(),
            constellation=encoded,
            duration_s=_duration_s(peaks, settings),
            fingerprint_version=FINGERPRINT_VERSION,
            content_hash=hashlib.sha256(str(number).encode()).digest(),
            tags=FileTags(f"Some Title {number}", "Some Artist", "Some Album", is_trusted=True),
        )
        await services.store.save_ingested(file, ingested)


async def _sizes(services: Services, index: Path, hours: float) -> Sizes:
    async with services.database.pool.connection() as connection:
        row = await (await connection.execute(_SIZE)).fetchone()
    assert row is not None
    return Sizes(hours, sum(path.stat().st_size for path in index.iterdir()), row[0], row[1])


def _duration_s(peaks: Peaks, settings: Settings) -> float:
    return peaks.frame_count / settings.frames_per_s
