"""How steadily many files are fingerprinted, identified and tagged, and what grows with them."""

import asyncio
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil

from daemon.config_options import Tagging
from daemon.services import Services
from tests.bench.crowd import run
from tests.bench.options import Options
from tests.bench.report import Cell, Goal, Report
from tests.bench.running import fresh_services, ingest, whole_cpu_s
from tests.bench.untagged import Clip, make_clips, write_untagged

MOST_SLOWER = 1.25
LEAST_TAGGED = 0.98
MOST_GROWN_MB = 40.0
"""Of a process, after the first quarter: allocators and caches settle, a leak goes on."""
MOST_GROWN_COUNT = 5
_POLL_S = 0.5
_STUCK_S = 120.0

_CONNECTIONS = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
_NAMED = "SELECT path, after_tags ->> 'title' FROM changes WHERE status = 'done'"
_GROWN = """
SELECT coalesce(avg(octet_length(delta)), 0), pg_total_relation_size('changes'),
       pg_total_relation_size('proposals'), pg_total_relation_size('procrastinate_jobs')
         + pg_total_relation_size('procrastinate_events')
FROM changes WHERE status = 'done'
"""


@dataclass(frozen=True, slots=True)
class Usage:
    """What the daemon holds."""

    daemon_mb: float
    """Resident."""
    workers_mb: float
    """Of the largest one."""
    files: int
    threads: int
    connections: int


class Progress:
    """How many files were done when."""

    def __init__(self) -> None:
        """Begin now."""
        self._counts = [0]
        self._spent = [(time.perf_counter(), whole_cpu_s())]
        self._moved_s = self._spent[0][0]

    @property
    def count(self) -> int:
        """Return how many were done last."""
        return self._counts[-1]

    def note(self, count: int) -> None:
        """Note how many are done now. Raises RuntimeError if that has been so for minutes."""
        now_s = time.perf_counter()
        if count != self.count:
            self._moved_s = now_s
        elif now_s - self._moved_s > _STUCK_S:
            raise RuntimeError(f"nothing happens any more after {count} files")
        self._counts.append(count)
        self._spent.append((now_s, whole_cpu_s()))

    def milliseconds(self, total: int) -> np.ndarray:
        """Return what a file took of clock and CPU [shape=(2, 3)]: all, the first quarter, the last one."""
        spent_s = np.array(self._spent) - self._spent[0]
        counts, first = np.unique(self._counts, return_index=True)
        ends = [total / 4, 3 * total / 4, total]
        at_quarter, before_last, at_end = np.stack(
            [np.interp(ends, counts, each) for each in spent_s[first].T], axis=1
        )
        whole = np.stack([at_end / total, 4 * at_quarter / total, 4 * (at_end - before_last) / total], axis=1)
        return 1e3 * whole


def measure(options: Options) -> Report:
    """Fingerprint, identify and tag files as the daemon does that finds them."""
    return asyncio.run(_measure(options))


async def _measure(options: Options) -> Report:
    count = options.files or options.scaled(300, 60)
    with tempfile.TemporaryDirectory(prefix="spectra-bench-") as folder:
        references, unknown = Path(folder) / "references", Path(folder) / "unknown"
        for each in (references, unknown):
            each.mkdir()
        clips = make_clips(options.corpus, options.cache, references)
        made = write_untagged(clips, count, unknown)
        tagging = Tagging(first_scan="apply", quiet_s=0)
        async with fresh_services(ingest_nice=0, tagging=tagging) as services:
            await ingest(services, references)
            return await _tag(services, unknown, made, len(clips))


async def _tag(services: Services, folder: Path, made: dict[str, Clip], clip_count: int) -> Report:
    count = len(made)
    at_begin = await _usage(services)
    fingerprinted = await _fingerprint(services, folder)
    identified, at_quarter = await _identify(services, count)
    at_end = await _usage(services)
    named = {bytes(path).decode(): title for path, title in await run(services, _NAMED)}
    right = sum(made[name].title == title for name, title in named.items())
    known = sum(clip.is_known for clip in made.values())
    [(delta_bytes, changes, proposals, jobs)] = await run(services, _GROWN)
    first_ms, last_ms = identified.milliseconds(count)[1, 1:].tolist()
    rows: list[tuple[Cell, ...]] = [
        *(
            (f"{what}, {unit} a file", *spent_ms)
            for what, progress in (("fingerprint", fingerprinted), ("identify and tag", identified))
            for unit, spent_ms in zip(("ms", "CPU ms"), progress.milliseconds(count).tolist(), strict=True)
        ),
        *(
            (name, getattr(at_begin, attribute), getattr(at_quarter, attribute), getattr(at_end, attribute))
            for attribute, name in _USAGE.items()
        ),
    ]
    return Report(
        "tagging",
        ("what", "all / before", "first quarter / after it", "last quarter / after it"),
        rows,
        [
            Goal("identify and tag, CPU: last quarter / first", last_ms / first_ms, at_most=MOST_SLOWER),
            Goal("tagged rightly, of those with a reference", right / known, at_least=LEAST_TAGGED),
            Goal("tagged wrongly", len(named) - right, at_most=0),
            *(
                Goal(
                    f"{_USAGE[attribute]}: growth after the first quarter",
                    getattr(at_end, attribute) - getattr(at_quarter, attribute),
                    at_most=MOST_GROWN_MB if attribute.endswith("_mb") else MOST_GROWN_COUNT,
                )
                for attribute in _USAGE
            ),
        ],
        [
            f"{count} mp3 files of {clip_count} real clips, each cut otherwise; {known} have a reference",
            f"{len(named)} tagged; to undo one takes {float(delta_bytes) / 1e3:.2f} kB of PostgreSQL,",
            f"all that is journaled of it {changes / max(1, len(named)) / 1e3:.2f} kB",
            f"proposals: {proposals / 1e6:.2f} MB, jobs and their events: {jobs / 1e6:.2f} MB",
            "resident memory, of the workers the largest one's, which are never replaced here",
        ],
    )


_USAGE = {
    "daemon_mb": "the daemon, MB",
    "workers_mb": "a worker, MB",
    "files": "open files",
    "threads": "threads",
    "connections": "connections to PostgreSQL",
}


async def _fingerprint(services: Services, folder: Path) -> Progress:
    """Find the files, and wait until all are fingerprinted."""
    library = await services.library.add(folder, watched=False)
    looked = await services.library.reconcile(library)
    progress = Progress()
    while progress.count < looked.found:
        await asyncio.sleep(_POLL_S)
        counts = (await services.store.file_counts())[library.library_id]
        progress.note(counts.present - counts.pending)
    return progress


async def _identify(services: Services, count: int) -> tuple[Progress, Usage]:
    """Wait until all are identified and written; return what the daemon held after a quarter, too."""
    progress, at_quarter = Progress(), None
    while True:
        await asyncio.sleep(_POLL_S)
        waiting = await services.identification.store.counts()
        progress.note(count - waiting.to_identify)
        if at_quarter is None and progress.count >= count / 4:
            at_quarter = await _usage(services)
        if not waiting.to_identify and not waiting.to_tag and at_quarter is not None:
            return progress, at_quarter


async def _usage(services: Services) -> Usage:
    here = psutil.Process()
    workers = [psutil.Process(pid).memory_info().rss for pid in services.ingest_workers.pids()]
    [(connections,)] = await run(services, _CONNECTIONS)
    return Usage(
        daemon_mb=here.memory_info().rss / 1e6,
        workers_mb=max(workers) / 1e6,
        files=here.num_fds(),
        threads=here.num_threads(),
        connections=connections,
    )
