from collections.abc import Iterator

import numpy as np
import pytest
import synth
import wholes
from wholes import PIECES, RATE_HZ, SETTINGS

from engine.index_reader import IndexReader
from engine.model import Peaks
from engine.suspects import Suspect, find_suspects

WINDOW_FRAMES = 250


@pytest.fixture(scope="module")
def index(tmp_path_factory) -> Iterator[IndexReader]:
    folder = tmp_path_factory.mktemp("index")
    wholes.write_index(folder, {number: wholes.heard(piece) for number, piece in PIECES.items()})
    reader = IndexReader(folder)
    yield reader
    reader.close()


def suspected(index: IndexReader, sound: synth.Sound) -> tuple[Suspect, ...]:
    return find_suspects(wholes.heard(sound), index, SETTINGS)


def test_every_window_of_a_copy_points_to_the_recording_at_its_offset(index):
    suspects = suspected(index, wholes.cut(PIECES[2], 10, 60))
    first_of_window = {each.begin_frame: each for each in reversed(suspects)}
    assert set(first_of_window) == set(range(0, 1_250, WINDOW_FRAMES))
    for suspect in first_of_window.values():
        assert (suspect.recording_id, suspect.speed) == (2, 1.0)
        assert suspect.offset_frames == pytest.approx(10 * SETTINGS.frames_per_s, abs=2)
        assert suspect.end_frame - suspect.begin_frame == WINDOW_FRAMES


@pytest.mark.parametrize("speed", [0.955, 0.97, 1.03, 1.045])
def test_a_speed_that_lies_between_those_tried_is_suspected(index, speed):
    suspects = suspected(index, synth.played_at(PIECES[3], speed))
    best = suspects[0]
    assert best.recording_id == 3
    assert best.speed == pytest.approx(speed, abs=0.011)
    centre = (best.begin_frame + best.end_frame) / 2
    assert best.speed * centre + best.offset_frames == pytest.approx(speed * centre, abs=8)


def test_the_best_come_first_and_only_those_of_windows_that_say_something(index):
    suspects = suspected(index, synth.mixed(PIECES[1], synth.noise(1, 60), 0))
    scores = [each.score for each in suspects]
    assert scores == sorted(scores, reverse=True)
    assert min(scores) >= 2


def test_unexplained_windows_are_asked_at_other_speeds_one_in_three(index, monkeypatch):
    asked = []
    lookup = index.lookup
    monkeypatch.setattr(index, "lookup", lambda *query: asked.append(query) or lookup(*query))
    suspected(index, synth.music(101, 60))
    assert len(asked) == 6 + 2 * len(SETTINGS.speeds)
    asked.clear()
    suspected(index, PIECES[1])
    assert len(asked) == 6


def test_hours_of_unknown_music_are_asked_at_other_speeds_no_more_than_so_often(index, monkeypatch):
    monkeypatch.setattr("engine.suspects._MOST_SPEED_WINDOWS", 2)
    asked = []
    lookup = index.lookup
    monkeypatch.setattr(index, "lookup", lambda *query: asked.append(query) or lookup(*query))
    suspected(index, np.concatenate([synth.music(101, 60), synth.music(102, 60)]))
    assert len(asked) == 12 + 2 * len(SETTINGS.speeds)


def test_the_recordings_that_explain_most_are_kept_where_there_are_too_many(index, monkeypatch):
    mix, _ = wholes.crossfaded([wholes.cut(PIECES[1], 0, 50), wholes.cut(PIECES[2], 0, 20)])
    assert {1, 2} <= {each.recording_id for each in suspected(index, mix)}
    monkeypatch.setattr("engine.suspects._MOST_RECORDINGS", 1)
    assert {each.recording_id for each in suspected(index, mix)} == {1}
    monkeypatch.setattr("engine.suspects._MOST_SUSPECTS", 3)
    assert len(suspected(index, mix)) == 3
    monkeypatch.setattr("engine.suspects._MOST_REFERENCE_S", 59.0)
    assert suspected(index, mix) == ()


@pytest.mark.parametrize(
    "sound",
    [
        pytest.param(synth.silence(30), id="silence"),
        pytest.param(synth.tone(440, 30), id="a tone"),
        pytest.param(np.zeros(0, np.float32), id="nothing"),
        pytest.param(synth.music(1, 60)[: RATE_HZ // 8], id="less than a window"),
    ],
)
def test_sound_without_music_is_no_error(index, sound):
    assert [each for each in suspected(index, sound) if each.score > 10] == []


def test_an_empty_index_suspects_nothing(tmp_path):
    assert find_suspects(wholes.heard(PIECES[1]), IndexReader(tmp_path), SETTINGS) == ()


def test_peaks_far_behind_the_last_window_are_no_error(index):
    sparse = Peaks(
        frames=np.array([0, 539_999], np.uint32),
        bins=np.array([100, 200], np.uint16),
        ranks=np.zeros(2, np.uint8),
        frame_count=540_000,
    )
    assert find_suspects(sparse, index, SETTINGS) == ()
