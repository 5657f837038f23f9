"""How fast files become searchable, against decoding the same files and nothing else."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import numpy as np

from daemon.worker_jobs import fingerprint_file
from daemon.workers import WorkerPool
from engine.settings import Settings
from tests.bench.corpus import CODECS, duration_s_of, encoded
from tests.bench.options import Options
from tests.bench.report import Cell, Goal, Report
from tests.bench.running import INGEST_PROCESSES, folder_of, fresh_services, ingest, pool, stopwatch
from tests.bench.work import decode_file

LEAST_OF_DECODING = 0.55


def measure(options: Options) -> Report:
    """Return, for each codec, the speed of ingest as a share of the speed of decoding."""
    return asyncio.run(_measure(options))


async def _measure(options: Options) -> Report:
    rows: list[tuple[Cell, ...]] = []
    goals = []
    for suffix in CODECS:
        files = encoded(options.corpus, options.cache, suffix)[: options.scaled(1_000, 4)]
        duration_s = sum(duration_s_of(path) for path in files)
        rounds = np.array([await _round(files) for _ in range(options.scaled(3, 1))])
        decoding, workers, ingested = (rounds[:, stage] for stage in range(3))
        share, cpu_share = np.median(decoding / ingested, axis=0).tolist()
        workers_share, workers_cpu_share = np.median(decoding / workers, axis=0).tolist()
        speed = duration_s / float(np.median(ingested[:, 0]))
        rows.append(
            (
                suffix,
                len(files),
                duration_s / 3_600,
                speed,
                share,
                workers_share,
                cpu_share,
                workers_cpu_share,
            )
        )
        goals.append(Goal(f"{suffix}: ingest against decoding", share, at_least=LEAST_OF_DECODING))
    return Report(
        "ingest",
        ("codec", "files", "hours", "x real time", "ingest", "workers", "ingest, CPU", "workers, CPU"),
        rows,
        goals,
        [
            f"speed as a share of decoding's; {INGEST_PROCESSES} processes; medians of interleaved rounds",
            "decoding: the files are decoded and resampled in processes of the same kind, nothing else",
            "workers: fingerprint_file in those processes, no database and no index",
            "ingest: from the first look at the folder until every file is committed and in the index",
            "fresh state with an embedded PostgreSQL, whose start is not counted",
            "CPU: the same of CPU seconds, PostgreSQL's included; other load disturbs these less",
        ],
    )


async def _round(files: list[Path]) -> list[list[float]]:
    """Return the seconds and CPU seconds of decoding, of fingerprinting, of ingest.

    None of them is niced: on a busy machine that would measure the others.
    """
    settings = Settings()
    async with pool(INGEST_PROCESSES) as workers:
        await _run(workers, decode_file, files[:INGEST_PROCESSES], settings)  # imports
        with stopwatch() as decoding:
            await _run(workers, decode_file, files, settings)
        with stopwatch() as fingerprinting:
            await _run(workers, fingerprint_file, files, settings)
    with folder_of(files) as folder:
        async with fresh_services(ingest_nice=0) as services:
            with stopwatch() as ingesting:
                await ingest(services, folder)
    return [decoding, fingerprinting, ingesting]


async def _run(
    workers: WorkerPool, work: Callable[[Path, Settings], object], files: list[Path], settings: Settings
) -> None:
    await asyncio.gather(*(workers.run(work, path, settings) for path in files))
