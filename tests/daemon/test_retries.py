"""What could not be read for a reason that may pass is tried again; what is at fault itself is not."""

import asyncio
import errno
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import psycopg
import pytest
from ingesting import failures, indexed_ids, is_settled, look, rows
from synth import music as tune
from synth import write_audio
from waiting import served, until
from worker_tasks import die_over_killers, fail_while_away, run_out_of_memory, stumble

from daemon import library
from daemon.cli_output import blamed
from daemon.config import Config
from daemon.rows import FailedFile
from daemon.scan import Scan, scan_root
from daemon.services import Services
from daemon.status import describe_status

PAUSE_OVER = "UPDATE files SET retry_at = retry_at - interval '1 day'"
MINUTES = "SELECT round(extract(epoch FROM retry_at - now()) / 60)::integer FROM files"


@pytest.fixture
def disk(music: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file that holds the number of the error that reading music raises."""
    monkeypatch.setattr("daemon.ingest.fingerprint_file", fail_while_away)
    return music / ".away"


def break_down(disk: Path, number: int = errno.EIO) -> None:
    disk.write_text(str(number))


async def failed(services: Services) -> list[FailedFile]:
    return await services.store.failed_files(100)


async def again(services: Services) -> None:
    """Do what is done every minute, and wait until it has its result."""
    await services.jobs.recover()
    await until(lambda: is_settled(services))


@pytest.mark.parametrize("number", [errno.EIO, errno.EACCES, errno.EPERM, errno.ESTALE, errno.ENOTCONN])
async def test_a_file_is_tried_again_when_its_pause_is_over(
    services: Services, music: Path, disk: Path, number: int
) -> None:
    break_down(disk, number)
    write_audio(music / "one.flac", tune(1, 8))
    await look(services, music)
    assert "can't be read" in (await failures(services))["one.flac"]
    assert await rows(services, MINUTES) == [(5,)]
    disk.unlink()
    await again(services)
    assert len(await failed(services)) == 1  # not before its pause is over
    await rows(services, PAUSE_OVER)
    await again(services)
    assert await failed(services) == []
    assert len(indexed_ids(services)) == 1


async def test_each_pause_is_twice_as_long_up_to_a_day(services: Services, music: Path, disk: Path) -> None:
    break_down(disk)
    write_audio(music / "one.flac", tune(1, 8))
    await look(services, music)
    minutes = await rows(services, MINUTES)
    for _ in range(10):
        await rows(services, PAUSE_OVER)
        await again(services)
        minutes += await rows(services, MINUTES)
    assert [pause for (pause,) in minutes] == [5, 10, 20, 40, 80, 160, 320, 640, 1_280, 1_440, 1_440]
    with (music / "one.flac").open("ab") as file:
        file.write(b"\0")
    await look(services, music)
    assert await rows(services, MINUTES) == [(5,)]


@pytest.mark.parametrize(
    ("work", "name", "may_pass"),
    [
        (die_over_killers, "killer.flac", True),
        (run_out_of_memory, "large.flac", True),
        (stumble, "odd.flac", False),
        (fail_while_away, "diary.mp3", False),
    ],
)
async def test_only_what_may_pass_is_tried_again(
    services: Services,
    music: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    work: Callable[..., object],
    name: str,
    may_pass: bool,
) -> None:
    monkeypatch.setattr("daemon.ingest.fingerprint_file", work)
    if name.endswith(".mp3"):
        (music / name).write_text("Dear diary")
    else:
        write_audio(music / name, tune(1, 8))
    file_id = await noted(services, music)

    async def is_given_up() -> bool:
        await services.jobs.recover()
        return bool(await failed(services))

    await until(is_given_up)
    assert [each.retry_at is not None for each in await failed(services)] == [may_pass]
    await services.store.retry_at_once([bytes(music)])
    await services.store.retry_due_files()
    assert (await services.store.pending_file(file_id) is not None) == may_pass


async def noted(services: Services, music: Path) -> int:
    """Have the only file known, and return its id."""
    await services.library.reconcile(await services.library.add(music, watched=False))
    [(file_id,)] = await rows(services, "SELECT file_id FROM files")
    assert isinstance(file_id, int)
    return file_id


async def test_a_database_that_fails_is_not_held_against_the_file(
    services: Services, music: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[object] = []

    async def fail(*given: object) -> None:
        tried.append(given)
        raise psycopg.errors.DiskFull("no space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(services.store, "save_ingested", fail)
        write_audio(music / "one.flac", tune(1, 8))
        await noted(services, music)

        async def was_tried_often() -> bool:
            await services.jobs.recover()
            return len(tried) > 4

        await until(was_tried_often)
    assert await rows(services, "SELECT status::text, attempts FROM files") == [("pending", 0)]
    await again(services)
    assert len(indexed_ids(services)) == 1


async def test_a_pause_noted_by_a_clock_that_was_ahead_is_over(
    services: Services, music: Path, disk: Path
) -> None:
    break_down(disk)
    write_audio(music / "one.flac", tune(1, 8))
    await look(services, music)
    disk.unlink()
    await rows(services, "UPDATE files SET retry_at = now() + interval '10 years'")
    await again(services)
    assert await failed(services) == []


async def test_what_is_gone_is_not_tried_before_it_returns(
    services: Services, music: Path, disk: Path
) -> None:
    break_down(disk)
    path = write_audio(music / "one.flac", tune(1, 8))
    write_audio(music / "two.flac", tune(2, 8))
    await look(services, music)
    disk.unlink()
    path.rename(music / "one.away")
    await look(services, music)
    await rows(services, PAUSE_OVER)
    await again(services)
    assert len(indexed_ids(services)) == 1
    assert await rows(services, "SELECT status::text FROM files WHERE path = 'one.flac'") == [("failed",)]
    (music / "one.away").rename(path)
    await look(services, music)
    assert len(indexed_ids(services)) == 2


async def test_asking_for_a_path_ends_the_pauses_there_only(
    services: Services, music: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("daemon.ingest.fingerprint_file", run_out_of_memory)
    for name in ("a/b/1.flac", "a/bc/2.flac", "a/b.flac"):
        (music / name).parent.mkdir(parents=True, exist_ok=True)
        write_audio(music / name, tune(1, 8))
    await look(services, music)
    waiting = "SELECT count(*) FROM files WHERE retry_at > now()"
    for place, left in (
        (music / "b", 3),
        (Path(f"{music}x"), 3),
        (music / "a" / "b", 2),
        (music / "a" / "b.flac", 1),
        (Path("/"), 0),
    ):
        await services.store.retry_at_once([bytes(place)])
        assert await rows(services, waiting) == [(left,)], place


async def test_asking_to_add_tries_again_and_asking_what_failed_does_not(
    config: Config, music: Path, disk: Path
) -> None:
    break_down(disk)
    path = write_audio(music / "one.flac", tune(1, 8))
    async with served(config) as daemon:
        await daemon.learn(music)
        disk.unlink()
        await daemon.learn(music)
        [told] = (await daemon.local.post("/add", {"paths": [str(music)]}))["failed"]
        assert told["path"] == str(path)
        assert datetime.fromisoformat(told["retry_at"]).tzinfo is not None
        assert (await describe_status(daemon.services))["failed"] == [told]
        shown = await daemon.local.get(f"/files/{told['file_id']}")
        assert {name: shown[name] for name in told} == told
        await daemon.local.post("/add", {"paths": [str(path)], "retry": True})
        await until(lambda: is_settled(daemon.services))
        assert await failed(daemon.services) == []
        shown = await daemon.local.get(f"/files/{told['file_id']}")
        assert (shown["status"], shown["error"], shown["retry_at"]) == ("indexed", None, None)


async def test_asking_for_a_scan_tries_again(
    config: Config, music: Path, disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[Path] = []

    def counted(root: Path, **options: object) -> Scan:
        looks.append(root)
        return scan_root(root, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(library, "scan_root", counted)
    break_down(disk)
    write_audio(music / "one.flac", tune(1, 8))
    async with served(config, watch=True) as daemon:

        async def has_failed() -> bool:
            return bool(await failed(daemon.services)) and await is_settled(daemon.services)

        await until(has_failed)
        disk.unlink()
        await asyncio.gather(*daemon.services.scans._tasks.values())
        before = len(looks)
        async with daemon.http.post("/scan") as response:
            assert response.status == 202
        await until(lambda: len(indexed_ids(daemon.services)) == 1)
        assert len(looks) > before


def test_the_command_line_says_when() -> None:
    failure = {"path": "/music/one.mp3", "error": "one.mp3: can't be read (Input/output error)"}
    plain = "/music/one.mp3: can't be read (Input/output error)"
    assert blamed(failure) == blamed(failure | {"retry_at": None}) == plain
    told = blamed(failure | {"retry_at": "2026-01-02T12:00:00+00:00"})
    assert told.startswith(f"{plain}; tried again from 2026-01-0")
