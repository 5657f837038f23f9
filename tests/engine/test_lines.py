import numpy as np
import pytest
import synth
import wholes
from hypothesis import given, settings
from hypothesis import strategies as st
from wholes import PIECES, SETTINGS

from engine.lines import Line, follow, hold, hold_against
from engine.suspects import Suspect

REFERENCES = {number: wholes.heard(PIECES[number]) for number in (1, 2)}
HELD = {number: hold(peaks) for number, peaks in REFERENCES.items()}
STRAIGHT = Line(offset_frames=0.0, speed=1.0, pitch=1.0)


def suspect(begin_s: float, offset_s: float, *, speed: float = 1.0) -> Suspect:
    begin = round(begin_s * SETTINGS.frames_per_s)
    offset = offset_s * SETTINGS.frames_per_s
    return Suspect(1, begin, begin + 250, offset, speed, score=5.0)


def test_a_sound_meets_itself_and_chance_elsewhere():
    same = hold_against(REFERENCES[1], HELD[1], STRAIGHT, 0, 1e9)
    assert same.met.all()
    assert not same.slips.any()
    other = hold_against(REFERENCES[2], HELD[1], STRAIGHT, 0, 1e9)
    assert other.met.mean() < 0.3
    assert same.gains.sum() > 0 > other.gains.sum()
    expected = HELD[1].chance[REFERENCES[2].bins].mean()
    assert other.met.mean() == pytest.approx(expected, abs=0.05)


def test_only_what_lies_within_the_recording_is_held_against_it():
    late = hold_against(REFERENCES[1], HELD[1], Line(1_000.0, 1.0, 1.0), 0, 1e9)
    assert late.frames.max() < HELD[1].frame_count - 1_000
    early = hold_against(REFERENCES[1], HELD[1], Line(-1_000.0, 1.0, 1.0), 0, 1e9)
    assert early.frames.min() >= 1_000
    assert (REFERENCES[1].frames[early.places] == early.frames).all()


@pytest.mark.parametrize("speed", [0.9631, 1.0, 1.0347])
def test_a_line_is_followed_to_the_ends_and_its_speed_fitted(speed):
    peaks = wholes.heard(synth.played_at(PIECES[1], speed))
    nearest = min((*SETTINGS.speeds, 1.0), key=lambda each: abs(each - speed))
    begin_frame = round(20 * SETTINGS.frames_per_s)
    centre = begin_frame + 125
    guessed = Suspect(1, begin_frame, begin_frame + 250, (speed - nearest) * centre, nearest, score=5.0)
    followed = follow(peaks, HELD[1], guessed)
    assert followed is not None
    assert followed.line.speed == pytest.approx(speed, abs=2e-4)
    assert followed.line.pitch == nearest
    assert followed.begin_frame < 10
    assert followed.end_frame > peaks.frame_count - 40


def test_a_tempo_that_is_changed_without_the_pitch_is_fitted_too():
    stretched = REFERENCES[1]
    slower = type(stretched)(
        frames=np.rint(stretched.frames * 1.04).astype(np.uint32),
        bins=stretched.bins,
        ranks=stretched.ranks,
        frame_count=round(stretched.frame_count * 1.04),
    )
    centre = 20 * 25 + 125
    guessed = Suspect(1, centre - 125, centre + 125, centre / 1.04 - centre, 1.0, score=5.0)
    followed = follow(slower, HELD[1], guessed)
    assert followed is not None
    assert followed.line.speed == pytest.approx(1 / 1.04, abs=2e-4)
    assert followed.line.pitch == 1.0
    assert followed.end_frame - followed.begin_frame > 0.95 * slower.frame_count


@pytest.mark.parametrize("offset_s", [-7.3, 11.1, 300.0, -300.0])
def test_a_line_that_is_not_true_is_left(offset_s):
    followed = follow(REFERENCES[2], HELD[1], suspect(20, offset_s))
    assert followed is None or followed.end_frame - followed.begin_frame < 500


def test_a_held_tone_is_no_line():
    peaks = wholes.heard(synth.tone(440, 60))
    assert follow(peaks, HELD[1], suspect(20, 0)) is None


@settings(deadline=None, max_examples=30)
@given(
    file=st.integers(0, 30).map(synth.random_peaks),
    reference=st.integers(0, 30).map(synth.random_peaks),
    begin_frame=st.integers(-100, 400),
    offset_frames=st.floats(-1e6, 1e6),
    speed=st.sampled_from(SETTINGS.speeds),
)
def test_no_suspect_stops_the_search(file, reference, begin_frame, offset_frames, speed):
    guessed = Suspect(1, begin_frame, begin_frame + 250, offset_frames, speed, score=5.0)
    followed = follow(file, hold(reference), guessed)
    assert followed is None or followed.begin_frame < followed.end_frame <= file.frame_count
