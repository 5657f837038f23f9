"""Recall against false accepts, a line a condition."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from tests.bench.recall.evaluate import Answer, is_right


def draw(answers: Sequence[Answer], duration_s: float, target: Path) -> None:
    """Write the picture for clips of this duration."""
    chosen = [each for each in answers if each.question.duration_s == duration_s]
    absent = np.sort([each.score for each in chosen if each.is_absent])
    accepted = np.arange(len(absent), 0, -1) / len(absent)
    figure = Figure(figsize=(9, 6), layout="constrained")
    axes = figure.subplots()
    for condition in dict.fromkeys(each.question.condition for each in chosen):
        known = [each for each in chosen if not each.is_absent and each.question.condition == condition]
        scores = np.sort([each.score for each in known if is_right(each)])
        recall = (len(scores) - np.searchsorted(scores, absent, side="right")) / len(known)
        axes.step(accepted, recall, where="post", label=condition, linewidth=1)
    axes.set_xscale("log")
    axes.set_xlabel("share of absent clips accepted")
    axes.set_ylabel("share of known clips that are right and accepted")
    axes.set_title(f"Clips of {duration_s:g} s")
    axes.grid(visible=True, alpha=0.3)
    axes.legend(fontsize="x-small", ncols=2, loc="lower right")
    figure.savefig(target, dpi=120)
