"""Landmark to a 32-bit hash, and back."""

import hashlib

import numpy as np
import numpy.typing as npt

from engine.model import Landmarks
from engine.settings import HashKind

_DISTANCE_BITS = 6
_INTERVAL_BITS = 8
_INTERVAL_ZERO = 1 << (_INTERVAL_BITS - 1)


def hash_landmarks(landmarks: Landmarks, kind: HashKind) -> npt.NDArray[np.uint32]:
    """Return each landmark's hash [shape=(landmarks,)]: packed, or SHA-1 of the packed one cut to 32 bits."""
    packed = pack(landmarks)
    return packed if kind == "packed" else _sha1(packed)


def pack(landmarks: Landmarks) -> npt.NDArray[np.uint32]:
    """Pack anchor bin (10 bits), interval in bins (8, signed) and distance in frames (6) into 24 bits."""
    interval = landmarks.target_bins.astype(np.int64) - landmarks.anchor_bins + _INTERVAL_ZERO
    distance = landmarks.target_frames.astype(np.int64) - landmarks.anchor_frames
    anchor = landmarks.anchor_bins.astype(np.int64) << (_INTERVAL_BITS + _DISTANCE_BITS)
    return (anchor | interval << _DISTANCE_BITS | distance).astype(np.uint32)


def unpack(
    packed: npt.NDArray[np.uint32],
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return anchor bins, intervals (bins) and distances (frames) of packed hashes."""
    wide = packed.astype(np.int64)
    distance = wide & ((1 << _DISTANCE_BITS) - 1)
    interval = (wide >> _DISTANCE_BITS & ((1 << _INTERVAL_BITS) - 1)) - _INTERVAL_ZERO
    return wide >> (_INTERVAL_BITS + _DISTANCE_BITS), interval, distance


def _sha1(packed: npt.NDArray[np.uint32]) -> npt.NDArray[np.uint32]:
    distinct, places = np.unique(packed, return_inverse=True)
    little_endian = distinct.astype("<u4").tobytes()
    digests = b"".join(
        hashlib.sha1(little_endian[at : at + 4], usedforsecurity=False).digest()[:4]
        for at in range(0, len(little_endian), 4)
    )
    hashes: npt.NDArray[np.uint32] = np.frombuffer(digests, "<u4").astype(np.uint32)[places]
    return hashes
