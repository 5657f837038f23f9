"""Change the index: segments, what is removed from them, one writer and any number of `IndexReader`s.

Derived from the stored constellations: it may be wiped at any time and built again. Every change is a new
manifest, swapped in as a whole; the files it no longer lists are deleted after that (readers that map them
keep them), or by the next writer when this one dies. A change that raised has not happened.
"""

import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import numpy.typing as npt

from engine.errors import IndexDamaged, IndexStale
from engine.lookup import open_all, total_size
from engine.manifest import (
    MANIFEST_NAME,
    NOTHING,
    SEGMENT_NAME,
    Manifest,
    SegmentEntry,
    derived_files,
    lock_folder,
    new_segment_name,
    read_manifest,
    write_manifest,
)
from engine.merging import MergePlan, plan_merge
from engine.model import Fingerprint, IndexSize
from engine.segment import open_segment
from engine.segment_writer import Postings, write_segment


class IndexWriter:
    """Changes the index of a folder; there is one at a time."""

    def __init__(self, folder: Path, *, stamp: str) -> None:
        """Open the folder's index, an empty one where nothing is; delete what a crash left behind.

        `stamp` names all that hashes depend on. Raises IndexStale when the index has another one,
        IndexDamaged, IndexLocked, OSError.
        """
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._lock = lock_folder(folder)
        try:
            self._manifest = self._read_or_create(stamp)
            try:
                self._live = open_all(folder, self._manifest, NOTHING, {})
            except FileNotFoundError as error:
                raise IndexDamaged(str(error.filename), "the manifest lists it, it is gone") from None
            listed = {MANIFEST_NAME, *self._live}
            for path in derived_files(folder):
                if path.name not in listed:
                    path.unlink(missing_ok=True)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let another writer in; this one must not be used again."""
        if self._lock >= 0:
            os.close(self._lock)
        self._lock = -1

    @property
    def generation(self) -> int:
        """Return how many changes made this index."""
        return self._manifest.generation

    @property
    def size(self) -> IndexSize:
        """Return what is live."""
        return total_size(self._live.values())

    def recording_ids(self) -> npt.NDArray[np.int64]:
        """Return the ids of all live recordings, ascending."""
        return np.sort(np.concatenate([np.empty(0, np.int64), *(each.ids for each in self._live.values())]))

    def is_in_place(self) -> bool:
        """Tell whether manifest and segments are there as this writer wrote them; raise OSError."""
        try:
            manifest, _ = read_manifest(self._folder)
        except (FileNotFoundError, IndexDamaged):
            return False
        return manifest == self._manifest and all((self._folder / name).exists() for name in self._live)

    def add(self, batch: Sequence[tuple[int, Fingerprint]]) -> None:
        """Add recordings as one new segment.

        Raises ValueError for an id that is already there and for what the format can't hold, OSError.
        """
        if not batch:
            return
        postings = Postings.from_fingerprints(batch)
        for each in self._live.values():
            present = np.intersect1d(postings.recording_ids, each.ids)
            if len(present):
                raise ValueError(f"recording {present[0]} is in the index already; remove it first")
        path = self._folder / new_segment_name()
        try:
            write_segment(path, postings, stamp=self._manifest.stamp)
            self._commit((*self._manifest.segments, self._entry(path.name)))
        except BaseException:
            self._discard(path)
            raise

    def remove(self, recording_ids: Sequence[int]) -> None:
        """Remove recordings; unknown ids are ignored. Raises OSError."""
        wanted = np.array(recording_ids, np.int64)
        entries = []
        for entry in self._manifest.segments:
            gone = np.intersect1d(wanted, self._live[entry.name].ids)
            entries.append(replace(entry, removed=tuple(sorted({*entry.removed, *gone.tolist()}))))
        if tuple(entries) != self._manifest.segments:
            self._commit(tuple(entries))

    def plan_merge(self) -> MergePlan | None:
        """Return the merge that is due; one at a time, so commit it or drop it before the next."""
        return plan_merge(self._folder, self._manifest)

    def commit_merge(self, plan: MergePlan, merged_path: Path) -> None:
        """Put the merged segment in its sources' place; what was removed meanwhile stays removed.

        Raises ValueError when the index no longer has what was merged, IndexDamaged, OSError; the merged
        file is deleted then.
        """
        try:
            entry = self._merged_entry(plan, merged_path)
            merged = {each.name for each in plan.sources}
            kept = tuple(each for each in self._manifest.segments if each.name not in merged)
            self._commit((*kept, entry) if entry.recordings else kept)
        except BaseException:
            self._discard(merged_path)
            raise
        for name in (*merged, plan.target):
            self._discard(self._folder / name)

    def _merged_entry(self, plan: MergePlan, merged_path: Path) -> SegmentEntry:
        """Return the merged segment's entry, with what was removed since; raise ValueError if out of date."""
        current = {entry.name: entry for entry in self._manifest.segments}
        late: set[int] = set()
        for planned in plan.sources:
            entry = current.get(planned.name)
            if entry is None or not set(planned.removed) <= set(entry.removed):
                raise ValueError(f"the merge is out of date: {planned.name} has left the index")
            late |= set(entry.removed) - set(planned.removed)
        expected = sum(each.recordings - len(each.removed) for each in plan.sources)
        merged = self._entry(merged_path.name)
        if merged_path != self._folder / plan.target or merged.recordings != expected:
            raise ValueError(f"{merged_path.name} is not what was planned")
        return replace(merged, removed=tuple(sorted(late)))

    def _entry(self, name: str) -> SegmentEntry:
        """Return the manifest's entry of a segment file just written."""
        segment = open_segment(self._folder / name, stamp=self._manifest.stamp)
        return SegmentEntry(name, segment.crc32, len(segment.recordings.ids), len(segment.words))

    def _commit(self, entries: tuple[SegmentEntry, ...]) -> None:
        """Swap in a manifest with these segments; when that fails, this writer keeps the old state."""
        manifest = replace(self._manifest, generation=self.generation + 1, segments=entries)
        live = open_all(self._folder, manifest, self._manifest, self._live)
        write_manifest(self._folder, manifest)
        self._manifest, self._live = manifest, live

    def _discard(self, path: Path) -> None:
        """Delete a file unless a manifest lists it; what can't be deleted now, the next writer deletes.

        The one on disk may be newer than ours: when the folder could not be synced.
        """
        with suppress(OSError, IndexDamaged):
            on_disk, _ = read_manifest(self._folder)
            if path.name not in {entry.name for entry in (*on_disk.segments, *self._manifest.segments)}:
                path.unlink()

    def _read_or_create(self, stamp: str) -> Manifest:
        """Return the folder's manifest, a new one in a folder without an index."""
        try:
            manifest, _ = read_manifest(self._folder)
        except FileNotFoundError:
            if any(SEGMENT_NAME.fullmatch(path.name) for path in derived_files(self._folder)):
                raise IndexDamaged(str(self._folder / MANIFEST_NAME), "it is missing") from None
            manifest = Manifest(stamp, 1, ())
            write_manifest(self._folder, manifest)
        if manifest.stamp != stamp:
            raise IndexStale(str(self._folder), manifest.stamp, stamp)
        return manifest


def wipe_index(folder: Path) -> None:
    """Delete the index's files, and only those; raise IndexLocked while a writer has it, OSError.

    The manifest goes first: without it nothing of the rest counts.
    """
    if not folder.is_dir():
        return
    lock = lock_folder(folder)
    try:
        (folder / MANIFEST_NAME).unlink(missing_ok=True)
        for path in derived_files(folder):
            path.unlink(missing_ok=True)
    finally:
        os.close(lock)
