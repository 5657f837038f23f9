"""Merge segments into one, without what is removed from them: when, and how in bounded memory."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from engine.lookup import LiveSegment
from engine.manifest import Manifest, SegmentEntry, new_segment_name
from engine.segment import (
    FRAME_BITS,
    MAX_POSTINGS,
    MIN_BUCKET_BITS,
    RECORDING_BITS,
    RecordingTable,
    open_segment,
)
from engine.segment_writer import write_sorted

FAN_IN = 4
"""Segments of one tier that are merged: a tier is four times the one below, so every posting is rewritten
once a tier and a look-up meets at most three segments of each."""
LOWEST_TIER_POSTINGS = 1 << 16
"""Ten tracks: all smaller segments are one tier."""
REMOVED_SHARE = 0.25
"""A segment with more of its recordings removed is rewritten alone."""
CHUNK_POSTINGS = 1 << 20
"""Sorted at a time: 8 MB, and about five times that for the steps around it."""

_GROUP_BITS = 32 - MIN_BUCKET_BITS
"""A group of buckets is what the smallest segment calls one bucket: no segment's bucket crosses its edge."""


@dataclass(frozen=True, slots=True)
class MergePlan:
    """What is to be merged, as it was when planned. Small and picklable: another process may do it."""

    folder: Path
    stamp: str
    sources: tuple[SegmentEntry, ...]
    target: str
    """Name of the file to be written."""


@dataclass(frozen=True, slots=True)
class _Source:
    """A segment with the places its recordings take in the merged one."""

    live_segment: LiveSegment
    ordinals: npt.NDArray[np.int64]
    """[shape=(recordings,)], -1: removed."""
    group_starts: npt.NDArray[np.int64]
    """[shape=(groups + 1,)], position of each group's first posting."""


def plan_merge(folder: Path, manifest: Manifest) -> MergePlan | None:
    """Return the merge that is due, the smallest first; None when all is well."""
    tiers: defaultdict[int, list[SegmentEntry]] = defaultdict(list)
    for entry in sorted(manifest.segments, key=lambda entry: (entry.postings, entry.name)):
        tiers[(entry.postings // LOWEST_TIER_POSTINGS).bit_length() // 2].append(entry)
    for _, entries in sorted(tiers.items()):
        sources = _that_fit(entries)
        if len(sources) >= FAN_IN:
            return MergePlan(folder, manifest.stamp, sources, new_segment_name())
    for entry in manifest.segments:
        if len(entry.removed) > REMOVED_SHARE * entry.recordings:
            return MergePlan(folder, manifest.stamp, (entry,), new_segment_name())
    return None


def run_merge(plan: MergePlan) -> Path:
    """Write the merged segment and return its path; the index doesn't know it until `commit_merge`.

    Raises FileNotFoundError when the index has changed so that a source is gone, IndexDamaged when one
    does not check out (damage must not get a new, valid checksum), OSError (nothing left behind).
    """
    live_segments = []
    for entry in plan.sources:
        segment = open_segment(plan.folder / entry.name, stamp=plan.stamp, crc32=entry.crc32)
        segment.verify()
        live_segments.append(LiveSegment.without(segment, entry.removed))
    recordings = _merged_table(live_segments)
    sources = [_source(each, recordings.ids) for each in live_segments]
    path = plan.folder / plan.target
    write_sorted(path, recordings, _merged_chunks(sources, len(recordings.ids)), stamp=plan.stamp)
    return path


def _that_fit(entries: Sequence[SegmentEntry]) -> tuple[SegmentEntry, ...]:
    """Return the leading entries whose merger one segment can hold."""
    postings = np.cumsum([entry.postings for entry in entries])
    recordings = np.cumsum([entry.recordings for entry in entries])
    fit = np.count_nonzero((postings <= MAX_POSTINGS) & (recordings <= 1 << RECORDING_BITS))
    return tuple(entries[: int(fit)])


def _merged_table(live_segments: Sequence[LiveSegment]) -> RecordingTable:
    """Return the live recordings of all, by id."""
    tables = [each.segment.recordings for each in live_segments]
    kept = [slice(None) if each.live is None else each.live for each in live_segments]
    pairs = list(zip(tables, kept, strict=True))
    ids = np.concatenate([table.ids[live] for table, live in pairs])
    order = np.argsort(ids, kind="stable")
    return RecordingTable(
        ids=ids[order],
        frame_counts=np.concatenate([table.frame_counts[live] for table, live in pairs])[order],
        posting_counts=np.concatenate([table.posting_counts[live] for table, live in pairs])[order],
    )


def _source(live_segment: LiveSegment, merged_ids: npt.NDArray[np.int64]) -> _Source:
    """Return where a segment's recordings go, and where its groups begin."""
    segment = live_segment.segment
    ordinals = np.searchsorted(merged_ids, segment.recordings.ids)
    if live_segment.live is not None:
        ordinals[~live_segment.live] = -1
    group_starts = segment.bucket_starts[:: 1 << (segment.bucket_bits - MIN_BUCKET_BITS)].astype(np.int64)
    return _Source(live_segment, ordinals, group_starts)


def _merged_chunks(
    sources: Sequence[_Source], recordings: int
) -> Iterator[tuple[npt.NDArray[np.uint32], npt.NDArray[np.uint64]]]:
    """Yield all live postings, sorted, a few groups at a time (at least one, whatever its size)."""
    place_bits = FRAME_BITS + max(recordings - 1, 0).bit_length()
    # A key of 64 bits holds hash - base, ordinal and frame: this many groups are left to the first.
    widest = 1 << (64 - place_bits - _GROUP_BITS)
    ends = np.sum([source.group_starts for source in sources], axis=0)
    first, groups = 0, len(ends) - 1
    while first < groups:
        fitting = int(np.searchsorted(ends, ends[first] + CHUNK_POSTINGS, side="right")) - 1
        last = min(max(fitting, first + 1), first + widest, groups)
        base = np.uint64(first << _GROUP_BITS)
        keys = np.concatenate([_keys(source, first, last, base, place_bits) for source in sources])
        keys.sort()
        mixed = (keys >> np.uint64(place_bits)) + base
        yield mixed.astype(np.uint32), keys & np.uint64((1 << place_bits) - 1)
        first = last


def _keys(source: _Source, first: int, last: int, base: np.uint64, place_bits: int) -> npt.NDArray[np.uint64]:
    """Return [mixed hash - base | merged ordinal | frame] of a source's live postings in some groups."""
    segment = source.live_segment.segment
    words = segment.words[source.group_starts[first] : source.group_starts[last]]
    buckets_per_group = 1 << (segment.bucket_bits - MIN_BUCKET_BITS)
    buckets = np.arange(first * buckets_per_group, last * buckets_per_group, dtype=np.uint64)
    starts = segment.bucket_starts[first * buckets_per_group : last * buckets_per_group + 1]
    mixed = np.repeat(buckets << np.uint64(32 - segment.bucket_bits), np.diff(starts))
    mixed |= words >> np.uint64(32 + segment.bucket_bits)
    old_ordinals, frames = segment.split(words)
    ordinals = source.ordinals[old_ordinals]
    keys = (
        (mixed - base) << np.uint64(place_bits) | ordinals.astype(np.uint64) << np.uint64(FRAME_BITS) | frames
    )
    return keys if source.live_segment.live is None else keys[ordinals >= 0]
