"""Write a segment file, laid out as `engine.segment` says: complete, or not at all."""

import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from engine.manifest import replace_durably
from engine.model import Fingerprint
from engine.segment import (
    FORMAT,
    FRAME_BITS,
    HEADER,
    MAGIC,
    MAX_BUCKET_BITS,
    MAX_POSTINGS,
    MIN_BUCKET_BITS,
    RECORDING_BITS,
    STAMP_BYTES,
    RecordingTable,
    mix,
)


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
        file.seek(HEADER.size + bucket_starts.nbytes)
        postings_crc32 = _write_postings(file, bucket_starts, bits, chunks)
        if int(bucket_starts[-2]) != postings:
            raise ValueError(f"{bucket_starts[-2]} postings were given, {postings} announced")
        tables_crc32 = zlib.crc32(bucket_starts.data)
        for column in (recordings.ids, recordings.frame_counts, recordings.posting_counts):
            file.write(column.tobytes())
            tables_crc32 = zlib.crc32(column.tobytes(), tables_crc32)
        fields = (MAGIC, FORMAT, bits, len(recordings.ids), postings, tables_crc32, postings_crc32)
        checked = HEADER.pack(*fields, stamp.encode(), 0)[:-4]
        file.seek(0)
        file.write(checked + zlib.crc32(checked).to_bytes(4, "little"))
        file.write(bucket_starts.data)


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
