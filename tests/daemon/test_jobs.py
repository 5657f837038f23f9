"""Jobs outlive their workers, and none is done twice or forgotten."""

import os
import shutil
import signal
from pathlib import Path

import pytest
from ingesting import failures, indexed_ids, look, recordings_by_name, rows
from synth import music as tune
from synth import write_audio
from waiting import until
from worker_tasks import die_over_killers, wait_at_first

from daemon import jobs
from daemon.config import Config
from daemon.services import Services, open_services


@pytest.fixture(autouse=True)
def _retry_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "_RETRY_S", 0)
    monkeypatch.setattr(jobs, "_RESTART_S", 0.05)


async def note(services: Services, music: Path) -> None:
    """Note what is in the folder, and defer its jobs."""
    await services.library.reconcile(await services.library.add(music, watched=False))


async def test_a_worker_killed_over_a_job_costs_an_attempt_only(
    services: Services, music: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("daemon.ingest.fingerprint_file", wait_at_first)
    write_audio(music / "one.wav", tune(1, 8))
    await note(services, music)
    await until((music / ".begun").exists)
    [pid] = services.ingest_workers.pids()
    os.kill(pid, signal.SIGKILL)
    await look(services, music)
    assert await rows(services, "SELECT status::text, attempts FROM files") == [("indexed", 1)]
    assert len(indexed_ids(services)) == 1


async def test_a_file_that_kills_every_worker_is_given_up_and_blocks_nobody(
    services: Services, music: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("daemon.ingest.fingerprint_file", die_over_killers)
    write_audio(music / "1 killer.wav", tune(1, 8))
    for number in range(2, 5):
        write_audio(music / f"{number}.wav", tune(number, 8))
    await look(services, music)
    assert (await failures(services)).keys() == {"1 killer.wav"}
    assert "out of memory or CPU time" in (await failures(services))["1 killer.wav"]
    assert len(indexed_ids(services)) == 3
    assert await rows(services, "SELECT attempts FROM files WHERE status = 'failed'") == [(3,)]
    assert await rows(services, "SELECT 1 FROM procrastinate_jobs WHERE task_name = 'ingest_file'") == []


async def test_a_file_is_queued_once(
    services: Services, music: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("daemon.ingest.fingerprint_file", wait_at_first)
    write_audio(music / "one.wav", tune(1, 8))
    await note(services, music)
    await until((music / ".begun").exists)
    assert await services.jobs.defer_ingest() == 0
    assert await rows(services, "SELECT status::text FROM procrastinate_jobs") == [("doing",)]


async def test_deferring_ends_though_nothing_gets_done(
    services: Services, music: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The root goes away with files pending: each job ends at once, and its file is as pending as before."""
    monkeypatch.setattr(jobs, "_DEFER_BATCH", 2)
    for number in range(6):
        write_audio(music / f"{number}.wav", tune(number, 2))
    library = await services.library.add(music, watched=False)
    services.library._request_ingest = services.store.libraries
    await services.library.reconcile(library)
    shutil.rmtree(music)
    deferring = services.store.pending_without_job

    async def after_the_last_ended(limit: int, *, after: int = 0) -> list[int]:
        async def is_idle() -> bool:
            return not await rows(services, "SELECT 1 FROM procrastinate_jobs")

        await until(is_idle)
        return await deferring(limit, after=after)

    monkeypatch.setattr(services.store, "pending_without_job", after_the_last_ended)
    assert await services.jobs.defer_ingest() == 6
    assert await rows(services, "SELECT DISTINCT status::text FROM files") == [("pending",)]


async def test_a_job_whose_end_could_not_be_noted_is_done_again(services: Services, music: Path) -> None:
    write_audio(music / "one.wav", tune(1, 8))
    await look(services, music)
    await rows(services, "UPDATE files SET status = 'pending'")
    await rows(
        services,
        "INSERT INTO procrastinate_jobs (queue_name, task_name, queueing_lock, args, status)"
        " SELECT 'ingest', 'ingest_file', 'ingest:' || file_id, jsonb_build_object('file_id', file_id),"
        " 'doing' FROM files",
    )
    assert await services.jobs.defer_ingest() == 0
    await services.jobs.recover()
    assert await rows(services, "SELECT status::text FROM files") == [("pending",)]
    await services.jobs.recover()
    await until(lambda: is_indexed(services))


async def is_indexed(services: Services) -> bool:
    return await rows(services, "SELECT DISTINCT status::text FROM files") == [("indexed",)]


async def test_a_running_job_is_not_taken_for_a_lost_one(
    services: Services, music: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("daemon.ingest.fingerprint_file", wait_at_first)
    write_audio(music / "one.wav", tune(1, 8))
    await note(services, music)
    await until((music / ".begun").exists)
    for _ in range(3):
        await services.jobs.recover()
    assert await rows(services, "SELECT status::text FROM procrastinate_jobs") == [("doing",)]


async def test_jobs_go_on_after_their_connections_broke(services: Services, music: Path) -> None:
    write_audio(music / "one.wav", tune(1, 8))
    await look(services, music)
    end_others = (
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    await rows(services, end_others)
    write_audio(music / "two.wav", tune(2, 8))
    await look(services, music)
    assert len(indexed_ids(services)) == 2


async def test_what_a_stop_interrupts_is_done_by_the_next_start(
    config: Config, music: Path, unblocked: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("daemon.ingest.fingerprint_file", wait_at_first)
    write_audio(music / "one.wav", tune(1, 8))
    write_audio(music / "two.flac", tune(2, 8))
    async with open_services(config, pytest.fail, watch=False) as services:
        await note(services, music)
        await until((music / ".begun").exists)
        pids = services.ingest_workers.pids()
    assert not [pid for pid in pids if Path(f"/proc/{pid}").exists()]
    async with open_services(config, pytest.fail, watch=False) as services:
        await until(lambda: is_indexed(services))
        assert len(set((await recordings_by_name(services)).values())) == 2
