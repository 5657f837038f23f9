"""What one new reference costs among many unknown files, and one unknown file among many references."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import TypeVar

import numpy as np

from daemon.identify_jobs import suspects_among
from daemon.late import LateIdentification
from daemon.looks import Looks
from daemon.review_store import ReviewStore
from daemon.services import Services
from engine.model import Peaks
from engine.settings import Settings
from tests.bench.corpus import music
from tests.bench.crowd import DURATION_S, Crowd, run
from tests.bench.options import Options
from tests.bench.report import Cell, Goal, Report
from tests.bench.running import caught_up, fresh_services, stopwatch
from tests.bench.simulated import constellations, moved

R = TypeVar("R")

SIZES = (1_000, 10_000, 100_000)
MOST_GROWN = 5.0
"""Among a hundred times as many."""
_KEPT_PEAKS = 0.9
"""Of an unknown copy's, as if it were encoded otherwise."""
_SHORTEST_S = 60.0
_LOOK_AGAIN = "UPDATE files SET identified_at = NULL WHERE file_id = %(file_id)s"
_ALL_LOOKED_AT = "UPDATE files SET identified_at = now() WHERE identified_at IS NULL"


@dataclass(frozen=True, slots=True)
class _Few:
    """Those that are measured, by what they match, one or nothing."""

    references: dict[str, list[int]]
    """Recording ids."""
    unknown: dict[str, list[int]]
    """File ids."""


def measure(options: Options) -> Report:
    """Return the milliseconds of both among thousand, ten thousand and a hundred thousand."""
    return asyncio.run(_measure(options))


async def _measure(options: Options) -> Report:
    settings = Settings()
    real = constellations(music(options.corpus, shortest_s=_SHORTEST_S), settings)
    most = options.files or options.scaled(SIZES[-1], SIZES[0])
    sizes = [size for size in SIZES if size <= most] or [most]
    rows: list[tuple[Cell, ...]] = []
    async with fresh_services(ingest_nice=0) as services:
        library_id = await services.store.add_library(b"/simulated", watched=False)
        crowd = Crowd(services, library_id, real, settings)
        few = await _few(crowd, real, settings, options.scaled(5, 2))
        await caught_up(services)
        for size in sizes:
            await crowd.grow(size)
            rows += [await _offered(services, which, few, size, settings) for which in few.references]
            async with crowd.named():
                rows += [await _identified(services, which, few, size, settings) for which in few.unknown]
    return Report(
        "late",
        ("what", "among", "matches", "CPU ms", "ms", "list, ms", "look-up, ms", "found, share"),
        rows,
        [
            *_growth(rows),
            Goal(
                "rows that found what they match",
                sum(row[-1] == (row[2] == "one") for row in rows) / len(rows),
                at_least=1.0,
            ),
        ],
        [
            f"a reference, or an unknown file, of the corpus, of at least {_SHORTEST_S:.0f} s",
            f"the others: {DURATION_S:.0f} s each, hashes drawn from the corpus' own, some moved in pitch",
            "ms, CPU ms: medians; CPU of all processes, PostgreSQL's included: other load disturbs it less",
            "list: the ids that may be found, from PostgreSQL; look-up: in the index; both by themselves",
        ],
    )


def _growth(rows: Sequence[tuple[Cell, ...]]) -> list[Goal]:
    """Return how much longer each takes among the most than among the fewest."""
    among = [int(row[1]) for row in rows]
    fewest, most = (
        {row[::2][:2]: float(row[3]) for row in rows if row[1] == each} for each in (min(among), max(among))
    )
    return [
        Goal(
            f"{what} that matches {which}: among {max(among)} / {min(among)}",
            ms / fewest[what, which],
            at_most=MOST_GROWN,
        )
        for (what, which), ms in most.items()
    ]


async def _few(crowd: Crowd, real: Sequence[Peaks], settings: Settings, count: int) -> _Few:
    """Add references that have one unknown copy, references that have none, and files of both kinds."""
    random = np.random.default_rng(8)
    few = _Few({"one": [], "nothing": []}, {"one": [], "nothing": []})
    for number in range(count):
        piece, other = real[number % len(real)], real[-1 - number % len(real)]
        few.references["one"].append(await crowd.add_reference(f"piece {number}", piece))
        few.unknown["one"].append(await crowd.add_unknown(f"copy {number}", _copy(piece, random)))
        for name, add, ids in (
            ("reference", crowd.add_reference, few.references["nothing"]),
            ("file", crowd.add_unknown, few.unknown["nothing"]),
        ):
            ids.append(await add(f"{name} {number}", moved(other, random, settings)))
    return few


async def _offered(
    services: Services, which: str, few: _Few, size: int, settings: Settings
) -> tuple[Cell, ...]:
    """Return the row of references that are offered to the crowd."""
    store, found = ReviewStore(services.database), []

    async def request(file_ids: object, _: object) -> None:
        found.append(file_ids)

    late = LateIdentification(
        store,
        services.store,
        services.index,
        services.ingest_workers,
        looks=Looks(),
        settings=settings,
        request=request,
    )
    spent: list[tuple[float, ...]] = []
    recording_ids = few.references[which]
    for recording_id in (recording_ids[0], *recording_ids):  # the first one warms
        cpu_ms, whole_ms, _ = await _timed(lambda each=recording_id: late.offer(each))
        await run(services, _ALL_LOOKED_AT)
        _, list_ms, listed = await _timed(
            lambda each=recording_id: store.unknown_recordings(each, looking=[])
        )
        lookup_ms = await _lookup_ms(services, recording_id, listed, settings)
        spent.append((cpu_ms, whole_ms, list_ms, lookup_ms))
    medians = map(median, zip(*spent[1:], strict=True))
    return ("reference", size, which, *medians, len(found) / len(spent))


async def _identified(
    services: Services, which: str, few: _Few, size: int, settings: Settings
) -> tuple[Cell, ...]:
    """Return the row of unknown files that are held against the crowd."""
    store = ReviewStore(services.database)
    spent: list[tuple[float, ...]] = []
    found = 0
    file_ids = few.unknown[which]
    for file_id in (file_ids[0], *file_ids):
        await run(services, _LOOK_AGAIN, {"file_id": file_id})
        file = await store.file_to_identify(file_id)
        assert file is not None
        cpu_ms, whole_ms, _ = await _timed(
            lambda each=file_id: services.identification.identify.identify(each)
        )
        found += await store.proposal(file_id) is not None
        _, list_ms, listed = await _timed(lambda each=file: store.references_for(each))
        spent.append(
            (cpu_ms, whole_ms, list_ms, await _lookup_ms(services, file.recording_id, listed, settings))
        )
    medians = map(median, zip(*spent[1:], strict=True))
    return ("unknown file", size, which, *medians, found / len(spent))


async def _lookup_ms(
    services: Services, recording_id: int, listed: Sequence[int], settings: Settings
) -> float:
    [(_, constellation)] = await services.store.constellations([recording_id])
    among = np.array(listed, np.int64)
    _, spent_ms, _ = await _timed(
        lambda: services.ingest_workers.run(
            suspects_among, constellation, among, services.index.folder, settings
        )
    )
    return spent_ms


async def _timed(work: Callable[[], Awaitable[R]]) -> tuple[float, float, R]:
    """Return the CPU milliseconds of all processes, those of the clock, and what the work returns."""
    with stopwatch() as spent_s:
        result = await work()
    return 1e3 * spent_s[1], 1e3 * spent_s[0], result


def _copy(peaks: Peaks, random: np.random.Generator) -> Peaks:
    """Return a constellation that lacks some peaks."""
    kept = random.random(len(peaks.frames)) < _KEPT_PEAKS
    return Peaks(peaks.frames[kept], peaks.bins[kept], peaks.ranks[kept], peaks.frame_count)
