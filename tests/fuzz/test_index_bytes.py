"""Damaged index files: what is read is what was written, or `IndexDamaged`; never a wrong answer."""

import json
import random
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from fuzzing import TIMES, damaged, fuzzed, json_values
from hypothesis import given
from hypothesis import strategies as st
from synth import random_peaks

from engine.codec import decode, encode
from engine.errors import CodecError, IndexDamaged
from engine.index import IndexWriter
from engine.index_reader import IndexReader
from engine.manifest import MANIFEST_NAME, Manifest, read_manifest
from engine.model import Fingerprint, Hits
from engine.segment import HEADER, open_segment

STAMP = "1:packed"
LANDMARKS = 200
BUDGET = 100_000


def fingerprint(seed: int) -> Fingerprint:
    numbers = np.random.default_rng(seed)
    return Fingerprint(
        hashes=numbers.integers(0, 1 << 24, LANDMARKS).astype(np.uint32),
        frames=np.sort(numbers.integers(0, 7_500, LANDMARKS)).astype(np.uint32),
        frame_count=7_500,
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An index of one segment of three recordings, one of them removed."""
    path = tmp_path_factory.mktemp("index")
    with IndexWriter(path, stamp=STAMP) as writer:
        writer.add([(10 * number, fingerprint(number)) for number in (1, 2, 3)])
        writer.remove([30])
    return path


@pytest.fixture(scope="module")
def segment(folder: Path) -> Path:
    (path,) = folder.glob("*.segment")
    return path


def hits_of(hits: Hits) -> list[tuple[int, ...]]:
    columns = (hits.landmarks, hits.recording_ids, hits.frames)
    return sorted(zip(*(column.tolist() for column in columns), strict=True))


def places_of(content: bytes) -> list[int]:
    """Return which bytes to damage: all of them, or with the short budget all of the head and some others."""
    if TIMES > 1:
        return list(range(len(content)))
    numbers = random.Random(1)
    return [*range(300), *sorted(numbers.sample(range(300, len(content)), 1_500))]


def with_one_changed(content: bytes, place: int) -> bytes:
    return (
        content[:place]
        + bytes([content[place] ^ 1 << random.Random(place).randrange(8)])
        + content[place + 1 :]
    )


def test_no_changed_byte_of_a_segment_goes_unseen(segment: Path, tmp_path: Path) -> None:
    path, content = tmp_path / "one", segment.read_bytes()
    open_segment_and_verify(path, content)
    for place in places_of(content):
        with pytest.raises(IndexDamaged):
            open_segment_and_verify(path, with_one_changed(content, place))


def open_segment_and_verify(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    open_segment(path, stamp=STAMP).verify()


def test_a_damaged_posting_costs_at_most_its_own_hit_before_it_is_noticed(
    folder: Path, segment: Path
) -> None:
    content = segment.read_bytes()
    query = fingerprint(1)
    expected = set(hits_of(IndexReader(folder).lookup(query, BUDGET)))
    assert len(expected) == LANDMARKS
    begin = HEADER.size + 4 * ((1 << open_segment(segment, stamp=STAMP).bucket_bits) + 2)
    refused = 0
    try:
        for place in range(begin, begin + 8 * 3 * LANDMARKS, 1 if TIMES > 1 else 7):
            segment.write_bytes(with_one_changed(content, place))
            try:
                found = set(hits_of(IndexReader(folder).lookup(query, BUDGET)))
            except IndexDamaged:
                refused += 1
            else:
                assert len(expected ^ found) <= 2
                assert {recording_id for _, recording_id, _ in found} <= {10, 20}
    finally:
        segment.write_bytes(content)
    assert refused


@fuzzed(60)
@given(st.data())
def test_a_mauled_segment_is_damaged(segment: Path, tmp_path: Path, data: st.DataObject) -> None:
    content = segment.read_bytes()
    mauled = data.draw(st.composite(damaged)(content))
    if mauled != content:
        with pytest.raises(IndexDamaged):
            open_segment_and_verify(tmp_path / "mauled", mauled)


@fuzzed(60)
@given(
    bits=st.integers(0, 2**32 - 1) | st.integers(0, 64),
    recordings=st.integers(0, 2**32 - 1) | st.integers(0, 4),
    postings=st.integers(0, 2**64 - 1) | st.integers(0, 700),
)
def test_a_header_that_promises_anything_is_not_believed(
    segment: Path, tmp_path: Path, bits: int, recordings: int, postings: int
) -> None:
    content = bytearray(segment.read_bytes())
    fields = list(HEADER.unpack_from(content))
    true_fields = fields[2:5]
    fields[2:5] = bits, recordings, postings
    head = HEADER.pack(*fields)
    content[: HEADER.size] = head[:-4] + zlib.crc32(head[:-4]).to_bytes(4, "little")
    if true_fields == [bits, recordings, postings]:
        open_segment_and_verify(tmp_path / "forged", content)
    else:
        with pytest.raises(IndexDamaged):
            open_segment_and_verify(tmp_path / "forged", content)


def manifest_of(folder: Path, content: bytes) -> Manifest:
    (folder / MANIFEST_NAME).write_bytes(content)
    return read_manifest(folder)[0]


def test_no_changed_bit_of_a_manifest_changes_what_it_says(folder: Path, tmp_path: Path) -> None:
    content = (folder / MANIFEST_NAME).read_bytes()
    expected = manifest_of(tmp_path, content)
    for place in range(len(content) * 8):
        changed = bytearray(content)
        changed[place // 8] ^= 1 << place % 8
        try:
            assert manifest_of(tmp_path, bytes(changed)) == expected
        except IndexDamaged:
            continue


@fuzzed(150)
@given(st.data())
def test_a_mauled_manifest_says_the_same_or_is_damaged(
    folder: Path, tmp_path: Path, data: st.DataObject
) -> None:
    content = (folder / MANIFEST_NAME).read_bytes()
    try:
        found = manifest_of(tmp_path, data.draw(st.composite(damaged)(content)))
    except IndexDamaged:
        return
    assert found == manifest_of(tmp_path, content)


@dataclass(frozen=True, slots=True)
class _Deep:
    """Lists in lists."""

    depth: int


def _lines(first: object, body: object) -> bytes:
    """Return a manifest whose checksum agrees, whatever it says."""
    match body:
        case _Deep():
            text = b"[" * body.depth + b"]" * body.depth
        case bytes():
            text = body
        case _:
            text = json.dumps(body).encode()
    if isinstance(first, dict):
        first = {"format": 1, "crc32": zlib.crc32(text), "generation": 1} | first
    return json.dumps(first).encode() + b"\n" + text


_SEGMENTS = st.lists(
    st.lists(json_values() | st.just("0123456789abcdef.segment"), max_size=6) | json_values(), max_size=3
)


@fuzzed(150)
@given(
    first=json_values()
    | st.dictionaries(st.sampled_from(["format", "generation"]), json_values(), max_size=1),
    body=json_values()
    | st.fixed_dictionaries(
        {
            "stamp": json_values(),
            "generation": st.just(1) | json_values(),
            "segments": _SEGMENTS | json_values(),
        }
    )
    | st.binary(max_size=40)
    | st.integers(0, 100_000).map(_Deep),
)
def test_a_manifest_of_any_content_is_one_or_damaged(tmp_path: Path, first: object, body: object) -> None:
    try:
        manifest = manifest_of(tmp_path, _lines(first, body))
    except IndexDamaged:
        return
    assert all(isinstance(number, int) for each in manifest.segments for number in each.removed)


@fuzzed(150)
@given(
    planes=st.binary(max_size=60),
    frame_count=st.integers(0, 2**32 - 1) | st.integers(0, 200),
    count=st.integers(0, 20) | st.integers(0, 2**32 - 1),
)
def test_a_forged_constellation_is_one_or_refused(planes: bytes, frame_count: int, count: int) -> None:
    body = zlib.compress(planes)
    head = b"".join(
        number.to_bytes(4, "little") for number in (int.from_bytes(b"SPC1", "little"), frame_count, count)
    )
    checksum = zlib.crc32(body, zlib.crc32(head + bytes(4)))
    try:
        peaks = decode(head + checksum.to_bytes(4, "little") + body)
    except CodecError:
        return
    assert len(peaks.frames) == len(peaks.bins) == len(peaks.ranks) == count
    assert (np.diff(peaks.frames.astype(np.int64)) >= 0).all()
    again = decode(encode(peaks))
    assert again.frames.tolist() == peaks.frames.tolist()


@fuzzed(100)
@given(st.data())
def test_a_mauled_constellation_is_the_same_or_refused(data: st.DataObject) -> None:
    peaks = random_peaks(3)
    content = encode(peaks)
    mauled = data.draw(st.composite(damaged)(content))
    if mauled != content:
        with pytest.raises(CodecError):
            decode(mauled)
