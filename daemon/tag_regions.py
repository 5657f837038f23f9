"""Keep the bytes that tagging changes, so that exactly the old file can be made of the new one.

A delta holds what is only in the original (its tag regions, mostly), and where in the tagged file the rest
is. That needs no knowledge of formats, and is checked before it is handed out: the rebuilt file must have the
original's SHA-256.

Layout, little-endian: magic, version; size and SHA-256 of the original, then of the tagged file; sizes of
runs and literals before compression; zlib of (runs: shift and length as int64 each, then literals); CRC-32.
"""

import hashlib
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np

from daemon.delta_match import Bytes, find_runs
from daemon.tag_errors import DeltaDamaged, DeltaTooLarge

DELTA_LIMIT_BYTES = 64 << 20
"""A delta is kept in PostgreSQL for ever: an undo must work after years. 0.1 to 2.5 kB are usual (4 minutes
of any format, a cover embedded), 50 MB for 20,000 files; only pictures that are replaced take more."""
_MAGIC = b"SPTR"
_VERSION = 1
_HEAD = struct.Struct("<4sBQ32sQ32sQQ")
_CHECKSUM = struct.Struct("<I")
_LITERAL = -(2**63)
"""Stands for a shift: the bytes are among the literals."""
_RUN_BYTES = 16
_PART_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class DeltaHead:
    """Of which two files a delta speaks."""

    original_bytes: int
    original_sha256: bytes
    tagged_bytes: int
    tagged_sha256: bytes


def make_delta(original: BinaryIO, tagged: BinaryIO, *, limit_bytes: int = DELTA_LIMIT_BYTES) -> bytes:
    """Return what makes the original of the tagged file; checked by doing so.

    Raises
    ------
    DeltaTooLarge : more than the limit would have to be stored
    DeltaDamaged : a file changed while it was read
    OSError : a file can't be read
    """
    ours, theirs = Bytes(original.fileno()), Bytes(tagged.fileno())
    runs: list[tuple[int, int]] = []
    literals = bytearray()
    for run in find_runs(ours, theirs):
        if run.shift is None:
            literals += ours.at(run.start, run.length)
        runs.append((_LITERAL if run.shift is None else run.shift, run.length))
        if len(literals) + len(runs) * _RUN_BYTES > limit_bytes:
            raise DeltaTooLarge(limit_bytes)
    packed = np.array(runs, "<i8").reshape(-1, 2).tobytes()
    head = DeltaHead(ours.size, _sha256(original), theirs.size, _sha256(tagged))
    delta = _encoded(head, packed, bytes(literals))
    for _ in rebuild(delta, tagged):
        pass
    return delta


def read_head(delta: bytes) -> DeltaHead:
    """Return of which files a delta speaks. Raises DeltaDamaged."""
    return _decoded(delta)[0]


def rebuild(delta: bytes, tagged: BinaryIO) -> Iterator[bytes]:
    """Yield the original, piece by piece; it is true only if the last piece came without an error.

    Raises
    ------
    DeltaDamaged : the delta does not check out, or belongs to another file
    OSError : the file can't be read
    """
    head, packed, literals = _decoded(delta)
    source = Bytes(tagged.fileno())
    hashed = hashlib.sha256()
    place, literal_place = 0, 0
    for shift, length in np.frombuffer(packed, "<i8").reshape(-1, 2).tolist():
        if length <= 0 or place + length > head.original_bytes:
            raise DeltaDamaged("its runs don't fit its size")
        if shift == _LITERAL:
            pieces = iter((literals[literal_place : literal_place + length],))
            literal_place += length
        else:
            pieces = _pieces(source, place + shift, length)
        for piece in pieces:
            hashed.update(piece)
            place += len(piece)
            yield piece
    if place != head.original_bytes or hashed.digest() != head.original_sha256:
        raise DeltaDamaged("the rebuilt file is not the original")


def _pieces(source: Bytes, start: int, length: int) -> Iterator[bytes]:
    done = 0
    while done < length:
        piece = source.at(start + done, min(length - done, _PART_BYTES))
        if not piece:
            raise DeltaDamaged("it belongs to another file")
        yield piece
        done += len(piece)


def _encoded(head: DeltaHead, packed: bytes, literals: bytes) -> bytes:
    fixed = _HEAD.pack(
        _MAGIC,
        _VERSION,
        head.original_bytes,
        head.original_sha256,
        head.tagged_bytes,
        head.tagged_sha256,
        len(packed),
        len(literals),
    )
    content = fixed + zlib.compress(packed + literals)
    return content + _CHECKSUM.pack(zlib.crc32(content))


def _decoded(delta: bytes) -> tuple[DeltaHead, bytes, bytes]:
    if len(delta) < _HEAD.size + _CHECKSUM.size:
        raise DeltaDamaged("too short")
    content, checksum = delta[: -_CHECKSUM.size], delta[-_CHECKSUM.size :]
    if _CHECKSUM.pack(zlib.crc32(content)) != checksum:
        raise DeltaDamaged("its checksum does not match")
    magic, version, *known, runs_bytes, literal_bytes = _HEAD.unpack_from(content)
    if magic != _MAGIC or version != _VERSION:
        raise DeltaDamaged(f"version {version} of {magic!r} is not known")
    unpacker = zlib.decompressobj()
    try:
        body = unpacker.decompress(content[_HEAD.size :], runs_bytes + literal_bytes + 1)
    except zlib.error as error:
        raise DeltaDamaged(str(error)) from error
    if len(body) != runs_bytes + literal_bytes or runs_bytes % _RUN_BYTES:
        raise DeltaDamaged("its sizes don't fit")
    return DeltaHead(*known), body[:runs_bytes], body[runs_bytes:]


def _sha256(file: BinaryIO) -> bytes:
    hashed = hashlib.sha256()
    source = Bytes(file.fileno())
    for piece in _pieces(source, 0, source.size):
        hashed.update(piece)
    return hashed.digest()
