"""Find what a file has in common with a changed copy of it.

Long runs are found wherever they moved (rsync's idea: hashes of the copy's blocks, looked up at every byte of
the original), and followed through small differences, such as the page numbers of an Ogg file.
"""

import os
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

_Hashes: TypeAlias = npt.NDArray[np.uint64]

_BLOCK_BYTES = 1_024
"""Runs twice as long are always found; shorter ones may be stored instead."""
_SHORTEST_RUN_BYTES = 32
_NEAR_BYTES = 64
"""A difference this short is stepped over: an Ogg page's number and checksum are 8 bytes."""
_FIRST_CHUNK_BYTES = 1 << 14
_CHUNK_BYTES = 1 << 18
_MOST_FALSE_HITS = 16
"""Blocks that only hash alike; a chunk with more is a trap, and is stored."""
_MULTIPLIER = 0x9E3779B97F4A7C15
"""Odd, so that it has an inverse modulo 2**64."""
_BYTE_VALUES: _Hashes = np.random.default_rng(0x5350).integers(0, 2**64, 256, np.uint64)


@dataclass(frozen=True, slots=True)
class Run:
    """Bytes of the original, in order: in the copy too, or (`shift` None) only here."""

    start: int
    length: int
    shift: int | None
    """Where in the copy, relative to where in the original."""


class Bytes:
    """An open file's bytes at any place; shorter where it ends."""

    def __init__(self, file_number: int) -> None:
        self._file_number = file_number
        self.size = os.fstat(file_number).st_size

    def at(self, place: int, length: int) -> bytes:
        """Return bytes, none before the start. Raises OSError."""
        if place < 0:
            return b""
        return os.pread(self._file_number, length, place)


def find_runs(original: Bytes, copy: Bytes) -> Iterator[Run]:
    """Yield the original as runs, one behind the other. Raises OSError."""
    blocks: _Blocks | None = None
    place, shift = 0, 0
    while place < original.size:
        length = _common(original, place, copy, place + shift)
        if length >= _SHORTEST_RUN_BYTES:
            yield Run(place, length, shift)
            place += length
            continue
        if skipped := _near(original, place, copy, place + shift):
            yield Run(place, skipped, None)
            place += skipped
            continue
        blocks = blocks or _Blocks(copy)
        found = yield from _search(original, place, blocks)
        if found is None:
            return
        place, shift = found


def _search(original: Bytes, place: int, blocks: "_Blocks") -> Generator[Run, None, tuple[int, int] | None]:
    """Yield what is only in the original until a block of the copy begins; return (place, shift), or None."""
    chunk_bytes = _FIRST_CHUNK_BYTES
    while place < original.size:
        chunk = original.at(place, chunk_bytes + _BLOCK_BYTES - 1)
        if not chunk:
            return None  # it shrank meanwhile; the check of the whole will tell
        hit = blocks.first_in(chunk)
        if hit:
            offset, found_at = hit
            back = _common_before(chunk[:offset], blocks.copy, found_at)
            if offset > back:
                yield Run(place, offset - back, None)
            return place + offset - back, found_at - offset - place
        done = min(len(chunk), chunk_bytes)
        yield Run(place, done, None)
        place += done
        chunk_bytes = min(2 * chunk_bytes, _CHUNK_BYTES)
    return None


class _Blocks:
    """The copy's blocks, by hash."""

    def __init__(self, copy: Bytes) -> None:
        self.copy = copy
        count = copy.size // _BLOCK_BYTES
        hashes = np.empty(count, np.uint64)
        powers = _powers(_MULTIPLIER, _BLOCK_BYTES)
        step = _CHUNK_BYTES // _BLOCK_BYTES
        for first in range(0, count, step):
            content = copy.at(first * _BLOCK_BYTES, min(step, count - first) * _BLOCK_BYTES)
            values = _BYTE_VALUES[np.frombuffer(content, np.uint8)].reshape(-1, _BLOCK_BYTES)
            hashes[first : first + len(values)] = (values * powers).sum(axis=1, dtype=np.uint64)
        self._order = np.argsort(hashes, kind="stable")
        self._hashes = hashes[self._order]

    def first_in(self, chunk: bytes) -> tuple[int, int] | None:
        """Return where in the chunk, and where in the copy, the first common block begins."""
        windows = _window_hashes(chunk)
        if not len(self._hashes) or not len(windows):
            return None
        indexes = np.minimum(np.searchsorted(self._hashes, windows), len(self._hashes) - 1)
        hits = np.flatnonzero(self._hashes[indexes] == windows)
        for offset in hits[:_MOST_FALSE_HITS].tolist():
            found_at = int(self._order[indexes[offset]]) * _BLOCK_BYTES
            if self.copy.at(found_at, _BLOCK_BYTES) == chunk[offset : offset + _BLOCK_BYTES]:
                return offset, found_at
        return None


def _window_hashes(chunk: bytes) -> _Hashes:
    """Return the hash of every block of the chunk, at every byte: sum of value * multiplier ** place."""
    count = len(chunk) - _BLOCK_BYTES + 1
    if count <= 0:
        return np.empty(0, np.uint64)
    values = _BYTE_VALUES[np.frombuffer(chunk, np.uint8)] * _powers(_MULTIPLIER, len(chunk))
    sums = np.concatenate((np.zeros(1, np.uint64), np.add.accumulate(values)))
    shifted = sums[_BLOCK_BYTES:] - sums[:count]
    hashes: _Hashes = shifted * _powers(pow(_MULTIPLIER, -1, 2**64), count)
    return hashes


def _powers(base: int, count: int) -> _Hashes:
    factors = np.full(count, base, np.uint64)
    factors[0] = 1
    powers: _Hashes = np.multiply.accumulate(factors)
    return powers


def _common(original: Bytes, place: int, copy: Bytes, copy_place: int) -> int:
    """Return how many bytes from there on are equal."""
    length, step = 0, 4_096
    while True:
        ours, theirs = original.at(place + length, step), copy.at(copy_place + length, step)
        count = min(len(ours), len(theirs))
        different = _differences(ours[:count], theirs[:count])
        if len(different):
            return length + int(different[0])
        length += count
        if count < step:
            return length
        step = min(2 * step, 1 << 20)


def _common_before(ours: bytes, copy: Bytes, copy_place: int) -> int:
    """Return how many of the last of these bytes stand before a place of the copy too."""
    length = min(len(ours), copy_place)
    theirs = copy.at(copy_place - length, length)
    if len(theirs) < length:
        return 0
    different = _differences(ours[len(ours) - length :], theirs)
    return length - 1 - int(different[-1]) if len(different) else length


def _near(original: Bytes, place: int, copy: Bytes, copy_place: int) -> int:
    """Return how many bytes differ before the two go on alike; 0 if they don't soon."""
    ours, theirs = original.at(place, 2 * _NEAR_BYTES), copy.at(copy_place, 2 * _NEAR_BYTES)
    if len(ours) < 2 * _NEAR_BYTES or len(theirs) < 2 * _NEAR_BYTES:
        return 0
    last = int(_differences(ours, theirs)[-1])
    return last + 1 if last < _NEAR_BYTES else 0


def _differences(ours: bytes, theirs: bytes) -> npt.NDArray[np.intp]:
    if ours == theirs:
        return np.empty(0, np.intp)
    return np.flatnonzero(np.frombuffer(ours, np.uint8) != np.frombuffer(theirs, np.uint8))
