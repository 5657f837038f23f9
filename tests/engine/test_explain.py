"""The picture of a match: what is drawn is right, and anything can be drawn."""

import io
from dataclasses import replace

import av
import numpy as np
import pytest
import synth
from hypothesis import given
from hypothesis import strategies as st
from matplotlib import colors, pyplot

from engine import alignment, explain_words
from engine.alignment import align, shown_span_s
from engine.decision import Outcome
from engine.explain import draw, explain
from engine.explain_scene import Scene, scene_of
from engine.explain_words import Finding, clock, details, headline, printable, reason
from engine.fingerprint import constellation
from engine.model import Evidence, Match, Peaks, Samples
from engine.settings import Settings

SETTINGS = Settings()
START_S = 15.0
TUNE = synth.music(1, 40)
CLIP = TUNE[round(START_S * synth.RATE_HZ) : round((START_S + 8) * synth.RATE_HZ)]
REFERENCE = constellation([TUNE], SETTINGS)
QUERY = constellation([CLIP], SETTINGS)
EVIDENCE = Evidence(
    votes=90,
    anchors=70,
    surprise=100.0,
    score=40.0,
    query_span_s=(0.0, 8.0),
    reference_span_s=(START_S, START_S + 8),
    coverage=1.0,
    found_by="cheap",
)
MATCH = Match(7, START_S, 1.0, EVIDENCE)
KNOWN = Finding(Outcome.IDENTIFIED, "90 landmarks agree", MATCH, "So What by Miles Davis", 0.9995)
NOT_KNOWN = Finding(Outcome.UNKNOWN, "nothing in the index shares a line", None, None, 0.0)
ALIGNED = tuple(round(255 * part) for part in colors.to_rgb("#D55E00"))


def pixels(png: bytes) -> np.ndarray:
    with av.open(io.BytesIO(png)) as picture:
        return next(picture.decode(video=0)).to_ndarray(format="rgb24")


def has_aligned_colour(png: bytes) -> bool:
    return bool((pixels(png) == ALIGNED).all(axis=2).any())


def scene(finding: Finding = KNOWN, samples: Samples = CLIP, query: Peaks = QUERY) -> Scene:
    return scene_of(samples, (query,), REFERENCE, finding, SETTINGS)


def test_a_clip_coincides_with_its_recording_where_it_lies_and_nowhere_else():
    here = align((QUERY,), REFERENCE, MATCH, SETTINGS)
    elsewhere = align((QUERY,), REFERENCE, replace(MATCH, offset_s=START_S + 6.4), SETTINGS)
    assert here.query_coincides.mean() > 0.8
    assert here.query_coincides.sum() > 4 * here.by_chance
    assert elsewhere.query_coincides.sum() < here.query_coincides.sum() / 2
    assert here.reference_coincides.sum() == pytest.approx(here.query_coincides.sum(), rel=0.1)


def test_what_chance_gives_is_about_what_other_offsets_give():
    offsets_s = np.arange(0.5, 30.0, 0.7)
    found = [
        align((QUERY,), REFERENCE, replace(MATCH, offset_s=float(offset_s)), SETTINGS).query_coincides.sum()
        for offset_s in offsets_s[np.abs(offsets_s - START_S) > 0.5]
    ]
    by_chance = align((QUERY,), REFERENCE, MATCH, SETTINGS).by_chance
    assert by_chance == pytest.approx(np.mean(found), rel=0.3)


def test_landmarks_vote_most_for_the_true_offset():
    aligned = align((QUERY,), REFERENCE, MATCH, SETTINGS)
    best = int(aligned.votes.argmax()) + aligned.first_offset_frames
    assert abs(best - START_S * SETTINGS.frames_per_s) <= 1
    assert aligned.votes_here == aligned.votes.max() > 3 * aligned.elsewhere(12).max()


def test_a_landmark_votes_once_for_an_offset_and_hours_of_one_tone_end(monkeypatch: pytest.MonkeyPatch):
    count = 2_000
    drone = Peaks(
        frames=np.repeat(np.arange(count // 2), 2).astype(np.uint32),
        bins=np.tile([100, 120], count // 2).astype(np.uint16),
        ranks=np.zeros(count, np.uint8),
        frame_count=count // 2,
    )
    aligned = align((drone,), drone, replace(MATCH, offset_s=0.0), SETTINGS)
    assert aligned.votes.max() <= count * SETTINGS.cheap.fan_out
    monkeypatch.setattr(alignment, "_MOST_PAIRS", 1_000)
    cut = align((drone,), drone, replace(MATCH, offset_s=0.0), SETTINGS)
    assert cut.votes.sum() <= 1_000 * SETTINGS.alignment_frames


def test_constellations_without_peaks_align_to_nothing():
    empty = constellation([synth.silence(5)], SETTINGS)
    for query, reference in ((empty, REFERENCE), (QUERY, empty), (empty, empty)):
        aligned = align((query,), reference, MATCH, SETTINGS)
        assert not aligned.query_coincides.any()
        assert not aligned.votes.any()


def test_an_offset_outside_the_recording_has_the_votes_of_its_end():
    for offset_s in (-1e4, 1e4):
        assert align((QUERY,), REFERENCE, replace(MATCH, offset_s=offset_s), SETTINGS).votes_here <= 1


@given(
    st.floats(0, 1_000),
    st.none() | st.tuples(st.floats(0, 1_000), st.floats(0, 1_000)),
)
def test_at_most_a_minute_within_the_clip_is_shown(duration_s: float, span_s: tuple[float, float] | None):
    match = replace(MATCH, evidence=replace(EVIDENCE, query_span_s=span_s)) if span_s else None
    begin_s, end_s = shown_span_s(duration_s, match)
    assert 0 <= begin_s <= end_s <= duration_s + 1e-6
    assert end_s - begin_s == pytest.approx(min(60, duration_s))


def test_of_a_long_clip_the_part_that_aligns_is_shown():
    samples = np.concatenate([synth.noise(1, 100), CLIP, synth.noise(2, 40)])
    match = replace(MATCH, offset_s=START_S - 100, evidence=replace(EVIDENCE, query_span_s=(100.0, 108.0)))
    shown = scene(replace(KNOWN, match=match), samples, constellation([samples], SETTINGS))
    assert shown.heard.span_s == pytest.approx((74.0, 134.0))
    assert shown.overlaid is not None
    assert shown.overlaid.span_s == pytest.approx((START_S - 26, START_S + 34), abs=0.05)
    aligned_s = shown.heard.dots.times_s[shown.heard.dots.is_aligned]
    assert np.median(aligned_s) == pytest.approx(104, abs=3)
    assert (shown.heard.times_s.min() > 74, shown.heard.times_s.max() < 134) == (True, True)


def test_peaks_lie_on_the_loud_places_of_the_spectrogram_at_any_speed():
    speed = 1.04
    fast = synth.played_at(CLIP, speed)
    slowed = constellation([synth.played_at(fast, 1 / speed)], SETTINGS)
    heard = scene(replace(KNOWN, match=replace(MATCH, speed=speed)), fast, slowed).heard
    columns = np.abs(heard.times_s[:, np.newaxis] - heard.dots.times_s).argmin(axis=0)
    rows = np.abs(heard.frequencies_hz[:, np.newaxis] - heard.dots.frequencies_hz).argmin(axis=0)
    assert np.median(heard.levels_db[columns, rows]) > np.median(heard.levels_db) + 20
    assert heard.dots.is_aligned.mean() > 0.6
    assert heard.span_s == pytest.approx((0, 8 / speed), abs=0.01)


def test_the_histogram_spans_the_recording_and_keeps_its_peak():
    histogram = scene().histogram
    assert histogram is not None
    column = int(histogram.votes.argmax())
    assert histogram.begins_s[column] <= histogram.here_s < histogram.begins_s[column] + histogram.width_s
    assert (
        histogram.votes_here == histogram.votes.max() > histogram.most_elsewhere >= histogram.mean_elsewhere
    )
    assert (histogram.begins_s[0] < -7, histogram.begins_s[-1] > 39) == (True, True)
    assert len(histogram.votes) <= 320


def test_a_known_clip_gives_a_picture_with_its_alignment():
    png = explain(CLIP, (QUERY,), REFERENCE, KNOWN, SETTINGS)
    height, width, _ = pixels(png).shape
    assert (width, height > width) == (1_080, True)
    assert has_aligned_colour(png)
    assert b"So What by Miles Davis" in png  # for those who search pictures, or can't see them
    assert pyplot.get_fignums() == []


def test_every_axis_names_its_unit():
    panels = draw(scene()).axes[1:]
    assert [panel.get_ylabel() for panel in panels] == ["frequency [Hz]", "frequency [Hz]", "landmarks"]
    assert all("[min:s]" in panel.get_xlabel() for panel in panels)
    assert [text.get_text() for text in panels[1].get_legend().get_texts()][-1] == "in both"


def test_without_a_recording_only_what_was_heard_is_drawn():
    for finding, reference in ((NOT_KNOWN, None), (replace(KNOWN, name=None), None)):
        png = explain(CLIP, (), reference, finding, SETTINGS)
        assert not has_aligned_colour(png)
        assert len(draw(scene_of(CLIP, (), reference, finding, SETTINGS)).axes) == 2


@pytest.mark.parametrize(
    "samples",
    [
        synth.silence(5),
        synth.tone(1_000, 5),
        synth.noise(1, 5),
        synth.silence(0.0),
        CLIP[:2_000],
        CLIP[: synth.RATE_HZ],
        np.ones(40_000, np.float32) * 1e12,
    ],
    ids=["silence", "tone", "noise", "nothing", "a quarter second", "a second", "overload"],
)
def test_any_sound_gives_a_picture(samples: Samples):
    assert pixels(explain(samples, (), None, NOT_KNOWN, SETTINGS)).shape[1] == 1_080
    refused = replace(KNOWN, outcome=Outcome.UNKNOWN)
    query = constellation([samples], SETTINGS)
    assert pixels(explain(samples, (query,), REFERENCE, refused, SETTINGS)).shape[1] == 1_080


@pytest.mark.parametrize(
    "name",
    [
        "$\\frac{1}{2}$ 100% $",
        "夜に駆ける \N{MUSICAL NOTE} \N{CAT FACE}",
        "مرحبا بالعالم",
        "\N{RIGHT-TO-LEFT OVERRIDE}live\x00\x1b[31m\r\n\ud800",
        "x" * 5_000,
        "W" * 100,
    ],
    ids=["mathtext", "japanese and emoji", "arabic", "controls", "endless", "wide"],
)
def test_any_name_can_be_drawn(name: str):
    png = explain(CLIP, (QUERY,), REFERENCE, replace(KNOWN, name=name), SETTINGS)
    assert pixels(png).shape[1] == 1_080


@given(st.text())
def test_a_printable_name_is_one_line_that_controls_nothing(name: str):
    shown = printable(name)
    assert len(shown.splitlines()) <= 1
    assert len(shown) <= 160
    assert not any(explain_words._is_control(character) for character in shown)
    shown.encode()


def test_the_words_say_what_was_found_where_and_how_sure():
    assert headline(KNOWN) == "Known: So What by Miles Davis"
    assert details(KNOWN) == "The clip begins 0:15.0 into the recording, played at its speed; 99.9% sure."
    assert reason(KNOWN) == "90 landmarks agree."
    before = replace(KNOWN, outcome=Outcome.AMBIGUOUS, match=replace(MATCH, offset_s=-3.25, speed=0.97))
    assert headline(before) == "Perhaps: So What by Miles Davis"
    assert "begins 0:03.2 before the recording does, played 3 % slower" in details(before)
    refused = replace(KNOWN, outcome=Outcome.UNKNOWN, name=None, confidence=0.021)
    assert headline(refused) == "Not known; closest, but refused: a recording that has just been removed"
    assert details(refused).startswith("The clip would begin 0:15.0 into the recording")
    assert details(refused).endswith("2.1% sure.")
    assert (headline(NOT_KNOWN), details(NOT_KNOWN)) == ("Not known", "")


@pytest.mark.parametrize(
    ("time_s", "shown", "whole"),
    [
        (0, "0:00.0", "0:00"),
        (59.96, "1:00.0", "1:00"),
        (-3.5, "-0:03.5", "-0:04"),
        (3_661.2, "1:01:01.2", "1:01:01"),
    ],
)
def test_a_clock_shows_minutes_and_seconds(time_s: float, shown: str, whole: str):
    assert (clock(time_s), clock(time_s, tenths=False)) == (shown, whole)
