"""From a file in the folder to a recording that is found; what can't be one says why."""

import asyncio
import os
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import mutagen
import pytest
from ingesting import clip_of, failures, indexed_ids, look, match, recordings_by_name, rows
from synth import music as tune
from synth import noise, silence, tone, write_audio, write_video
from waiting import until
from worker_tasks import run_out_of_memory, stumble

from daemon.answering import Answering
from daemon.ingest import IngestService
from daemon.scan import bigint
from daemon.services import Services
from daemon.worker_jobs import Fingerprinted, fingerprint_file
from daemon.workers import WorkerPool
from engine.settings import Settings

TAGGED = {"title": "A Song", "artist": "Somebody", "album": "An Album"}


def retag(path: Path, **tags: str) -> None:
    """Change tags, and nothing of the sound."""
    tagged = mutagen.File(path, easy=True)
    if tagged.tags is None:
        tagged.add_tags()
    for name, value in tags.items():
        tagged[name] = value
    tagged.save()


async def test_a_dropped_file_is_found_by_a_part_of_it(services: Services, music: Path) -> None:
    write_audio(music / "one.flac", tune(1, 12), tags=TAGGED)
    write_audio(music / "two.mp3", tune(2, 12))
    await look(services, music)
    assert len(indexed_ids(services)) == 2
    task = await match(services, clip_of(tune(1, 12), 4, 6))
    assert task.status == "success"
    assert task.result is not None
    best = task.result[0]
    assert best["song_id"] == (await recordings_by_name(services))["one.flac"]
    assert best["offset_s"] == pytest.approx(4, abs=0.1)
    assert (best["song_name"], best["artist"], best["is_reference"]) == ("A Song", "Somebody", True)
    task = await match(services, clip_of(tune(2, 12), 2, 6))
    assert task.result is not None
    assert (task.result[0]["song_name"], task.result[0]["is_reference"]) == ("two.mp3", False)
    task = await match(services, clip_of(tune(3, 12), 2, 6))
    assert (task.status, task.result) == ("success", [])


async def test_identical_files_are_one_recording(services: Services, music: Path) -> None:
    write_audio(music / "one.flac", tune(1, 8))
    shutil.copy(music / "one.flac", music / "copy.flac")
    await look(services, music)
    by_name = await recordings_by_name(services)
    assert by_name["one.flac"] == by_name["copy.flac"]
    assert indexed_ids(services) == [by_name["one.flac"]]


async def test_a_retagged_file_keeps_its_recording_and_renames_it(services: Services, music: Path) -> None:
    path = write_audio(music / "one.mp3", tune(1, 8), tags=TAGGED)
    await look(services, music)
    before = indexed_ids(services)
    retag(path, title="Better")
    assert (await look(services, music)).changed == 1
    assert indexed_ids(services) == before
    described = (await services.store.described(before))[before[0]]
    assert (described.title, described.artist, described.is_reference) == ("Better", "Somebody", True)
    retag(path, title="Track 01")
    await look(services, music)
    described = (await services.store.described(before))[before[0]]
    assert (described.title, described.is_reference) == (None, False)


async def test_other_audio_is_another_recording_and_the_unused_one_goes(
    services: Services, music: Path
) -> None:
    path = write_audio(music / "one.flac", tune(1, 8))
    await look(services, music)
    before = indexed_ids(services)
    write_audio(path, tune(2, 8))
    await look(services, music)
    await until(lambda: len(indexed_ids(services)) == 1)
    assert indexed_ids(services) != before
    assert await services.store.recording_ids() == indexed_ids(services)
    assert (await match(services, clip_of(tune(1, 8), 1, 6))).result == []


async def test_a_recording_that_loses_its_tagged_file_is_no_reference(
    services: Services, music: Path
) -> None:
    tagged = write_audio(music / "tagged.flac", tune(1, 8), tags=TAGGED)
    write_audio(music / "plain.flac", tune(1, 8))
    await look(services, music)
    recording = (await recordings_by_name(services))["plain.flac"]
    assert isinstance(recording, int)
    assert (await services.store.described([recording]))[recording].is_reference
    write_audio(tagged, tune(2, 8), tags=TAGGED)
    await look(services, music)

    async def is_plain() -> bool:
        described = (await services.store.described([recording]))[recording]
        return not described.is_reference and described.title is None

    await until(is_plain)


async def test_a_removed_file_is_missing_and_its_recording_stays(services: Services, music: Path) -> None:
    path = write_audio(music / "one.flac", tune(1, 8), tags=TAGGED)
    write_audio(music / "two.flac", tune(2, 8))
    await look(services, music)
    path.unlink()
    assert (await look(services, music)).missing == 1
    assert len(indexed_ids(services)) == 2
    task = await match(services, clip_of(tune(1, 8), 1, 6))
    assert task.result
    assert task.result[0]["song_name"] == "A Song"


async def test_files_that_swap_their_sounds_keep_both_recordings(services: Services, music: Path) -> None:
    one, two = write_audio(music / "1.flac", tune(1, 8)), write_audio(music / "22.flac", tune(2, 9))
    await look(services, music)
    before = indexed_ids(services)
    one_bytes = one.read_bytes()
    one.write_bytes(two.read_bytes())
    two.write_bytes(one_bytes)
    await look(services, music)
    assert len(await services.store.recording_ids()) == 2
    task = await match(services, clip_of(tune(1, 8), 1, 6))
    assert task.result
    assert task.result[0]["song_name"] == "22.flac"
    assert len(before) == 2


def cut_off(path: Path) -> None:
    """Leave the first bytes of a file, in which nothing decodes."""
    path.write_bytes(path.read_bytes()[:60])


BAD: dict[str, tuple[Callable[[Path], object], str]] = {
    "empty.mp3": (Path.touch, "not audio"),
    "random.mp3": (lambda path: path.write_bytes(bytes(noise(1, 1).tobytes())), "not audio|too short"),
    "text.mp3": (lambda path: path.write_text("Dear diary, " * 500), "not audio"),
    "cut.m4a": (lambda path: cut_off(write_audio(path, tune(1, 8))), "not audio"),
    "picture.mp4": (write_video, "has no audio stream"),
    "silent.wav": (lambda path: write_audio(path, silence(5)), "silent"),
    "short.wav": (lambda path: write_audio(path, tune(1, 0.5)), "0.50 s is too short"),
    "nul.flac.mp3": (lambda path: path.write_bytes(b"\0" * 5_000), "not audio"),
}


async def test_bad_files_fail_with_a_reason_and_stop_nobody(services: Services, music: Path) -> None:
    for name, (make, _) in BAD.items():
        make(music / name)
    write_audio(music / "good.flac", tune(1, 8))
    await look(services, music)
    failed = await failures(services)
    assert failed.keys() == BAD.keys()
    for name, (_, reason) in BAD.items():
        assert re.fullmatch(f"{re.escape(name)}: .*({reason}).*", failed[name])
    assert len(indexed_ids(services)) == 1


async def test_a_failed_file_that_changes_gets_another_chance(services: Services, music: Path) -> None:
    path = music / "one.wav"
    path.touch()
    await look(services, music)
    assert await failures(services)
    write_audio(path, tune(1, 8))
    await look(services, music)
    assert not await failures(services)
    assert len(indexed_ids(services)) == 1


async def test_audio_cut_off_in_the_middle_is_known_as_far_as_it_goes(
    services: Services, music: Path
) -> None:
    path = write_audio(music / "cut.mp3", tune(1, 16))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    await look(services, music)
    task = await match(services, clip_of(tune(1, 16), 1, 6))
    assert task.result
    assert task.result[0]["duration_s"] == pytest.approx(8, abs=1)


async def test_names_need_not_be_utf_8(services: Services, music: Path) -> None:
    for name, seconds in ((b"caf\xe9.wav", 8.0), (b"br\xe8ve.wav", 0.5)):
        write_audio(music / "plain.wav", tune(1, seconds)).rename(music / os.fsdecode(name))
    await look(services, music)
    assert await failures(services) == {
        "br\ufffdve.wav": "br\ufffdve.wav: 0.50 s is too short for a fingerprint"
    }
    task = await match(services, clip_of(tune(1, 8), 1, 6))
    assert task.result
    assert task.result[0]["song_name"] == "caf\ufffd.wav"


async def test_tags_may_hold_anything(services: Services, music: Path) -> None:
    shift_jis = write_audio(music / "shift.flac", tune(1, 8), tags={"title": "@@@@", "artist": "Somebody"})
    shift_jis.write_bytes(shift_jis.read_bytes().replace(b"@@@@", "日本".encode("shift_jis")))
    nul = write_audio(music / "nul.flac", tune(2, 8), tags={"title": "a@b", "artist": "Somebody"})
    nul.write_bytes(nul.read_bytes().replace(b"a@b", b"a\0b"))
    await look(services, music)
    assert not await failures(services)
    titles = {title for (title,) in await rows(services, "SELECT tags ->> 'title' FROM files")}
    assert titles == {"a b", "日本".encode("shift_jis").decode(errors="replace")}


class Instead:
    """Workers that do something before or instead of the work."""

    def __init__(self, workers: WorkerPool, work: Callable[[Path], object]) -> None:
        self._workers = workers
        self._work = work

    async def run(self, _: object, path: Path, settings: Settings) -> Fingerprinted:
        fingerprinted = await self._workers.run(fingerprint_file, path, settings)
        await asyncio.to_thread(self._work, path)
        return fingerprinted


def service(services: Services, work: Callable[[Path], object]) -> IngestService:
    """Return an ingest service in whose work something comes between."""
    workers = Instead(services.ingest_workers, work)
    return IngestService(services.store, workers, services.index, Settings(), Answering())  # type: ignore[arg-type]


async def noted(services: Services, music: Path) -> int:
    """Note the only file, without having it ingested, and return its id."""
    services.library._request_ingest = services.store.libraries
    await services.library.reconcile(await services.library.add(music, watched=False))
    [(file_id,)] = await rows(services, "SELECT file_id FROM files")
    assert isinstance(file_id, int)
    return file_id


def append(path: Path) -> None:
    """Change size and mtime."""
    with path.open("ab") as file:
        file.write(b"more")


def touch_later(path: Path) -> None:
    """Change the mtime only."""
    os.utime(path, ns=(0, path.stat().st_mtime_ns + 1_000))


@pytest.mark.parametrize("change", [append, touch_later, Path.unlink])
async def test_what_changes_meanwhile_is_not_stored_but_stays_pending(
    services: Services, music: Path, change: Callable[[Path], object]
) -> None:
    write_audio(music / "one.wav", tune(1, 8))
    file_id = await noted(services, music)
    await service(services, change).ingest(file_id)
    assert await rows(services, "SELECT status::text, recording_id FROM files") == [("pending", None)]
    assert await services.store.recording_ids() == []


async def test_what_the_scan_saw_change_meanwhile_is_not_stored(services: Services, music: Path) -> None:
    write_audio(music / "one.wav", tune(1, 8))
    file = await services.store.pending_file(await noted(services, music))
    assert file is not None
    fingerprinted = await services.ingest_workers.run(fingerprint_file, music / "one.wav", Settings())
    await rows(services, "UPDATE files SET mtime_ns = mtime_ns + 1")
    ingest = service(services, lambda _: None)
    await ingest._save(file, fingerprinted)
    assert await rows(services, "SELECT status::text, recording_id FROM files") == [("pending", None)]
    assert await services.store.recording_ids() == []
    assert services.index.status().to_build == 0


def refuse(_: Path) -> None:
    raise PermissionError(13, "Permission denied")


def go_with_the_folder(_: Path) -> None:
    raise NotADirectoryError(20, "Not a directory")


async def test_a_file_we_may_not_read_fails_and_says_so(services: Services, music: Path) -> None:
    write_audio(music / "one.wav", tune(1, 8))
    await service(services, refuse).ingest(await noted(services, music))
    assert await failures(services) == {"one.wav": "one.wav: can't be read (Permission denied)"}


async def test_a_file_whose_folder_went_is_left_to_the_next_scan(services: Services, music: Path) -> None:
    write_audio(music / "one.wav", tune(1, 8))
    await service(services, go_with_the_folder).ingest(await noted(services, music))
    assert await rows(services, "SELECT status::text FROM files") == [("pending",)]


async def test_a_file_that_takes_too_much_memory_fails_and_says_so(
    services: Services, music: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("daemon.ingest.fingerprint_file", run_out_of_memory)
    write_audio(music / "one.wav", tune(1, 8))
    await look(services, music)
    assert await failures(services) == {
        "one.wav": "one.wav: needs more memory than allowed (workers.memory_mb)"
    }


async def test_what_a_decoder_stumbles_over_is_given_up_after_three_attempts(
    services: Services, music: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("daemon.ingest.fingerprint_file", stumble)
    write_audio(music / "one.wav", tune(1, 8))
    file_id = await noted(services, music)
    ingest = IngestService(services.store, services.ingest_workers, services.index, Settings(), Answering())
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            await ingest.ingest(file_id)
    await ingest.ingest(file_id)
    assert await failures(services) == {"one.wav": "one.wav: a bit rate of 0"}


async def test_a_longer_file_than_allowed_fails(services: Services, music: Path) -> None:
    write_audio(music / "one.wav", tune(1, 8))
    settings = replace(Settings(), longest_decoded_s=5)
    file_id = await noted(services, music)
    await IngestService(
        services.store, services.ingest_workers, services.index, settings, Answering()
    ).ingest(file_id)
    assert await failures(services) == {"one.wav": "one.wav: longer than the 5 s that may be decoded"}


async def test_a_date_beyond_what_postgresql_counts_is_no_change(services: Services, music: Path) -> None:
    path = write_audio(music / "one.wav", tone(440, 3))
    assert bigint(2**63 + 5) == bigint(-(2**63) + 5)
    os.utime(path, ns=(0, 2**63 + 5_000_000_000))
    await look(services, music)
    assert len(indexed_ids(services)) == 1


async def test_links_are_followed_once_and_loops_not_at_all(
    services: Services, music: Path, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    write_audio(outside / "one.wav", tune(1, 8))
    (music / "album").symlink_to(outside)
    (music / "again").symlink_to(outside)
    (music / "loop").symlink_to(music)
    (music / "circle.wav").symlink_to(music / "circle.wav")
    (outside / "back").symlink_to(outside)
    await look(services, music)
    assert len(await rows(services, "SELECT 1 FROM files")) == 1
    assert len(indexed_ids(services)) == 1
