import itertools

import numpy as np
import pytest
import synth
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.audio import load
from engine.fingerprint import constellation, fingerprint
from engine.hashing import unpack
from engine.model import Peaks
from engine.peaks import find_peaks
from engine.settings import Settings
from engine.spectrogram import log_spectrogram

SETTINGS = Settings()
SOUND = synth.mixed(synth.music(6, 24), synth.noise(6, 24), 0)
"""Three blocks of analysis, with peaks everywhere, also at their edges."""


def assert_equal(found: Peaks, expected: Peaks) -> None:
    assert found.frame_count == expected.frame_count
    for name in ("frames", "bins", "ranks"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))


def cells(peaks: Peaks) -> set[tuple[int, int]]:
    return set(zip(peaks.frames.tolist(), peaks.bins.tolist(), strict=True))


@pytest.fixture(scope="module")
def whole() -> Peaks:
    return constellation([SOUND], SETTINGS)


def test_analysing_block_by_block_finds_the_peaks_of_the_whole_spectrogram(whole):
    assert_equal(whole, find_peaks(log_spectrogram(SOUND, SETTINGS), SETTINGS))


@settings(deadline=None, max_examples=25)
@given(cuts=st.lists(st.integers(0, len(SOUND)), max_size=12))
def test_how_the_samples_are_cut_into_blocks_changes_nothing(whole, cuts):
    edges = [0, *sorted(cuts), len(SOUND)]
    blocks = [SOUND[start:end] for start, end in itertools.pairwise(edges)]
    assert_equal(constellation(iter(blocks), SETTINGS), whole)


@pytest.mark.parametrize("block_samples", [320, 1_152, 4_096])
def test_the_blocks_of_a_decoder_change_nothing(whole, block_samples):
    blocks = (SOUND[start : start + block_samples] for start in range(0, len(SOUND), block_samples))
    assert_equal(constellation(blocks, SETTINGS), whole)


@settings(deadline=None, max_examples=25)
@given(sample_count=st.integers(80_000, 90_000))
def test_a_sound_that_ends_near_a_blocks_edge_loses_nothing(sample_count):
    sound = SOUND[:sample_count]
    assert_equal(constellation([sound], SETTINGS), find_peaks(log_spectrogram(sound, SETTINGS), SETTINGS))


@pytest.mark.parametrize("blocks", [[], [SOUND[:0]], [SOUND[:2_047]]])
def test_less_than_a_window_has_no_frame(blocks):
    peaks = constellation(blocks, SETTINGS)
    assert (peaks.frame_count, len(peaks.frames)) == (0, 0)
    assert len(fingerprint(peaks, SETTINGS.dense, SETTINGS).hashes) == 0


def test_equal_samples_have_equal_fingerprints(whole):
    again = constellation([SOUND.copy()], SETTINGS)
    assert_equal(again, whole)
    first, second = (fingerprint(each, SETTINGS.stored, SETTINGS) for each in (whole, again))
    assert first.hashes.tolist() == second.hashes.tolist()
    assert first.frames.tolist() == second.frames.tolist()


@settings(deadline=None, max_examples=15)
@given(gain_db=st.floats(-20, 20))
def test_how_loud_a_sound_is_does_not_change_its_constellation(whole, gain_db):
    louder = constellation([(SOUND * 10 ** (gain_db / 20)).astype(np.float32)], SETTINGS)
    assert len(cells(louder) & cells(whole)) >= 0.995 * len(cells(whole))


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.mka"])
def test_lossless_containers_of_one_sound_have_one_constellation(tmp_path, name):
    reference = load(synth.write_audio(tmp_path / "reference.wav", SOUND), SETTINGS)
    codec = "flac" if name == "a.mka" else None
    sound = load(synth.write_audio(tmp_path / name, SOUND, codec=codec), SETTINGS)
    assert_equal(constellation([sound], SETTINGS), constellation([reference], SETTINGS))


def test_two_equal_channels_have_the_constellation_of_one(tmp_path):
    mono = constellation([load(synth.write_audio(tmp_path / "m.wav", SOUND), SETTINGS)], SETTINGS)
    stereo = constellation([load(synth.write_audio(tmp_path / "s.wav", [SOUND, SOUND]), SETTINGS)], SETTINGS)
    assert len(cells(mono) & cells(stereo)) >= 0.995 * len(cells(mono))


def test_a_fingerprint_names_each_landmarks_hash_and_frame(whole):
    found = fingerprint(whole, SETTINGS.stored, SETTINGS)
    anchors = cells(whole)
    anchor_bins, _, _ = unpack(found.hashes)
    assert set(zip(found.frames.tolist(), anchor_bins.tolist(), strict=True)) <= anchors
    assert np.all(np.diff(found.frames.astype(int)) >= 0)
    assert found.frame_count == whole.frame_count


def test_a_denser_fingerprint_has_more_landmarks(whole):
    counts = [
        len(fingerprint(whole, density, SETTINGS).hashes)
        for density in (SETTINGS.stored, SETTINGS.cheap, SETTINGS.dense)
    ]
    assert counts == sorted(set(counts))
