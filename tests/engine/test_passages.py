from collections.abc import Iterator

import numpy as np
import pytest
import synth
import wholes
from hypothesis import given, settings
from hypothesis import strategies as st
from wholes import PIECE_S, PIECES, SETTINGS

from engine.index_reader import IndexReader
from engine.passages import Passage, find_passages
from engine.suspects import Suspect

REFERENCES = {number: wholes.heard(piece) for number, piece in PIECES.items()}
LOOP = wholes.cut(PIECES[4], 10, 20)


@pytest.fixture(scope="module")
def index(tmp_path_factory) -> Iterator[IndexReader]:
    folder = tmp_path_factory.mktemp("index")
    wholes.write_index(folder, REFERENCES)
    reader = IndexReader(folder)
    yield reader
    reader.close()


def found(index: IndexReader, sound: synth.Sound, number: int) -> list[Passage]:
    return wholes.passages(sound, number, REFERENCES, index)


def assert_spans(passage: Passage, file_s: tuple[float, float], recording_s: tuple[float, float]) -> None:
    """Compare spans; a sound's last window begins a quarter of a second before its end."""
    assert passage.file_span_s == pytest.approx(file_s, abs=1.0)
    assert passage.recording_span_s == pytest.approx(recording_s, abs=1.0)


def test_a_copy_is_one_passage_wherever_it_begins(index):
    sound = np.concatenate([synth.silence(3), PIECES[1] * np.float32(0.2)])
    (passage,) = found(index, sound, 1)
    assert_spans(passage, (3, 63), (0, 60))
    assert passage.speed == pytest.approx(1.0, abs=1e-4)
    assert passage.share > 0.9
    assert passage.score > 500


def test_a_cut_makes_two_passages_that_meet_at_the_cut(index):
    first, second = found(index, wholes.radio_edit(1), 1)
    assert_spans(first, (0, 20), (0, 20))
    assert_spans(second, (20, 48), (32, 60))


@pytest.mark.parametrize("speed", [0.96, 1.034])
def test_another_speed_is_one_passage_with_that_speed(index, speed):
    (passage,) = found(index, synth.played_at(PIECES[2], speed), 2)
    assert_spans(passage, (0, PIECE_S / speed), (0, PIECE_S))
    assert passage.speed == pytest.approx(speed, abs=3e-4)


def test_a_loop_is_a_passage_each_time(index):
    sound = wholes.with_loop(synth.music(77, 60), LOOP, (5, 25, 45), level=2)
    passages = found(index, sound, 4)
    assert [each.recording_span_s[0] for each in passages] == pytest.approx([10] * 3, abs=1.0)
    assert [each.file_span_s[0] for each in passages] == pytest.approx([5, 25, 45], abs=1.0)
    assert all(8 < each.duration_s < 12 for each in passages)


def test_music_of_exact_loops_does_not_jump_in_a_copy(index):
    looped = np.concatenate([LOOP] * 6)
    reference = wholes.heard(looped)
    copy = wholes.heard(np.concatenate([synth.silence(1.02), looped * np.float32(0.7)]))
    suspects = [
        Suspect(1, begin, begin + 250, offset - 25.5, 1.0, score=10.0 - number)
        for number, (begin, offset) in enumerate([(250, 250), (750, 0), (1_000, -250), (0, 500), (500, 0)])
    ]
    (passage,) = find_passages(copy, reference, suspects, SETTINGS)
    assert_spans(passage, (1.02, 61.02), (0, 60))


def test_a_short_interruption_does_not_end_a_passage_and_a_long_one_does(index):
    for gap_s, count in ((1.5, 1), (15, 2)):
        begin, length = 20 * wholes.RATE_HZ, round(gap_s * wholes.RATE_HZ)
        sound = PIECES[1].copy()
        sound[begin : begin + length] = synth.noise(1, gap_s)
        assert len(found(index, sound, 1)) == count


@pytest.mark.parametrize("noise_db", [10, 0])
def test_noise_does_not_end_a_passage(index, noise_db):
    (passage,) = found(index, synth.mixed(PIECES[3], synth.noise(1, PIECE_S), noise_db), 3)
    assert_spans(passage, (0, 60), (0, 60))


def test_chance_makes_no_passage(index):
    everywhere = [
        Suspect(1, begin, begin + 250, offset, speed, score=9.0)
        for begin in range(0, 1_250, 250)
        for offset in (-400, 0, 333)
        for speed in (0.97, 1.0)
    ]
    for sound in (PIECES[2], synth.music(99, 60), synth.noise(1, 60), synth.tone(440, 60), synth.silence(60)):
        assert find_passages(wholes.heard(sound), REFERENCES[1], everywhere, SETTINGS) == ()


def test_without_suspects_there_is_nothing(index):
    assert find_passages(REFERENCES[1], REFERENCES[1], (), SETTINGS) == ()


@settings(deadline=None, max_examples=25)
@given(
    file=st.integers(0, 9).map(synth.random_peaks),
    reference=st.integers(0, 9).map(synth.random_peaks),
    lines=st.lists(st.tuples(st.integers(0, 200), st.integers(-300, 300)), max_size=6),
)
def test_passages_lie_within_both_and_never_overlap(file, reference, lines):
    suspects = [Suspect(1, begin, begin + 250, offset, 1.0, score=3.0) for begin, offset in lines]
    passages = find_passages(file, reference, suspects, SETTINGS)
    ends_s = [0.0, *(each.file_span_s[1] for each in passages)]
    for end_s, passage in zip(ends_s, passages, strict=False):
        assert end_s <= passage.file_span_s[0] < passage.file_span_s[1] <= file.frame_count / 25
        assert 0 <= passage.recording_span_s[0] < passage.recording_span_s[1] <= reference.frame_count / 25
