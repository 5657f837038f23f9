import os
import pickle
import resource
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from engine import index_reader, merging
from engine.errors import IndexDamaged, IndexLocked, IndexStale
from engine.index import IndexWriter, wipe_index
from engine.index_reader import IndexReader
from engine.manifest import MANIFEST_NAME
from engine.merging import MergePlan, run_merge
from engine.model import Fingerprint, Hits, IndexSize

STAMP = "1:packed"
PLENTY = 1_000_000

Hit = tuple[int, int, int]


def fingerprint(hashes: list[int], frames: list[int] | None = None) -> Fingerprint:
    frames = list(range(len(hashes))) if frames is None else frames
    return Fingerprint(np.array(hashes, np.uint32), np.array(frames, np.uint32), 100)


def found(hits: Hits) -> list[Hit]:
    """Return the hits as sorted (query landmark, recording id, frame)."""
    columns = (hits.landmarks.tolist(), hits.recording_ids.tolist(), hits.frames.tolist())
    return sorted(zip(*columns, strict=True))


def brute_force(model: dict[int, Fingerprint], query: Fingerprint) -> list[Hit]:
    return sorted(
        (landmark, recording_id, int(frame))
        for landmark, wanted in enumerate(query.hashes)
        for recording_id, known in model.items()
        for hash_, frame in zip(known.hashes, known.frames, strict=True)
        if hash_ == wanted
    )


def contents(folder: Path) -> list[Hit]:
    """Return every posting of hashes 0..99 in an index."""
    return found(IndexReader(folder).lookup(fingerprint(list(range(100))), PLENTY))


def derived_names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()} - {"writer.lock"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "index"


@pytest.fixture
def writer(folder: Path) -> Iterator[IndexWriter]:
    with IndexWriter(folder, stamp=STAMP) as opened:
        yield opened


hashes = st.one_of(st.integers(0, 5), st.integers(0, 2**32 - 1))
fingerprints = st.builds(
    lambda pairs: fingerprint([pair[0] for pair in pairs], [pair[1] for pair in pairs]),
    st.lists(st.tuples(hashes, st.integers(0, 2**20 - 1)), max_size=12),
)


class IndexAgainstDictionary(RuleBasedStateMachine):
    """Whatever is done to an index, it finds what a dictionary of fingerprints holds."""

    def __init__(self) -> None:
        super().__init__()
        self.temporary = tempfile.TemporaryDirectory()
        self.folder = Path(self.temporary.name)
        self.writer = IndexWriter(self.folder, stamp=STAMP)
        self.reader = IndexReader(self.folder)
        self.model: dict[int, Fingerprint] = {}
        self.merge: tuple[MergePlan, Path] | None = None

    @rule(batch=st.dictionaries(st.integers(1, 12), fingerprints, min_size=1, max_size=4))
    def add(self, batch: dict[int, Fingerprint]) -> None:
        if batch.keys() & self.model.keys():
            with pytest.raises(ValueError, match="in the index already"):
                self.writer.add(list(batch.items()))
        else:
            self.writer.add(list(batch.items()))
            self.model |= batch

    @rule(recording_ids=st.lists(st.integers(1, 12), max_size=4))
    def remove(self, recording_ids: list[int]) -> None:
        self.writer.remove(recording_ids)
        for recording_id in recording_ids:
            self.model.pop(recording_id, None)

    @precondition(lambda self: self.merge is None)
    @rule()
    def begin_merge(self) -> None:
        if plan := self.writer.plan_merge():
            self.merge = plan, run_merge(pickle.loads(pickle.dumps(plan)))

    @precondition(lambda self: self.merge is not None)
    @rule()
    def commit_merge(self) -> None:
        assert self.merge is not None
        self.writer.commit_merge(*self.merge)
        self.merge = None

    @rule()
    def reopen(self) -> None:
        self.writer.close()
        self.writer = IndexWriter(self.folder, stamp=STAMP)
        self.merge = None

    @rule(query=fingerprints)
    def look_up(self, query: Fingerprint) -> None:
        self.reader.refresh()
        hits = self.reader.lookup(query, PLENTY)
        expected = brute_force(self.model, query)
        assert found(hits) == expected
        counts = np.bincount([hit[0] for hit in expected], minlength=len(query.hashes))
        assert hits.posting_counts.tolist() == counts[: len(query.hashes)].tolist()
        assert hits.looked_up.all()

    @invariant()
    def it_holds_what_the_dictionary_holds(self) -> None:
        assert self.writer.recording_ids().tolist() == sorted(self.model)
        assert self.writer.size == IndexSize(
            recordings=len(self.model),
            postings=sum(len(each.hashes) for each in self.model.values()),
            frames=sum(each.frame_count for each in self.model.values()),
        )

    def teardown(self) -> None:
        self.writer.close()
        self.temporary.cleanup()


IndexAgainstDictionary.TestCase.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
TestIndexAgainstDictionary = IndexAgainstDictionary.TestCase


def test_a_hash_is_looked_up_for_every_landmark_that_has_it(folder, writer):
    writer.add([(7, fingerprint([5, 6], [50, 60]))])
    hits = IndexReader(folder).lookup(fingerprint([5, 9, 5, 6]), PLENTY)
    assert found(hits) == [(0, 7, 50), (2, 7, 50), (3, 7, 60)]
    assert hits.posting_counts.tolist() == [1, 0, 1, 1]
    assert hits.looked_up.tolist() == [True] * 4


def test_an_empty_index_and_an_empty_query_give_no_hits(folder, writer):
    empty = IndexReader(folder).lookup(fingerprint([1, 2]), PLENTY)
    assert found(empty) == []
    assert empty.posting_counts.tolist() == [0, 0]
    writer.add([(1, fingerprint([1]))])
    assert found(IndexReader(folder).lookup(fingerprint([]), PLENTY)) == []


def test_hits_have_the_types_the_model_says(folder, writer):
    writer.add([(1, fingerprint([1]))])
    hits = IndexReader(folder).lookup(fingerprint([1]), PLENTY)
    assert [each.dtype for each in (hits.landmarks, hits.recording_ids, hits.frames)] == ["i4", "i8", "i4"]
    assert [each.dtype for each in (hits.posting_counts, hits.looked_up)] == ["i8", "?"]


def test_the_budget_goes_to_the_rarest_hashes(folder, writer):
    writer.add([(1, fingerprint([1] * 10 + [2] * 3 + [3]))])
    writer.add([(2, fingerprint([1] * 10 + [2] * 3))])
    hits = IndexReader(folder).lookup(fingerprint([1, 2, 3]), 7)
    assert hits.looked_up.tolist() == [False, True, True]
    assert set(hits.landmarks.tolist()) == {1, 2}
    assert hits.posting_counts.tolist() == [20, 6, 1]


def test_the_rarest_known_hash_is_looked_up_without_any_budget(folder, writer):
    writer.add([(1, fingerprint([1] * 10 + [2] * 3))])
    hits = IndexReader(folder).lookup(fingerprint([1, 2, 3]), 0)
    assert hits.looked_up.tolist() == [False, True, True]
    assert hits.posting_counts.tolist() == [10, 3, 0]


@settings(deadline=None)
@given(repeats=st.integers(1, 60), budget=st.integers(10, 100))
def test_a_query_of_one_tone_stays_within_the_budget(tmp_path_factory, repeats, budget):
    folder = tmp_path_factory.mktemp("index")
    with IndexWriter(folder, stamp=STAMP) as writer:
        writer.add([(1, fingerprint([1] * 10))])
    hits = IndexReader(folder).lookup(fingerprint([1] * repeats), budget)
    assert len(hits.landmarks) == 10 * min(repeats, budget // 10)


def test_a_look_up_gives_the_same_order_every_time(folder, writer):
    writer.add([(n, fingerprint([1, 2, 3])) for n in range(5)])
    first, second = (IndexReader(folder).lookup(fingerprint([3, 1, 2]), PLENTY) for _ in range(2))
    assert first.recording_ids.tolist() == second.recording_ids.tolist()
    assert first.landmarks.tolist() == second.landmarks.tolist()


def test_a_removed_recording_can_be_added_again(folder, writer):
    writer.add([(1, fingerprint([1])), (2, fingerprint([1]))])
    writer.remove([1])
    assert contents(folder) == [(1, 2, 0)]
    writer.add([(1, fingerprint([2]))])
    assert contents(folder) == [(1, 2, 0), (2, 1, 0)]


def test_nothing_to_add_or_remove_makes_no_generation(writer):
    before = writer.generation
    writer.add([])
    writer.remove([4, 5])
    assert writer.generation == before


def test_an_id_twice_in_one_batch_is_refused(writer):
    with pytest.raises(ValueError, match="each once"):
        writer.add([(1, fingerprint([1])), (1, fingerprint([2]))])
    assert writer.recording_ids().tolist() == []


def merged(writer: IndexWriter) -> None:
    plan = writer.plan_merge()
    assert plan is not None
    writer.commit_merge(plan, run_merge(plan))


def test_four_small_segments_are_merged_and_their_files_deleted(folder, writer):
    for n in range(4):
        assert writer.plan_merge() is None
        writer.add([(n, fingerprint([n, 50]))])
    before = contents(folder)
    merged(writer)
    assert contents(folder) == before
    assert len(derived_names(folder)) == 2
    assert writer.plan_merge() is None


def test_a_segment_with_much_removed_is_rewritten(folder, writer):
    writer.add([(n, fingerprint([n])) for n in range(8)])
    writer.remove([0, 1])
    assert writer.plan_merge() is None
    writer.remove([2])
    size = sum(path.stat().st_size for path in folder.iterdir())
    merged(writer)
    assert writer.recording_ids().tolist() == [3, 4, 5, 6, 7]
    assert sum(path.stat().st_size for path in folder.iterdir()) < size


def test_a_segment_of_which_nothing_is_left_goes_away(folder, writer):
    writer.add([(1, fingerprint([1]))])
    writer.remove([1])
    merged(writer)
    assert derived_names(folder) == {MANIFEST_NAME}
    assert writer.size == IndexSize(0, 0, 0)


def test_removals_and_adds_during_a_merge_survive_it(folder, writer):
    for n in range(4):
        writer.add([(n, fingerprint([n])), (n + 10, fingerprint([n + 10]))])
    writer.remove([10])
    plan = writer.plan_merge()
    assert plan is not None
    path = run_merge(plan)
    writer.remove([0, 1])
    writer.add([(1, fingerprint([99])), (10, fingerprint([98]))])
    before = contents(folder)
    writer.commit_merge(plan, path)
    assert contents(folder) == before
    assert writer.recording_ids().tolist() == [1, 2, 3, 10, 11, 12, 13]


def test_segments_of_different_bucket_counts_merge_in_many_chunks(folder, writer, monkeypatch):
    rng = np.random.default_rng(3)
    for n in range(4):
        count = 40_000 if n == 2 else 3_000
        hashes = (rng.zipf(1.3, count) % (1 << 24)).astype(np.uint32)
        writer.add([(9 - n, Fingerprint(hashes, rng.integers(0, 7_500, count).astype(np.uint32), 7_500))])
    query = Fingerprint(np.arange(2_000, dtype=np.uint32), np.zeros(2_000, np.uint32), 1)
    before = found(IndexReader(folder).lookup(query, PLENTY))
    monkeypatch.setattr(merging, "CHUNK_POSTINGS", 500)
    merged(writer)
    assert found(IndexReader(folder).lookup(query, PLENTY)) == before
    IndexReader(folder).verify()


def test_a_merge_of_what_has_left_the_index_is_refused(folder, writer):
    for n in range(4):
        writer.add([(n, fingerprint([n]))])
    plan = writer.plan_merge()
    assert plan is not None
    merged(writer)
    shutil.copy(next(folder.glob("*.segment")), folder / plan.target)
    with pytest.raises(ValueError, match="out of date"):
        writer.commit_merge(plan, folder / plan.target)
    assert not (folder / plan.target).exists()
    assert contents(folder) == [(n, n, 0) for n in range(4)]


def test_a_merge_does_not_give_damage_a_valid_checksum(folder, writer):
    for n in range(4):
        writer.add([(n, fingerprint([n]))])
    plan = writer.plan_merge()
    assert plan is not None
    victim = folder / plan.sources[0].name
    content = bytearray(victim.read_bytes())
    content[-24] ^= 1
    victim.write_bytes(content)
    names = derived_names(folder)
    with pytest.raises(IndexDamaged):
        run_merge(plan)
    assert derived_names(folder) == names


def test_a_second_writer_is_refused_until_the_first_closes(folder):
    with IndexWriter(folder, stamp=STAMP), pytest.raises(IndexLocked, match="another process"):
        IndexWriter(folder, stamp=STAMP)
    IndexWriter(folder, stamp=STAMP).close()


def test_an_index_of_other_settings_is_stale(folder):
    IndexWriter(folder, stamp="1:sha1").close()
    with pytest.raises(IndexStale, match="rebuild it"):
        IndexWriter(folder, stamp=STAMP)
    wipe_index(folder)
    IndexWriter(folder, stamp=STAMP).close()


@pytest.mark.parametrize("error", [IndexStale("f", "1", "2"), IndexLocked("f"), IndexDamaged("p", "r")])
def test_errors_survive_pickling(error):
    copy = pickle.loads(pickle.dumps(error))
    assert (type(copy), copy.args, str(copy)) == (type(error), error.args, str(error))


def test_a_reader_sees_a_new_generation_when_it_refreshes(folder, writer):
    reader = IndexReader(folder)
    query = fingerprint([1])
    for n in range(4):
        writer.add([(n, fingerprint([1]))])
    assert found(reader.lookup(query, PLENTY)) == []
    assert reader.refresh()
    assert not reader.refresh()
    assert reader.generation == writer.generation
    assert reader.size == writer.size
    merged(writer)
    writer.remove([0])
    assert len(reader.lookup(query, PLENTY).frames) == 4
    assert reader.refresh()
    assert len(reader.lookup(query, PLENTY).frames) == 3


def test_a_reader_without_an_index_is_empty_until_there_is_one(folder):
    reader = IndexReader(folder)
    assert (reader.generation, reader.stamp, reader.size) == (0, "", IndexSize(0, 0, 0))
    assert not reader.refresh()
    with IndexWriter(folder, stamp=STAMP) as writer:
        writer.add([(1, fingerprint([1]))])
    assert reader.refresh()
    assert reader.stamp == STAMP
    wipe_index(folder)
    assert reader.refresh()
    assert reader.size == IndexSize(0, 0, 0)


def test_a_reader_follows_a_merge_that_deletes_what_it_was_about_to_open(folder, writer, monkeypatch):
    for n in range(4):
        writer.add([(n, fingerprint([n]))])
    original = index_reader.open_all

    def open_after_a_merge(*arguments: Any) -> Any:
        monkeypatch.undo()
        merged(writer)
        return original(*arguments)

    monkeypatch.setattr(index_reader, "open_all", open_after_a_merge)
    reader = IndexReader(folder)
    assert reader.generation == writer.generation
    assert reader.size.recordings == 4


@pytest.mark.parametrize("opening", [IndexReader, lambda folder: IndexWriter(folder, stamp=STAMP)])
def test_a_listed_segment_that_is_gone_is_damage(folder, opening):
    with IndexWriter(folder, stamp=STAMP) as writer:
        writer.add([(1, fingerprint([1]))])
    next(folder.glob("*.segment")).unlink()
    with pytest.raises(IndexDamaged, match="gone"):
        opening(folder)


def test_a_segment_swapped_for_another_valid_one_is_damage(folder, writer):
    writer.add([(1, fingerprint([1]))])
    first = next(folder.glob("*.segment"))
    writer.add([(2, fingerprint([1]))])
    second = next(path for path in folder.glob("*.segment") if path != first)
    first.write_bytes(second.read_bytes())
    with pytest.raises(IndexDamaged, match="another file"):
        IndexReader(folder)


def test_segments_without_a_manifest_are_damage(folder):
    with IndexWriter(folder, stamp=STAMP) as writer:
        writer.add([(1, fingerprint([1]))])
    (folder / MANIFEST_NAME).unlink()
    with pytest.raises(IndexDamaged, match="missing"):
        IndexWriter(folder, stamp=STAMP)
    assert list(folder.glob("*.segment"))


def test_a_manifest_cut_anywhere_or_with_a_changed_bit_is_damage(folder):
    with IndexWriter(folder, stamp=STAMP) as writer:
        writer.add([(1, fingerprint([1])), (2, fingerprint([2]))])
        writer.remove([2])
    path = folder / MANIFEST_NAME
    content = path.read_bytes()
    flipped = [content[:n] + bytes([content[n] ^ 1 << n % 8]) + content[n + 1 :] for n in range(len(content))]
    for damaged in (*(content[:n] for n in range(len(content))), *flipped):
        path.write_bytes(damaged)
        with pytest.raises(IndexDamaged):
            IndexReader(folder)
        with pytest.raises(IndexDamaged):
            IndexWriter(folder, stamp=STAMP)


def test_a_reader_keeps_what_it_has_when_the_manifest_is_damaged(folder, writer):
    writer.add([(1, fingerprint([1]))])
    reader = IndexReader(folder)
    (folder / MANIFEST_NAME).write_bytes(b"{}")
    with pytest.raises(IndexDamaged):
        reader.refresh()
    assert found(reader.lookup(fingerprint([1]), PLENTY)) == [(0, 1, 0)]


def test_a_writer_deletes_what_a_crash_left_and_nothing_else(folder):
    with IndexWriter(folder, stamp=STAMP) as writer:
        writer.add([(1, fingerprint([1]))])
    orphans = [f"{MANIFEST_NAME}.tmp", "0123456789abcdef.segment", "0123456789abcdef.segment.tmp"]
    for name in (*orphans, "notes.txt", "holiday.segment"):
        (folder / name).write_bytes(b"x")
    IndexWriter(folder, stamp=STAMP).close()
    names = derived_names(folder)
    assert not names & set(orphans)
    assert {"notes.txt", "holiday.segment"} < names
    assert contents(folder) == [(1, 1, 0)]


def test_wiping_deletes_the_index_and_nothing_else(folder):
    with IndexWriter(folder, stamp=STAMP) as writer:
        writer.add([(1, fingerprint([1]))])
        with pytest.raises(IndexLocked):
            wipe_index(folder)
    (folder / "notes.txt").write_text("mine")
    wipe_index(folder)
    assert derived_names(folder) == {"notes.txt"}
    wipe_index(folder / "absent")


CHANGES: dict[str, Callable[[IndexWriter], None]] = {
    "add": lambda writer: writer.add([(20, fingerprint([20])), (21, fingerprint([21]))]),
    "remove": lambda writer: writer.remove([0, 1]),
    "merge": merged,
}


def four_segments(folder: Path) -> None:
    with IndexWriter(folder, stamp=STAMP) as writer:
        for n in range(4):
            writer.add([(n, fingerprint([n]))])


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_crash_between_any_two_file_operations_leaves_the_old_or_the_new_index(
    folder, tmp_path, monkeypatch, change
):
    four_segments(folder)
    old, writer = contents(folder), IndexWriter(folder, stamp=STAMP)
    crashes: list[Path] = []

    def crashing_around(operation: Callable[..., object]) -> Callable[..., object]:
        def crash_then_go_on(*arguments: object, **keywords: object) -> object:
            try:
                crashes.append(shutil.copytree(folder, tmp_path / f"crash{len(crashes)}"))
                return operation(*arguments, **keywords)
            finally:
                crashes.append(shutil.copytree(folder, tmp_path / f"crash{len(crashes)}"))

        return crash_then_go_on

    with monkeypatch.context() as patched:
        for name in ("fsync", "replace", "unlink"):
            patched.setattr(os, name, crashing_around(getattr(os, name)))
        change(writer)
    writer.close()
    new = contents(folder)
    assert len(crashes) > 4
    for crashed in crashes:
        assert contents(crashed) in (old, new)
        IndexWriter(crashed, stamp=STAMP).close()
        assert contents(crashed) in (old, new)
        assert not list(crashed.glob("*.tmp"))


@contextmanager
def files_no_longer_than(limit_bytes: int) -> Iterator[None]:
    """Let every write beyond this many bytes of a file fail, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("limit_bytes", [0, 40, 300, 16_500])
@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_full_disk_leaves_the_index_as_it_was(folder, change, limit_bytes):
    four_segments(folder)
    old, names, manifest = contents(folder), derived_names(folder), (folder / MANIFEST_NAME).read_bytes()
    with IndexWriter(folder, stamp=STAMP) as writer:
        ids = writer.recording_ids().tolist()
        try:
            with files_no_longer_than(limit_bytes):
                change(writer)
        except OSError:
            assert contents(folder) == old
            assert derived_names(folder) == names
            assert (folder / MANIFEST_NAME).read_bytes() == manifest
            assert writer.recording_ids().tolist() == ids
            change(writer)
        else:
            assert limit_bytes > len(manifest)


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
@pytest.mark.parametrize("failing", range(6))
def test_a_change_that_any_file_operation_stops_can_be_made_again(folder, monkeypatch, change, failing):
    four_segments(folder)
    calls = iter(range(100))

    def refusing(operation: Callable[..., object]) -> Callable[..., object]:
        def refuse_one(*arguments: object, **keywords: object) -> object:
            if next(calls) == failing:
                raise OSError(5, "Input/output error")
            return operation(*arguments, **keywords)

        return refuse_one

    with IndexWriter(folder, stamp=STAMP) as writer:
        with monkeypatch.context() as patched:
            for name in ("fsync", "replace"):
                patched.setattr(os, name, refusing(getattr(os, name)))
            try:
                change(writer)
                stopped = False
            except OSError:
                stopped = True
        if stopped:
            change(writer)
        ids = writer.recording_ids().tolist()
    with IndexWriter(folder, stamp=STAMP) as reopened:
        assert reopened.recording_ids().tolist() == ids
    assert sorted({hit[1] for hit in contents(folder)}) == ids
