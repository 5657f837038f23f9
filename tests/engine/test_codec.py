import pickle
import struct
import zlib

import numpy as np
import pytest
import synth
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.codec import decode, encode
from engine.errors import CodecError
from engine.fingerprint import constellation
from engine.model import Peaks
from engine.settings import Settings

FAR = 2**32 - 2


@st.composite
def constellations(draw) -> Peaks:
    """Make constellations with gaps of all sizes, also those that need an escape."""
    gaps = draw(
        st.lists(st.one_of(st.integers(0, 5), st.integers(250, 260), st.integers(0, 10**7)), max_size=60)
    )
    frames = np.cumsum(np.array(gaps, np.int64))
    bins = draw(st.lists(st.integers(0, 1_023), min_size=len(gaps), max_size=len(gaps)))
    ranks = draw(st.lists(st.integers(0, 63), min_size=len(gaps), max_size=len(gaps)))
    behind = draw(st.integers(1, 1_000))
    return Peaks(
        frames.astype(np.uint32),
        np.array(bins, np.uint16),
        np.array(ranks, np.uint8),
        frame_count=int(frames[-1]) + behind if gaps else behind,
    )


def assert_equal(found: Peaks, expected: Peaks) -> None:
    assert found.frame_count == expected.frame_count
    for name in ("frames", "bins", "ranks"):
        ours, theirs = getattr(found, name), getattr(expected, name)
        assert ours.dtype == theirs.dtype
        np.testing.assert_array_equal(ours, theirs)


@settings(deadline=None, max_examples=150)
@given(constellations())
def test_decoding_gives_what_was_encoded(peaks):
    assert_equal(decode(encode(peaks)), peaks)


@pytest.mark.parametrize("frames", [[], [0], [FAR], [0, FAR], [254, 509, 764], [255, 511]])
def test_gaps_at_the_limits_survive(frames):
    peaks = Peaks(
        np.array(frames, np.uint32),
        np.full(len(frames), 1_023, np.uint16),
        np.full(len(frames), 63, np.uint8),
        frame_count=FAR + 1,
    )
    assert_equal(decode(encode(peaks)), peaks)


@settings(deadline=None, max_examples=150)
@given(constellations(), st.data())
def test_a_flipped_bit_is_an_error(peaks, data):
    encoded = bytearray(encode(peaks))
    place = data.draw(st.integers(0, len(encoded) * 8 - 1))
    encoded[place // 8] ^= 1 << place % 8
    with pytest.raises(CodecError):
        decode(bytes(encoded))


def test_each_flipped_bit_of_the_header_is_an_error():
    encoded = encode(synth.random_peaks(1))
    for place in range(16 * 8):
        damaged = bytearray(encoded)
        damaged[place // 8] ^= 1 << place % 8
        with pytest.raises(CodecError):
            decode(bytes(damaged))


def test_any_truncation_is_an_error():
    encoded = encode(synth.random_peaks(2, count=60))
    for length in range(len(encoded)):
        with pytest.raises(CodecError):
            decode(encoded[:length])


def test_something_appended_is_an_error():
    with pytest.raises(CodecError):
        decode(encode(synth.random_peaks(2)) + b"\0")


@settings(deadline=None, max_examples=150)
@given(st.binary(max_size=200))
def test_random_bytes_are_an_error(content):
    with pytest.raises(CodecError):
        decode(content)


def forged(planes: bytes, *, frame_count: int = 100, count: int = 1) -> bytes:
    """Return planes with a checksum that agrees, as only an attacker or another version would write them."""
    body = zlib.compress(planes)
    checksum = zlib.crc32(body, zlib.crc32(struct.pack("<4sIII", b"SPC1", frame_count, count, 0)))
    return struct.pack("<4sIII", b"SPC1", frame_count, count, checksum) + body


def test_a_forged_one_is_read_when_it_makes_sense():
    assert decode(forged(b"\5\1\4")).bins.tolist() == [1]


@pytest.mark.parametrize(
    ("planes", "facts"),
    [
        pytest.param(b"\5\1\4", {"count": 2}, id="fewer peaks than announced"),
        pytest.param(b"\5\1\4" * 3, {}, id="more bytes than the peaks need"),
        pytest.param(b"\5\1\4\0\0\0\0", {}, id="an escape that nothing asks for"),
        pytest.param(b"\xff\1\4", {}, id="an escape that is missing"),
        pytest.param(b"\5\1\4", {"frame_count": 5}, id="a peak behind the end"),
        pytest.param(bytes(10**7), {}, id="a body that inflates without end"),
        pytest.param(b"\5\1\4", {"count": 2**32 - 1}, id="billions of peaks"),
    ],
)
def test_a_forged_one_that_makes_no_sense_is_an_error(planes, facts):
    with pytest.raises(CodecError):
        decode(forged(planes, **facts))


@pytest.mark.parametrize(("bin_", "rank"), [(1_024, 0), (0, 64)])
def test_what_does_not_fit_is_refused(bin_, rank):
    peaks = Peaks(np.zeros(1, np.uint32), np.array([bin_], np.uint16), np.array([rank], np.uint8), 1)
    with pytest.raises(CodecError, match="does not fit"):
        encode(peaks)


def test_the_error_survives_pickling_and_says_what_is_wrong():
    error = pickle.loads(pickle.dumps(CodecError("the checksum does not agree")))
    assert str(error) == "stored constellation: the checksum does not agree"


@pytest.mark.parametrize("sound", [synth.music(5, 30), synth.noise(1, 30)], ids=["music", "noise"])
def test_a_peak_costs_at_most_three_bytes(sound):
    peaks = constellation([sound], Settings())
    assert len(peaks.frames) > 1_000
    assert len(encode(peaks)) <= 3 * len(peaks.frames)
