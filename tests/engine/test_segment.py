import errno
import os
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import IndexDamaged
from engine.model import Fingerprint
from engine.segment import FRAME_BITS, mix, open_segment
from engine.segment_writer import Postings, write_segment

STAMP = "1:packed"


def fingerprint(seed: int, landmarks: int = 300) -> Fingerprint:
    rng = np.random.default_rng(seed)
    return Fingerprint(
        hashes=rng.integers(0, 1 << 24, landmarks).astype(np.uint32),
        frames=rng.integers(0, 7_500, landmarks).astype(np.uint32),
        frame_count=7_500,
    )


def postings(recordings: int = 3) -> Postings:
    return Postings.from_fingerprints([(10 * n, fingerprint(n)) for n in range(1, recordings + 1)])


def decoded(path: Path) -> list[tuple[int, int, int]]:
    """Return (mixed hash, recording id, frame) of every posting, in the file's order."""
    segment = open_segment(path, stamp=STAMP)
    ordinals, frames = segment.split(segment.words)
    sizes = np.diff(segment.bucket_starts)
    mixed = np.repeat(np.arange(len(sizes)), sizes) << (32 - segment.bucket_bits)
    mixed |= (segment.words >> np.uint64(32 + segment.bucket_bits)).astype(np.int64)
    ids = segment.recordings.ids[ordinals]
    return list(zip(mixed.tolist(), ids.tolist(), frames.tolist(), strict=True))


@given(st.lists(st.integers(0, 2**32 - 1), unique=True, min_size=1))
def test_different_hashes_stay_different_when_mixed(hashes):
    assert len(np.unique(mix(np.array(hashes, np.uint32)))) == len(hashes)


def test_hashes_that_leave_high_bits_zero_fill_the_buckets_evenly():
    structured = np.arange(1 << 20, dtype=np.uint32) << np.uint32(3)
    sizes = np.bincount(mix(structured) >> np.uint32(20), minlength=1 << 12)
    assert sizes.min() > 150
    assert sizes.max() < 370


@given(
    st.lists(
        st.tuples(st.integers(0, 4), st.integers(0, 2**32 - 1), st.integers(0, (1 << FRAME_BITS) - 1)),
        max_size=50,
    )
)
def test_every_posting_comes_back_in_order(tmp_path_factory, triples):
    owners, hashes, frames = (
        (np.array(column, np.uint32) for column in zip(*triples, strict=True))
        if triples
        else (np.empty(0, np.uint32) for _ in range(3))
    )
    ids = np.array([-5, 0, 7, 2**40, 2**62], np.int64)
    path = tmp_path_factory.mktemp("segment") / "one"
    write_segment(path, Postings(ids, np.full(5, 9, np.uint32), owners, hashes, frames), stamp=STAMP)
    expected = sorted(
        (int(mix(np.array([hash_], np.uint32))[0]), int(ids[owner]), frame) for owner, hash_, frame in triples
    )
    assert decoded(path) == expected


def test_a_big_segment_costs_at_most_nine_and_a_bit_bytes_a_posting(tmp_path):
    batch = [(n, fingerprint(n, landmarks=6_000)) for n in range(50)]
    write_segment(tmp_path / "one", Postings.from_fingerprints(batch), stamp=STAMP)
    assert (tmp_path / "one").stat().st_size <= 9.2 * 50 * 6_000


def test_the_recording_table_counts_frames_and_postings(tmp_path):
    write_segment(tmp_path / "one", postings(), stamp=STAMP)
    table = open_segment(tmp_path / "one", stamp=STAMP).recordings
    assert table.ids.tolist() == [10, 20, 30]
    assert table.frame_counts.tolist() == [7_500] * 3
    assert table.posting_counts.tolist() == [300] * 3


def test_an_opened_segment_holds_no_copy_of_its_postings(tmp_path):
    write_segment(tmp_path / "one", postings(), stamp=STAMP)
    segment = open_segment(tmp_path / "one", stamp=STAMP)
    assert not segment.words.flags.owndata
    assert not segment.bucket_starts.flags.owndata
    assert not segment.words.flags.writeable


def test_equal_postings_give_equal_files(tmp_path):
    for name in ("one", "two"):
        write_segment(tmp_path / name, postings(), stamp=STAMP)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


@pytest.mark.parametrize(
    ("recording_ids", "owners", "frames"),
    [
        pytest.param([2, 1], [0], [0], id="ids that do not ascend"),
        pytest.param([1, 1], [0], [0], id="a repeated id"),
        pytest.param([1], [1], [0], id="an owner that is not there"),
        pytest.param([1], [0], [1 << FRAME_BITS], id="a frame that does not fit"),
        pytest.param([1], [0, 0], [0], id="columns of different length"),
    ],
)
def test_what_the_format_cannot_hold_is_refused(tmp_path, recording_ids, owners, frames):
    refused = Postings(
        np.array(recording_ids, np.int64),
        np.zeros(len(recording_ids), np.uint32),
        np.array(owners, np.uint32),
        np.zeros(len(owners), np.uint32),
        np.array(frames, np.uint32),
    )
    with pytest.raises(ValueError):
        write_segment(tmp_path / "one", refused, stamp=STAMP)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("stamp", ["x" * 201, "a\0b"])
def test_a_stamp_that_does_not_fit_is_refused(tmp_path, stamp):
    with pytest.raises(ValueError, match="stamp"):
        write_segment(tmp_path / "one", postings(), stamp=stamp)


def test_a_fingerprint_with_more_hashes_than_frames_is_refused():
    crooked = Fingerprint(np.zeros(2, np.uint32), np.zeros(1, np.uint32), 10)
    with pytest.raises(ValueError, match="one frame for each hash"):
        Postings.from_fingerprints([(1, crooked)])


def test_a_segment_cut_anywhere_is_damaged(tmp_path):
    path = tmp_path / "one"
    write_segment(path, postings(), stamp=STAMP)
    content = path.read_bytes()
    for length in (*range(0, 300, 7), *range(300, len(content), 997), len(content) - 1):
        path.write_bytes(content[:length])
        with pytest.raises(IndexDamaged):
            open_segment(path, stamp=STAMP)


def test_a_segment_with_something_appended_is_damaged(tmp_path):
    path = tmp_path / "one"
    write_segment(path, postings(), stamp=STAMP)
    path.write_bytes(path.read_bytes() + b"\0")
    with pytest.raises(IndexDamaged):
        open_segment(path, stamp=STAMP)


def test_a_changed_bit_of_header_or_tables_is_damage(tmp_path):
    path = tmp_path / "one"
    write_segment(path, postings(), stamp=STAMP)
    content = path.read_bytes()
    tables = len(content) - 3 * 16
    places = [*range(256), *range(256, 256 + 4 * 4_098, 509), *range(tables, len(content))]
    for place in places:
        changed = bytearray(content)
        changed[place] ^= 1 << (place % 8)
        path.write_bytes(changed)
        with pytest.raises(IndexDamaged):
            open_segment(path, stamp=STAMP)


def test_a_changed_posting_is_found_by_verify(tmp_path):
    path = tmp_path / "one"
    write_segment(path, postings(), stamp=STAMP)
    open_segment(path, stamp=STAMP).verify()
    changed = bytearray(path.read_bytes())
    changed[256 + 4 * 4_098 + 8 * 100] ^= 1
    path.write_bytes(changed)
    segment = open_segment(path, stamp=STAMP)
    with pytest.raises(IndexDamaged):
        segment.verify()


def test_a_posting_of_no_recording_is_damage(tmp_path):
    write_segment(tmp_path / "one", postings(), stamp=STAMP)
    segment = open_segment(tmp_path / "one", stamp=STAMP)
    with pytest.raises(IndexDamaged):
        segment.split(np.array([3 << FRAME_BITS], np.uint64))


def test_a_segment_of_other_settings_is_damaged(tmp_path):
    write_segment(tmp_path / "one", postings(), stamp="2:packed")
    with pytest.raises(IndexDamaged, match="other settings"):
        open_segment(tmp_path / "one", stamp=STAMP)


def test_a_format_of_the_future_is_damage_that_says_so(tmp_path):
    path = tmp_path / "one"
    write_segment(path, postings(), stamp=STAMP)
    content = bytearray(path.read_bytes())
    content[8:12] = (2).to_bytes(4, "little")
    content[252:256] = zlib.crc32(content[:252]).to_bytes(4, "little")
    path.write_bytes(content)
    with pytest.raises(IndexDamaged, match="its format is 2"):
        open_segment(path, stamp=STAMP)


@pytest.mark.parametrize("failing", ["fsync", "replace"])
def test_a_disk_that_refuses_leaves_nothing_behind(tmp_path, monkeypatch, failing):
    def refuse(*_args: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, failing, refuse)
    with pytest.raises(OSError, match="No space"):
        write_segment(tmp_path / "one", postings(), stamp=STAMP)
    assert list(tmp_path.iterdir()) == []
