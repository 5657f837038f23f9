"""Ask the index about many clips, and note what came back."""

import hashlib
import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from multiprocessing import Pool
from pathlib import Path

import numpy as np
import scipy.signal

from engine.decision import Outcome, confidence, decide
from engine.fingerprint import constellation, fingerprint
from engine.index import IndexWriter
from engine.index_reader import IndexReader
from engine.model import Match, Peaks, Samples
from engine.recognise import shortlist
from engine.settings import Settings
from engine.verification import verify
from tests.bench.recall.degrade import MARGIN, RATE_HZ, Clip, degraded
from tests.bench.recall.tracks import Track

_SEARCHED_S = 1.0
_SAME_SOUND = 0.25
"""Correlation of waveforms. The clips taken for another track had .03 to .17, but .33 to .97 in those
four of 270 places that a remaster, an extended version or a piece with the same takes holds as well."""
_LOWEST_AUDIBLE_HZ = 20.0
_SILENT = 1e-3
"""Root mean square of what counts as silence: nothing to recognise."""


@dataclass(frozen=True, slots=True)
class Question:
    """A clip to be asked about; everything about it follows from these."""

    condition: str
    duration_s: float
    track: int
    number: int


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    question: Question
    is_absent: bool
    first: int | None
    """Track that came first, however weak."""
    is_shared: bool
    """That track is another than the clip's, and holds the very same sound: the corpus has remasters, and
    pieces that share what was once recorded. By waveform, so fingerprints have no say in it."""
    outcome: str
    score: float
    confidence: float
    offset_error_s: float
    """Of the first, if it is the right one."""
    found_by: str
    cpu_s: float


@dataclass(frozen=True, slots=True)
class Bench:
    """What every process needs."""

    tracks: Sequence[Track]
    index_folder: Path
    references: Mapping[int, Peaks]
    babble: Samples
    settings: Settings


def build_index(tracks: Sequence[Track], folder: Path, settings: Settings) -> dict[int, Peaks]:
    """Index the tracks that are not absent, under their place in the list; return their constellations."""
    known = [(place, each) for place, each in enumerate(tracks) if not each.is_absent]
    with Pool() as pool:
        references = dict(pool.starmap(_heard, [(place, each, settings) for place, each in known]))
    with IndexWriter(folder, stamp="bench") as writer:
        writer.add(
            [
                (place, fingerprint(peaks, settings.stored, settings))
                for place, peaks in sorted(references.items())
            ]
        )
    return references


def questions(
    tracks: Sequence[Track],
    conditions: Sequence[str],
    durations_s: Sequence[float],
    *,
    known: int,
    absent: int,
) -> list[Question]:
    """Return so many questions per condition and duration: about known music, and about absent music."""
    asked = []
    for condition in conditions:
        for duration_s in durations_s:
            for is_absent, count in ((False, known), (True, absent)):
                places = [place for place, each in enumerate(tracks) if each.is_absent == is_absent]
                # The same places for every condition: differences between conditions are then paired.
                chosen = np.random.default_rng(int(is_absent)).choice(places, count)
                asked += [
                    Question(condition, duration_s, int(place), number) for number, place in enumerate(chosen)
                ]
    return asked


def ask_all(bench: Bench, asked: Sequence[Question]) -> Iterator[Answer]:
    """Ask every question, on all cores, in any order."""
    with Pool(initializer=_prepare, initargs=(bench,)) as pool:
        yield from pool.imap_unordered(_ask, asked, chunksize=8)


class _Asker:
    """A process' own reader and settings."""

    bench: Bench
    reader: IndexReader


def _prepare(bench: Bench) -> None:
    _Asker.bench, _Asker.reader = bench, IndexReader(bench.index_folder)


def _ask(question: Question) -> Answer:
    bench, reader = _Asker.bench, _Asker.reader
    begin, clip = _cut(bench, question)
    random = np.random.default_rng(_seed(question))
    samples = degraded(question.condition, clip, random)
    started_s = time.process_time()
    shortlisted = shortlist(samples, reader, bench.settings)
    matches = list(shortlisted.matches)
    if not shortlisted.is_convincing:
        matches = verify(shortlisted, bench.references, bench.settings)
    verdict = decide(matches, bench.settings)
    cpu_s = time.process_time() - started_s
    track = bench.tracks[question.track]
    best = matches[0] if matches else None
    is_right = best is not None and best.recording_id == question.track
    return Answer(
        question=question,
        is_absent=track.is_absent,
        first=best.recording_id if best else None,
        is_shared=best is not None and not is_right and _holds(bench.tracks[best.recording_id], best, clip),
        outcome=str(verdict.outcome),
        score=best.evidence.score if best else 0.0,
        confidence=confidence(best, bench.settings) if best else 0.0,
        offset_error_s=abs(best.offset_s - begin / RATE_HZ) if best and is_right else float("nan"),
        found_by=best.evidence.found_by if best else "",
        cpu_s=cpu_s,
    )


def is_right(answer: Answer) -> bool:
    """Tell whether the right recording came first."""
    return not answer.is_absent and answer.first == answer.question.track


def without_shared(answers: Sequence[Answer]) -> list[Answer]:
    """Return the answers without the clips, in any condition, that another track holds as well."""
    shared = {
        (each.question.track, each.question.number, each.question.duration_s)
        for each in answers
        if each.is_shared
    }
    return [
        each
        for each in answers
        if (each.question.track, each.question.number, each.question.duration_s) not in shared
    ]


def held_out(answers: Sequence[Answer]) -> list[Answer]:
    """Return the answers about every second track; thresholds are fitted to the others."""
    return [each for each in answers if each.question.track % 2]


def is_claimed(answer: Answer) -> bool:
    """Tell whether a recording was named, or several offered."""
    return answer.outcome != Outcome.UNKNOWN


def _cut(bench: Bench, question: Question) -> tuple[int, Clip]:
    """Return where the clip begins (samples): a random, audible place, the same for all conditions."""
    track = bench.tracks[question.track]
    random = np.random.default_rng([question.track, question.number])
    length = round(question.duration_s * MARGIN * RATE_HZ)
    longest = round(10 * MARGIN * RATE_HZ)  # equal places whatever the duration
    while True:
        begin = int(random.integers(0, track.sample_count - longest))
        samples = _audible(track.part(begin, length))
        if np.sqrt(np.mean(samples**2)) > _SILENT:
            break
    return begin, Clip(
        source=track.source,
        begin_s=begin / RATE_HZ,
        samples=samples,
        duration_s=question.duration_s,
        voices=_talk_over_music(bench, question, random, length),
    )


def _talk_over_music(bench: Bench, question: Question, random: np.random.Generator, length: int) -> Samples:
    """Return people talking, with another track of the corpus 6 dB below them."""
    others = [each for place, each in enumerate(bench.tracks) if each.is_absent and place != question.track]
    other = others[int(random.integers(len(others)))]
    music = _audible(other.part(int(random.integers(0, other.sample_count - length)), length))
    begin = int(random.integers(0, len(bench.babble) - length))
    talk = bench.babble[begin : begin + length]
    level = np.sqrt(np.mean(talk**2)) / max(1e-6, float(np.sqrt(np.mean(music**2))))
    return (talk + 0.5 * level * music).astype(np.float32)


def _audible(samples: Samples) -> Samples:
    """Return the samples without what no loudspeaker plays; noise is measured against the rest.

    One piece has most of its power as direct current.
    """
    spectrum = np.fft.rfft(samples)
    spectrum[: math.ceil(_LOWEST_AUDIBLE_HZ * len(samples) / RATE_HZ)] = 0
    return np.fft.irfft(spectrum, len(samples)).astype(np.float32)


def _holds(track: Track, match: Match, clip: Clip) -> bool:
    """Tell whether the track holds the clip's waveform about where the match says."""
    wanted = np.diff(clip.samples[: round(clip.duration_s * RATE_HZ)])  # bass alone correlates with any bass
    begin = max(0, round((match.offset_s - _SEARCHED_S) * RATE_HZ))
    length = min(len(wanted) + round(2 * _SEARCHED_S * RATE_HZ), track.sample_count - begin)
    if length <= len(wanted):
        return False
    there = np.diff(track.part(begin, length))
    found = np.abs(scipy.signal.correlate(there, wanted, "valid", method="fft"))
    energy = np.concatenate([[0.0], np.cumsum(there.astype(np.float64) ** 2)])
    levels = np.sqrt(energy[len(wanted) :] - energy[: -len(wanted)])[: len(found)]
    correlation = found / np.maximum(levels * np.sqrt(np.sum(wanted.astype(np.float64) ** 2)), 1e-6)
    return bool(correlation.max() > _SAME_SOUND)


def _seed(question: Question) -> list[int]:
    named = int(hashlib.sha256(question.condition.encode()).hexdigest()[:8], 16)
    return [named, question.track, question.number]


def _heard(place: int, track: Track, settings: Settings) -> tuple[int, Peaks]:
    return place, constellation([track.samples()], settings)
