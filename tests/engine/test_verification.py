from dataclasses import replace

import numpy as np
import pytest
import synth
from hypothesis import given
from hypothesis import strategies as st

from engine.fingerprint import constellation
from engine.model import Evidence, Match, Peaks, Shortlist
from engine.settings import Settings
from engine.verification import peak_surprise, verify

SETTINGS = Settings()
START_S = 15.0
OFFSET_FRAMES = round(START_S * SETTINGS.frames_per_s)
MUSIC, OTHER = (constellation([synth.music(seed, 40)], SETTINGS) for seed in (1, 2))
EVIDENCE = Evidence(
    votes=9,
    anchors=7,
    surprise=4.0,
    score=4.0,
    query_span_s=(0.0, 5.0),
    reference_span_s=(START_S, START_S + 5),
    coverage=0.9,
    found_by="dense",
)


def clip(noise_db: float) -> Peaks:
    begin = round(START_S * synth.RATE_HZ)
    sound = synth.music(1, 40)[begin : begin + 6 * synth.RATE_HZ]
    return constellation([synth.mixed(sound, synth.noise(3, 6), noise_db)], SETTINGS)


def surprise(query: Peaks, reference: Peaks, offset_frames: int = OFFSET_FRAMES) -> float:
    return peak_surprise((query,), reference, offset_frames, alignment_frames=3)


def found(recording_id: int, score: float = 4.0) -> Match:
    return Match(recording_id, START_S, 1.0, replace(EVIDENCE, surprise=score, score=score))


def test_peaks_at_the_alignment_surprise_even_under_noise():
    assert surprise(clip(10.0), MUSIC) > 5
    assert surprise(clip(30.0), MUSIC) > surprise(clip(10.0), MUSIC)


def test_peaks_anywhere_else_do_not():
    assert surprise(clip(10.0), OTHER) < 4
    assert surprise(clip(10.0), MUSIC, OFFSET_FRAMES + 111) < surprise(clip(10.0), MUSIC) / 2


@pytest.mark.parametrize("slip_frames", [-1, 1])
def test_an_alignment_may_be_a_frame_off(slip_frames):
    assert surprise(clip(10.0), MUSIC, OFFSET_FRAMES + slip_frames) > 5


def test_the_right_recording_overtakes_one_that_landmarks_put_first():
    shortlisted = Shortlist((found(2, 5.0), found(1, 4.0)), {1.0: (clip(10.0),)}, is_convincing=False)
    verified = verify(shortlisted, {1: MUSIC, 2: OTHER}, SETTINGS)
    assert [match.recording_id for match in verified] == [1, 2]
    assert verified[0].evidence == replace(EVIDENCE, score=verified[0].evidence.score)
    assert verified[0].evidence.score > SETTINGS.accepted_score > verified[1].evidence.score


def test_a_recording_that_is_gone_meanwhile_is_left_out():
    shortlisted = Shortlist((found(1), found(2)), {1.0: (clip(10.0),)}, is_convincing=False)
    assert [match.recording_id for match in verify(shortlisted, {2: OTHER}, SETTINGS)] == [2]


@given(
    offset_frames=st.integers(-10_000, 10_000),
    query=st.integers(0, 40).map(synth.random_peaks),
    reference=st.integers(0, 40).map(synth.random_peaks),
)
def test_surprise_is_a_number_from_nothing_to_certain(offset_frames, query, reference):
    value = surprise(query, reference, offset_frames)
    assert np.isfinite(value)
    assert 0 <= value <= 300
