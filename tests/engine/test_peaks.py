import numpy as np
import pytest
import synth
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.peaks import find_maxima, find_peaks
from engine.settings import Settings
from engine.spectrogram import FLOOR_DB, log_spectrogram

SETTINGS = Settings()
BINS = SETTINGS.window_samples // 2 + 1


def plain(frames: int = 60) -> np.ndarray:
    return np.full((frames, BINS), FLOOR_DB, np.float32)


def found(spectrogram) -> list[tuple[int, int]]:
    frames, bins, _ = find_maxima(spectrogram, SETTINGS)
    return list(zip(frames.tolist(), bins.tolist(), strict=True))


def maxima_one_by_one(spectrogram) -> list[tuple[int, int]]:
    """Find the maxima as the definition says it."""
    cells = []
    for frame, bin_ in np.argwhere(spectrogram > FLOOR_DB):
        if not SETTINGS.lowest_bin <= bin_ < BINS - 1:
            continue
        is_bass = bin_ < SETTINGS.bass_bins
        radius_bins = SETTINGS.bass_radius_bins if is_bass else SETTINGS.peak_radius_bins
        columns = slice(bin_ - radius_bins, min(BINS - 1, bin_ + radius_bins + 1))
        before = spectrogram[max(0, frame - SETTINGS.peak_radius_frames) : frame, columns]
        after = spectrogram[frame : frame + SETTINGS.peak_radius_frames + 1, columns]
        level_db = spectrogram[frame, bin_]
        if level_db >= after.max() and (not before.size or level_db > before.max()):
            cells.append((int(frame), int(bin_)))
    return cells


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 2**32 - 1), st.integers(0, 30))
def test_peaks_are_the_cells_that_dominate_their_neighbourhood(seed, frames):
    levels_db = np.random.default_rng(seed).integers(-121, -100, (frames, BINS))
    spectrogram = np.maximum(levels_db, FLOOR_DB).astype(np.float32)
    spectrogram[:, 300:] = FLOOR_DB
    assert found(spectrogram) == maxima_one_by_one(spectrogram)


def test_the_peaks_of_music_are_its_maxima():
    spectrogram = log_spectrogram(synth.music(2, 3), SETTINGS)
    assert found(spectrogram) == maxima_one_by_one(spectrogram)


@pytest.mark.parametrize(("bin_", "count"), [(30, 2), (200, 1)])
def test_notes_of_the_bass_may_lie_closer_together(bin_, count):
    spectrogram = plain()
    spectrogram[20, bin_] = -30
    spectrogram[20, bin_ + 5] = -31
    assert len(found(spectrogram)) == count


def test_of_a_plateau_in_time_the_first_frame_counts():
    spectrogram = plain()
    spectrogram[20:23, 200] = -30
    assert found(spectrogram) == [(20, 200)]


@pytest.mark.parametrize(("frames_away", "bins_away", "alone"), [(3, 8, True), (4, 0, False), (0, 9, False)])
def test_a_weaker_cell_is_a_peak_only_outside_the_neighbourhood(frames_away, bins_away, alone):
    spectrogram = plain()
    spectrogram[20, 200] = -30
    spectrogram[20 + frames_away, 200 + bins_away] = -31
    assert len(found(spectrogram)) == (1 if alone else 2)


def test_the_first_and_the_last_frame_may_hold_peaks():
    spectrogram = plain(10)
    spectrogram[0, 100] = spectrogram[9, 300] = -30
    assert found(spectrogram) == [(0, 100), (9, 300)]


def test_below_the_lowest_frequency_there_are_no_peaks():
    spectrogram = plain()
    spectrogram[20, SETTINGS.lowest_bin - 1] = spectrogram[40, SETTINGS.lowest_bin] = -30
    assert found(spectrogram) == [(40, SETTINGS.lowest_bin)]


def test_something_louder_below_the_lowest_frequency_hides_a_peak_beside_it():
    spectrogram = plain()
    spectrogram[20, SETTINGS.lowest_bin - 1] = -20
    spectrogram[20, SETTINGS.lowest_bin] = -30
    assert found(spectrogram) == []


@pytest.mark.parametrize("samples", [synth.silence(3), np.ones(24_000, np.float32), synth.silence(0)])
def test_silence_and_direct_current_have_no_peaks(samples):
    peaks = find_peaks(log_spectrogram(samples, SETTINGS), SETTINGS)
    assert len(peaks.frames) == len(peaks.bins) == len(peaks.ranks) == 0


def test_of_every_second_the_strongest_are_kept_and_ranked():
    peaks = find_peaks(log_spectrogram(synth.noise(3, 6), SETTINGS), SETTINGS)
    frames, bins, levels_db = find_maxima(log_spectrogram(synth.noise(3, 6), SETTINGS), SETTINGS)
    level_of = dict(zip(zip(frames.tolist(), bins.tolist(), strict=True), levels_db.tolist(), strict=True))
    for second in range(5):
        inside = peaks.frames // 25 == second
        kept = sorted(
            zip(peaks.ranks[inside], peaks.frames[inside].tolist(), peaks.bins[inside].tolist(), strict=True)
        )
        assert [rank for rank, _, _ in kept] == list(range(SETTINGS.dense.peaks_per_s))
        all_levels_db = sorted(levels_db[frames // 25 == second].tolist(), reverse=True)
        assert [level_of[frame, bin_] for _, frame, bin_ in kept] == all_levels_db[: len(kept)]


def test_peaks_are_ordered_by_frame_and_bin():
    peaks = find_peaks(log_spectrogram(synth.music(3, 5), SETTINGS), SETTINGS)
    places = peaks.frames.astype(np.int64) * BINS + peaks.bins
    assert np.all(np.diff(places) > 0)
    assert peaks.frame_count > peaks.frames.max()
