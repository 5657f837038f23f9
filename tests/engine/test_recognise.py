from collections.abc import Iterator

import numpy as np
import pytest
import synth
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.decision import Outcome, decide
from engine.fingerprint import constellation, fingerprint
from engine.index import IndexWriter
from engine.index_reader import IndexReader
from engine.model import Fingerprint, Match, Peaks
from engine.recognise import shortlist
from engine.settings import Settings
from engine.verification import verify

SETTINGS = Settings()
RATE_HZ = synth.RATE_HZ
RECORDINGS = {recording_id: synth.music(recording_id, 40) for recording_id in range(1, 9)}
WANTED = 2
TWINS = (21, 22)
START_S = 15.0


def stored(samples) -> Fingerprint:
    return fingerprint(constellation([samples], SETTINGS), SETTINGS.stored, SETTINGS)


def heard(recording_id: int) -> Peaks:
    return constellation([RECORDINGS.get(recording_id, synth.music(77, 40))], SETTINGS)


REFERENCES = {recording_id: heard(recording_id) for recording_id in (*RECORDINGS, *TWINS)}


def recognised(clip: synth.Sound, index: IndexReader) -> list[Match]:
    shortlisted = shortlist(clip, index, SETTINGS)
    if shortlisted.is_convincing:
        return list(shortlisted.matches)
    return verify(shortlisted, REFERENCES, SETTINGS)


def cut(samples, start_s: float, end_s: float) -> synth.Sound:
    return samples[round(start_s * RATE_HZ) : round(end_s * RATE_HZ)]


CLIP = cut(RECORDINGS[WANTED], START_S, START_S + 6)


@pytest.fixture(scope="module")
def index(tmp_path_factory) -> Iterator[IndexReader]:
    """Eight recordings, of which one, and a ninth that is there twice."""
    folder = tmp_path_factory.mktemp("index")
    with IndexWriter(folder, stamp="test") as writer:
        writer.add([(recording_id, stored(samples)) for recording_id, samples in RECORDINGS.items()])
        writer.add([(twin, stored(synth.music(77, 40))) for twin in TWINS])
    reader = IndexReader(folder)
    yield reader
    reader.close()


def assert_found(index: IndexReader, clip: synth.Sound, *, offset_s: float, speed: float = 1.0) -> None:
    matches = recognised(clip, index)
    verdict = decide(matches, SETTINGS)
    assert verdict.outcome is Outcome.IDENTIFIED, verdict.reason
    best = matches[0]
    assert best.recording_id == WANTED
    assert best.offset_s == pytest.approx(offset_s, abs=0.1)
    assert best.speed == pytest.approx(speed, abs=0.011)


@pytest.mark.parametrize("recording_id", RECORDINGS)
def test_a_clip_from_the_middle_is_found_with_its_offset(index, recording_id):
    clip = cut(RECORDINGS[recording_id], START_S, START_S + 6)
    best = recognised(clip, index)[0]
    assert best.recording_id == recording_id
    assert best.offset_s == pytest.approx(START_S, abs=0.1)


def test_a_clean_clip_is_found_by_the_cheap_pass(index):
    best = recognised(CLIP, index)[0]
    assert best.evidence.found_by == "cheap"
    assert best.evidence.coverage > 0.95
    assert best.evidence.score >= SETTINGS.convincing_score


@pytest.mark.parametrize("snr_db", [10, 0, -5])
def test_noise_does_not_hide_a_clip(index, snr_db):
    assert_found(index, synth.mixed(CLIP, synth.noise(3, 6), snr_db), offset_s=START_S)


def test_other_music_as_loud_does_not_hide_a_clip(index):
    assert_found(index, synth.mixed(CLIP, synth.music(99, 6), 0), offset_s=START_S)


@pytest.mark.parametrize("speed", [0.97, 0.98, 1.02, 1.03])
def test_a_clip_at_another_speed_is_found_by_the_speed_pass(index, speed):
    clip = cut(synth.played_at(RECORDINGS[WANTED], speed), START_S / speed, START_S / speed + 8)
    assert_found(index, clip, offset_s=START_S, speed=speed)
    best = recognised(clip, index)[0]
    assert best.evidence.found_by == "speed"
    assert best.evidence.query_span_s[1] <= 8


@settings(deadline=None, max_examples=12)
@given(start_samples=st.integers(10 * RATE_HZ, 30 * RATE_HZ))
def test_where_a_clip_begins_within_a_frame_does_not_matter(index, start_samples):
    clip = RECORDINGS[WANTED][start_samples : start_samples + 6 * RATE_HZ]
    assert_found(index, clip, offset_s=start_samples / RATE_HZ)


@settings(deadline=None, max_examples=10)
@given(gain_db=st.floats(-30, 30))
def test_how_loud_a_clip_is_does_not_matter(index, gain_db):
    assert_found(index, (CLIP * 10 ** (gain_db / 20)).astype(np.float32), offset_s=START_S)


@settings(deadline=None, max_examples=10)
@given(silent_s=st.floats(0, 10))
def test_silence_before_a_clip_moves_only_the_offset(index, silent_s):
    clip = np.concatenate([synth.silence(silent_s), CLIP])
    assert_found(index, clip, offset_s=START_S - round(silent_s * RATE_HZ) / RATE_HZ)


def test_a_clip_that_begins_before_the_recording_has_a_negative_offset(index):
    clip = np.concatenate([synth.noise(5, 3, level=0.02), cut(RECORDINGS[WANTED], 0, 6)])
    assert_found(index, clip, offset_s=-3.0)


@pytest.mark.parametrize(
    "clip",
    [
        *(pytest.param(synth.music(seed, 8), id=f"absent music {seed}") for seed in (101, 102, 103, 104)),
        pytest.param(synth.silence(6), id="silence"),
        pytest.param(synth.noise(1, 8), id="noise"),
        pytest.param(synth.tone(440, 8), id="a tone"),
        pytest.param(synth.chirp(300, 3_000, 8), id="a chirp"),
        pytest.param(np.ones(40_000, np.float32), id="direct current"),
        pytest.param(CLIP[:1_000], id="less than a window"),
        pytest.param(CLIP[:0], id="nothing"),
    ],
)
def test_what_is_not_in_the_index_is_unknown(index, clip):
    verdict = decide(recognised(clip, index), SETTINGS)
    assert verdict.outcome is Outcome.UNKNOWN
    assert verdict.reason


def test_two_recordings_of_one_sound_are_ambiguous(index):
    matches = recognised(cut(synth.music(77, 40), 20, 26), index)
    verdict = decide(matches, SETTINGS)
    assert verdict.outcome is Outcome.AMBIGUOUS
    assert [match.recording_id for match in verdict.candidates[:2]] == [*TWINS]
    assert verdict.candidates[0].evidence == verdict.candidates[1].evidence


def test_every_recording_is_there_once_best_score_first(index):
    matches = recognised(synth.mixed(CLIP, synth.noise(3, 6), -10), index)
    ids = [match.recording_id for match in matches]
    scores = [match.evidence.score for match in matches]
    assert len(ids) == len(set(ids))
    assert scores == sorted(scores, reverse=True)


def test_equal_clips_have_equal_matches(index):
    assert recognised(CLIP, index) == recognised(CLIP.copy(), index)


def test_a_convincing_answer_ends_the_search(index, monkeypatch):
    asked = []
    lookup = index.lookup
    monkeypatch.setattr(index, "lookup", lambda *query: asked.append(query) or lookup(*query))
    shortlist(CLIP, index, SETTINGS)
    assert len(asked) == 1
    shortlist(synth.music(101, 8), index, SETTINGS)
    assert len(asked) == 1 + 2 + len(SETTINGS.speeds)


def test_an_empty_index_knows_nothing(tmp_path):
    assert recognised(CLIP, IndexReader(tmp_path)) == []


def test_the_index_knows_how_long_its_live_recordings_are(tmp_path):
    def lasting(frames: int) -> Fingerprint:
        return Fingerprint(np.ones(3, np.uint32), np.arange(3, dtype=np.uint32), frames)

    with IndexWriter(tmp_path, stamp="test") as writer:
        writer.add([(2, lasting(20)), (4, lasting(40)), (9, lasting(90))])
        writer.add([(3, lasting(30))])
        writer.remove([4])
        reader = IndexReader(tmp_path)
        counts = [reader.frame_count(recording_id) for recording_id in range(11)]
        assert counts == [0, 0, 20, 30, 0, 0, 0, 0, 0, 90, 0]
        writer.add([(4, lasting(44))])
        reader.refresh()
        assert reader.frame_count(4) == 44
    assert IndexReader(tmp_path / "none").frame_count(4) == 0
