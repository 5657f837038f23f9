"""One immutable, memory-mapped, hash-sorted postings file: how it is laid out and read.

All numbers are little-endian. n postings of r recordings in 2**B buckets:

    offset                        size          content
    0                             256           header (see `HEADER`), its crc32 in the last four bytes
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
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from engine.errors import IndexDamaged

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

MAGIC = b"SPECTSEG"
FORMAT = 1
HEADER = struct.Struct(f"<8sIIQQII{STAMP_BYTES}s12xI")
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


def open_segment(path: Path, *, stamp: str, crc32: int | None = None) -> Segment:
    """Map a segment; `crc32` is the content's, where known.

    Raises IndexDamaged for anything that is not the segment that was written, FileNotFoundError.
    """
    with path.open("rb") as file:
        header = file.read(HEADER.size)
        if len(header) < HEADER.size:
            raise IndexDamaged(str(path), "it is shorter than a header")
        magic, version, bits, recordings, postings, tables_crc32, postings_crc32, found_stamp, found_crc32 = (
            HEADER.unpack(header)
        )
        if magic != MAGIC or zlib.crc32(header[:-4]) != found_crc32:
            raise IndexDamaged(str(path), "its header has changed since it was written")
        if version != FORMAT:
            raise IndexDamaged(str(path), f"its format is {version}, this version reads {FORMAT}")
        if crc32 is not None and crc32 != found_crc32:
            raise IndexDamaged(str(path), "it is another file than the manifest lists")
        if found_stamp.rstrip(b"\0") != stamp.encode():
            raise IndexDamaged(str(path), "it was built by other settings than the manifest says")
        if not MIN_BUCKET_BITS <= bits <= MAX_BUCKET_BITS:
            raise IndexDamaged(str(path), f"no segment has {bits} bits of buckets")
        table_bytes = 4 * ((1 << bits) + 2)
        size_bytes = HEADER.size + table_bytes + 8 * postings + _RECORDING_BYTES * recordings
        if size_bytes != file.seek(0, 2):
            raise IndexDamaged(str(path), f"it does not have the {size_bytes} bytes its header says")
        mapped = mmap.mmap(file.fileno(), size_bytes, access=mmap.ACCESS_READ)
    mapped.madvise(mmap.MADV_WILLNEED)
    bucket_table = np.frombuffer(mapped, "<u4", (1 << bits) + 2, HEADER.size)
    ids_start = HEADER.size + table_bytes + 8 * postings
    counts = np.frombuffer(mapped, "<u4", 2 * recordings, ids_start + 8 * recordings)
    table = RecordingTable(
        np.frombuffer(mapped, "<i8", recordings, ids_start), counts[:recordings], counts[recordings:]
    )
    if zlib.crc32(counts.data, zlib.crc32(table.ids.data, zlib.crc32(bucket_table.data))) != tables_crc32:
        raise IndexDamaged(str(path), "its tables have changed since it was written")
    words = np.frombuffer(mapped, "<u8", postings, HEADER.size + table_bytes)
    return Segment(path, bits, found_crc32, postings_crc32, bucket_table[:-1], words, table)
