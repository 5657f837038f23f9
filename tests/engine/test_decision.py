import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.decision import Outcome, confidence, decide
from engine.model import Evidence, Match
from engine.settings import Settings

SETTINGS = Settings()
ACCEPTED = SETTINGS.accepted_score
scores = st.floats(0, 1e4)


def match(score: float, recording_id: int = 1, *, speed: float = 1.0) -> Match:
    evidence = Evidence(
        votes=33,
        anchors=20,
        surprise=score,
        score=score,
        query_span_s=(0.0, 5.0),
        reference_span_s=(40.0, 45.0),
        coverage=0.87,
        found_by="cheap",
    )
    return Match(recording_id, offset_s=40.0, speed=speed, evidence=evidence)


def ranked(*descending: float) -> list[Match]:
    return [match(score, recording_id) for recording_id, score in enumerate(descending, 1)]


@pytest.mark.parametrize(
    ("found", "outcome"),
    [
        ([], Outcome.UNKNOWN),
        ([0.0], Outcome.UNKNOWN),
        ([ACCEPTED - 0.01], Outcome.UNKNOWN),
        ([ACCEPTED], Outcome.IDENTIFIED),
        ([100.0], Outcome.IDENTIFIED),
        ([ACCEPTED, ACCEPTED - 0.01], Outcome.IDENTIFIED),
        ([100.0, 100.0 * SETTINGS.rival_share - 0.01], Outcome.IDENTIFIED),
        ([100.0, 100.0 * SETTINGS.rival_share], Outcome.AMBIGUOUS),
        ([100.0, 100.0], Outcome.AMBIGUOUS),
    ],
)
def test_the_thresholds_are_where_the_settings_say(found, outcome):
    assert decide(ranked(*found), SETTINGS).outcome is outcome


def test_an_unknown_clip_has_no_candidates():
    assert decide(ranked(ACCEPTED - 1, 1.0), SETTINGS).candidates == ()


def test_candidates_are_those_that_may_be_accepted_best_first():
    verdict = decide(ranked(100.0, 90.0, ACCEPTED, ACCEPTED - 1), SETTINGS)
    assert [each.recording_id for each in verdict.candidates] == [1, 2, 3]


def test_an_unknown_clips_reason_tells_how_far_the_best_was():
    assert "score of 1.5; 2.5 would be accepted" in decide(ranked(1.5), SETTINGS).reason
    assert "nothing in the index" in decide([], SETTINGS).reason


def test_an_identified_clips_reason_tells_the_evidence():
    reason = decide(ranked(31.0), SETTINGS).reason
    assert "33 landmarks agree" in reason
    assert "87% of the clip" in reason
    assert "a score of 31.0" in reason


def test_the_reason_tells_another_speed():
    assert "97% of its speed" in decide([match(31.0, speed=0.97)], SETTINGS).reason
    assert "speed" not in decide(ranked(31.0), SETTINGS).reason


def test_an_ambiguous_clips_reason_tells_how_many_explain_it():
    assert decide(ranked(50.0, 49.0, 48.0, 9.0), SETTINGS).reason.startswith("3 recordings")


@given(st.lists(scores, max_size=6))
def test_every_verdict_has_a_reason_and_candidates_unless_unknown(found):
    verdict = decide(ranked(*sorted(found, reverse=True)), SETTINGS)
    assert verdict.reason
    assert bool(verdict.candidates) == (verdict.outcome is not Outcome.UNKNOWN)
    assert len(verdict.candidates) > 1 or verdict.outcome is not Outcome.AMBIGUOUS


@given(scores, scores)
def test_confidence_grows_with_the_score_from_0_to_1(one, other):
    lower, higher = (confidence(match(score), SETTINGS) for score in sorted([one, other]))
    assert 0 <= lower <= higher <= 1


@settings(max_examples=50)
@given(st.floats(0, 8), st.floats(0.1, 5))
def test_a_better_score_in_the_range_that_matters_has_more_confidence(score, difference):
    assert confidence(match(score), SETTINGS) < confidence(match(score + difference), SETTINGS)


def test_confidence_is_a_half_at_the_even_score_and_nine_tenths_at_the_likely_one():
    assert confidence(match(SETTINGS.even_score), SETTINGS) == pytest.approx(0.5)
    assert confidence(match(SETTINGS.likely_score), SETTINGS) == pytest.approx(0.9)
