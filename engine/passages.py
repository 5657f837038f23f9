"""Lines to passages: which stretch of the file is which stretch of the recording?

Several lines may be true of one recording (an edit jumps, a mix repeats it), and repeated bars make others
partly true. What each line gains is summed in cells of half a second, and the best path through the cells,
each explained by one line or by none, with a price for every change, gives the passages (Viterbi 1967).
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from engine.lines import (
    LARGEST_DROP,
    Along,
    Floats,
    FollowedLine,
    HeldPeaks,
    Line,
    follow,
    hold,
    hold_against,
)
from engine.model import Peaks
from engine.settings import Settings
from engine.suspects import Suspect

_CELL_S = 0.5
_CHANGE_PRICE = LARGEST_DROP / 2
"""A passage pays it at its begin and at its end: a second of certain hits, or three under other music."""
_NEARLY_AS_GOOD = 0.75
_MARGIN_S = 10.0
"""Cells on each side of what was followed: where another line ends, this one may be better."""
_MOST_LINES = 24
_MOST_TRIED = 60
"""Of one recording: a piece of loops has endless lines."""
_LEAST_SCORE = 40.0
"""Of 66 real files whose recordings were absent (3.7 h), all 26 passages above it share samples, loops or
whole takes with the recording; of the 7 below it some are chance."""
_SAME_LINE_FRAMES = 3.0
_LINES_TRIED = 49 * 9
"""Slopes and slips of a seed: each is another chance."""


@dataclass(frozen=True, slots=True)
class Passage:
    """A stretch of the file that is a stretch of the recording. Spans are (begin, end) in seconds."""

    file_span_s: tuple[float, float]
    recording_span_s: tuple[float, float]
    line: Line
    peaks: int
    """Of the file, that meet one of the recording."""
    share: float
    """Of the file's peaks there."""
    score: float
    """-log10 of how many passages this good chance alone would bring between this file and recording."""

    @property
    def speed(self) -> float:
        """Return how fast the file plays there, relative to the recording."""
        return self.line.speed

    @property
    def duration_s(self) -> float:
        """Return how long it lasts in the file."""
        return self.file_span_s[1] - self.file_span_s[0]


def find_passages(
    file: Peaks, reference: Peaks, suspects: Iterable[Suspect], settings: Settings
) -> tuple[Passage, ...]:
    """Return what of the file is in the recording, in the file's order; no two passages overlap in the file.

    Parameters
    ----------
    suspects : lines on which this recording is suspected
    """
    if not len(file.frames) or not len(reference.frames):
        return ()
    held = hold(reference)
    followed = _followed(file, held, suspects)
    if not followed:
        return ()
    cell_frames = round(_CELL_S * settings.frames_per_s)
    margin = _MARGIN_S * settings.frames_per_s
    first = max(0, math.floor((min(each.begin_frame for each in followed) - margin) / cell_frames))
    last = math.ceil((max(each.end_frame for each in followed) + margin) / cell_frames)
    bounds = np.arange(first, last + 1) * cell_frames
    alongs = [hold_against(file, held, each.line, bounds[0], bounds[-1]) for each in followed]
    gains = np.stack([_by_cell(along, bounds) for along in alongs])
    passages = []
    for number, begin, end in _stretches(_steadied(_best_path(gains), gains), len(followed)):
        passage = _passage(
            file,
            held,
            followed[number].line,
            alongs[number],
            bounds=bounds[[begin, end]],
            settings=settings,
        )
        if passage is not None and passage.score >= _LEAST_SCORE:
            passages.append(passage)
    return tuple(passages)


def _followed(file: Peaks, held: HeldPeaks, suspects: Iterable[Suspect]) -> list[FollowedLine]:
    """Return the lines that hold, each once."""
    lines: list[FollowedLine] = []
    tried = 0
    for suspect in sorted(suspects, key=lambda each: (-each.score, each.begin_frame, each.offset_frames)):
        if any(_is_on(each, suspect) for each in lines):
            continue
        if tried == _MOST_TRIED or len(lines) == _MOST_LINES:
            break
        tried += 1
        found = follow(file, held, suspect)
        if found is not None:
            lines.append(found)
    return lines


def _is_on(followed: FollowedLine, suspect: Suspect) -> bool:
    """Tell whether the suspect points to nothing but a line that was followed already."""
    centre = (suspect.begin_frame + suspect.end_frame) / 2
    place = suspect.speed * centre + suspect.offset_frames
    line = followed.line
    near = abs(line.speed * centre + line.offset_frames - place) <= _SAME_LINE_FRAMES
    return near and followed.begin_frame <= centre <= followed.end_frame


def _by_cell(along: Along, bounds: npt.NDArray[np.int64]) -> Floats:
    """Return the gain of each cell [shape=(cells,)]."""
    places = np.searchsorted(bounds, along.frames, side="right") - 1
    sums: Floats = np.bincount(places, along.gains, minlength=len(bounds)).astype(np.float64)
    return sums[: len(bounds) - 1]


def _best_path(gains: Floats) -> npt.NDArray[np.int64]:
    """Return which line explains each cell [shape=(cells,)], `lines` where none does.

    Parameters
    ----------
    gains : of each line in each cell [shape=(lines, cells)]; no line gains 0
    """
    lines, cells = gains.shape
    states = np.vstack([gains, np.zeros(cells)])
    stay = np.arange(lines + 1)
    came_from = np.zeros((cells, lines + 1), np.int64)
    best = np.where(stay < lines, -_CHANGE_PRICE, 0.0)
    for cell in range(cells):
        leader = int(np.argmax(best))
        changed = best[leader] - _CHANGE_PRICE
        came_from[cell] = np.where(changed > best, leader, stay)
        best = np.maximum(best, changed) + states[:, cell]
    best[:lines] -= _CHANGE_PRICE
    path = np.zeros(cells, np.int64)
    state = int(np.argmax(best))
    for cell in range(cells - 1, -1, -1):
        path[cell] = state
        state = int(came_from[cell, state])
    return path


def _steadied(path: npt.NDArray[np.int64], gains: Floats) -> npt.NDArray[np.int64]:
    """Give to the lines that explain most what they explain nearly as well as another.

    Exact repeats differ by where a frame happens to fall: without this, copies of looped music seem to jump.
    """
    lines = len(gains)
    steadied = path.copy()
    totals = [float(gains[line, steadied == line].sum()) for line in range(lines)]
    for line in sorted(range(lines), key=lambda each: -totals[each]):
        for number, begin, end in _stretches(steadied, lines):
            own, its = gains[number, begin:end].sum(), gains[line, begin:end].sum()
            if totals[number] < totals[line] and its >= _NEARLY_AS_GOOD * own:
                steadied[begin:end] = line
    return steadied


def _stretches(path: npt.NDArray[np.int64], lines: int) -> list[tuple[int, int, int]]:
    """Return line, begin and end (cells) of each stretch that a line explains."""
    edges = [0, *(np.flatnonzero(np.diff(path)) + 1).tolist(), len(path)]
    return [(int(path[begin]), begin, end) for begin, end in pairwise(edges) if path[begin] < lines]


def _passage(
    file: Peaks,
    held: HeldPeaks,
    line: Line,
    along: Along,
    *,
    bounds: npt.NDArray[np.int64],
    settings: Settings,
) -> Passage | None:
    """Return a stretch of a line as a passage, from its first met peak to its last."""
    begin, end = np.searchsorted(along.frames, bounds)
    met = np.flatnonzero(along.met[begin:end]) + begin
    if not len(met):
        return None
    inside = slice(int(met[0]), int(met[-1]) + 1)
    frames = along.frames[met[[0, -1]]].astype(np.float64)
    first, last = line.recording_frames(frames).clip(0, held.frame_count - 1)
    frame_s = 1 / settings.frames_per_s
    chances = math.log(max(1, file.frame_count)) + math.log(held.frame_count * _LINES_TRIED)
    return Passage(
        file_span_s=(float(frames[0]) * frame_s, float(frames[1] + 1) * frame_s),
        recording_span_s=(float(first) * frame_s, float(last + 1) * frame_s),
        line=line,
        peaks=len(met),
        share=float(along.met[inside].mean()),
        score=max(0.0, (float(along.gains[inside].sum()) - chances) / math.log(10)),
    )
