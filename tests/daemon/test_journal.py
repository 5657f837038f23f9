"""The journal tells what was written, is made true again after a kill, and keeps guesses from spreading."""

import asyncio
import os
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import mutagen
import pytest
from ingesting import look, recordings_by_name, rows
from synth import music as tune
from synth import write_audio
from tagged_files import make
from waiting import changed, until

from daemon.change_rows import Change
from daemon.change_undoing import Undone
from daemon.config import Config
from daemon.safe_write import Prepared, commit, prepare, prepare_restore
from daemon.services import Services
from daemon.tag_fields import TagFields

FIELDS = TagFields(title="A Song", artist="Somebody", album="An Album")


@pytest.fixture
def config(config: Config) -> Config:
    """Files may be written at once."""
    return changed(config, "tagging", quiet_s=0.0)


@dataclass(frozen=True, slots=True)
class Begun:
    """A change that was journaled, and not yet put in place."""

    path: Path
    change_id: int
    prepared: Prepared


def prepared_of(path: Path) -> Prepared:
    prepared = prepare(path, FIELDS, quiet_s=0)
    assert prepared is not None
    return prepared


async def file_id_of(services: Services, path: Path) -> int:
    found = await services.journal.file_at(os.fsencode(path.parent), os.fsencode(path.name))
    assert found is not None
    return found


async def applied(services: Services, path: Path, recording_id: int | None = None) -> Change:
    change = await services.tagging.apply(
        await file_id_of(services, path),
        FIELDS,
        cause="identified",
        recording_id=recording_id,
        evidence={"votes": 12},
    )
    assert isinstance(change, Change), change
    return change


async def begin(services: Services, path: Path) -> Begun:
    """Do what comes before the rename, as a run that is killed then."""
    file = await services.journal.file(await file_id_of(services, path))
    assert file is not None
    prepared = await asyncio.to_thread(prepared_of, path)
    change_id = await services.journal.begin(
        file, prepared, cause="identified", recording_id=None, evidence={"votes": 12}
    )
    assert change_id is not None
    return Begun(path, change_id, prepared)


async def ended(services: Services, change_id: int) -> tuple[str, str | None]:
    change = await services.journal.change(change_id)
    assert change is not None
    return change.status, change.error


async def is_reference(services: Services, path: Path) -> bool:
    recording = (await recordings_by_name(services))[path.name]
    assert isinstance(recording, int)
    return (await services.store.described([recording]))[recording].is_reference


@pytest.fixture
async def begun(services: Services, music: Path) -> Begun:
    """A change that is open when Spectra starts."""
    path = make(music, "mp3")
    make(music, "ogg")
    await look(services, music)
    return await begin(services, path)


async def test_a_change_that_was_not_written_is_abandoned_at_the_start(
    services: Services, music: Path, begun: Begun
) -> None:
    await services.tagging.recover()
    assert await ended(services, begun.change_id) == (
        "abandoned",
        "Spectra was stopped before it was written",
    )
    assert await services.journal.open_changes() == []
    assert (await look(services, music)).changed == 0


async def test_a_change_that_was_written_is_done_at_the_start(
    services: Services, music: Path, begun: Begun
) -> None:
    await asyncio.to_thread(commit, begun.prepared, quiet_s=0)
    assert (await look(services, music)).changed == 1  # seen, but not taken for somebody's change
    said = "SELECT tags ->> 'title' FROM files WHERE path LIKE '%mp3'::bytea"
    assert await rows(services, said) == [("Track 01",)]  # not fingerprinted anew
    await services.tagging.recover()
    assert await ended(services, begun.change_id) == ("done", None)
    assert (await look(services, music)).changed == 0
    [row] = await rows(
        services, "SELECT naming, tags ->> 'title', attempts FROM files WHERE path LIKE '%mp3'::bytea"
    )
    assert row == ("named", "A Song", 0)
    assert isinstance(await services.tagging.undo(begun.change_id), Undone)


async def test_a_file_that_somebody_changed_meanwhile_is_theirs(
    services: Services, music: Path, begun: Begun
) -> None:
    begun.path.write_bytes(make(music, "mp3-v23").read_bytes())
    seen = await look(services, music)
    assert seen.again == {os.fsencode(begun.path.name)}  # the journal has the first word
    await services.tagging.recover()
    status, error = await ended(services, begun.change_id)
    assert (status, "another program changed the file" in str(error)) == ("abandoned", True)
    seen = await look(services, music)
    assert (seen.changed, seen.again) == (1, frozenset())
    assert (await look(services, music)).changed == 0


async def test_a_root_that_is_offline_is_left_for_later(
    services: Services, music: Path, begun: Begun, tmp_path: Path
) -> None:
    music.rename(tmp_path / "unmounted")
    await services.tagging.recover()
    assert await ended(services, begun.change_id) == ("prepared", None)
    (tmp_path / "unmounted").rename(music)
    await services.tagging.recover()
    assert (await ended(services, begun.change_id))[0] == "abandoned"


@pytest.mark.parametrize("is_restored", [False, True])
async def test_an_undo_that_was_cut_short_is_settled_at_the_start(
    services: Services, music: Path, is_restored: bool
) -> None:
    path = make(music, "flac")
    before = path.read_bytes()
    await look(services, music)
    change = await applied(services, path)
    assert await services.journal.begin_undo(change.change_id)
    assert not await services.journal.begin_undo(change.change_id)
    staged = await asyncio.to_thread(prepare_restore, path, await services.journal.delta(change.change_id))
    if is_restored:
        await asyncio.to_thread(commit, staged, quiet_s=0)
    await services.tagging.recover()
    status, error = await ended(services, change.change_id)
    if is_restored:
        assert (status, error, path.read_bytes() == before) == ("undone", None, True)
    else:
        assert (status, error) == ("done", "Spectra was stopped before it was written")
        assert isinstance(await services.tagging.undo(change.change_id), Undone)
    assert (await look(services, music)).changed == 0
    assert await rows(services, "SELECT naming FROM files") == [("unknown",)]


async def test_what_killed_runs_left_is_swept_while_others_are_written(
    services: Services, music: Path, begun: Begun
) -> None:
    assert begun.prepared.temporary.exists()
    services.tagging.sweep([music])
    await services.tagging.recover()
    await applied(services, begun.path)
    await until(
        lambda: asyncio.to_thread(lambda: [each for each in music.iterdir() if each.name[0] == "."] == [])
    )


async def test_an_undo_rejects_the_pair_of_sounds(services: Services, music: Path) -> None:
    path = make(music, "mp3")
    write_audio(music / "reference.flac", tune(7, 8), tags={"title": "A Song", "artist": "Somebody"})
    await look(services, music)
    ids = await recordings_by_name(services)
    reference = ids["reference.flac"]
    assert isinstance(reference, int)
    change = await applied(services, path, reference)
    assert await services.journal.derived_from(reference) == [change.change_id]
    assert isinstance(await services.tagging.undo(change.change_id), Undone)
    assert await rows(services, "SELECT file_recording_id, recording_id FROM rejections") == [
        (ids["mp3.mp3"], reference)
    ]
    assert await services.journal.derived_from(reference) == []


async def test_a_guess_names_no_other_file_until_a_person_confirms_it(
    services: Services, music: Path
) -> None:
    path = make(music, "flac")
    await look(services, music)
    change = await applied(services, path)
    assert not await is_reference(services, path)
    shutil.copy(path, music / "copy.flac")
    await look(services, music)
    assert not await is_reference(services, path)

    tagged = mutagen.File(path)
    tagged["GENRE"] = "Polka"  # as a ReplayGain scanner or an editor would: the name is still our guess
    tagged.save()
    await look(services, music)
    assert not await is_reference(services, path)

    assert await services.journal.confirm(change.change_id)
    assert await is_reference(services, path)
    assert not await services.journal.confirm(10**9)


async def test_a_title_that_a_person_wrote_over_a_guess_is_theirs(services: Services, music: Path) -> None:
    path = make(music, "flac")
    await look(services, music)
    await applied(services, path)
    tagged = mutagen.File(path)
    tagged["TITLE"] = "Mine"
    tagged.save()
    await look(services, music)
    assert await is_reference(services, path)


async def test_a_copy_of_an_undone_guess_is_no_reference(services: Services, music: Path) -> None:
    path = make(music, "flac")
    await look(services, music)
    change = await applied(services, path)
    shutil.copy(path, music / "copy.flac")
    assert isinstance(await services.tagging.undo(change.change_id), Undone)
    await look(services, music)
    assert not await is_reference(services, path)


async def test_undoing_a_confirmed_name_tells_what_was_derived_from_it(
    services: Services, music: Path
) -> None:
    named, other = make(music, "flac"), make(music, "mp3")
    await look(services, music)
    change = await applied(services, named)
    await services.journal.confirm(change.change_id)
    source = (await recordings_by_name(services))[named.name]
    assert isinstance(source, int)
    derived = await applied(services, other, source)
    undone = await services.tagging.undo(change.change_id)
    assert isinstance(undone, Undone)
    assert undone.derived == (derived.change_id,)
    assert undone.change.confirmed_at is None
    assert not await is_reference(services, named)


async def test_changes_are_listed_latest_first_by_file_and_time_in_pages(
    services: Services, music: Path
) -> None:
    one, two = make(music, "flac"), make(music, "mp3")
    await look(services, music)
    ids = [(await applied(services, path)).change_id for path in (one, two)]
    assert isinstance(await services.tagging.undo(ids[0]), Undone)
    ids.append((await applied(services, one)).change_id)

    async def listed(**wanted: object) -> list[int]:
        return [each.change_id for each in await services.journal.changes(**wanted)]  # type: ignore[arg-type]

    assert await listed() == ids[::-1]
    assert await listed(limit=2) == [ids[2], ids[1]]
    assert await listed(before_id=ids[1]) == [ids[0]]
    root = os.fsencode(music)
    assert await listed(file=(root, os.fsencode(one.name))) == [ids[2], ids[0]]
    assert await listed(file=(root, b"never there")) == []
    now = datetime.now(UTC)
    assert await listed(since=now + timedelta(hours=1)) == []
    assert await listed(since=now - timedelta(hours=1)) == ids[::-1]
    # its row goes when the file is forgotten; its history stays, at the place where it was
    await rows(services, f"UPDATE changes SET file_id = NULL WHERE change_id = {ids[0]}")
    assert await listed(file=(root, os.fsencode(one.name))) == [ids[2], ids[0]]


async def test_files_know_their_naming_and_whether_they_came_later(services: Services, music: Path) -> None:
    make(music, "flac-untagged")
    write_audio(music / "named.flac", tune(1, 8), tags={"title": "A", "artist": "B", "album": "C"})
    write_audio(music / "partly.flac", tune(2, 8), tags={"title": "A", "artist": "B"})
    await look(services, music)
    write_audio(music / "later.flac", tune(3, 8))
    await look(services, music)
    found = await rows(services, "SELECT path, naming, arrived_later FROM files ORDER BY path")
    assert found == [
        (b"flac-untagged.flac", "unknown", False),
        (b"later.flac", "unknown", True),
        (b"named.flac", "named", False),
        (b"partly.flac", "incomplete", False),
    ]
