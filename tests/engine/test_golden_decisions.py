"""Tricky sounds get the answers they always got; and whatever those are, some must never be given."""

import json
from collections.abc import Iterator

import pytest
from golden.regenerate_decisions import (
    GOLDEN_FILE,
    Decision,
    Found,
    Known,
    decisions,
    known,
    why,
    written,
)

from engine.decision import Outcome

GOLDEN = json.loads(GOLDEN_FILE.read_text())
CHANGED = (
    "another answer than before. If that is meant, run tests/golden/regenerate_decisions.py, "
    "and read the difference before you commit it"
)
OFFSET_S = 0.15
NOT_NAMED = (
    *("far_too_fast", "transposed", "backwards", "played_live", "absent_music", "nothing", "a_click"),
    *("a_tone", "a_sweep", "white_noise", "a_burst_of_noise", "only_talk"),
    *("reversed_recording", "live_recording", "absent_recording", "speech"),
)


@pytest.fixture(scope="module")
def library() -> Iterator[Known]:
    with known() as opened:
        yield opened


@pytest.fixture(scope="module")
def decided(library) -> dict[str, Decision]:
    return decisions(library)


def only(decision: Decision) -> Found:
    """Return what was found, if it is one recording."""
    (found,) = decision.found
    return found


def is_identified(decision: Decision, name: str, offset_s: float) -> bool:
    best = decision.found[0]
    return (decision.outcome, best.name) == (Outcome.IDENTIFIED, name) and best.offset_s == pytest.approx(
        offset_s, abs=OFFSET_S
    )


def test_the_golden_file_has_every_case_and_says_why_it_is_tricky():
    assert {case: each["why"] for case, each in GOLDEN.items()} == why(), CHANGED


@pytest.mark.parametrize("case", why())
def test_a_tricky_sound_gets_the_answer_it_always_got(decided, case):
    today, before = written(decided[case]), GOLDEN[case]
    assert today["outcome"] == before["outcome"], f"{CHANGED}: {decided[case].reason}"
    assert [each["name"] for each in today["found"]] == [each["name"] for each in before["found"]], CHANGED
    for found, expected in zip(today["found"], before["found"], strict=True):
        assert found["offset_s"] == pytest.approx(expected["offset_s"], abs=OFFSET_S), CHANGED
        assert found["speed"] == pytest.approx(expected["speed"], abs=0.011), CHANGED
        assert found.get("relation") == expected.get("relation"), CHANGED


def test_every_answer_has_a_reason(decided):
    assert all(each.reason for each in decided.values())


@pytest.mark.parametrize("case", NOT_NAMED)
def test_what_is_in_no_recording_is_never_named(decided, case):
    assert (decided[case].outcome, decided[case].names) == (Outcome.UNKNOWN, [])


@pytest.mark.parametrize("case", ["the_loop_alone", "the_loop_over_other_music"])
def test_a_loop_of_two_recordings_names_both(decided, case):
    decision = decided[case]
    assert decision.outcome is Outcome.AMBIGUOUS
    offsets_s = {each.name: each.offset_s for each in decision.found}
    assert offsets_s == {
        "loop A": pytest.approx(16, abs=OFFSET_S), "loop B": pytest.approx(8, abs=OFFSET_S)
    }  # fmt: skip
    assert "2 recordings" in decision.reason


def test_what_follows_a_loop_tells_which_recording_it_is(decided):
    assert is_identified(decided["the_loop_with_what_follows"], "loop A", 20)


def test_a_recording_that_is_known_twice_is_named_twice(decided):
    decision = decided["a_recording_known_twice"]
    assert (decision.outcome, decision.names) == (Outcome.AMBIGUOUS, ["twin 1", "twin 2"])
    assert "2 recordings" in decision.reason
    whole = decided["recording_known_twice"]
    assert whole.copies == ("twin 1", "twin 2")


@pytest.mark.parametrize(("case", "boundary_s"), [("an_end_and_a_begin", 6), ("a_longer_end_and_a_begin", 7)])
def test_a_clip_across_two_recordings_names_both_with_their_parts(decided, case, boundary_s):
    decision = decided[case]
    assert decision.outcome is Outcome.AMBIGUOUS
    assert "different parts" in decision.reason
    first, second = sorted(decision.found, key=lambda each: each.spans_s)
    assert (first.name, second.name) == ("one", "two")
    assert first.spans_s[0][1] <= boundary_s <= second.spans_s[0][0]
    assert first.offset_s == pytest.approx(40 - boundary_s, abs=OFFSET_S)
    assert second.offset_s == pytest.approx(-boundary_s, abs=OFFSET_S)
    assert max(first.coverage, second.coverage) < 0.8


@pytest.mark.parametrize("case", ["a_crossfade", "two_at_once"])
def test_recordings_that_sound_together_are_both_named(decided, case):
    assert decided[case].outcome is Outcome.AMBIGUOUS
    assert set(decided[case].names) == {"one", "two"}


def test_a_clip_of_which_a_part_is_known_says_how_much(decided):
    half, little = decided["music_then_talk"], decided["music_then_much_talk"]
    assert half.names == little.names == ["one"]
    assert 0.4 < only(half).coverage < 0.8
    assert f"{only(half).coverage:.0%} of the clip" in half.reason
    assert little.outcome is Outcome.AMBIGUOUS
    assert only(little).coverage < 0.3
    assert f"only {only(little).coverage:.0%} of the clip" in little.reason


def test_a_clip_that_jumps_has_the_offset_of_one_of_its_halves(decided):
    decision = decided["a_jump"]
    assert set(decision.names) == {"one"}
    offsets_s = [pytest.approx(10, abs=OFFSET_S), pytest.approx(19, abs=OFFSET_S)]
    assert any(only(decision).offset_s == offset_s for offset_s in offsets_s)


def test_a_clip_that_begins_before_the_recording_has_a_negative_offset(decided):
    assert is_identified(decided["before_the_begin"], "one", -2)


def test_a_faster_clip_is_named_with_its_speed(decided):
    assert is_identified(decided["faster"], "one", 10.3)
    assert only(decided["faster"]).speed == pytest.approx(1.03, abs=0.011)
    assert "of its speed" in decided["faster"].reason


def test_exact_repeats_are_named_as_nothing_else(decided):
    assert set(decided["many_bars"].names) == {"bars"}
    assert set(decided["a_bar_of_many"].names) <= {"bars"}
    assert is_identified(decided["into_the_bars"], "bars", 3)
    assert decided["repeated_bars"].copies == ("bars",)


def test_a_second_is_named_as_nothing_else(decided):
    assert set(decided["a_second"].names) <= {"one"}


@pytest.mark.parametrize("case", ["radio_edit", "extended_version"])
def test_an_edit_is_asked_about_as_an_edit_of_its_recording(decided, case):
    decision = decided[case]
    assert (decision.outcome, decision.names, decision.copies) == (Outcome.AMBIGUOUS, ["one"], ())
    assert only(decision).relation == "edit"
    assert only(decision).coverage > 0.95
    assert len(only(decision).spans_s) >= 2
    assert "an edit" in decision.reason


def test_a_remix_is_no_copy_of_what_it_shares_a_loop_with(decided):
    decision = decided["remix_with_the_loop"]
    assert (decision.outcome, decision.copies) == (Outcome.AMBIGUOUS, ())
    assert set(decision.names) == {"loop A", "loop B"}
    for each in decision.found:
        assert each.relation == "shares"
        ((begin_s, end_s),) = each.spans_s
        assert (begin_s, end_s) == pytest.approx((20, 30), abs=1)
    assert "2 recordings share" in decision.reason


def test_a_copy_of_a_recording_with_a_shared_loop_is_no_copy_of_the_other(decided):
    assert decided["recording_with_the_loop"].outcome is Outcome.IDENTIFIED
    assert decided["recording_with_the_loop"].copies == ("loop A",)


@pytest.mark.parametrize(
    ("case", "begins_s"),
    [("two_halves", {"one": 0, "two": 20}), ("medley", {"one": 0, "two": 24, "three": 48})],
)
def test_a_file_of_several_recordings_is_none_of_them(decided, case, begins_s):
    decision = decided[case]
    assert (decision.outcome, decision.copies) == (Outcome.AMBIGUOUS, ())
    assert {each.name: each.spans_s[0][0] for each in decision.found} == pytest.approx(begins_s, abs=1)
    assert {each.relation for each in decision.found} == {"shares"}
    assert f"{len(begins_s)} recordings sound in it" in decision.reason


def test_half_a_recording_with_talk_is_no_copy(decided):
    decision = decided["half_talk"]
    assert (decision.outcome, decision.names, decision.copies) == (Outcome.AMBIGUOUS, ["one"], ())
    assert only(decision).coverage == pytest.approx(0.5, abs=0.05)
    assert "50% of the file" in decision.reason


def test_a_copy_at_another_speed_is_asked_about(decided):
    decision = decided["slightly_fast"]
    assert (decision.outcome, decision.names, decision.copies) == (Outcome.AMBIGUOUS, ["one"], ())
    assert only(decision).speed == pytest.approx(1.03, abs=0.001)
