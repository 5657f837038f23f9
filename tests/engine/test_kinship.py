"""How two sounds are related, seen from both sides."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import synth
from wholes import PIECES, SETTINGS, cut, heard, radio_edit, write_index

from engine.audio import load
from engine.index_reader import IndexReader
from engine.kinship import Kinship, find_kinship
from engine.model import Peaks
from engine.recognise import Searchable
from engine.suspects import find_suspects

REFERENCES = {number: heard(PIECES[number]) for number in (1, 2, 3)}
EITHER_WAY = pytest.mark.parametrize("is_swapped", [False, True])


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Searchable:
    folder = tmp_path_factory.mktemp("index")
    write_index(folder, REFERENCES)
    return IndexReader(folder)


def kinship(one: Peaks, other: Peaks, folder: Path) -> Kinship | None:
    """Return how two sounds are related, as an index of the other finds it."""
    write_index(folder, {7: other})
    suspects = find_suspects(one, IndexReader(folder), SETTINGS)
    return find_kinship(one, other, suspects, SETTINGS)


def pair(one: Peaks, other: Peaks, *, is_swapped: bool) -> tuple[Peaks, Peaks]:
    return (other, one) if is_swapped else (one, other)


@pytest.mark.parametrize("suffix", [".mp3", ".opus", ".m4a"])
@EITHER_WAY
def test_what_was_encoded_again_is_a_copy(suffix: str, is_swapped: bool, tmp_path: Path) -> None:
    encoded = heard(load(synth.write_audio(tmp_path / f"one{suffix}", PIECES[1]), SETTINGS))
    found = kinship(*pair(encoded, REFERENCES[1], is_swapped=is_swapped), tmp_path / "index")
    assert found is not None
    assert (found.relation, found.is_reversed) == ("copy", False)
    assert min(found.coverage, found.other_coverage) > 0.95
    assert found.met_share > 0.8


@EITHER_WAY
def test_what_was_cut_out_is_seen_from_both_sides(is_swapped: bool, tmp_path: Path) -> None:
    found = kinship(*pair(heard(radio_edit(1)), REFERENCES[1], is_swapped=is_swapped), tmp_path)
    assert found is not None
    assert (found.relation, found.is_reversed) == ("edit", is_swapped)


@EITHER_WAY
def test_an_excerpt_is_one_of_what_contains_it(is_swapped: bool, tmp_path: Path) -> None:
    found = kinship(*pair(heard(cut(PIECES[1], 10, 30)), REFERENCES[1], is_swapped=is_swapped), tmp_path)
    assert found is not None
    assert (found.relation, found.is_reversed) == ("excerpt", is_swapped)
    part, whole = (
        (found.other_coverage, found.coverage) if is_swapped else (found.coverage, found.other_coverage)
    )
    assert part > 0.95
    assert whole == pytest.approx(1 / 3, abs=0.02)


@EITHER_WAY
def test_what_has_more_sound_over_it_is_a_version(is_swapped: bool, tmp_path: Path) -> None:
    louder = heard(synth.mixed(PIECES[1], PIECES[3], 3))
    found = kinship(*pair(louder, REFERENCES[1], is_swapped=is_swapped), tmp_path)
    assert found is not None
    assert (found.relation, found.is_reversed) == ("version", False)


@EITHER_WAY
def test_what_plays_faster_is_no_copy(is_swapped: bool, tmp_path: Path) -> None:
    found = kinship(
        *pair(heard(synth.played_at(PIECES[1], 1.03)), REFERENCES[1], is_swapped=is_swapped), tmp_path
    )
    assert found is not None
    assert found.relation == "version"
    assert found.speed == pytest.approx(1 / 1.03 if is_swapped else 1.03, abs=0.002)


@EITHER_WAY
def test_what_lacks_a_part_of_the_sound_is_no_copy(is_swapped: bool, tmp_path: Path) -> None:
    whole = REFERENCES[1]
    kept = np.random.default_rng(1).random(len(whole.frames)) < 0.6
    thinned = replace(whole, frames=whole.frames[kept], bins=whole.bins[kept], ranks=whole.ranks[kept])
    found = kinship(*pair(thinned, whole, is_swapped=is_swapped), tmp_path)
    assert found is not None
    assert found.relation == "version"
    assert found.met_share == pytest.approx(0.6, abs=0.05)


@EITHER_WAY
def test_a_faster_edit_is_seen_from_both_sides(is_swapped: bool, tmp_path: Path) -> None:
    faster = heard(synth.played_at(radio_edit(1), 1.05))
    found = kinship(*pair(faster, REFERENCES[1], is_swapped=is_swapped), tmp_path)
    assert found is not None
    assert (found.relation, found.is_reversed) == ("edit", is_swapped)


def test_halves_of_different_pieces_are_no_kin(index: Searchable) -> None:
    halves = heard(np.concatenate([cut(PIECES[1], 0, 30), cut(PIECES[2], 0, 30)]))
    suspects = [each for each in find_suspects(halves, index, SETTINGS) if each.recording_id == 1]
    assert suspects
    assert find_kinship(halves, REFERENCES[1], suspects, SETTINGS) is None


def test_without_a_suspect_there_is_no_kinship() -> None:
    assert find_kinship(REFERENCES[1], REFERENCES[2], [], SETTINGS) is None
