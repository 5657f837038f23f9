from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import synth
import wholes
from wholes import PIECE_S, PIECES, SETTINGS

from engine.audio import load
from engine.decision import Outcome
from engine.index_reader import IndexReader
from engine.whole_verdict import Relation, WholeVerdict

TWIN = 11
SAMPLE = wholes.cut(synth.music(50, 10), 0, 10)
SAMPLER = wholes.with_loop(synth.music(30, PIECE_S), SAMPLE, (10, 40), level=2)
REFERENCES = {
    number: wholes.heard(sound) for number, sound in {**PIECES, TWIN: PIECES[8], 12: SAMPLER}.items()
}


@pytest.fixture(scope="module")
def index(tmp_path_factory) -> Iterator[IndexReader]:
    folder = tmp_path_factory.mktemp("index")
    wholes.write_index(folder, REFERENCES)
    reader = IndexReader(folder)
    yield reader
    reader.close()


def judged(index: IndexReader, sound: synth.Sound) -> WholeVerdict:
    return wholes.verdict(sound, REFERENCES, index)


@pytest.mark.parametrize("suffix", [".mp3", ".ogg", ".m4a"])
def test_a_copy_is_identified_however_it_is_encoded(index, tmp_path: Path, suffix):
    sound = np.concatenate([synth.silence(3), PIECES[1] * np.float32(0.3), synth.silence(8)])
    verdict = judged(index, load(synth.write_audio(tmp_path / f"copy{suffix}", sound), SETTINGS))
    assert (verdict.outcome, verdict.copies, verdict.relations) == (
        Outcome.IDENTIFIED, (1,), (Relation.COPY,)
    )  # fmt: skip
    assert verdict.reason.startswith("a copy: 100% of the file and 100% of the recording")
    assert verdict.duration_s == pytest.approx(71, abs=1)


def test_a_copy_of_what_is_known_twice_names_both(index):
    verdict = judged(index, PIECES[8])
    assert (verdict.outcome, verdict.copies) == (Outcome.IDENTIFIED, (8, TWIN))
    assert "2 recordings of one sound" in verdict.reason


@pytest.mark.parametrize(
    ("sound", "relation", "words"),
    [
        pytest.param(wholes.radio_edit(1), Relation.EDIT, "an edit in 2 pieces, with 8", id="edit"),
        pytest.param(wholes.cut(PIECES[2], 20, 40), Relation.EXCERPT, "one stretch of a", id="excerpt"),
        pytest.param(wholes.cut(PIECES[2], 0, 53), Relation.EXCERPT, "one stretch of a", id="early end"),
        pytest.param(
            np.concatenate([synth.music(77, 40), PIECES[1], synth.music(78, 40)]),
            Relation.CONTAINS,
            "a whole recording is in it, and more; 4",
            id="whole in a longer one",
        ),
        pytest.param(
            np.concatenate([PIECES[3], PIECES[3]]),
            Relation.CONTAINS,
            "a whole recording is in it, and more; 100%",
            id="twice",
        ),
        pytest.param(
            np.concatenate([synth.music(77, 30), wholes.cut(PIECES[1], 10, 40)]),
            Relation.SHARES,
            "30 s of it are 5",
            id="a part in another",
        ),
        pytest.param(
            synth.played_at(PIECES[1], 1.04), Relation.COPY, "at 104.0% of the recording's speed", id="fast"
        ),
        pytest.param(
            synth.mixed(PIECES[1], synth.music(88, PIECE_S), 0),
            Relation.VERSION,
            "a version: ",
            id="sung over",
        ),
        pytest.param(
            wholes.with_loop(synth.music(33, PIECE_S), SAMPLE, (15, 40), level=2),
            Relation.SHARES,
            "of the file is explained",
            id="a shared loop",
        ),
    ],
)
def test_what_is_no_copy_is_asked_about(index, sound, relation, words):
    verdict = judged(index, sound)
    assert (verdict.outcome, verdict.relations, verdict.copies) == (Outcome.AMBIGUOUS, (relation,), ())
    assert words in verdict.reason


def test_several_recordings_are_counted(index):
    mix, _ = wholes.crossfaded([wholes.cut(PIECES[number], 0, 40) for number in (1, 2, 3)])
    verdict = judged(index, mix)
    assert verdict.outcome is Outcome.AMBIGUOUS
    assert verdict.reason.startswith("3 recordings sound in it; ")
    assert set(verdict.relations) == {Relation.SHARES}
    assert verdict.explained > 0.95


def test_an_excerpt_of_what_is_known_twice_says_how_many_share_it(index):
    verdict = judged(index, wholes.cut(PIECES[8], 20, 40))
    assert verdict.outcome is Outcome.AMBIGUOUS
    assert verdict.reason.startswith("2 recordings share these 20 s; ")


def test_a_trifle_is_nothing_to_name_a_file_after(index):
    long = np.concatenate([synth.music(77, 60), synth.music(78, 60)])
    verdict = judged(index, wholes.with_loop(long, wholes.cut(PIECES[1], 10, 18), (60,), level=2))
    assert (verdict.outcome, verdict.relations) == (Outcome.UNKNOWN, (Relation.SHARES,))
    assert verdict.reason == "no more than 8 s of it are in any known recording"


def test_a_jingle_over_a_copy_does_not_hide_it(index):
    verdict = judged(index, wholes.with_loop(PIECES[1], wholes.cut(PIECES[2], 10, 15), (30,), level=2))
    assert (verdict.outcome, verdict.copies) == (Outcome.IDENTIFIED, (1,))


@pytest.mark.parametrize("sound", [synth.music(99, 60), synth.silence(30), synth.noise(1, 60)])
def test_what_nothing_explains_is_unknown(index, sound):
    verdict = judged(index, sound)
    assert (verdict.outcome, verdict.contents, verdict.explained) == (Outcome.UNKNOWN, (), 0)
    assert verdict.reason == "no recording shares a passage with this file"
