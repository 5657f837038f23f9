"""How long a look-up takes in an index of many tracks, at several candidate budgets.

Hashes are drawn so that they collide as real ones do (15.4 bits of collision entropy), or from a file of
real ones. Run from the repository's root: `python tests/bench/bench_lookup.py --tracks 20000`.
"""

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from engine.index import IndexReader, IndexWriter
from engine.merging import run_merge
from engine.model import Fingerprint

TRACK_FRAMES = 6_000
"""Four minutes."""
BATCH_TRACKS = 200
QUERY_LANDMARKS = 8_000
"""Ten seconds asked densely (50 peaks per second, fan-out 8), twice, half a hop apart."""
QUERIES = 5
REPEATS = 5
BASELINE_VALUES = 1_000_000
SKEW_SCALE = 5_400
"""P(rank i) ~ (i + scale)**-1.5: collision entropy log2(8 scale) = 15.4 bits, Shannon entropy 17.7."""
HASH_BITS = 24
SPREAD_FACTOR = 0x9E3779
"""Odd: moves the ranks over all hashes, one to one."""

Draw = Callable[[int], npt.NDArray[np.uint32]]


@dataclass(frozen=True, slots=True)
class BudgetResult:
    """Look-ups at one budget: medians over all queries, warm."""

    candidate_budget: int
    lookup_ms: float
    baselines: float
    """The same as a multiple of sorting a million uint64."""
    hits: int
    looked_up_share: float


def skewed(rng: np.random.Generator) -> Draw:
    """Return a source of hashes as unevenly spread as real ones."""

    def draw(count: int) -> npt.NDArray[np.uint32]:
        ranks = SKEW_SCALE * ((1 - rng.random(count)) ** -2 - 1)
        ranks = np.fmod(ranks, 1 << HASH_BITS).astype(np.uint64)
        return (ranks * np.uint64(SPREAD_FACTOR) % np.uint64(1 << HASH_BITS)).astype(np.uint32)

    return draw


def real(path: Path, rng: np.random.Generator) -> Draw:
    """Return a source that draws from a file of real hashes."""
    known = np.load(path).astype(np.uint32).ravel()
    return lambda count: rng.choice(known, count)


def build(folder: Path, draw: Draw, rng: np.random.Generator, tracks: int, postings: int) -> dict[str, float]:
    """Fill the index, merge until nothing is due, return what it cost."""
    add_s = merge_s = 0.0
    with IndexWriter(folder, stamp="bench") as writer:
        for first in range(0, tracks, BATCH_TRACKS):
            batch = [
                (recording_id, fingerprint(draw, rng, postings))
                for recording_id in range(first, min(first + BATCH_TRACKS, tracks))
            ]
            start = time.perf_counter()
            writer.add(batch)
            add_s += time.perf_counter() - start
            start = time.perf_counter()
            while plan := writer.plan_merge():
                writer.commit_merge(plan, run_merge(plan))
            merge_s += time.perf_counter() - start
    size_bytes = sum(path.stat().st_size for path in folder.iterdir())
    return {
        "tracks_per_s_added": tracks / add_s,
        "tracks_per_s_added_and_merged": tracks / (add_s + merge_s),
        "bytes_per_posting": size_bytes / (tracks * postings),
        "segments": len(list(folder.glob("*.segment"))),
    }


def fingerprint(draw: Draw, rng: np.random.Generator, landmarks: int) -> Fingerprint:
    """Return a random fingerprint."""
    frames = np.sort(rng.integers(0, TRACK_FRAMES, landmarks)).astype(np.uint32)
    return Fingerprint(draw(landmarks), frames, TRACK_FRAMES)


def median_ms(action: Callable[[], object]) -> float:
    """Return the median of several runs after one that warms the caches."""
    action()
    durations_ms = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        action()
        durations_ms.append(1_000 * (time.perf_counter() - start))
    return statistics.median(durations_ms)


def measure(
    reader: IndexReader, queries: list[Fingerprint], candidate_budget: int, baseline_ms: float
) -> BudgetResult:
    """Look all queries up at one budget."""
    hits = [reader.lookup(query, candidate_budget) for query in queries]
    durations_ms = [median_ms(lambda q=query: reader.lookup(q, candidate_budget)) for query in queries]
    lookup_ms = statistics.median(durations_ms)
    return BudgetResult(
        candidate_budget=candidate_budget,
        lookup_ms=round(lookup_ms, 2),
        baselines=round(lookup_ms / baseline_ms, 3),
        hits=int(statistics.median(len(each.landmarks) for each in hits)),
        looked_up_share=round(float(np.mean([each.looked_up.mean() for each in hits])), 3),
    )


def main() -> None:
    """Build, measure, print a table, write build/bench/lookup-<tracks>.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tracks", type=int, default=2_000)
    parser.add_argument("--postings", type=int, default=6_000, help="of each track")
    parser.add_argument("--hashes", type=Path, help="a .npy file of real hashes to draw from")
    parser.add_argument("--budgets", type=int, nargs="+", default=[20_000, 50_000, 200_000, 1_000_000])
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()

    rng = np.random.default_rng(options.seed)
    draw = real(options.hashes, rng) if options.hashes else skewed(rng)
    numbers = rng.integers(0, 1 << 63, BASELINE_VALUES, dtype=np.uint64)
    baseline_ms = median_ms(lambda: np.sort(numbers))
    with tempfile.TemporaryDirectory() as folder:
        built = build(Path(folder), draw, rng, options.tracks, options.postings)
        reader = IndexReader(Path(folder))
        queries = [fingerprint(draw, rng, QUERY_LANDMARKS) for _ in range(QUERIES)]
        results = [measure(reader, queries, budget, baseline_ms) for budget in options.budgets]
        reader.close()

    print(f"{options.tracks} tracks x {options.postings} postings, baseline {baseline_ms:.1f} ms")
    for name, value in built.items():
        print(f"  {name}: {value:.2f}")
    print(f"{'budget':>10} {'ms':>8} {'baselines':>10} {'hits':>9} {'looked up':>10}")
    for each in results:
        print(
            f"{each.candidate_budget:>10} {each.lookup_ms:>8.2f} {each.baselines:>10.3f}"
            f" {each.hits:>9} {each.looked_up_share:>10.3f}"
        )
    report = Path("build/bench") / f"lookup-{options.tracks}.json"
    report.parent.mkdir(parents=True, exist_ok=True)
    report.write_text(
        json.dumps(
            {
                "tracks": options.tracks,
                "postings_per_track": options.postings,
                "real_hashes": options.hashes is not None,
                "baseline_ms": round(baseline_ms, 2),
                "built": {name: round(value, 3) for name, value in built.items()},
                "results": [asdict(each) for each in results],
            },
            indent=2,
        )
        + "\n"
    )


if __name__ == "__main__":
    main()
