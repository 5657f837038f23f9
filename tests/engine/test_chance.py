import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.chance import expected_hits, surprise


def background(weights_everywhere, frames_everywhere, weights_here, frames_here, *, window_frames):
    """As matching does: the larger of what the index and what the recording collects."""
    return np.maximum(
        expected_hits(weights_everywhere, frames_everywhere, window_frames),
        expected_hits(weights_here, frames_here, window_frames),
    )


RARE = np.full(100, 17.5)
COMMON = np.full(100, 6.5)
NOTHING = np.zeros(0)

weights = st.lists(st.floats(0, 40), max_size=30).map(lambda drawn: np.array(drawn, np.float64))
sums = st.floats(0, 1e6)
alignments = st.integers(0, 10**12)
frame_counts = st.integers(0, 10**9)
backgrounds = st.builds(
    background, weights, frame_counts, weights, frame_counts, window_frames=st.integers(1, 9)
)


def expecting(*, everywhere=RARE, here=NOTHING) -> np.ndarray:
    return background(everywhere, 10_000, here, 1_000, window_frames=3)


@settings(deadline=None)
@given(backgrounds, sums, alignments)
def test_surprise_is_a_finite_number_and_never_negative(chance, weight, tried):
    score = surprise(weight, chance, tried)
    assert math.isfinite(score)
    assert score >= 0


@settings(deadline=None)
@given(sums, sums, alignments)
def test_more_weight_is_never_less_surprising(one, other, tried):
    less, more = sorted([one, other])
    assert surprise(less, expecting(), tried) <= surprise(more, expecting(), tried)


@settings(deadline=None)
@given(sums, alignments, alignments)
def test_in_a_larger_index_nothing_is_more_surprising(weight, one, other):
    smaller, larger = sorted([one, other])
    assert surprise(weight, expecting(), larger) <= surprise(weight, expecting(), smaller)


def test_a_thousand_times_more_alignments_cost_three_points():
    scores = [surprise(200, expecting(), tried) for tried in (10**4, 10**7)]
    assert scores[0] - scores[1] == pytest.approx(3)


def test_no_weight_is_no_surprise():
    assert surprise(0, expecting(), 1) == 0


def test_weight_that_chance_collects_itself_is_no_surprise():
    chance = background(np.full(10_000, 17.5), 10_000, NOTHING, 0, window_frames=3)
    assert surprise(3 * 17.5, chance, 1) == 0


def test_where_many_stray_hits_fall_the_same_weight_surprises_less():
    crowded = expecting(here=RARE.repeat(10))
    assert surprise(100, crowded, 10**4) < surprise(100, expecting(), 10**4)


def test_the_same_weight_of_hits_that_are_common_surprises_less():
    # 20 hits of 5 bits where chance gives two a time are ordinary; those of 17 bits are not.
    common = background(COMMON.repeat(70), 10_000, NOTHING, 0, window_frames=3)
    rare = background(RARE, 10_000, NOTHING, 0, window_frames=3)
    assert surprise(100, common, 1) < surprise(100, rare, 1)


def test_hits_never_seen_before_are_not_impossible():
    chance = background(NOTHING, 10_000, NOTHING, 1_000, window_frames=3)
    assert chance.min() > 0
    assert surprise(17, chance, 10**4) < 5
