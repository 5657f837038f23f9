from collections import Counter

import numpy as np
import pytest
import synth
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.fingerprint import constellation
from engine.landmarks import pair_landmarks
from engine.model import Landmarks, Peaks
from engine.settings import Density, Settings

SETTINGS = Settings()
DENSITIES = [SETTINGS.stored, SETTINGS.cheap, SETTINGS.dense]
seeds = st.integers(0, 2**32 - 1)


def peaks_at(*cells: tuple[int, int], ranks: list[int] | None = None) -> Peaks:
    frames, bins = zip(*cells, strict=True)
    return Peaks(
        np.array(frames, np.uint32),
        np.array(bins, np.uint16),
        np.array(ranks or [0] * len(cells), np.uint8),
        frame_count=1_000,
    )


def pairs(landmarks: Landmarks) -> list[tuple[int, int, int, int]]:
    columns = (
        landmarks.anchor_frames,
        landmarks.anchor_bins,
        landmarks.target_frames,
        landmarks.target_bins,
    )
    return list(zip(*(column.tolist() for column in columns), strict=True))


def paired_one_by_one(peaks: Peaks, density: Density) -> list[tuple[int, int, int, int]]:
    """Pair as the definition says: each anchor with the first peaks that lie in its zone."""
    cells = [
        (frame, bin_)
        for frame, bin_, rank in zip(
            peaks.frames.tolist(), peaks.bins.tolist(), peaks.ranks.tolist(), strict=True
        )
        if rank < density.peaks_per_s
    ]
    found = []
    for place, (frame, bin_) in enumerate(cells):
        in_zone = [
            (frame, bin_, target_frame, target_bin)
            for target_frame, target_bin in cells[place + 1 :]
            if SETTINGS.zone_start_frames <= target_frame - frame <= SETTINGS.zone_end_frames
            and abs(target_bin - bin_) <= SETTINGS.zone_bins
        ]
        found += in_zone[: density.fan_out]
    return found


@settings(deadline=None, max_examples=40)
@given(seeds, st.integers(0, 120), st.sampled_from(DENSITIES))
def test_an_anchor_is_paired_with_the_first_peaks_of_its_zone(seed, count, density):
    peaks = synth.random_peaks(seed, count=count, frame_count=80)
    peaks = Peaks(peaks.frames, peaks.bins % 200, peaks.ranks, peaks.frame_count)
    assert pairs(pair_landmarks(peaks, density, SETTINGS)) == paired_one_by_one(peaks, density)


@settings(deadline=None, max_examples=20)
@given(seeds, st.sampled_from(DENSITIES))
def test_no_landmark_leaves_the_zone_and_no_anchor_fans_out_too_far(seed, density):
    landmarks = pair_landmarks(synth.random_peaks(seed), density, SETTINGS)
    distances = landmarks.target_frames.astype(int) - landmarks.anchor_frames
    intervals = landmarks.target_bins.astype(int) - landmarks.anchor_bins
    assert len(distances) > 50
    assert distances.min() >= SETTINGS.zone_start_frames
    assert distances.max() <= SETTINGS.zone_end_frames
    assert np.abs(intervals).max() <= SETTINGS.zone_bins
    anchors = Counter(zip(landmarks.anchor_frames.tolist(), landmarks.anchor_bins.tolist(), strict=True))
    assert max(anchors.values()) <= density.fan_out


@settings(deadline=None, max_examples=20)
@given(seeds)
def test_landmarks_are_ordered_by_anchor_then_target(seed):
    found = pairs(pair_landmarks(synth.random_peaks(seed), SETTINGS.dense, SETTINGS))
    assert found == sorted(found)


@pytest.mark.parametrize(
    ("target", "paired"),
    [
        ((10, 300), False),
        ((11, 300), False),
        ((12, 300), True),
        ((73, 300), True),
        ((74, 300), False),
        ((20, 364), True),
        ((20, 365), False),
        ((20, 236), True),
        ((20, 235), False),
    ],
)
def test_the_zone_ends_where_the_settings_say(target, paired):
    cells = sorted([(10, 299) if target == (10, 300) else (10, 300), target])
    assert len(pairs(pair_landmarks(peaks_at(*cells), SETTINGS.stored, SETTINGS))) == paired


def test_peaks_too_weak_for_the_density_take_no_part():
    peaks = peaks_at((0, 100), (5, 100), (10, 100), ranks=[0, 20, 19])
    assert pairs(pair_landmarks(peaks, SETTINGS.stored, SETTINGS)) == [(0, 100, 10, 100)]


@pytest.mark.parametrize("peaks", [synth.random_peaks(1, count=0), peaks_at((5, 100))])
def test_less_than_two_peaks_make_no_landmark(peaks):
    assert pairs(pair_landmarks(peaks, SETTINGS.dense, SETTINGS)) == []


@pytest.mark.parametrize(("asked", "share"), [(SETTINGS.cheap, 0.85), (SETTINGS.dense, 0.85)])
def test_a_dense_query_holds_nearly_every_landmark_that_is_stored(asked, share):
    peaks = constellation([synth.music(4, 20)], SETTINGS)
    stored = set(pairs(pair_landmarks(peaks, SETTINGS.stored, SETTINGS)))
    query = set(pairs(pair_landmarks(peaks, asked, SETTINGS)))
    assert len(stored & query) >= share * len(stored)
