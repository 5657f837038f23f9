from collections.abc import Iterator

import numpy as np
import pytest
import synth
import wholes
from wholes import PIECE_S, PIECES, SETTINGS

from engine.contents import Contained, coverage, explain_contents, sound_span_s
from engine.index_reader import IndexReader
from engine.suspects import find_suspects

TWIN = 11
SAMPLERS = (12, 13)
SAMPLE = wholes.cut(synth.music(50, 10), 0, 10)
KNOWN = {
    **PIECES,
    TWIN: PIECES[8],
    SAMPLERS[0]: wholes.with_loop(synth.music(30, PIECE_S), SAMPLE, (10, 40), level=2),
    SAMPLERS[1]: wholes.with_loop(synth.music(31, PIECE_S), SAMPLE, (25,), level=2),
}
REFERENCES = {number: wholes.heard(sound) for number, sound in KNOWN.items()}


@pytest.fixture(scope="module")
def index(tmp_path_factory) -> Iterator[IndexReader]:
    folder = tmp_path_factory.mktemp("index")
    wholes.write_index(folder, REFERENCES)
    reader = IndexReader(folder)
    yield reader
    reader.close()


def contained(index: IndexReader, sound: synth.Sound) -> dict[int, Contained]:
    return {each.recording_id: each for each in wholes.contents(sound, REFERENCES, index)}


def test_a_mix_of_five_is_told_apart_with_its_times_and_speeds(index):
    parts = [
        wholes.cut(PIECES[1], 5, 45),
        wholes.cut(PIECES[2], 0, 40),
        synth.played_at(wholes.cut(PIECES[3], 5, 50), 1.03),
        wholes.cut(PIECES[4], 10, 50),
        wholes.cut(PIECES[5], 20, 60),
    ]
    begins_s = [5, 0, 5, 10, 20]
    mix, spans = wholes.crossfaded(parts)
    found = wholes.contents(mix, REFERENCES, index)
    assert [each.recording_id for each in found] == [1, 2, 3, 4, 5]
    for each, (begin_s, end_s), part_begin_s, speed in zip(
        found, spans, begins_s, (1, 1, 1.03, 1, 1), strict=True
    ):
        (passage,) = each.passages
        # A fade hides up to half of itself.
        assert begin_s - 0.5 <= passage.file_span_s[0] <= begin_s + wholes.FADE_S / 2
        assert end_s - wholes.FADE_S / 2 <= passage.file_span_s[1] <= end_s + 0.5
        assert passage.speed == pytest.approx(speed, abs=1e-3)
        place_s = part_begin_s + (passage.file_span_s[0] - begin_s) * speed
        assert passage.recording_span_s[0] == pytest.approx(place_s, abs=0.1)
        assert each.alternative_to is None
        assert 0.15 < each.file_coverage < 0.3
        assert 0.5 < each.recording_coverage < 0.8


def test_recordings_of_one_sound_are_alternatives(index):
    first, second = wholes.contents(PIECES[8], REFERENCES, index)
    assert (first.recording_id, first.alternative_to) == (8, None)
    assert (second.recording_id, second.alternative_to) == (TWIN, 8)
    assert first.passages == second.passages


def test_recordings_that_share_a_sample_are_alternatives_where_it_sounds_elsewhere(index):
    elsewhere = wholes.with_loop(synth.music(33, PIECE_S), SAMPLE, (15, 40), level=2)
    found = contained(index, elsewhere)
    assert set(found) == set(SAMPLERS)
    (alternative,) = [each for each in found.values() if each.alternative_to is not None]
    assert alternative.alternative_to in SAMPLERS
    for each in found.values():
        assert [passage.file_span_s[0] for passage in each.passages] == pytest.approx([15, 40], abs=1)


def test_a_shared_sample_is_left_to_the_recording_that_explains_all_around_it(index):
    assert set(contained(index, KNOWN[SAMPLERS[0]])) == {SAMPLERS[0]}


def test_recordings_that_sound_together_are_both_there(index):
    found = contained(index, PIECES[1] + PIECES[2])
    assert {number: each.alternative_to for number, each in found.items()} == {1: None, 2: None}
    assert all(each.file_coverage > 0.95 for each in found.values())


def test_a_recording_that_comes_twice_has_a_passage_each_time(index):
    (found,) = wholes.contents(np.concatenate([PIECES[3], synth.silence(2), PIECES[3]]), REFERENCES, index)
    assert [each.file_span_s[0] for each in found.passages] == pytest.approx([0, 62], abs=0.5)
    assert [each.recording_span_s[0] for each in found.passages] == pytest.approx([0, 0], abs=0.5)
    assert found.file_coverage > 0.99


def test_silence_around_a_sound_costs_no_coverage(index):
    (found,) = wholes.contents(
        np.concatenate([synth.silence(20), PIECES[1], synth.silence(30)]), REFERENCES, index
    )
    assert (found.file_coverage, found.recording_coverage) == pytest.approx((1, 1), abs=0.01)
    assert found.recording_sound_s == pytest.approx((0, 60), abs=0.5)


def test_a_recording_that_is_gone_meanwhile_is_left_out(index):
    peaks = wholes.heard(PIECES[8])
    suspects = find_suspects(peaks, index, SETTINGS)
    known = {number: held for number, held in REFERENCES.items() if number != 8}
    assert [each.recording_id for each in explain_contents(peaks, suspects, known, SETTINGS)] == [TWIN]


@pytest.mark.parametrize(
    "sound",
    [
        pytest.param(synth.music(99, 60), id="absent music"),
        pytest.param(synth.silence(30), id="silence"),
        pytest.param(synth.noise(1, 60), id="noise"),
        pytest.param(synth.tone(440, 60), id="a tone"),
        pytest.param(synth.chirp(300, 3_000, 60), id="a chirp"),
        pytest.param(np.zeros(0, np.float32), id="nothing"),
    ],
)
def test_what_is_not_known_contains_nothing(index, sound):
    assert wholes.contents(sound, REFERENCES, index) == ()


def test_coverage_counts_peaks_once_wherever_spans_overlap():
    peaks = synth.random_peaks(1)
    half_s = peaks.frame_count / SETTINGS.frames_per_s / 2
    half = coverage(peaks, [(0, half_s)], SETTINGS)
    assert half == pytest.approx(0.5, abs=0.1)
    assert coverage(peaks, [(0, half_s), (0, half_s / 2)], SETTINGS) == half
    assert coverage(peaks, [(0, half_s), (half_s, 99)], SETTINGS) == 1
    assert coverage(wholes.heard(synth.silence(5)), [(0, 5)], SETTINGS) == 0
    assert sound_span_s(wholes.heard(synth.silence(5)), SETTINGS) == (0, 0)
