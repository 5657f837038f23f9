"""Answers to figures: per condition, over all, and how sure they are."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from engine.decision import Outcome
from tests.bench.recall.degrade import HARD, SPEEDS
from tests.bench.recall.evaluate import Answer, is_claimed, is_right

ABSENT_ACCEPTED = 0.01
"""The share of absent clips that the second figure accepts."""
_RESAMPLES = 1_000


@dataclass(frozen=True, slots=True)
class Row:
    """The figures of a condition, or of several."""

    name: str
    clips: int
    right_first: float
    right_at_1_percent: float
    """Right, and above the score that 1 % of all absent clips reach."""
    right_by_default: float
    """Right, and named or offered by the default decision."""
    wrong_by_default: float
    """Another recording named (not merely offered)."""
    offset_error_s: float
    """Median over the right ones."""
    cpu_ms: float
    """Mean, without decoding."""


@dataclass(frozen=True, slots=True)
class Absent:
    """What became of clips of music that is not in the index."""

    clips: int
    threshold: float
    """The score that 1 % of them reach."""
    highest: float
    claimed: float
    claimed_95: float
    """Upper 95 % bound, clustered by track: clips of one track are not independent."""


@dataclass(frozen=True, slots=True)
class Summary:
    """What a run of the bench found for clips of one duration."""

    duration_s: float
    absent: Absent
    rows: tuple[Row, ...]
    """One a condition."""
    all_conditions: Row
    hard: Row
    speeds: Row
    reliability: tuple[tuple[float, float, int], ...]
    """Mean confidence, share that was right, and count, by tenths of confidence."""


def summarise(answers: Iterable[Answer], duration_s: float) -> Summary:
    """Return the figures of the answers to clips of this duration."""
    chosen = [each for each in answers if each.question.duration_s == duration_s]
    known = [each for each in chosen if not each.is_absent]
    absent = _absent([each for each in chosen if each.is_absent])
    by_condition: defaultdict[str, list[Answer]] = defaultdict(list)
    for answer in known:
        by_condition[answer.question.condition].append(answer)
    rows = {name: _row(name, group, absent.threshold) for name, group in by_condition.items()}
    return Summary(
        duration_s=duration_s,
        absent=absent,
        rows=tuple(rows.values()),
        all_conditions=_mean("all conditions", [row for name, row in rows.items() if name != "clean"]),
        hard=_mean("five hard ones", [rows[name] for name in HARD if name in rows]),
        speeds=_mean("speeds", [rows[name] for name in SPEEDS if name in rows]),
        reliability=_reliability(chosen),
    )


def _row(name: str, answers: Sequence[Answer], threshold: float) -> Row:
    right = np.array([is_right(each) for each in answers])
    above = np.array([each.score > threshold for each in answers])
    claimed = np.array([is_claimed(each) for each in answers])
    named = np.array([each.outcome == Outcome.IDENTIFIED for each in answers])
    errors = [each.offset_error_s for each in answers if is_right(each)]
    return Row(
        name=name,
        clips=len(answers),
        right_first=float(right.mean()),
        right_at_1_percent=float((right & above).mean()),
        right_by_default=float((right & claimed).mean()),
        wrong_by_default=float((~right & named).mean()),
        offset_error_s=float(np.median(errors)) if errors else float("nan"),
        cpu_ms=float(np.mean([each.cpu_s for each in answers])) * 1e3,
    )


def _mean(name: str, rows: Sequence[Row]) -> Row:
    """Return the mean over conditions, each counting the same."""

    def mean(of: str) -> float:
        return float(np.mean([getattr(row, of) for row in rows])) if rows else float("nan")

    return Row(
        name,
        sum(row.clips for row in rows),
        *(
            mean(of)
            for of in (
                "right_first",
                "right_at_1_percent",
                "right_by_default",
                "wrong_by_default",
                "offset_error_s",
                "cpu_ms",
            )
        ),
    )


def _absent(answers: Sequence[Answer]) -> Absent:
    scores = np.sort([each.score for each in answers])
    claimed = np.array([is_claimed(each) for each in answers])
    return Absent(
        clips=len(answers),
        threshold=float(np.quantile(scores, 1 - ABSENT_ACCEPTED)),
        highest=float(scores[-1]),
        claimed=float(claimed.mean()),
        claimed_95=_clustered_bound(answers, claimed),
    )


def _clustered_bound(answers: Sequence[Answer], claimed: np.ndarray) -> float:
    """Return the 95 % quantile of the share over bootstrap samples of whole tracks."""
    tracks = np.array([each.question.track for each in answers])
    places = [np.flatnonzero(tracks == track) for track in np.unique(tracks)]
    counts = np.array([len(each) for each in places])
    hits = np.array([claimed[each].sum() for each in places])
    drawn = np.random.default_rng(0).integers(0, len(places), (_RESAMPLES, len(places)))
    return float(np.quantile(hits[drawn].sum(1) / counts[drawn].sum(1), 0.95))


def _reliability(answers: Sequence[Answer]) -> tuple[tuple[float, float, int], ...]:
    sure = np.array([each.confidence for each in answers])
    right = np.array([is_right(each) for each in answers])
    tenth = (sure * 10).astype(int).clip(0, 9)
    return tuple(
        (float(sure[tenth == each].mean()), float(right[tenth == each].mean()), int((tenth == each).sum()))
        for each in range(10)
        if (tenth == each).any()
    )
