"""The index is what the database says, whatever happens to either."""

import asyncio
import errno
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from ingesting import clip_of, indexed_ids, is_settled, look, match, rows
from synth import music as tune
from synth import write_audio
from waiting import until

from daemon.config import Config
from daemon.index_keeper import index_stamp
from daemon.services import Services, open_services
from daemon.worker_jobs import derive_postings
from engine.errors import IndexLocked
from engine.index import IndexWriter
from engine.model import Fingerprint
from engine.settings import Settings

PIECES = 4


@pytest.fixture
def pieces(music: Path) -> Path:
    """A folder with some music."""
    for number in range(PIECES):
        write_audio(music / f"{number}.wav", tune(number, 8))
    return music


@asynccontextmanager
async def opened(config: Config) -> AsyncIterator[Services]:
    async with open_services(config, pytest.fail, watch=False) as services:
        yield services


async def all_found(services: Services) -> None:
    """Fail unless each piece is found."""
    for number in range(PIECES):
        result = (await match(services, clip_of(tune(number, 8), 1, 6))).result
        assert result, number
        assert result[0]["song_name"] == f"{number}.wav"


async def test_it_follows_what_is_ingested(services: Services, pieces: Path) -> None:
    before = services.index.status().generation
    await look(services, pieces)
    status = services.index.status()
    assert (status.size.recordings, status.to_build, status.error) == (PIECES, 0, None)
    assert status.generation > before
    await services.index.caught_up()


def lose(folder: Path) -> None:
    for path in folder.iterdir():
        path.unlink()


def lose_the_manifest(folder: Path) -> None:
    (folder / "manifest.json").unlink()


def cut_a_segment(folder: Path) -> None:
    segment = next(folder.glob("*.segment"))
    segment.write_bytes(segment.read_bytes()[:100])


def garble_the_manifest(folder: Path) -> None:
    (folder / "manifest.json").write_bytes(b"{}\n{}")


@pytest.mark.parametrize("harm", [lose, lose_the_manifest, cut_a_segment, garble_the_manifest])
async def test_what_is_lost_or_damaged_is_built_anew(
    config: Config, pieces: Path, unblocked: None, harm: object
) -> None:
    async with opened(config) as services:
        await look(services, pieces)
        wanted = indexed_ids(services)
        folder = services.index.folder
    assert callable(harm)
    harm(folder)
    async with opened(config) as services:
        await services.index.caught_up()
        assert indexed_ids(services) == wanted
        await all_found(services)


async def test_an_index_of_another_hash_is_built_anew(config: Config, pieces: Path, unblocked: None) -> None:
    async with opened(config) as services:
        await look(services, pieces)
    other = config.model_copy(update={"engine": config.engine.model_copy(update={"hash": "sha1"})})
    async with opened(other) as services:
        await services.index.caught_up()
        await all_found(services)


async def test_what_a_crash_kept_from_the_index_is_added_at_the_start(
    config: Config, pieces: Path, unblocked: None
) -> None:
    async with opened(config) as services:
        await look(services, pieces)
        wanted = indexed_ids(services)
        # As if they had never come that far.
        async with services.index._turn:
            await asyncio.to_thread(services.index._open_writer.remove, wanted[:2])
    async with opened(config) as services:
        await services.index.caught_up()
        assert indexed_ids(services) == wanted


async def test_what_a_crash_left_in_the_index_goes_at_the_start(
    config: Config, pieces: Path, unblocked: None
) -> None:
    async with opened(config) as services:
        await look(services, pieces)
        wanted = indexed_ids(services)
        await rows(services, f"DELETE FROM files WHERE recording_id = {wanted[0]}")
    # What no file has is an unused recording, left behind between two transactions.
    async with opened(config) as services:
        await services.index.caught_up()
        assert indexed_ids(services) == wanted[1:] == await services.store.recording_ids()


async def test_a_rebuild_changes_nothing_and_look_ups_go_on(services: Services, pieces: Path) -> None:
    await look(services, pieces)
    wanted = indexed_ids(services)
    rebuilding = asyncio.create_task(services.index.rebuild())
    answers = [await match(services, clip_of(tune(number, 8), 1, 6)) for number in range(PIECES)]
    await rebuilding
    assert {each.status for each in answers} == {"success"}
    await services.index.caught_up()
    assert indexed_ids(services) == wanted
    await all_found(services)


async def test_a_rebuild_amid_ingestion_loses_nothing(services: Services, pieces: Path) -> None:
    library = await services.library.add(pieces, watched=False)
    await services.library.reconcile(library)
    for _ in range(5):
        await services.index.rebuild()
    await until(lambda: is_settled(services))
    await all_found(services)


async def test_a_full_disk_is_told_and_nothing_is_lost(
    services: Services, pieces: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services.index, "_retry_s", 0.05)

    def is_full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as full:
        full.setattr(IndexWriter, "add", is_full)
        await services.library.reconcile(await services.library.add(pieces, watched=False))
        await until(lambda: services.index.status().to_build == PIECES)
        await until(lambda: services.index.status().error)
        assert "No space left on device" in str(services.index.status().error)
        assert len(await services.store.recording_ids()) == PIECES
    await until(lambda: is_settled(services))
    assert services.index.status().error is None
    await all_found(services)


async def test_a_rebuild_on_a_full_disk_is_made_up_for(
    services: Services, pieces: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services.index, "_retry_s", 0.05)
    await look(services, pieces)

    def is_full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as full:
        full.setattr("engine.index.write_manifest", is_full)
        with pytest.raises(OSError, match="No space left"):
            await services.index.rebuild()
    await until(lambda: not services.index._must_reopen)
    await until(lambda: is_settled(services))
    await all_found(services)


async def test_one_damaged_constellation_keeps_no_other_out(
    services: Services, pieces: Path, caplog: pytest.LogCaptureFixture
) -> None:
    await look(services, pieces)
    damaged, *others = indexed_ids(services)
    await rows(services, f"UPDATE recordings SET constellation = 'junk' WHERE recording_id = {damaged}")
    await services.index.rebuild()
    await services.index.caught_up()
    assert indexed_ids(services) == others
    assert f"recording {damaged}: stored constellation" in caplog.text
    await rows(services, "UPDATE files SET status = 'pending'")
    await services.jobs.defer_ingest()
    await until(lambda: is_settled(services))
    assert indexed_ids(services) == [damaged, *others]


async def test_what_is_removed_before_it_was_written_does_not_come_after(
    services: Services, pieces: Path
) -> None:
    await look(services, pieces)
    postings = services.index._arrived
    async with services.index._turn:  # the writer is busy
        services.index.add(999, await fingerprint_of(services))
        services.index.remove([999])
        assert 999 not in postings
    await services.index.caught_up()
    assert 999 not in indexed_ids(services)


async def test_a_recording_committed_during_a_comparison_stays(services: Services, pieces: Path) -> None:
    """Compared with a list of the database that is older than the index, it would look like one too many."""
    await look(services, pieces)
    wanted = indexed_ids(services)
    list_recordings = services.store.recording_ids

    async def list_slowly() -> list[int]:
        listed = await list_recordings()
        services.index.add(999, await fingerprint_of(services))
        await services.index.caught_up()
        return listed

    services.store.recording_ids = list_slowly  # type: ignore[method-assign]
    await services.index.compare()
    await services.index.caught_up()
    assert indexed_ids(services) == [*wanted, 999]


async def fingerprint_of(services: Services) -> Fingerprint:
    """Return the postings of some recording."""
    stored = await services.store.constellations(indexed_ids(services)[:1])
    return derive_postings(stored, Settings()).postings[0][1]


async def test_a_stop_waits_for_the_write_under_way(
    config: Config, pieces: Path, unblocked: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    began, may_end = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()
    add = IndexWriter.add

    def slowly(writer: IndexWriter, batch: list[tuple[int, object]]) -> None:
        loop.call_soon_threadsafe(began.set)
        asyncio.run_coroutine_threadsafe(may_end.wait(), loop).result()
        add(writer, batch)  # type: ignore[arg-type]

    monkeypatch.setattr(IndexWriter, "add", slowly)
    async with opened(config) as services:
        await services.library.reconcile(await services.library.add(pieces, watched=False))
        await began.wait()
        stopping = asyncio.create_task(services.index.stop())
        await asyncio.sleep(0)
        with pytest.raises(IndexLocked):
            await asyncio.to_thread(IndexWriter, services.index.folder, stamp="another")
        may_end.set()
        await stopping
        stamp = index_stamp(Settings(), await services.store.identity())
    writer = await asyncio.to_thread(IndexWriter, config.state_dir / "index", stamp=stamp)
    assert writer.size.recordings > 0
    writer.close()
