"""Look up a fingerprint's hashes in live segments: rarest first, up to a candidate budget."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from engine.errors import IndexDamaged
from engine.manifest import Manifest
from engine.model import Fingerprint, Hits, IndexSize
from engine.segment import Segment, mix, open_segment


@dataclass(frozen=True, slots=True)
class LiveSegment:
    """A segment without the recordings that are removed from it."""

    segment: Segment
    live: npt.NDArray[np.bool_] | None
    """[shape=(recordings,)]; None: all are live."""

    @classmethod
    def without(cls, segment: Segment, removed: Sequence[int]) -> "LiveSegment":
        """Return the segment without these of its recordings; raise IndexDamaged for an unknown one."""
        if not removed:
            return cls(segment, None)
        ids = segment.recordings.ids
        dead = np.isin(ids, np.array(removed, np.int64))
        if np.count_nonzero(dead) != len(removed):
            raise IndexDamaged(str(segment.path), "the manifest removes recordings that it doesn't hold")
        return cls(segment, ~dead)

    @property
    def ids(self) -> npt.NDArray[np.int64]:
        """Return the live recordings' ids, ascending."""
        ids = self.segment.recordings.ids
        return ids if self.live is None else ids[self.live]


@dataclass(frozen=True, slots=True)
class _Gathered:
    """Postings of the hashes looked up. All arrays [shape=(postings,)]."""

    which: npt.NDArray[np.int64]
    """Position in the hashes looked up."""
    recording_ids: npt.NDArray[np.int64]
    frames: npt.NDArray[np.int32]


def open_all(
    folder: Path, manifest: Manifest, known: Manifest, known_live: dict[str, LiveSegment]
) -> dict[str, LiveSegment]:
    """Map a manifest's segments; those that are known and unchanged are taken over.

    Raises IndexDamaged, FileNotFoundError.
    """
    known_entries = {entry.name: entry for entry in known.segments}
    live = {}
    for entry in manifest.segments:
        before = known_entries.get(entry.name)
        if before == entry:
            live[entry.name] = known_live[entry.name]
        elif before is not None and before.crc32 == entry.crc32:
            live[entry.name] = LiveSegment.without(known_live[entry.name].segment, entry.removed)
        else:
            segment = open_segment(folder / entry.name, stamp=manifest.stamp, crc32=entry.crc32)
            live[entry.name] = LiveSegment.without(segment, entry.removed)
    return live


def total_size(segments: Iterable[LiveSegment]) -> IndexSize:
    """Return the live recordings, postings and frames of segments."""
    recordings = postings = frames = 0
    for each in segments:
        table = each.segment.recordings
        kept = slice(None) if each.live is None else each.live
        recordings += len(each.ids)
        postings += int(table.posting_counts[kept].sum(dtype=np.int64))
        frames += int(table.frame_counts[kept].sum(dtype=np.int64))
    return IndexSize(recordings, postings, frames)


def look_up(segments: Sequence[LiveSegment], fingerprint: Fingerprint, candidate_budget: int) -> Hits:
    """Return the live postings of the query's hashes.

    A landmark costs as many candidates as the buckets of its hash hold, removed and foreign postings among
    them: the bucket tables tell without a look at the postings. Repeated hashes cost each time, for each
    gives hits to vote with: a query of one tone must not fill the memory. The rarest landmark that any
    bucket knows is looked up whatever the budget. Raises IndexDamaged.
    """
    # Unique *mixed* hashes: among equally rare ones chance decides, not the frequency in a hash's top bits.
    mixed, hash_of = np.unique(mix(fingerprint.hashes), return_inverse=True)
    buckets = [each.segment.buckets(mixed) for each in segments]
    posting_counts = np.zeros(len(mixed), np.int64)
    for _, sizes in buckets:
        posting_counts += sizes
    looked_up = _within_budget(posting_counts[hash_of], hash_of, candidate_budget)
    members = np.flatnonzero(looked_up)
    members = members[np.argsort(hash_of[members], kind="stable")]
    chosen, copies = np.unique(hash_of[members], return_counts=True)
    gathered = [
        _gather(each, mixed[chosen], starts[chosen], sizes[chosen])
        for each, (starts, sizes) in zip(segments, buckets, strict=True)
    ]
    which = np.concatenate([np.empty(0, np.int64), *(each.which for each in gathered)])
    recording_ids = np.concatenate([np.empty(0, np.int64), *(each.recording_ids for each in gathered)])
    frames = np.concatenate([np.empty(0, np.int32), *(each.frames for each in gathered)])
    posting_counts[chosen] = np.bincount(which, minlength=len(chosen))
    repeats = copies[which]
    return Hits(
        landmarks=members[_ranges((np.cumsum(copies) - copies)[which], repeats)].astype(np.int32),
        recording_ids=np.repeat(recording_ids, repeats),
        frames=np.repeat(frames, repeats),
        posting_counts=posting_counts[hash_of],
        looked_up=looked_up,
    )


def _within_budget(
    costs: npt.NDArray[np.int64], hash_of: npt.NDArray[np.int64], candidate_budget: int
) -> npt.NDArray[np.bool_]:
    """Return which landmarks the budget allows, the cheapest first; one that costs anything at least."""
    order = np.lexsort((hash_of, costs))
    spent = np.cumsum(costs[order])
    kept = max(
        int(np.searchsorted(spent, candidate_budget, side="right")),
        int(np.searchsorted(spent, 0, side="right")) + 1,
    )
    allowed = np.zeros(len(costs), np.bool_)
    allowed[order[:kept]] = True
    return allowed


def _gather(
    live_segment: LiveSegment,
    mixed: npt.NDArray[np.uint32],
    starts: npt.NDArray[np.int64],
    sizes: npt.NDArray[np.int64],
) -> _Gathered:
    """Return the live postings of these hashes, whose buckets are given."""
    segment = live_segment.segment
    words = segment.words[_ranges(starts, sizes)]
    same = np.flatnonzero(
        words >> np.uint64(32 + segment.bucket_bits) == np.repeat(segment.residuals(mixed), sizes)
    )
    which = np.repeat(np.arange(len(mixed)), sizes)[same]
    ordinals, frames = segment.split(words[same])
    if live_segment.live is not None:
        alive = live_segment.live[ordinals]
        which, ordinals, frames = which[alive], ordinals[alive], frames[alive]
    return _Gathered(which, segment.recordings.ids[ordinals], frames.astype(np.int32))


def _ranges(starts: npt.NDArray[np.int64], sizes: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return start, start + 1, .. start + size - 1 of every pair, one after another."""
    ends = np.cumsum(sizes)
    total = int(ends[-1]) if len(ends) else 0
    return np.repeat(starts - (ends - sizes), sizes) + np.arange(total)
