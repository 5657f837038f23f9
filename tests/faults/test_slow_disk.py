"""A music folder that is slow, that hangs, or that goes away behind FUSE holds up itself only."""

import asyncio
import math
import os
from pathlib import Path

import psutil
import pytest
from conftest import must_not_stop
from faults.bind_mount import bind_mount
from identifying import ONE, at_once, piece, said
from ingesting import clip_of, look, rows
from real_daemon import real_daemon
from synth import music as tune
from synth import write_audio
from waiting import Served, changed, served, until, wait_until

from daemon import answering, change_writer, root_watch, scheduler, workers
from daemon.change_rows import Change
from daemon.change_undoing import Undone
from daemon.config import Config
from daemon.errors import WorkerDied
from daemon.scan import look_at_root
from daemon.services import Services, open_services
from daemon.tag_fields import TagFields
from daemon.tagging import Refused
from daemon.workers import WorkerLimits, WorkerPool

SLOW = "--read-rate=300k"
LIMITS = WorkerLimits(memory_bytes=1_000_000_000, cpu_s_per_job=60, jobs_per_worker=1_000)


@pytest.fixture
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Notice within a second what is noticed within a minute."""
    monkeypatch.setattr(answering, "ANSWER_S", 1.5)
    monkeypatch.setattr(answering, "_ASK_AGAIN_S", 0.2)
    monkeypatch.setattr(scheduler, "_LOOK_FOR_DUE_S", 0.2)
    monkeypatch.setattr(scheduler, "_RECOVER_EVERY_S", 1)
    monkeypatch.setattr(root_watch, "_ASK_EVERY_S", 0.2)
    monkeypatch.setattr(workers, "_GONE_S", 0.5)
    monkeypatch.setattr(change_writer, "_DELETE_S", 0.5)


def slow_and_near(config: Config, slow: Path, near: Path) -> Config:
    """Return the configuration with two music folders, looked through all the time."""
    return changed(config, "library", roots=[slow, near], reconcile_network_every_s=0.5)


async def files(services: Services) -> dict[str, tuple[object, ...]]:
    """Return status, attempts, and whether it is there, of each file, by name."""
    query = "SELECT path, status::text, missing_since IS NULL FROM files"
    return {os.fsdecode(bytes(path)): (*more,) for path, *more in await rows(services, query)}  # type: ignore[call-overload]


async def all_are_known(services: Services, *names: str) -> bool:
    return await files(services) == dict.fromkeys(names, ("indexed", True))


async def is_being_read(services: Services, name: str) -> bool:
    jobs = "procrastinate_jobs AS jobs JOIN files ON queueing_lock = 'ingest:' || file_id"
    found = await rows(services, f"SELECT path FROM {jobs} WHERE jobs.status = 'doing'")
    return (name.encode(),) in found


async def illness(daemon: Served) -> str:
    """Return what /health says of the music folders; "" if they are well."""
    async with daemon.http.get("/health") as response:
        check = (await response.json())["checks"]["watcher"]
        return "" if check["status"] == "ok" else str(check["detail"])


async def is_found(daemon: Served, number: int) -> bool:
    result = (await daemon.match(clip_of(tune(number, 20), 1, 6)))["result"]
    return bool(result) and result[0]["song_name"] == f"{number}.wav"


async def tag(services: Services, path: Path) -> object:
    [(file_id,)] = await rows(services, f"SELECT file_id FROM files WHERE path = '{path.name}'")
    fields = TagFields(title="So What", artist="Miles Davis")
    return await services.tagging.apply(
        int(str(file_id)), fields, cause="identified", recording_id=None, evidence={}
    )


async def test_music_on_a_slow_disk_is_indexed_tagged_and_restored(config: Config, open_folder: Path) -> None:
    with bind_mount(
        open_folder / "disk", open_folder / "music", "--read-rate=600k", "--write-rate=600k"
    ) as slow:
        write_audio(slow.source / "reference.mp3", piece(1), tags=ONE)
        bare = write_audio(slow.source / "track01.mp3", piece(1))
        before = bare.read_bytes()
        async with served(at_once(changed(config, "library", roots=[slow.place])), watch=True) as daemon:
            services = daemon.services
            await until(lambda: rows(services, "SELECT 1 FROM procrastinate_jobs WHERE status = 'doing'"))
            async with daemon.http.get("/ping") as response:
                assert response.status == 200
            assert await illness(daemon) == ""
            await until(lambda: rows(services, "SELECT 1 FROM changes WHERE status = 'done'"))
            assert said(bare) == tuple(ONE.values())
            assert (await look(services, slow.place)).changed == 0
            [(change_id,)] = await rows(services, "SELECT change_id FROM changes")
            undone = await services.tagging.undo(int(str(change_id)))
            assert isinstance(undone, Undone), undone
            assert bare.read_bytes() == before
            looked = await look(services, slow.place)
            assert (looked.new, looked.changed, looked.moved, looked.missing) == (0, 0, 0, 0)
            assert await all_are_known(services, "reference.mp3", "track01.mp3")


@pytest.mark.usefixtures("_impatient")
async def test_a_folder_that_hangs_while_it_is_read_holds_up_nothing_else(
    config: Config, music: Path, open_folder: Path
) -> None:
    write_audio(music / "0.wav", tune(0, 20))
    with bind_mount(open_folder / "disk", open_folder / "far", SLOW) as far:
        write_audio(far.source / "1.wav", tune(1, 20))
        async with served(slow_and_near(config, far.place, music), watch=True) as daemon:
            services = daemon.services
            await until(lambda: all_are_known(services, "0.wav", "1.wav"))
            assert await illness(daemon) == ""
            write_audio(far.source / "2.wav", tune(2, 20))
            await until(lambda: is_being_read(services, "2.wav"))
            far.hang()

            async def says_which_one_hangs() -> bool:
                return f"{far.place} is offline: {answering.HANGS}" in await illness(daemon)

            await until(says_which_one_hangs)
            assert await _answers_to_lookups(daemon, far.place / "1.wav", 20) == {503}
            assert await _answers_to_lookups(daemon, music / "0.wav", 1) == {202}
            assert await _answers_to_players(daemon, "1.wav", 20) == {503}
            assert await _answers_to_players(daemon, "0.wav", 1) == {200}
            added = await daemon.local.post("/add", {"paths": [str(far.place), str(music)]})
            assert (added["found"], added["problems"]) == (
                1,
                [{"path": str(far.place), "error": answering.HANGS}],
            )
            async with daemon.http.get("/ping") as response:
                assert response.status == 200
            write_audio(music / "3.wav", tune(3, 20))
            others = dict.fromkeys(("0.wav", "1.wav", "3.wav"), ("indexed", True))

            async def is_done_but_for_what_hangs() -> bool:
                return await files(services) == others | {"2.wav": ("pending", True)}

            await until(is_done_but_for_what_hangs)
            assert await is_found(daemon, 0)
            assert await is_found(daemon, 3)
            far.go_on()
            await until(lambda: all_are_known(services, "0.wav", "1.wav", "2.wav", "3.wav"), within_s=60)
            await until(lambda: _is_well(daemon))
            assert await is_found(daemon, 2)


async def _is_well(daemon: Served) -> bool:
    return await illness(daemon) == ""


async def _answers_to_lookups(daemon: Served, path: Path, count: int) -> set[int]:
    async def ask() -> int:
        body = {"path": str(path)}
        async with daemon.http.post("/lookup", json=body, headers=daemon.bearer()) as response:
            return response.status

    return set(await asyncio.gather(*(ask() for _ in range(count))))


async def _answers_to_players(daemon: Served, name: str, count: int) -> set[int]:
    files = (await daemon.local.get("/files"))["files"]
    (number,) = (each["file_id"] for each in files if each["path"].endswith(name))

    async def ask() -> int:
        async with daemon.http.get(f"/files/{number}/audio") as response:
            await response.read()
            return response.status

    return set(await asyncio.gather(*(ask() for _ in range(count))))


@pytest.mark.usefixtures("_impatient", "unblocked")
async def test_a_disk_that_hangs_while_a_file_is_tagged_leaves_the_file_and_no_copy(
    config: Config, open_folder: Path
) -> None:
    with bind_mount(open_folder / "disk", open_folder / "music", "--write-rate=800k") as slow:
        bare = write_audio(slow.source / "track01.mp3", piece(1))
        before = bare.read_bytes()
        own = at_once(config)
        async with open_services(own, must_not_stop, watch=False) as services:
            await look(services, slow.place)
            writing = asyncio.create_task(tag(services, bare))
            await until(lambda: len(list(slow.source.iterdir())) == 2)
            slow.hang()
            refused = await writing
            assert isinstance(refused, Refused)
            assert refused.reason.startswith(f"{slow.place}: it does not answer")
            assert refused.retry_after_s
            again = await tag(services, bare)
            assert isinstance(again, Refused)
            assert bare.read_bytes() == before
            slow.go_on()
            await until(lambda: list(slow.source.iterdir()) == [bare])
            change = await tag(services, bare)
            assert isinstance(change, Change), change
            assert said(bare)[:2] == ("So What", "Miles Davis")
            assert isinstance(await services.tagging.undo(change.change_id), Undone)
            assert bare.read_bytes() == before


@pytest.mark.usefixtures("_impatient")
async def test_a_folder_whose_server_has_died_is_offline_until_it_is_mounted_again(
    config: Config, music: Path, open_folder: Path
) -> None:
    write_audio(music / "0.wav", tune(0, 20))
    with bind_mount(open_folder / "disk", open_folder / "far", SLOW) as far:
        write_audio(far.source / "1.wav", tune(1, 20))
        async with served(slow_and_near(config, far.place, music), watch=True) as daemon:
            services = daemon.services
            await until(lambda: all_are_known(services, "0.wav", "1.wav"))
            write_audio(far.source / "2.wav", tune(2, 20))
            await until(lambda: is_being_read(services, "2.wav"))
            far.die()
            assert "not connected" in str(look_at_root(far.place).offline)
            await until(lambda: _says(daemon, f"{far.place} is offline"))
            library = services.library.owner_of(far.place)
            assert library is not None
            assert (await services.library.reconcile(library)).offline is not None
            await until(lambda: _has_no_job(services))
            known = dict.fromkeys(("0.wav", "1.wav"), ("indexed", True))
            assert await files(services) == known | {"2.wav": ("pending", True)}
            assert await is_found(daemon, 1)
            far.mount()
            await until(lambda: all_are_known(services, "0.wav", "1.wav", "2.wav"))
            await until(lambda: _is_well(daemon))


async def _says(daemon: Served, detail: str) -> bool:
    return detail in await illness(daemon)


async def _has_no_job(services: Services) -> bool:
    return not await rows(services, "SELECT 1 FROM procrastinate_jobs WHERE status = 'doing'")


@pytest.mark.usefixtures("_impatient")
async def test_a_worker_that_not_even_a_kill_ends_is_replaced(open_folder: Path) -> None:
    with bind_mount(open_folder / "disk", open_folder / "music", "--read-rate=50k") as slow:
        file = slow.source / "a"
        file.write_bytes(bytes(500_000))
        pool = WorkerPool("test", 1, LIMITS)
        await pool.start()
        try:
            [pid] = pool.pids()
            reading = asyncio.create_task(pool.run(Path.read_bytes, slow.place / "a"))
            await until(lambda: _is_stuck(pid))
            slow.hang()
            reading.cancel()
            with pytest.raises((asyncio.CancelledError, WorkerDied)):
                await reading
            assert await pool.run(math.sqrt, 16.0) == 4.0
            assert psutil.pid_exists(pid)
            assert pid not in pool.pids()
            slow.go_on()
            await until(lambda: not psutil.pid_exists(pid))
        finally:
            await pool.stop()


def _is_stuck(pid: int) -> bool:
    return bool(psutil.Process(pid).status() == psutil.STATUS_DISK_SLEEP)


def test_the_daemon_ends_when_told_although_a_folder_hangs(open_folder: Path) -> None:
    with bind_mount(open_folder / "disk", open_folder / "far", "--read-rate=50k") as far:
        write_audio(far.source / "1.wav", tune(1, 20))
        with real_daemon({}, prepare=lambda music: (music / "far").symlink_to(far.place)) as daemon:

            def reads_it() -> bool:
                children = daemon.process.children(recursive=True)
                return any(each.status() == psutil.STATUS_DISK_SLEEP for each in children)

            wait_until(reads_it)
            far.hang()
            daemon.process.terminate()
            assert daemon.process.wait(60) == 0
            assert "left behind" in daemon.log()
            assert "Traceback" not in daemon.log()
            far.go_on()
            wait_until(lambda: not (daemon.state / "postgres" / "data" / "postmaster.pid").exists())
