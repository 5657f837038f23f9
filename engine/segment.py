"""One immutable, memory-mapped, hash-sorted postings file: write, open, read.

All numbers are little-endian. n postings of r recordings in 2**B buckets:

    offset                        size          content
    0                             256           header (see `_HEADER`), its crc32 in the last four bytes
    256                           4 (2**B + 2)  bucket table: where each bucket begins, the end, one 0
    256 + 4 (2**B + 2)            8 n           postings, sorted
    .. + 8 n                      8 r           recording ids, int64, ascending
    .. + 8 r                      4 r           frame counts, uint32
    .. + 4 r                      4 r           posting counts, uint32

A hash is first mixed by `mix`, for real hashes are not uniform. The top B bits of the mixed hash name the
bucket; a posting is `[32-B bits: rest of the mixed hash | 12+B bits: recording ordinal | 20 bits: frame]`.
Equal hashes are adjacent, ordered by recording and frame. The header's crc covers the crcs of tables and
postings, so it identifies the whole content. Opening checks the file's size, the header and the tables;
the postings are checked by `Segment.verify` only.
"""

import mmap
import struct
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from engine.errors import IndexDamaged
from engine.manifest import replace_durably
from engine.model import Fingerprint

FRAME_BITS = 20
"""2**20 frames of 40 ms are 11.6 h; audio is refused above 6 h."""
RECORDING_BITS = 24
"""Recordings of one segment: what 12 bucket bits leave for the ordinal."""
MIN_BUCKET_BITS = 12
MAX_BUCKET_BITS = 24
"""64 MB of table; more would outgrow the processor's caches for no fewer postings met."""
MAX_POSTINGS = 2**32 - 1
"""The bucket table counts in 32 bits."""
STAMP_BYTES = 200

_MAGIC = b"SPECTSEG"
_FORMAT = 1
_HEADER = struct.Struct(f"<8sIIQQII{STAMP_BYTES}s12xI")
"""Magic, format, B, recordings, postings, tables' and postings' crc32, stamp (zero-padded), own crc32."""
_MIX_FACTOR = np.uint32(0x9E3779B9)
"""2**32 / golden ratio, odd: multiplying by it is one to one and carries low bits to the top (Knuth 6.4)."""
_MIX_SHIFT = np.uint32(15)
_RECORDING_BYTES = 16


@dataclass(frozen=True, slots=True)
class RecordingTable:
    """The recordings of a segment, by ascending id. All arrays [shape=(recordings,)]."""

    ids: npt.NDArray[np.int64]
    frame_counts: npt.NDArray[np.uint32]
    posting_counts: npt.NDArray[np.uint32]


@dataclass(frozen=True, slots=True)
class Postings:
    """Postings to be written, in any order; `recording_ids` ascend without repetition.

    Attributes
    ----------
    recording_ids : int64 [shape=(recordings,)]
    frame_counts : uint32 [shape=(recordings,)]
    owners : uint32 [shape=(postings,)], position in `recording_ids`
    hashes, frames : uint32 [shape=(postings,)]
    """

    recording_ids: npt.NDArray[np.int64]
    frame_counts: npt.NDArray[np.uint32]
    owners: npt.NDArray[np.uint32]
    hashes: npt.NDArray[np.uint32]
    frames: npt.NDArray[np.uint32]

    @classmethod
    def from_fingerprints(cls, batch: Sequence[tuple[int, Fingerprint]]) -> "Postings":
        """Return the postings of (recording id, fingerprint) pairs; raise ValueError for a repeated id."""
        ordered = sorted(batch, key=lambda pair: pair[0])
        fingerprints = [fingerprint for _, fingerprint in ordered]
        if any(len(each.hashes) != len(each.frames) for each in fingerprints):
            raise ValueError("a fingerprint needs one frame for each hash")
        if any(not 0 <= each.frame_count <= 1 << FRAME_BITS for each in fingerprints):
            raise ValueError(f"a fingerprint has 0 to {1 << FRAME_BITS} frames")
        empty = [np.empty(0, np.uint32)]
        postings = cls(
            recording_ids=np.array([recording_id for recording_id, _ in ordered], np.int64),
            frame_counts=np.array([each.frame_count for each in fingerprints], np.uint32),
            owners=np.repeat(
                np.arange(len(ordered), dtype=np.uint32), [len(each.hashes) for each in fingerprints]
            ),
            hashes=np.concatenate([*empty, *(each.hashes for each in fingerprints)], dtype=np.uint32),
            frames=np.concatenate([*empty, *(each.frames for each in fingerprints)], dtype=np.uint32),
        )
        _check(postings)
        return postings


@dataclass(frozen=True, slots=True)
class Segment:
    """A mapped segment file. The map lives as long as anything refers to one of the arrays."""

    path: Path
    bucket_bits: int
    crc32: int
    """Identifies the content."""
    postings_crc32: int
    bucket_starts: npt.NDArray[np.uint32]
    words: npt.NDArray[np.uint64]
    recordings: RecordingTable

    def buckets(self, mixed: npt.NDArray[np.uint32]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Return where the bucket of each mixed hash begins, and how many postings it holds."""
        bucket = (mixed >> np.uint32(32 - self.bucket_bits)).astype(np.int64)
        starts = self.bucket_starts[bucket].astype(np.int64)
        return starts, self.bucket_starts[bucket + 1] - starts

    def residuals(self, mixed: npt.NDArray[np.uint32]) -> npt.NDArray[np.uint64]:
        """Return what a posting of each mixed hash holds above ordinal and frame."""
        return (mixed & np.uint32((1 << (32 - self.bucket_bits)) - 1)).astype(np.uint64)

    def split(self, words: npt.NDArray[np.uint64]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.uint64]]:
        """Return ordinals and frames of postings; raise IndexDamaged for an ordinal out of range."""
        ordinal_mask = np.uint64((1 << (32 + self.bucket_bits - FRAME_BITS)) - 1)
        ordinals = ((words >> np.uint64(FRAME_BITS)) & ordinal_mask).astype(np.int64)
        if len(ordinals) and ordinals.max() >= len(self.recordings.ids):
            raise IndexDamaged(str(self.path), "a posting names no recording of this file")
        return ordinals, words & np.uint64((1 << FRAME_BITS) - 1)

    def verify(self) -> None:
        """Read every posting; raise IndexDamaged if one has changed."""
        if zlib.crc32(self.words.data) != self.postings_crc32:
            raise IndexDamaged(str(self.path), "its postings have changed since it was written")


def mix(hashes: npt.NDArray[np.uint32]) -> npt.NDArray[np.uint32]:
    """Return the hashes spread evenly over 32 bits, one to one."""
    mixed = hashes.astype(np.uint32)
    for _ in range(2):
        mixed ^= mixed >> _MIX_SHIFT
        mixed *= _MIX_FACTOR
    return mixed


def write_segment(path: Path, postings: Postings, *, stamp: str) -> None:
    """Write a segment of these postings: complete and on disk, or not at all.

    Raises ValueError for what the format can't hold, OSError (nothing left behind) when the disk refuses.
    """
    _check(postings)
    mixed = mix(postings.hashes)
    places = postings.owners.astype(np.uint64) << np.uint64(FRAME_BITS) | postings.frames
    order = np.lexsort((places, mixed))
    counts = np.bincount(postings.owners, minlength=len(postings.recording_ids))
    table = RecordingTable(postings.recording_ids, postings.frame_counts, counts.astype(np.uint32))
    write_sorted(path, table, [(mixed[order], places[order])], stamp=stamp)


def write_sorted(
    path: Path,
    recordings: RecordingTable,
    chunks: Iterable[tuple[npt.NDArray[np.uint32], npt.NDArray[np.uint64]]],
    *,
    stamp: str,
) -> None:
    """Write a segment from sorted chunks of (mixed hashes, ordinals << FRAME_BITS | frames).

    Together they hold `posting_counts` postings. Raises as `write_segment` does.
    """
    postings = int(recordings.posting_counts.sum(dtype=np.int64))
    if postings > MAX_POSTINGS or len(recordings.ids) > 1 << RECORDING_BITS:
        raise ValueError(f"a segment can't hold {postings} postings of {len(recordings.ids)} recordings")
    if len(stamp.encode()) > STAMP_BYTES or "\0" in stamp:
        raise ValueError(f"a stamp has at most {STAMP_BYTES} bytes and no NUL")
    bits = _bucket_bits(postings)
    bucket_starts = np.zeros((1 << bits) + 2, np.uint32)
    with replace_durably(path) as file:
        file.seek(_HEADER.size + bucket_starts.nbytes)
        postings_crc32 = _write_postings(file, bucket_starts, bits, chunks)
        if int(bucket_starts[-2]) != postings:
            raise ValueError(f"{bucket_starts[-2]} postings were given, {postings} announced")
        tables_crc32 = zlib.crc32(bucket_starts.data)
        for column in (recordings.ids, recordings.frame_counts, recordings.posting_counts):
            file.write(column.tobytes())
            tables_crc32 = zlib.crc32(column.tobytes(), tables_crc32)
        fields = (_MAGIC, _FORMAT, bits, len(recordings.ids), postings, tables_crc32, postings_crc32)
        checked = _HEADER.pack(*fields, stamp.encode(), 0)[:-4]
        file.seek(0)
        file.write(checked + zlib.crc32(checked).to_bytes(4, "little"))
        file.write(bucket_starts.data)


def open_segment(path: Path, *, stamp: str, crc32: int | None = None) -> Segment:
    """Map a segment; `crc32` is the content's, where known.

    Raises IndexDamaged for anything that is not the segment that was written, FileNotFoundError.
    """
    with path.open("rb") as file:
        header = file.read(_HEADER.size)
        if len(header) < _HEADER.size:
            raise IndexDamaged(str(path), "it is shorter than a header")
        magic, version, bits, recordings, postings, tables_crc32, postings_crc32, found_stamp, found_crc32 = (
            _HEADER.unpack(header)
        )
        if magic != _MAGIC or zlib.crc32(header[:-4]) != found_crc32:
            raise IndexDamaged(str(path), "its header has changed since it was written")
        if version != _FORMAT:
            raise IndexDamaged(str(path), f"its format is {version}, this version reads {_FORMAT}")
        if crc32 is not None and crc32 != found_crc32:
            raise IndexDamaged(str(path), "it is another file than the manifest lists")
        if found_stamp.rstrip(b"\0") != stamp.encode():
            raise IndexDamaged(str(path), "it was built by other settings than the manifest says")
        table_bytes = 4 * ((1 << bits) + 2)
        size_bytes = _HEADER.size + table_bytes + 8 * postings + _RECORDING_BYTES * recordings
        if size_bytes != file.seek(0, 2):
            raise IndexDamaged(str(path), f"it does not have the {size_bytes} bytes its header says")
        mapped = mmap.mmap(file.fileno(), size_bytes, access=mmap.ACCESS_READ)
    mapped.madvise(mmap.MADV_WILLNEED)
    bucket_table = np.frombuffer(mapped, "<u4", (1 << bits) + 2, _HEADER.size)
    ids_start = _HEADER.size + table_bytes + 8 * postings
    counts = np.frombuffer(mapped, "<u4", 2 * recordings, ids_start + 8 * recordings)
    table = RecordingTable(
        np.frombuffer(mapped, "<i8", recordings, ids_start), counts[:recordings], counts[recordings:]
    )
    if zlib.crc32(counts.data, zlib.crc32(table.ids.data, zlib.crc32(bucket_table.data))) != tables_crc32:
        raise IndexDamaged(str(path), "its tables have changed since it was written")
    words = np.frombuffer(mapped, "<u8", postings, _HEADER.size + table_bytes)
    return Segment(path, bits, found_crc32, postings_crc32, bucket_table[:-1], words, table)


def _check(postings: Postings) -> None:
    """Raise ValueError for postings that the format can't hold."""
    recordings = len(postings.recording_ids)
    if len(postings.frame_counts) != recordings or not (
        len(postings.owners) == len(postings.hashes) == len(postings.frames)
    ):
        raise ValueError("the columns of postings differ in length")
    if np.any(postings.recording_ids[1:] <= postings.recording_ids[:-1]):
        raise ValueError("recording ids must ascend, each once")
    if len(postings.owners) and postings.owners.max() >= recordings:
        raise ValueError("a posting's owner is not among the recordings")
    if len(postings.frames) and postings.frames.max() >= 1 << FRAME_BITS:
        raise ValueError(f"a frame number needs more than {FRAME_BITS} bits")


def _bucket_bits(postings: int) -> int:
    """Return B: four to eight postings a bucket, so the table costs at most a byte per posting."""
    return min(max((postings // 4).bit_length() - 1, MIN_BUCKET_BITS), MAX_BUCKET_BITS)


def _write_postings(
    file: BinaryIO,
    bucket_starts: npt.NDArray[np.uint32],
    bits: int,
    chunks: Iterable[tuple[npt.NDArray[np.uint32], npt.NDArray[np.uint64]]],
) -> int:
    """Write chunks, fill in the bucket table, return the postings' crc32."""
    crc32 = 0
    sizes = bucket_starts[1:-1]
    for mixed, places in chunks:
        residual = (mixed & np.uint32((1 << (32 - bits)) - 1)).astype(np.uint64)
        words = residual << np.uint64(32 + bits) | places
        file.write(words.data)
        crc32 = zlib.crc32(words.data, crc32)
        buckets = mixed >> np.uint32(32 - bits)
        first = int(buckets[0]) if len(buckets) else 0
        counts = np.bincount(buckets - np.uint32(first)).astype(np.uint32)
        sizes[first : first + len(counts)] += counts
    np.cumsum(sizes, dtype=np.uint32, out=sizes)
    return crc32
