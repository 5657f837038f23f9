from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.matching import QueryTrial, match_hits
from engine.model import Fingerprint, Hits, IndexSize, Match
from engine.settings import Settings

SETTINGS = Settings()
SIZE = IndexSize(recordings=10, postings=1 << 17, frames=50_000)
QUERY = Fingerprint(
    hashes=np.arange(40, dtype=np.uint32), frames=np.arange(0, 200, 5, dtype=np.uint32), frame_count=250
)
"""40 landmarks, one every fifth frame: 0, 0.2 .. 7.8 s of 10 s."""

Posting = tuple[int, int, int]


def hits(postings: list[Posting], query: Fingerprint = QUERY) -> Hits:
    """Return hits from (query landmark, recording, frame); every hash has one posting."""
    landmarks, recording_ids, frames = np.array(postings, np.int64).reshape(-1, 3).T
    return Hits(
        landmarks.astype(np.int32),
        recording_ids,
        frames.astype(np.int32),
        posting_counts=np.ones(len(query.hashes), np.int64),
        looked_up=np.ones(len(query.hashes), np.bool_),
    )


def aligned(
    recording_id: int, offset_frames: int, landmarks=range(40), query: Fingerprint = QUERY
) -> list[Posting]:
    return [(landmark, recording_id, int(query.frames[landmark]) + offset_frames) for landmark in landmarks]


def matches(
    postings: list[Posting],
    query: Fingerprint = QUERY,
    trial: QueryTrial = QueryTrial("cheap"),  # noqa: B008 - frozen
    size: IndexSize = SIZE,
) -> list[Match]:
    return match_hits(
        query, hits(postings, query), size, frame_count_of=lambda _: 5_000, settings=SETTINGS, trial=trial
    )


def test_no_hits_are_no_matches():
    assert matches([]) == []


def test_a_query_without_landmarks_matches_nothing():
    nothing = Fingerprint(np.zeros(0, np.uint32), np.zeros(0, np.uint32), 0)
    assert matches([], query=nothing) == []


def test_hits_that_stand_alone_are_no_match():
    assert matches([(0, 1, 100), (20, 1, 900), (3, 2, 4_000)]) == []


@pytest.mark.parametrize("offset_frames", range(1_000, 1_004))
def test_three_hits_in_line_are_a_match_at_any_offset(offset_frames):
    (match,) = matches(aligned(7, offset_frames, [0, 10]) + aligned(7, offset_frames - 1, [20]))
    assert match.evidence.votes == 3


def test_aligned_hits_outvote_stray_ones():
    random = np.random.default_rng(1)
    stray = [(int(landmark), 3, int(random.integers(5_000))) for landmark in random.integers(0, 40, 60)]
    found = matches(stray + aligned(5, 1_000, range(8)))
    assert found[0].recording_id == 5
    assert found[0].evidence.votes == 8


def test_a_hit_votes_for_the_offset_at_which_the_query_begins():
    (match,) = matches(aligned(7, 1_000))
    assert match.recording_id == 7
    assert match.offset_s == pytest.approx(40.0)
    assert match.speed == 1.0


def test_a_query_that_begins_before_the_recording_has_a_negative_offset():
    (match,) = matches(aligned(7, -100, range(20, 40)))
    assert match.offset_s == pytest.approx(-4.0)
    assert match.evidence.reference_span_s == (pytest.approx(0.0), pytest.approx(3.8))


def test_evidence_counts_the_aligned_landmarks():
    (match,) = matches(aligned(7, 1_000))
    evidence = match.evidence
    assert (evidence.votes, evidence.anchors, evidence.found_by) == (40, 40, "cheap")
    assert evidence.query_span_s == (pytest.approx(0.0), pytest.approx(7.8))
    assert evidence.reference_span_s == (pytest.approx(40.0), pytest.approx(47.8))


def test_landmarks_of_one_anchor_are_several_votes_and_one_anchor():
    query = replace(QUERY, frames=np.repeat(np.arange(0, 40, 4), 4).astype(np.uint32))
    (match,) = matches(aligned(7, 500, query=query), query=query)
    assert (match.evidence.votes, match.evidence.anchors) == (40, 10)


def test_several_landmarks_of_one_anchor_say_no_more_than_one():
    crowded = replace(QUERY, frames=np.zeros(40, np.uint32))
    (one_anchor,), (many,) = matches(aligned(7, 500, query=crowded), query=crowded), matches(aligned(7, 500))
    assert one_anchor.evidence.score < 1 < many.evidence.score


def test_a_landmark_met_twice_in_line_is_one_vote():
    (match,) = matches(aligned(7, 1_000, range(10)) + aligned(7, 1_001, range(10)))
    assert match.evidence.votes == 10


@pytest.mark.parametrize(
    ("landmarks", "explained_frames"),
    [(range(40), 246), (range(20, 21), 101), (range(1), 51), ([0, 39], 51 + 101)],
)
def test_coverage_is_the_share_of_the_sounding_query_near_an_aligned_landmark(landmarks, explained_frames):
    # Each explains 50 frames to both sides; landmark 39, at frame 195, all from 145 to 245.
    filled = [landmark for landmark in landmarks for _ in range(3)]
    (match,) = matches(aligned(7, 1_000, filled))
    assert match.evidence.coverage == pytest.approx(explained_frames / 246)


def test_one_frame_off_the_line_still_counts():
    wobbling = [(landmark, 7, frame + landmark % 3 - 1) for landmark, _, frame in aligned(7, 1_000)]
    (match,) = matches(wobbling)
    assert match.evidence.votes == 40
    assert match.offset_s == pytest.approx(40.0, abs=0.01)


def test_two_frames_off_the_line_does_not_count():
    (match,) = matches(aligned(7, 1_000, range(30)) + aligned(7, 1_002, range(30, 40)))
    assert match.evidence.votes == 30


def test_of_lines_that_weigh_the_same_the_one_with_most_hits_of_its_own_counts():
    hits_by_offset = {998: range(3), 999: range(3, 8), 1_000: range(8, 28), 1_001: range(28, 31)}
    (match,) = matches([hit for offset, which in hits_by_offset.items() for hit in aligned(7, offset, which)])
    assert match.offset_s == pytest.approx((5 * 999 + 20 * 1_000 + 3 * 1_001) / 28 / 25)


def test_of_a_recording_only_the_heaviest_line_is_a_match():
    (match,) = matches(aligned(7, 1_000, range(10)) + aligned(7, 3_000, range(10, 40)))
    assert match.offset_s == pytest.approx(120.0)
    assert match.evidence.votes == 30


def test_rare_hashes_outweigh_as_many_common_ones():
    found = hits(aligned(1, 100, range(20)) + aligned(2, 100, range(20, 40)))
    counts = np.where(np.arange(40) < 20, 1, 4_096)
    ranked = match_hits(
        QUERY,
        replace(found, posting_counts=counts),
        SIZE,
        frame_count_of=lambda _: 5_000,
        settings=SETTINGS,
        trial=QueryTrial("cheap"),
    )
    assert [match.recording_id for match in ranked] == [1, 2]
    assert ranked[0].evidence.votes == ranked[1].evidence.votes
    assert ranked[0].evidence.score > ranked[1].evidence.score


def test_hashes_that_every_posting_has_say_nothing():
    everywhere = hits(aligned(1, 100))
    (match,) = match_hits(
        QUERY,
        replace(everywhere, posting_counts=np.full(40, SIZE.postings)),
        SIZE,
        frame_count_of=lambda _: 5_000,
        settings=SETTINGS,
        trial=QueryTrial("cheap"),
    )
    assert match.evidence.surprise == 0


def test_more_aligned_hits_score_higher():
    scores = [matches(aligned(7, 100, range(count)))[0].evidence.score for count in (5, 10, 20, 40)]
    assert scores == sorted(set(scores))


def test_a_larger_index_makes_the_same_hits_score_lower():
    larger = replace(SIZE, frames=SIZE.frames * 1_000)
    (small,), (large,) = matches(aligned(7, 100, range(10))), matches(aligned(7, 100, range(10)), size=larger)
    assert large.evidence.score < small.evidence.score


def test_every_further_trial_makes_the_same_hits_score_lower():
    (once,) = matches(aligned(7, 100))
    (often,) = matches(aligned(7, 100), trial=QueryTrial("cheap", trials=10))
    assert once.evidence.surprise - often.evidence.surprise == pytest.approx(1)


def test_of_a_slowed_query_the_span_is_in_the_clips_own_seconds():
    (match,) = matches(aligned(7, 1_000), trial=QueryTrial("speed", speed=1.04, trials=10))
    assert (match.speed, match.evidence.found_by) == (1.04, "speed")
    assert match.offset_s == pytest.approx(40.0)
    assert match.evidence.query_span_s == (pytest.approx(0.0), pytest.approx(7.8 / 1.04))
    assert match.evidence.reference_span_s == (pytest.approx(40.0), pytest.approx(47.8))


def test_equal_matches_come_in_the_order_of_their_recordings():
    found = matches(aligned(9, 100) + aligned(2, 700) + aligned(5, 300))
    assert [match.recording_id for match in found] == [2, 5, 9]


def test_at_most_ten_recordings_are_matches():
    crowd = [posting for recording_id in range(30) for posting in aligned(recording_id, 100)]
    assert len(matches(crowd)) == 10


@pytest.mark.parametrize("recording_id", [1, 2**31, 2**38])
def test_recording_ids_and_late_offsets_keep_apart(recording_id):
    found = matches(aligned(recording_id, (1 << 20) - 300) + aligned(recording_id + 1, -40, range(8, 40)))
    assert {match.recording_id: round(match.offset_s, 2) for match in found} == {
        recording_id: ((1 << 20) - 300) / 25,
        recording_id + 1: -1.6,
    }


@settings(deadline=None, max_examples=30)
@given(st.permutations(aligned(5, 1_000) + aligned(6, 30, range(0, 40, 3)) + aligned(6, 700, range(9))))
def test_the_order_of_the_hits_changes_nothing(postings):
    assert matches(postings) == matches(sorted(postings))


@settings(deadline=None, max_examples=30)
@given(
    st.lists(st.tuples(st.integers(0, 39), st.integers(1, 3), st.integers(0, 300)), min_size=1, max_size=200)
)
def test_whatever_the_hits_the_evidence_is_in_its_limits(postings):
    for match in matches(postings):
        evidence = match.evidence
        assert 1 <= evidence.anchors <= evidence.votes <= 40
        assert evidence.surprise >= 0
        assert 0 < evidence.coverage <= 1
        assert 0 <= evidence.query_span_s[0] <= evidence.query_span_s[1] <= 10
