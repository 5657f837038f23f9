"""The picture that shows why a clip was recognised, or was not.

Only the process that draws imports this: librosa and matplotlib take 100 MB and a second.
"""

import io
import textwrap
import unicodedata
import warnings
from typing import Any

import numpy as np
import numpy.typing as npt
from librosa.display import specshow
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator, MultipleLocator, ScalarFormatter

from engine.explain_scene import Dots, Heard, Histogram, Overlaid, Scene, scene_of
from engine.explain_words import Finding, clock, details, headline, reason
from engine.model import Peaks, Samples
from engine.settings import Settings
from engine.spectrogram import FLOOR_DB

_WIDTH_IN = 9.0
_DPI = 120
"""1,080 pixels: a phone held upright; in print a page."""
_TEXT_PT = 12
_HEADLINE_PT = 18
_HEADLINE_COLUMNS = 54
_TEXT_COLUMNS = 96
_LINE_IN = 0.3
_USABLE_WIDTH = 0.9
"""Of the figure: the rest is for the numbers beside the axes."""
_ALIGNED = "#D55E00"
_CLIP = "#0072B2"
_RECORDING = "#E69F00"
"""Of Okabe and Ito's palette, which colour-blind people can tell apart; shapes differ as well."""
_RANGE_DB = 70.0
_COMFORTABLE_DOTS = 600
_STEPS_S = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1_200, 1_800, 3_600, 7_200)
"""Between two marks of a time axis."""
_MOST_STEPS = 9


def explain(
    samples: Samples,
    queries: tuple[Peaks, ...],
    reference: Peaks | None,
    finding: Finding,
    settings: Settings,
) -> bytes:
    """Return the picture as PNG.

    Parameters
    ----------
    samples : float32 [shape=(samples,)], the clip
    queries : the constellations asked at the match's speed, as `Shortlist.queries` has them; empty: none was
    reference : constellation of the match's recording; None without a match, or when it was removed
    """
    scene = scene_of(samples, queries, reference, finding, settings)
    words = {"Title": headline(finding), "Description": f"{details(finding)} {reason(finding)}".strip()}
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        # A title may be in any script; what the fonts lack becomes a box.
        warnings.filterwarnings("ignore", "Glyph .* missing from", UserWarning)
        draw(scene).savefig(buffer, format="png", dpi=_DPI, metadata=words)
    return buffer.getvalue()


def draw(scene: Scene) -> Figure:
    """Return the figure: words, the clip's spectrogram, both constellations, the offset histogram."""
    lines = _words(scene.finding)
    heights_in = [len(lines) * _LINE_IN + 0.15, 3.7, *([4.2, 2.8] if scene.overlaid else [])]
    figure = Figure(figsize=(_WIDTH_IN, sum(heights_in)), layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    panels = figure.subplots(len(heights_in), 1, height_ratios=heights_in)
    _draw_words(panels[0], lines)
    _draw_heard(panels[1], scene.heard)
    if scene.overlaid and scene.histogram:
        _draw_overlaid(panels[2], scene.overlaid)
        _draw_histogram(panels[3], scene.histogram)
    return figure


def _words(finding: Finding) -> list[tuple[str, float]]:
    """Return lines, each with its size in points."""
    texts = [
        (headline(finding), _HEADLINE_PT, _HEADLINE_COLUMNS),
        (details(finding), _TEXT_PT, _TEXT_COLUMNS),
        (reason(finding), _TEXT_PT, _TEXT_COLUMNS),
    ]
    return [(line, size) for text, size, columns in texts for line in _wrapped(text, columns)]


def _wrapped(text: str, columns: int) -> list[str]:
    """Cut into lines; fewer characters fit where they are wide, as in Chinese or Japanese."""
    wide = sum(unicodedata.east_asian_width(character) in {"W", "F"} for character in text)
    return textwrap.wrap(text, round(columns * (1 - 0.45 * wide / max(1, len(text)))))


def _draw_words(axes: Axes, lines: list[tuple[str, float]]) -> None:
    axes.set_axis_off()
    axes.set_ylim(len(lines), 0)
    most_pixels = _WIDTH_IN * axes.figure.dpi * _USABLE_WIDTH
    for number, (line, size) in enumerate(lines):
        weight = "bold" if size == _HEADLINE_PT else "normal"
        text = axes.text(0, number + 0.5, line, fontsize=size, weight=weight, va="center", parse_math=False)
        text.set_in_layout(False)  # a long line must not press the panels together
        pixels = text.get_window_extent().width
        text.set_fontsize(size * min(1.0, most_pixels / max(pixels, 1.0)))


def _draw_heard(axes: Axes, heard: Heard) -> None:
    loudest_db = max(float(heard.levels_db.max()), FLOOR_DB + _RANGE_DB)
    specshow(
        np.ascontiguousarray(heard.levels_db.T),
        x_coords=heard.times_s,
        y_coords=heard.frequencies_hz,
        ax=axes,
        cmap="Greys",
        vmin=loudest_db - _RANGE_DB,
        vmax=loudest_db,
    )
    dots = heard.dots
    _scatter(axes, dots, ~dots.is_aligned, "its strongest peaks", **_hollow(_CLIP, "o"))
    _scatter(axes, dots, dots.is_aligned, "those that the recording has, too", **_solid(_ALIGNED, "o"))
    if not len(dots.times_s):
        axes.text(
            0.5, 0.5, "nothing stands out", ha="center", fontsize=_HEADLINE_PT, transform=axes.transAxes
        )
    begin_s, end_s = heard.span_s
    is_whole = end_s - begin_s >= heard.duration_s
    part = "" if is_whole else f": {clock(begin_s)} to {clock(end_s)} of {clock(heard.duration_s)}"
    _finish_plane(axes, f"What was heard{part}", "time in the clip", heard.span_s, heard.highest_hz)


def _draw_overlaid(axes: Axes, overlaid: Overlaid) -> None:
    clip, recording = overlaid.clip, overlaid.recording
    _scatter(axes, recording, ~recording.is_aligned, "only in the recording", **_hollow(_RECORDING, "s"))
    _scatter(axes, clip, ~clip.is_aligned, "only in the clip", **_solid(_CLIP, "x"))
    _scatter(axes, clip, clip.is_aligned, "in both", **_solid(_ALIGNED, "o"))
    title = (
        f"Clip laid over the recording: {overlaid.coinciding} of {overlaid.clip_peaks} peaks coincide "
        f"(by chance: {overlaid.by_chance:.0f})"
    )
    _finish_plane(axes, title, "time in the recording", overlaid.span_s, overlaid.highest_hz)


def _draw_histogram(axes: Axes, histogram: Histogram) -> None:
    ends_s = histogram.begins_s + histogram.width_s
    is_here = (histogram.begins_s <= histogram.here_s) & (histogram.here_s < ends_s)
    for chosen, colour in ((~is_here, "dimgrey"), (is_here, _ALIGNED)):
        begins_s, votes = histogram.begins_s[chosen], histogram.votes[chosen]
        axes.bar(begins_s, votes, histogram.width_s, align="edge", color=colour)
    most = f"most anywhere else: {histogram.most_elsewhere}; on average {histogram.mean_elsewhere:.1f}"
    axes.axhline(histogram.most_elsewhere, color=_CLIP, linestyle="--", linewidth=1.2, label=most)
    is_late = histogram.here_s > float(histogram.begins_s.mean())
    axes.annotate(
        f"here: {histogram.votes_here}",
        (histogram.here_s, histogram.votes_here),
        xytext=(-8 if is_late else 8, -2),
        textcoords="offset points",
        ha="right" if is_late else "left",
        va="top",
        color=_ALIGNED,
        weight="bold",
        fontsize=_TEXT_PT,
        bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1.0},
    )
    axes.set_ylim(0, max(10, histogram.votes_here, histogram.most_elsewhere) * 1.1)
    axes.yaxis.set_major_locator(MaxNLocator(5, integer=True))
    span_s = (float(histogram.begins_s[0]), float(ends_s[-1]))
    _finish(
        axes,
        "Landmarks that agree, wherever the clip is laid",
        "beginning of the clip, in the recording",
        span_s,
    )
    axes.set_ylabel("landmarks", fontsize=_TEXT_PT)


def _hollow(colour: str, marker: str) -> dict[str, Any]:
    return {"facecolors": "none", "edgecolors": colour, "marker": marker}


def _solid(colour: str, marker: str) -> dict[str, Any]:
    return {"color": colour, "marker": marker}


def _scatter(axes: Axes, dots: Dots, chosen: npt.NDArray[np.bool_], label: str, **style: Any) -> None:
    """Draw some of the dots, smaller where they are many."""
    if chosen.any():
        size = 20 * min(1.0, max(0.15, _COMFORTABLE_DOTS / len(chosen)))
        times_s, frequencies_hz = dots.times_s[chosen], dots.frequencies_hz[chosen]
        axes.scatter(times_s, frequencies_hz, s=size, linewidths=1.0, label=label, **style)


def _finish_plane(
    axes: Axes, title: str, time_label: str, span_s: tuple[float, float], highest_hz: float
) -> None:
    axes.set_ylim(0, highest_hz)
    axes.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
    axes.yaxis.set_major_formatter(ScalarFormatter())
    _finish(axes, title, time_label, span_s)
    axes.set_ylabel("frequency [Hz]", fontsize=_TEXT_PT)


def _finish(axes: Axes, title: str, time_label: str, span_s: tuple[float, float]) -> None:
    """Name the panel and its time axis; what the marks mean goes between the name and the panel."""
    axes.set_title(title, loc="left", fontsize=_TEXT_PT, weight="bold", pad=24)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(
            loc="lower left",
            bbox_to_anchor=(0, 0.99),
            ncols=3,
            frameon=False,
            fontsize=_TEXT_PT - 1,
            borderpad=0,
            handletextpad=0.4,
            borderaxespad=0.4,
        )
    axes.set_xlim(span_s[0], max(span_s[1], span_s[0] + _STEPS_S[0]))
    step_s = next((step for step in _STEPS_S if span_s[1] - span_s[0] <= _MOST_STEPS * step), _STEPS_S[-1])
    axes.xaxis.set_major_locator(MultipleLocator(step_s))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda time_s, _: clock(time_s, tenths=step_s < 1)))
    axes.set_xlabel(f"{time_label} [min:s]", fontsize=_TEXT_PT)
    axes.tick_params(labelsize=_TEXT_PT - 1)
