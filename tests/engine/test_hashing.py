import hashlib

import numpy as np
import synth
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.hashing import hash_landmarks, pack, unpack
from engine.landmarks import pair_landmarks
from engine.model import Landmarks
from engine.settings import Settings

SETTINGS = Settings()


def landmark(anchor_frame: int, anchor_bin: int, interval: int, distance: int) -> Landmarks:
    return Landmarks(
        np.array([anchor_frame], np.uint32),
        np.array([anchor_bin], np.uint16),
        np.array([anchor_frame + distance], np.uint32),
        np.array([anchor_bin + interval], np.uint16),
    )


def many() -> Landmarks:
    return pair_landmarks(synth.random_peaks(1), SETTINGS.dense, SETTINGS)


@settings(deadline=None)
@given(st.integers(0, 2**20 - 1), st.integers(64, 959), st.integers(-64, 64), st.integers(2, 63))
def test_a_packed_hash_unpacks_to_its_landmark(anchor_frame, anchor_bin, interval, distance):
    packed = pack(landmark(anchor_frame, anchor_bin, interval, distance))
    assert packed.dtype == np.uint32
    assert packed[0] < 1 << 24
    assert [column.tolist() for column in unpack(packed)] == [[anchor_bin], [interval], [distance]]


def test_when_a_landmark_sounds_does_not_change_its_hash():
    assert pack(landmark(5, 300, -20, 30)) == pack(landmark(90_000, 300, -20, 30))


def test_different_landmarks_have_different_packed_hashes():
    landmarks = many()
    shapes = np.unique(np.stack(unpack(pack(landmarks))), axis=1)
    assert shapes.shape[1] == len(np.unique(pack(landmarks)))


def test_sha1_hashes_are_the_digests_first_32_bits_of_the_packed_ones():
    landmarks = many()
    hashes = hash_landmarks(landmarks, "sha1")
    assert hashes.dtype == np.uint32
    assert hashes.tolist() == [
        int.from_bytes(hashlib.sha1(each.to_bytes(4, "little")).digest()[:4], "little")
        for each in pack(landmarks).tolist()
    ]


def test_sha1_hashes_fill_32_bits_and_are_not_the_packed_ones():
    landmarks = many()
    hashes = hash_landmarks(landmarks, "sha1")
    assert hashes.max() > 1 << 31
    assert not set(hashes.tolist()) & set(hash_landmarks(landmarks, "packed").tolist())
    assert hashes.tolist() == hash_landmarks(landmarks, "sha1").tolist()


def test_no_landmarks_have_no_hashes():
    nothing = pair_landmarks(synth.random_peaks(1, count=0), SETTINGS.dense, SETTINGS)
    for kind in ("packed", "sha1"):
        hashes = hash_landmarks(nothing, kind)
        assert (hashes.tolist(), hashes.dtype) == ([], np.uint32)
