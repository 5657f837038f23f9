"""What an answer to a 10 s clip costs, and how long it takes, idle and during a full-speed ingest."""

import asyncio
import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from daemon.services import Services
from daemon.workers import WorkerPool
from engine.codec import encode
from engine.fingerprint import fingerprint
from engine.settings import Settings
from tests.bench.corpus import audible_clips, encoded, music, write_clip
from tests.bench.options import Options
from tests.bench.report import Cell, Goal, Report
from tests.bench.running import caught_up, cpu_s, fresh_server, ingest, pool
from tests.bench.simulated import HashSource, constellations
from tests.bench.work import ask, decode_clip

CLIP_S = 10.0
CLIP_SUFFIXES = ("mp3", "opus")
RECORDINGS = 500
MOST_DECODING = 3.0
MOST_SLOWER = 3.0
_LANDMARKS = 12_000
_DECODINGS = 10
_REPEATS = 10
"""Of a clip: CPU times are counted in steps of 10 ms."""
_OFTEN_S = 0.005
_SELDOM_S = 0.1
"""Every question for the result costs the daemon a millisecond: asked seldom for CPU, often for latency."""

_SIMULATED = """
INSERT INTO recordings (digest, fingerprint_version, constellation, duration_s)
SELECT sha256(number::text::bytea), 0, %(constellation)s, 210
FROM generate_series(1, %(count)s) AS number RETURNING recording_id
"""


@dataclass(frozen=True, slots=True)
class _Answers:
    """Of several rounds. All arrays [shape=(rounds,)], but for `latencies_s`."""

    decoding_cpu_s: np.ndarray
    daemon_cpu_s: np.ndarray
    worker_cpu_s: np.ndarray
    latencies_s: np.ndarray
    found: float
    """Share of requests that found something."""


def measure(options: Options) -> Report:
    """Return CPU and latency of clips as multiples of decoding them."""
    return asyncio.run(_measure(options))


async def _measure(options: Options) -> Report:
    rows: list[tuple[Cell, ...]] = []
    goals = []
    files = music(options.corpus)
    rounds = options.scaled(20, 4)
    with tempfile.TemporaryDirectory() as folder:
        clips = {suffix: _write_clips(files, Path(folder), suffix, rounds) for suffix in CLIP_SUFFIXES}
        async with fresh_server() as (address, services), pool(1) as client:
            await ingest(services, options.corpus)
            await _add_simulated(services, files)
            idle = {suffix: await _ask(address, services, client, clips[suffix]) for suffix in CLIP_SUFFIXES}
            for suffix, answers in idle.items():
                rows.append(_row(suffix, "idle", answers))
                cost = float(
                    np.median((answers.daemon_cpu_s + answers.worker_cpu_s) / answers.decoding_cpu_s)
                )
                goals.append(Goal(f"{suffix}: CPU of an answer / decoding", cost, at_most=MOST_DECODING))
            suffix = CLIP_SUFFIXES[0]
            busy = await _ask_during_ingest(options, address, services, client, clips[suffix])
            rows.append(_row(suffix, "during ingest", busy))
            slower = _p95(busy) / _p95(idle[suffix])
            goals.append(Goal("p95 during ingest / idle", slower, at_most=MOST_SLOWER))
    return Report(
        "clip",
        ("clip", "while", "decode, CPU ms", "daemon", "worker", "median ms", "p95 ms", "x decoding", "found"),
        rows,
        goals,
        [
            f"{CLIP_S:.0f} s, mono, 64 kbit/s, over loopback HTTP; {RECORDINGS} recordings in the index",
            "daemon, worker: CPU of an answer as a multiple of decoding the clip in a warm process; medians",
            "(during ingest the daemon's is its CPU for the files, too)",
            "the client asks for the result every 100 ms for the CPU times, every 5 ms for the latencies",
            "x decoding: median latency as a multiple of decoding's CPU",
        ],
    )


def _write_clips(files: Sequence[Path], folder: Path, suffix: str, count: int) -> list[Path]:
    places = audible_clips(list(files), count, CLIP_S, seed=3)
    return [
        write_clip(path, begin_s, CLIP_S, folder / f"{number}.{suffix}")
        for number, (path, begin_s, _) in enumerate(places)
    ]


async def _add_simulated(services: Services, files: Sequence[Path]) -> None:
    """Fill the index up to 500 recordings."""
    settings = Settings()
    real = constellations(files, settings)
    source = HashSource(
        [fingerprint(each, settings.stored, settings) for each in real], np.random.default_rng(1)
    )
    wanted = {"count": RECORDINGS - len(files), "constellation": encode(real[0])}
    async with services.database.pool.connection() as connection:
        added = await (await connection.execute(_SIMULATED, wanted)).fetchall()
    for (recording_id,) in added:
        services.index.add(recording_id, source.fingerprint(settings, _LANDMARKS))
    await caught_up(services)


async def _ask(
    address: str,
    services: Services,
    client: WorkerPool,
    clips: Sequence[Path],
    until: asyncio.Task[int] | None = None,
) -> _Answers:
    """Decode and ask for each clip in turn; stop early when the other task ends."""
    settings = Settings()
    rounds = []
    latencies_s: list[float] = []
    found = 0
    await client.run(ask, address, clips[0], 3, ask_every_s=_OFTEN_S)  # warms both ends
    for clip in clips:
        if until is not None and until.done():
            break
        decoding_s = await client.run(decode_clip, clip, settings, _DECODINGS)
        daemon_s, worker_s = cpu_s([os.getpid()]), cpu_s(services.match_workers.pids())
        await client.run(ask, address, clip, _REPEATS, ask_every_s=_SELDOM_S)
        daemon_s = cpu_s([os.getpid()]) - daemon_s
        worker_s = cpu_s(services.match_workers.pids()) - worker_s
        answers = await client.run(ask, address, clip, _REPEATS, ask_every_s=_OFTEN_S)
        rounds.append((decoding_s, daemon_s / _REPEATS, worker_s / _REPEATS))
        latencies_s += [latency_s for latency_s, _ in answers]
        found += sum(results > 0 for _, results in answers)
    decoding, daemon, worker = np.array(rounds).T
    return _Answers(decoding, daemon, worker, np.array(latencies_s), found / len(latencies_s))


async def _ask_during_ingest(
    options: Options, address: str, services: Services, client: WorkerPool, clips: Sequence[Path]
) -> _Answers:
    """Ask while the corpus is ingested again in other codecs; the answers stay the same."""

    async def ingest_all() -> int:
        folders = [encoded(options.corpus, options.cache, each)[0].parent for each in ("flac", "m4a", "opus")]
        return sum([await ingest(services, folder) for folder in folders])

    ingesting = asyncio.create_task(ingest_all())
    answers = await _ask(address, services, client, clips, until=ingesting)
    await ingesting
    return answers


def _row(suffix: str, during: str, answers: _Answers) -> tuple[Cell, ...]:
    decoding_s = float(np.median(answers.decoding_cpu_s))
    median_s = float(np.median(answers.latencies_s))
    return (
        suffix,
        during,
        1e3 * decoding_s,
        float(np.median(answers.daemon_cpu_s / answers.decoding_cpu_s)),
        float(np.median(answers.worker_cpu_s / answers.decoding_cpu_s)),
        1e3 * median_s,
        1e3 * _p95(answers),
        median_s / decoding_s,
        answers.found,
    )


def _p95(answers: _Answers) -> float:
    return float(np.percentile(answers.latencies_s, 95))
