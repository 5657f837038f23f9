"""What a picture of a match shows, in the units of its axes."""

from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt

from engine.alignment import Alignment, align, shown_span_s, within
from engine.explain_words import Finding
from engine.fingerprint import constellation
from engine.model import Peaks, Samples, Spectrogram
from engine.settings import Settings
from engine.spectrogram import log_spectrogram

_MOST_DOTS = 800
"""Peaks drawn of a constellation besides those that coincide: more run into each other."""
_POOLED_BINS = 2
_MOST_SHOWN_FRAMES = 750
"""Of the spectrogram: a panel has about 900 pixels."""
_MOST_COLUMNS = 320
"""Of the histogram: each then is some pixels wide."""
_NEAR_S = 0.5
"""Around the match's offset, votes are its own."""


@dataclass(frozen=True, slots=True)
class Dots:
    """Peaks as they are drawn. All arrays [shape=(peaks,)]."""

    times_s: npt.NDArray[np.float64]
    frequencies_hz: npt.NDArray[np.float64]
    is_aligned: npt.NDArray[np.bool_]
    """They coincide with one of the other constellation."""


@dataclass(frozen=True, slots=True)
class Heard:
    """The shown part of the clip, in its own time."""

    span_s: tuple[float, float]
    duration_s: float
    """Of the whole clip."""
    levels_db: Spectrogram
    times_s: npt.NDArray[np.float64]
    """[shape=(frames,)]"""
    frequencies_hz: npt.NDArray[np.float64]
    """[shape=(bins,)]"""
    highest_hz: float
    dots: Dots


@dataclass(frozen=True, slots=True)
class Overlaid:
    """Clip and recording on each other, in the recording's time."""

    span_s: tuple[float, float]
    highest_hz: float
    clip: Dots
    recording: Dots
    clip_peaks: int
    coinciding: int
    by_chance: float
    """Peaks that would coincide at an offset picked blindly."""


@dataclass(frozen=True, slots=True)
class Histogram:
    """Landmarks that agree on each offset. Arrays [shape=(columns,)]."""

    begins_s: npt.NDArray[np.float64]
    """First offset of each column: the time of the recording at which the clip would begin."""
    width_s: float
    votes: npt.NDArray[np.int64]
    """Of the column's best offset."""
    here_s: float
    votes_here: int
    most_elsewhere: int
    mean_elsewhere: float


@dataclass(frozen=True, slots=True)
class Scene:
    """All that is drawn."""

    finding: Finding
    heard: Heard
    overlaid: Overlaid | None
    """None if there is no recording to show."""
    histogram: Histogram | None


def scene_of(
    samples: Samples,
    queries: tuple[Peaks, ...],
    reference: Peaks | None,
    finding: Finding,
    settings: Settings,
) -> Scene:
    """Return what is to be drawn; parameters as `engine.explain.explain`."""
    match = finding.match
    speed = match.speed if match else 1.0
    begin_s, end_s = span_s = shown_span_s(len(samples) / settings.sample_rate_hz, match)
    if not queries:
        queries = (constellation([samples], settings),)
    frames = [time_s * speed * settings.frames_per_s for time_s in span_s]
    shown = tuple(within(peaks, *frames) for peaks in queries)
    heard = partial(_heard, samples, shown[0], span_s=span_s, speed=speed, settings=settings)
    if match is None or reference is None:
        aligned = np.zeros(len(shown[0].frames), np.bool_)
        return Scene(finding, heard(is_aligned=aligned), None, None)
    alignment = align(shown, reference, match, settings)
    return Scene(
        finding,
        heard(is_aligned=alignment.query_coincides),
        _overlaid(shown[0], reference, alignment, (begin_s * speed, end_s * speed), settings),
        _histogram(alignment, settings),
    )


def _heard(
    samples: Samples,
    query: Peaks,
    *,
    is_aligned: npt.NDArray[np.bool_],
    span_s: tuple[float, float],
    speed: float,
    settings: Settings,
) -> Heard:
    begin, end = (round(time_s * settings.sample_rate_hz) for time_s in span_s)
    part = samples[begin:end]
    least = settings.window_samples + settings.hop_samples  # two frames: a plane needs an extent
    if len(part) < least:
        part = np.pad(part, (0, least - len(part)))
    levels_db = log_spectrogram(part, settings)
    pooled = max(1, -(-len(levels_db) // _MOST_SHOWN_FRAMES))
    levels_db = _pooled(levels_db, pooled, _POOLED_BINS)
    frames = (np.arange(len(levels_db), dtype=np.float64) + 0.5) * pooled - 0.5
    bins = (np.arange(levels_db.shape[1]) + 0.5) * _POOLED_BINS - 0.5
    return Heard(
        span_s=span_s,
        duration_s=len(samples) / settings.sample_rate_hz,
        levels_db=levels_db,
        times_s=begin / settings.sample_rate_hz + _centre_s(settings) + frames / settings.frames_per_s,
        frequencies_hz=bins * settings.sample_rate_hz / settings.window_samples,
        highest_hz=settings.sample_rate_hz / 2,
        dots=_dots(query, is_aligned, 0, speed, settings),
    )


def _overlaid(
    query: Peaks,
    reference: Peaks,
    alignment: Alignment,
    query_span_s: tuple[float, float],
    settings: Settings,
) -> Overlaid:
    span_frames = [time_s * settings.frames_per_s + alignment.offset_frames for time_s in query_span_s]
    first, last = np.searchsorted(reference.frames, span_frames)
    near = within(reference, *span_frames)
    return Overlaid(
        span_s=(span_frames[0] / settings.frames_per_s, span_frames[1] / settings.frames_per_s),
        highest_hz=settings.sample_rate_hz / 2,
        clip=_dots(query, alignment.query_coincides, alignment.offset_frames, 1.0, settings),
        recording=_dots(near, alignment.reference_coincides[first:last], 0, 1.0, settings),
        clip_peaks=len(query.frames),
        coinciding=int(alignment.query_coincides.sum()),
        by_chance=alignment.by_chance,
    )


def _histogram(alignment: Alignment, settings: Settings) -> Histogram:
    votes = alignment.votes
    width_frames = max(1, -(-len(votes) // _MOST_COLUMNS))
    elsewhere = alignment.elsewhere(round(_NEAR_S * settings.frames_per_s))
    begins = np.arange(0, len(votes), width_frames)
    return Histogram(
        begins_s=(begins + alignment.first_offset_frames) / settings.frames_per_s,
        width_s=width_frames / settings.frames_per_s,
        votes=np.maximum.reduceat(votes, begins),
        here_s=alignment.offset_frames / settings.frames_per_s,
        votes_here=alignment.votes_here,
        most_elsewhere=int(elsewhere.max(initial=0)),
        mean_elsewhere=float(elsewhere.mean()) if len(elsewhere) else 0.0,
    )


def _dots(
    peaks: Peaks, is_aligned: npt.NDArray[np.bool_], offset_frames: int, speed: float, settings: Settings
) -> Dots:
    """Return the peaks that coincide, and the strongest of the others.

    Parameters
    ----------
    speed : how much faster the axes' time runs than that of the peaks, and how much higher its pitches are
    """
    is_drawn = is_aligned.copy()
    strongest = np.argsort(peaks.ranks, kind="stable")[:_MOST_DOTS]
    is_drawn[strongest] = True
    frames = peaks.frames[is_drawn].astype(np.float64) + offset_frames
    times_s = (frames / settings.frames_per_s + _centre_s(settings)) / speed
    bin_hz = speed * settings.sample_rate_hz / settings.window_samples
    return Dots(times_s, peaks.bins[is_drawn].astype(np.float64) * bin_hz, is_aligned[is_drawn])


def _centre_s(settings: Settings) -> float:
    """Return how long after a frame's beginning its middle lies."""
    return settings.window_samples / settings.sample_rate_hz / 2


def _pooled(levels_db: Spectrogram, frames: int, bins: int) -> Spectrogram:
    """Return the greatest level of every so many frames and bins: a picture has fewer pixels."""
    over_bins = np.maximum.reduceat(levels_db, np.arange(0, levels_db.shape[1], bins), axis=1)
    return np.maximum.reduceat(over_bins, np.arange(0, len(levels_db), frames), axis=0)
