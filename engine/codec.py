"""Constellation to compact bytes, as stored in PostgreSQL, and back.

Layout, little-endian: magic "SPC1" | frame count u32 | peak count u32 | CRC-32 of all the rest u32 | body.
The body is zlib over four planes of one byte per peak: frames since the last peak (255: add 255 and a further
entry follows in the escapes), low byte and high byte of `rank << 10 | bin`, then the escapes (u32 each).
"""

import hashlib
import struct
import zlib

import numpy as np

from engine.errors import CodecError
from engine.model import Peaks

_HEADER = struct.Struct("<4sIII")
_MAGIC = b"SPC1"
_ESCAPE = 255
_BIN_BITS = 10
_RANK_LIMIT = 1 << (16 - _BIN_BITS)
_MOST_PEAKS = 1 << 24
"""15 times what six hours hold: a damaged count must not allocate gigabytes."""


def encode(peaks: Peaks) -> bytes:
    """Return the constellation as bytes: about 2.6 per peak."""
    if len(peaks.bins) and (peaks.bins.max() >= 1 << _BIN_BITS or peaks.ranks.max() >= _RANK_LIMIT):
        raise CodecError("a bin or rank does not fit 16 bits together")
    gaps = np.diff(peaks.frames.astype(np.int64), prepend=0)
    escaped = gaps >= _ESCAPE
    packed = peaks.ranks.astype(np.uint16) << _BIN_BITS | peaks.bins
    planes = (
        np.where(escaped, _ESCAPE, gaps).astype(np.uint8),
        (packed & 0xFF).astype(np.uint8),
        (packed >> 8).astype(np.uint8),
        gaps[escaped].astype("<u4"),
    )
    body = zlib.compress(b"".join(plane.tobytes() for plane in planes), 6)
    checksum = _checksum(peaks.frame_count, len(gaps), body)
    return _HEADER.pack(_MAGIC, peaks.frame_count, len(gaps), checksum) + body


def digest(peaks: Peaks) -> bytes:
    """Return the constellation's identity, SHA-256 of its peaks: `encode` may compress otherwise one day."""
    content = hashlib.sha256(str(peaks.frame_count).encode())
    for column, kind in ((peaks.frames, "<u4"), (peaks.bins, "<u2"), (peaks.ranks, "u1")):
        content.update(column.astype(kind).tobytes())
    return content.digest()


def decode(encoded: bytes) -> Peaks:
    """Return the constellation that `encode` was given.

    Raises
    ------
    CodecError : the bytes are damaged or of another format
    """
    if len(encoded) < _HEADER.size:
        raise CodecError(f"{len(encoded)} bytes are less than a header")
    magic, frame_count, count, checksum = _HEADER.unpack_from(encoded)
    body = memoryview(encoded)[_HEADER.size :]
    if magic != _MAGIC:
        raise CodecError(f"unknown format {magic!r}")
    if count > _MOST_PEAKS or _checksum(frame_count, count, body) != checksum:
        raise CodecError("the checksum does not agree")
    planes = _inflate(body, limit_bytes=count * 7)
    escapes = np.frombuffer(planes[3 * count :], "<u4")
    gaps, low, high = np.frombuffer(planes[: 3 * count], np.uint8).reshape(3, count).astype(np.int64)
    escaped = gaps == _ESCAPE
    if np.count_nonzero(escaped) != len(escapes):
        raise CodecError("escapes and gaps disagree")
    gaps[escaped] = escapes
    frames = np.cumsum(gaps)
    if count and frames[-1] >= frame_count:
        raise CodecError("a peak lies behind the end")
    packed = high << 8 | low
    return Peaks(
        frames=frames.astype(np.uint32),
        bins=(packed & ((1 << _BIN_BITS) - 1)).astype(np.uint16),
        ranks=(packed >> _BIN_BITS).astype(np.uint8),
        frame_count=frame_count,
    )


def _checksum(frame_count: int, peak_count: int, body: bytes | memoryview) -> int:
    return zlib.crc32(body, zlib.crc32(_HEADER.pack(_MAGIC, frame_count, peak_count, 0)))


def _inflate(body: memoryview, *, limit_bytes: int) -> bytes:
    inflater = zlib.decompressobj()
    try:
        planes = inflater.decompress(body, limit_bytes + 1)
    except zlib.error as error:
        raise CodecError(str(error)) from error
    if not inflater.eof or len(planes) * 7 < limit_bytes * 3 or (len(planes) - limit_bytes // 7 * 3) % 4:
        raise CodecError("the body has another length than its peaks need")
    return planes
