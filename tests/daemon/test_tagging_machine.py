"""Whatever Spectra and others do to files, killed anywhere: the journal is true and nothing is lost.

Runs a few seconds. To run it for minutes: MACHINE_EXAMPLES=150 make test PYTEST_ARGS='-k nothing_is_lost'
"""

import asyncio
import hashlib
import os
import shutil
import tempfile
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeVar

import mutagen
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from tagged_files import content

from daemon.answering import Answering
from daemon.audio_digest import audio_digest
from daemon.change_rows import Change
from daemon.change_undoing import Undone
from daemon.db import Database, open_database
from daemon.file_names import AUDIO_EXTENSIONS
from daemon.filetags import read_tags
from daemon.journal import Journal
from daemon.leftovers import is_leftover_name, sweep
from daemon.library import LibraryService
from daemon.own_writes import OwnWrites
from daemon.rows import IngestedFile
from daemon.safe_write import Prepared, commit, prepare, prepare_restore
from daemon.store import Store
from daemon.tag_errors import TagError
from daemon.tag_fields import TagFields
from daemon.tagging import Refused, TaggingService, Unchanged

T = TypeVar("T")

VARIANTS = ("flac", "m4a", "mp3", "mp3-v23", "ogg", "opus", "wav-info")
EXAMPLES = int(os.environ.get("MACHINE_EXAMPLES", "10"))
STEPS = 25

NUMBERS = st.integers(0, 10**6)
NAMES = st.sampled_from(["A Song", "Another", "\u05d0\u05d1 \U0001f3b5"])
FIELDS = st.builds(
    TagFields,
    title=NAMES,
    artist=NAMES,
    album=st.one_of(st.none(), NAMES),
    track=st.one_of(st.none(), st.integers(1, 20)),
)


class InThisProcess:
    """Does a worker's jobs."""

    async def run(self, work: Any, *arguments: Any) -> Any:
        return await asyncio.to_thread(work, *arguments)


def sha256(path: Path) -> bytes:
    return hashlib.sha256(path.read_bytes()).digest()


class Tagging(RuleBasedStateMachine):
    """A daemon without a watcher, two libraries, and somebody who does as they like with the files."""

    conninfo = ""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.stack = AsyncExitStack()
        self.database: Database = self.do(
            self.stack.enter_async_context(open_database(self.conninfo, pool_max=4))
        )
        self.folder = Path(tempfile.mkdtemp(prefix="spectra-machine-"))
        self.roots = [self.folder / "one", self.folder / "two"]
        for root in self.roots:
            root.mkdir()
            (root / "cover.jpg").touch()  # an empty root counts as offline
        self.sounds: dict[bytes, bytes] = {}
        """The sound of each content, by SHA-256: they never change."""
        self.contents: dict[bytes, bytes] = {}
        self.suffixes: dict[bytes, str] = {}
        self.sound_of: dict[Path, bytes] = {}
        """What each file must sound like."""
        self.is_running = True
        """Not since a kill, until the next start; others go on meanwhile."""
        self.theirs: set[int] = set()
        """Files that somebody else wrote to, or that were not ours from the start."""
        self.made = 0
        self.restart()

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)

    def teardown(self) -> None:
        self.do(self.stack.aclose())
        self.runner.close()
        shutil.rmtree(self.folder)

    def restart(self) -> None:
        """Begin anew with what is in the database and on the disk."""
        self.journal = Journal(self.database)
        self.store = Store(self.database)
        own_writes = OwnWrites()
        self.tagging = TaggingService(self.journal, InThisProcess(), own_writes, Answering(), quiet_s=0.0)  # type: ignore[arg-type]
        self.library = LibraryService(
            self.store, AUDIO_EXTENSIONS, self._no_jobs, Answering(), quiet_s=0.0, own_writes=own_writes
        )
        self.do(self.library.start())

    async def _no_jobs(self) -> None:
        return None

    @initialize(variants=st.lists(st.sampled_from(VARIANTS), min_size=1, max_size=3), fields=FIELDS)
    def arrive_first(self, variants: list[str], fields: TagFields) -> None:
        self.do(self._forget_all())
        self.restart()
        for variant in variants:
            self._arrive(variant)
        for number in range(len(variants)):
            self.tag(number, fields, "overwrite")

    async def _forget_all(self) -> None:
        async with self.database.pool.connection() as connection:
            await connection.execute(
                "TRUNCATE libraries, recordings, files, changes RESTART IDENTITY CASCADE"
            )

    def _arrive(self, variant: str) -> None:
        self.made += 1
        path = self.roots[0] / f"{self.made}.{variant.partition('-')[0]}"
        path.write_bytes(content(variant))
        self.sound_of[path] = self._note(path)

    def _note(self, path: Path) -> bytes:
        """Remember a content that somebody wrote; return its sound."""
        digest = sha256(path)
        if digest not in self.contents:
            self.contents[digest], self.suffixes[digest] = path.read_bytes(), path.suffix
            self.sounds[digest] = audio_digest(path, path.name)
        return self.sounds[digest]

    # What Spectra does

    @precondition(lambda self: self.is_running)
    @rule()
    def scan(self) -> None:
        self.do(self._scan())

    async def _scan(self) -> None:
        for root in self.roots:
            await self.library.reconcile(await self.library.add(root, watched=True))
        for file_id in await self.store.pending_without_job(1_000):
            await self._ingest(file_id)

    async def _ingest(self, file_id: int) -> None:
        file = await self.store.pending_file(file_id)
        assert file is not None
        path = Path(os.fsdecode(file.root + b"/" + file.path))
        ingested = IngestedFile(
            digest=self._note(path),
            constellation=b"peaks",
            duration_s=2.0,
            fingerprint_version=1,
            content_hash=sha256(path),
            tags=read_tags(path),
        )
        assert await self.store.save_ingested(file, ingested) is not None

    @precondition(lambda self: self.is_running and self.sound_of)
    @rule(number=NUMBERS, fields=FIELDS, mode=st.sampled_from(["fill", "overwrite"]))
    def tag(self, number: int, fields: TagFields, mode: Any) -> None:
        self.scan()
        path, before = self._chosen(number), self._everything()
        file_id = self._file_id(path)
        result = self.do(
            self.tagging.apply(
                file_id or 10**9, fields, cause="identified", recording_id=None, evidence={}, mode=mode
            )
        )
        after = self._everything()
        if not isinstance(result, Change):
            assert isinstance(result, Unchanged | Refused)
            assert after == before
            return
        assert result.status == "done"
        assert (result.before_sha256, result.after_sha256) == (before[path], after[path])
        assert after.keys() == before.keys()
        assert {each for each in after if after[each] != before[each]} == {path}
        said = read_tags(path)
        assert mode == "fill" or (said.title, said.artist) == (fields.title, fields.artist)

    @precondition(lambda self: self.is_running)
    @rule(number=NUMBERS)
    def undo(self, number: int) -> None:
        changes = self._changes()
        self._undo(changes[number % len(changes)], force=False)

    @precondition(lambda self: self.is_running)
    @rule(number=NUMBERS)
    def undo_by_force(self, number: int) -> None:
        changes = [change for change in self._changes() if change.status == "done"]
        if changes:
            self._undo(changes[number % len(changes)], force=True)

    def _undo(self, change: Change, *, force: bool) -> None:
        before = self._everything()
        result = self.do(self.tagging.undo(change.change_id, force=force))
        after = self._everything()
        changed = {each for each in after if after[each] != before[each]}
        assert after.keys() == before.keys()
        if isinstance(result, Refused):
            assert not changed, result
            return
        assert isinstance(result, Undone)
        assert (result.change.status, len(changed) < 2) == ("undone", True)
        place = Path(os.fsdecode(result.change.place))
        assert changed <= {place}
        if result.restored is None:
            assert after[place] == change.before_sha256
            assert place.read_bytes() == self.contents[change.before_sha256]
        else:
            assert force
            assert result.restored.status == "done"
            assert after[place] == result.restored.after_sha256
            said, wanted = read_tags(place), change.before_tags
            assert (said.title, said.artist) == (wanted.get("title"), wanted.get("artist"))

    @precondition(lambda self: self.is_running and self.sound_of)
    @rule(number=NUMBERS)
    def undo_everything(self, number: int) -> None:
        """Without others in between, it leads back to the very first content."""
        self.start()
        path = self._chosen(number)
        file_id = self._file_id(path)
        own = [change for change in self._changes() if change.file_id == file_id]
        for change in own:
            if change.status == "done" and change.cause != "restored":
                self._undo(change, force=False)
        if own and file_id not in self.theirs:
            assert sha256(path) == own[-1].before_sha256

    # What happens to it

    @precondition(lambda self: self.is_running and self.sound_of)
    @rule(number=NUMBERS, fields=FIELDS, step=st.sampled_from(["prepared", "journaled", "renamed"]))
    def be_killed_while_tagging(self, number: int, fields: TagFields, step: str) -> None:
        path = self._chosen(number)
        file_id = self._file_id(path)
        file = None if file_id is None else self.do(self.journal.file(file_id))
        if (
            file is None
            or file.place != path
            or file.content_hash != sha256(path)
            or file.status != "indexed"
        ):
            return
        made = self._prepared(path, fields)
        if made is None:
            return
        if step != "prepared":
            change_id = self.do(
                self.journal.begin(file, made, cause="identified", recording_id=None, evidence={})
            )
            if change_id is not None and step == "renamed":
                commit(made, quiet_s=0)
        self.is_running = False

    def _prepared(self, path: Path, fields: TagFields) -> Prepared | None:
        try:
            return prepare(path, fields, mode="overwrite", quiet_s=0)
        except TagError:
            return None

    @precondition(lambda self: self.is_running)
    @rule(number=NUMBERS, step=st.sampled_from(["prepared", "journaled", "renamed"]))
    def be_killed_while_undoing(self, number: int, step: str) -> None:
        changes = [change for change in self._changes() if change.status == "done"]
        if not changes:
            return
        change = changes[number % len(changes)]
        path = Path(os.fsdecode(change.place))
        if change.is_missing or not path.exists():
            return
        try:
            staged = prepare_restore(path, self.do(self.journal.delta(change.change_id)))
        except TagError:
            return
        if step != "prepared" and self.do(self.journal.begin_undo(change.change_id)) and step == "renamed":
            commit(staged, quiet_s=0)
        self.is_running = False

    @rule()
    def start(self) -> None:
        """Start as the daemon does, after a kill or not: what was open is settled, nothing is left over."""
        self.restart()
        self.is_running = True
        before = self._everything()
        self.do(self.tagging.recover())
        for root in self.roots:
            assert sweep(root).failed == ()
        for _ in range(2):  # a file that was moved is first found, then settled, then scanned once more
            self.scan()
            self.do(self.tagging.recover())
        self.scan()
        assert self._everything() == before
        assert self.do(self.journal.open_changes()) == []
        left = [name for _, _, names in os.walk(self.folder) for name in names if is_leftover_name(name)]
        assert left == []
        self.do(self._check_rows())

    async def _check_rows(self) -> None:
        """After a scan the rows say what the files are."""
        async with self.database.pool.connection() as connection:
            cursor = await connection.execute(
                "SELECT root, path, content_hash, size_bytes, mtime_ns, tags ->> 'title', files.status::text"
                " FROM files JOIN libraries USING (library_id) WHERE missing_since IS NULL"
            )
            rows = await cursor.fetchall()
        found = {Path(os.fsdecode(bytes(row[0]) + b"/" + bytes(row[1]))): row[2:] for row in rows}
        assert found.keys() == self.sound_of.keys()
        for path, (digest, size_bytes, mtime_ns, title, status) in found.items():
            stamp = path.stat()
            said = (bytes(digest), size_bytes, mtime_ns, title, status)
            assert said == (sha256(path), stamp.st_size, stamp.st_mtime_ns, read_tags(path).title, "indexed")

    # What others do

    @rule(variant=st.sampled_from(VARIANTS))
    def arrive(self, variant: str) -> None:
        self._arrive(variant)

    @precondition(lambda self: self.sound_of)
    @rule(number=NUMBERS, name=st.sampled_from(["title", "genre"]), value=NAMES)
    def edit(self, number: int, name: str, value: str) -> None:
        path = self._touched(number)
        file: Any = mutagen.File(path, easy=True)
        if path.suffix == ".wav":
            file = mutagen.File(path)
            if file.tags is None:
                file.add_tags()
            frame = mutagen.id3.TIT2 if name == "title" else mutagen.id3.TCON
            file.tags.add(frame(encoding=3, text=value))
        else:
            file[name] = value
        file.save()
        self._note(path)

    @precondition(lambda self: self.sound_of)
    @rule(number=NUMBERS, which=NUMBERS)
    def restore_a_backup(self, number: int, which: int) -> None:
        path = self._touched(number)
        earlier = sorted(
            each
            for each in self.contents
            if self.sounds[each] == self.sound_of[path] and self.suffixes[each] == path.suffix
        )
        other = path.with_name("backup")
        other.write_bytes(self.contents[earlier[which % len(earlier)]])
        other.replace(path)

    @precondition(lambda self: self.sound_of)
    @rule(number=NUMBERS, root=st.integers(0, 1))
    def move(self, number: int, root: int) -> None:
        path = self._touched(number) if root else self._chosen(number)
        self.made += 1
        moved = path.rename(self.roots[root] / f"{self.made}{path.suffix}")
        self.sound_of[moved] = self.sound_of.pop(path)

    @precondition(lambda self: self.sound_of)
    @rule(number=NUMBERS)
    def delete(self, number: int) -> None:
        path = self._touched(number)
        path.unlink()
        del self.sound_of[path]

    # What always holds

    @invariant()
    def every_file_sounds_as_it_did(self) -> None:
        for path, sound in self.sound_of.items():
            assert self._note(path) == sound

    @invariant()
    def what_was_written_and_not_touched_since_leads_back_to_the_start(self) -> None:
        by_file: dict[int | None, list[Change]] = {}
        for change in reversed(self._changes()):
            if change.status == "done":
                by_file.setdefault(change.file_id, []).append(change)
        for file_id, changes in by_file.items():
            if file_id is None or file_id in self.theirs:
                continue
            for earlier, later in pairwise(changes):
                assert earlier.after_sha256 == later.before_sha256
            if changes[-1].status == "done" and not self.do(self.journal.open_changes()):
                path = Path(os.fsdecode(changes[-1].place))
                assert not path.exists() or sha256(path) == changes[-1].after_sha256

    def _changes(self) -> list[Change]:
        """Return all changes, latest first."""
        return self.do(self.journal.changes(limit=1_000))

    def _everything(self) -> dict[Path, bytes]:
        return {path: sha256(path) for path in self.sound_of}

    def _chosen(self, number: int) -> Path:
        paths = sorted(self.sound_of)
        return paths[number % len(paths)]

    def _touched(self, number: int) -> Path:
        """Return a file that somebody else is about to write, move away or delete."""
        path = self._chosen(number)
        for change in self._changes():
            if Path(os.fsdecode(change.place)) == path and change.file_id is not None:
                self.theirs.add(change.file_id)
        file_id = self._file_id(path)
        if file_id is not None:
            self.theirs.add(file_id)
        return path

    def _file_id(self, path: Path) -> int | None:
        return self.do(self.journal.file_at(os.fsencode(path.parent), os.fsencode(path.name)))


@pytest.mark.timeout(0 if EXAMPLES > 20 else 120)
def test_whatever_happens_the_journal_is_true_and_nothing_is_lost(conninfo: str) -> None:
    Tagging.conninfo = conninfo
    run_state_machine_as_test(
        Tagging,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            # A shorter example would take minutes.
            phases=list(Phase) if EXAMPLES > 20 else [Phase.generate],
            print_blob=True,
        ),
    )
