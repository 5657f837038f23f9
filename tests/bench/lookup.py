"""How long recognising takes in an index of 20,000 tracks, once a clip is decoded."""

import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from daemon.index_keeper import index_stamp
from engine.fingerprint import constellation, fingerprint
from engine.index import IndexWriter
from engine.index_reader import IndexReader
from engine.merging import run_merge
from engine.model import Fingerprint, Hits, IndexSize, Match, Peaks, Samples
from engine.recognise import shortlist
from engine.settings import Settings
from engine.verification import verify
from tests.bench.corpus import audible_clips, key_of, music
from tests.bench.options import Options
from tests.bench.report import Cell, Goal, Report
from tests.bench.simulated import COLLISION_BITS, HashSource, constellations, moved

CLIP_S = 10.0
MOST_MS = {"clean": 30.0, "noise at 0 dB": 200.0, "matches nothing": 1_000.0}
_LANDMARKS = 12_000
"""Of 210 s at 58 per second."""
_BATCH = 200
_STAMP = "bench 1"

Condition = Callable[[Samples, np.random.Generator], Samples]


class _TimedIndex:
    """An index that notes how long its look-ups take."""

    def __init__(self, index: IndexReader) -> None:
        self._index = index
        self.frame_count = index.frame_count
        self.size: IndexSize = index.size
        self.lookup_s = 0.0
        self.lookups = 0

    def lookup(self, query: Fingerprint, candidate_budget: int) -> Hits:
        begin_s = time.perf_counter()
        hits = self._index.lookup(query, candidate_budget)
        self.lookup_s += time.perf_counter() - begin_s
        self.lookups += 1
        return hits


def measure(options: Options) -> Report:
    """Recognise real clips, clean, noisy and of music that isn't there."""
    settings = Settings()
    files = music(options.corpus)
    tracks = options.scaled(20_000, 500)
    real = constellations(files, settings)
    index = IndexReader(_built(options, real, tracks, settings))
    rows: list[tuple[Cell, ...]] = []
    goals = []
    for name, disturb in _CONDITIONS.items():
        random = np.random.default_rng(2)
        clips = [
            disturb(samples, random)
            for *_, samples in audible_clips(files, options.scaled(30, 5), CLIP_S, seed=4)
        ]
        row, median_ms = _row(name, clips, index, real, settings)
        rows.append(row)
        goals.append(Goal(f"{name}, median ms", median_ms, at_most=MOST_MS[name]))
    size = index.size
    index.close()
    return Report(
        "lookup",
        ("clip", "median ms", "p95 ms", "x analysing", "look-up ms", "look-ups", "candidates", "found"),
        rows,
        goals,
        [
            f"{CLIP_S:.0f} s clips, decoded before; warm; {size.postings / 1e6:.0f} M postings",
            "the corpus and simulated tracks, whose hashes are drawn one by one from the corpus' own; some",
            f"are moved in pitch: as many as give {COLLISION_BITS} bits of collision entropy",
            "x analysing: as a multiple of making the clip's constellation, in the same run",
            "candidates: of the first pass; matches nothing: clips played backwards, for all passes",
        ],
    )


def _backwards(samples: Samples, _: np.random.Generator) -> Samples:
    return samples[::-1].copy()


def _noisy(samples: Samples, random: np.random.Generator) -> Samples:
    noise = random.standard_normal(len(samples)).astype(np.float32)
    return np.asarray(samples + noise * np.sqrt(np.mean(samples**2)), np.float32)


_CONDITIONS: dict[str, Condition] = {
    "clean": lambda samples, _: samples,
    "noise at 0 dB": _noisy,
    "matches nothing": _backwards,
}


def _row(
    name: str, clips: Sequence[Samples], index: IndexReader, real: Sequence[Peaks], settings: Settings
) -> tuple[tuple[Cell, ...], float]:
    """Return the condition's row, and its median milliseconds."""
    spent_ms, ratios, lookup_ms, lookups, candidates = [], [], [], [], []
    found = 0
    for samples in clips:
        query = fingerprint(constellation([samples], settings), settings.cheap, settings)
        candidates.append(len(index.lookup(query, settings.candidate_budget).landmarks))
        _recognised(samples, index, real, settings)  # warms the index's pages
        begin_s = time.perf_counter()
        constellation([samples], settings)
        analysing_s = time.perf_counter() - begin_s
        timed = _TimedIndex(index)
        matches, taken_s = _recognised(samples, timed, real, settings)
        spent_ms.append(1e3 * taken_s)
        ratios.append(taken_s / analysing_s)
        lookup_ms.append(1e3 * timed.lookup_s)
        lookups.append(timed.lookups)
        found += bool(matches) and matches[0].evidence.score >= settings.accepted_score
    median_ms = statistics.median(spent_ms)
    row = (
        name,
        median_ms,
        float(np.percentile(spent_ms, 95)),
        statistics.median(ratios),
        statistics.median(lookup_ms),
        statistics.median(lookups),
        int(statistics.median(candidates)),
        f"{found} of {len(clips)}",
    )
    return row, median_ms


def _recognised(
    samples: Samples, index: IndexReader | _TimedIndex, real: Sequence[Peaks], settings: Settings
) -> tuple[Sequence[Match], float]:
    """Return a clip's matches, and the seconds it took, without fetching the constellations to verify by."""
    begin_s = time.perf_counter()
    shortlisted = shortlist(samples, index, settings)
    taken_s = time.perf_counter() - begin_s
    if shortlisted.is_convincing:
        return shortlisted.matches, taken_s
    references = {
        match.recording_id: _constellation(match.recording_id, real, settings)
        for match in shortlisted.matches
    }
    begin_s = time.perf_counter()
    matches = verify(shortlisted, references, settings)
    return matches, taken_s + time.perf_counter() - begin_s


def _constellation(recording_id: int, real: Sequence[Peaks], settings: Settings) -> Peaks:
    """Return a recording's constellation; of a simulated one, whose hashes are from nowhere, a moved one."""
    if recording_id < len(real):
        return real[recording_id]
    return moved(real[recording_id % len(real)], np.random.default_rng(recording_id), settings)


def _built(options: Options, real: Sequence[Peaks], tracks: int, settings: Settings) -> Path:
    """Return the folder of the index, built once; what an interrupted run has built is gone on with."""
    key = key_of(music(options.corpus), index_stamp(settings), _LANDMARKS)
    folder = options.cache / f"lookup-{tracks}-{key}"
    with IndexWriter(folder, stamp=_STAMP) as writer:
        if writer.size.recordings >= tracks:
            return folder
        stored = [fingerprint(each, settings.stored, settings) for each in real]
        source = HashSource(stored, np.random.default_rng([1, writer.size.recordings]))
        if writer.size.recordings == 0:
            writer.add(list(enumerate(stored)))
        while (known := writer.size.recordings) < tracks:
            batch = range(known, min(known + _BATCH, tracks))
            writer.add([(number, source.fingerprint(settings, _LANDMARKS)) for number in batch])
            while plan := writer.plan_merge():
                writer.commit_merge(plan, run_merge(plan))
            print(f"\rbuilding the index: {writer.size.recordings} of {tracks} tracks", end="", flush=True)
        print()
    return folder
