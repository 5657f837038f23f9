"""A clip is answered, or refused, or failed with a reason; it leaves nothing behind."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
import worker_tasks
from ingesting import clip_of, in_pieces, look, match, rows
from synth import music as tune
from synth import noise, silence, write_audio
from waiting import until

from daemon import clip_match, match_service
from daemon.config import Config
from daemon.errors import ClipNotKept, ClipQueueFull, ClipTooLarge, EmptyClip
from daemon.services import Services, open_services

CLIP = clip_of(tune(1, 8), 1, 6)


@asynccontextmanager
async def opened(config: Config, **server: int) -> AsyncIterator[Services]:
    changed = config.model_copy(update={"server": config.server.model_copy(update=server)})
    async with open_services(changed, pytest.fail, watch=False) as services:
        yield services


def spooled(services: Services) -> list[str]:
    return [path.name for path in (services.config.state_dir / "spool").iterdir()]


async def is_at_rest(services: Services) -> bool:
    """Tell whether nothing is pending or spooled."""
    return services.matches.pending == 0 and not spooled(services)


async def test_an_answer_leaves_nothing_behind(services: Services, music: Path) -> None:
    write_audio(music / "one.flac", tune(1, 8))
    await look(services, music)
    task = await match(services, CLIP)
    assert (task.status, task.error) == ("success", None)
    assert task.result
    assert task.result[0]["song_name"] == "one.flac"
    await until(lambda: is_at_rest(services))


async def test_an_empty_index_knows_nothing(services: Services) -> None:
    assert (await match(services, CLIP)).result == []


async def test_an_index_that_turns_out_damaged_is_built_anew(services: Services, music: Path) -> None:
    write_audio(music / "one.flac", tune(1, 8))
    await look(services, music)
    segments = [path for path in services.index.folder.iterdir() if path.stat().st_size > 10_000]
    for segment in segments:
        with segment.open("r+b") as file:
            file.write(b"damaged!")
    task = await match(services, CLIP)
    assert (task.status, task.result) == ("fail", None)
    assert task.error is not None
    assert "built anew" in task.error

    async def is_found() -> bool:
        return bool((await match(services, CLIP)).result)

    await until(is_found)


async def test_a_clip_may_come_in_any_pieces(services: Services) -> None:
    task_id = await services.matches.submit(in_pieces(b"", CLIP[:1], CLIP[1:4_000], b"", CLIP[4_000:]))
    await until(lambda: is_at_rest(services))
    task = await services.matches.task(task_id)
    assert task is not None
    assert task.status == "success"


@pytest.mark.parametrize(
    ("clip", "reason"),
    [
        (b"just text " * 100, "the clip: not audio"),
        (noise(1, 1).tobytes(), "the clip: "),
        (clip_of(tune(1, 8), 0, 0.5), "the clip: 0.50 s is too short"),
    ],
)
async def test_a_bad_clip_fails_and_says_why(services: Services, clip: bytes, reason: str) -> None:
    task = await match(services, clip)
    assert (task.status, task.result) == ("fail", None)
    assert task.error is not None
    assert task.error.startswith(reason)
    await until(lambda: is_at_rest(services))


async def test_silence_is_nothing_known(services: Services) -> None:
    assert (await match(services, clip_of(silence(5), 0, 5))).result in ([], None)


async def test_a_longer_clip_than_allowed_fails(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        services.matches, "_clip_settings", services.matches._settings.__class__(longest_decoded_s=3)
    )
    task = await match(services, CLIP)
    assert task.error == "the clip: longer than the 3 s that may be decoded"


async def test_too_many_are_refused_unread(
    config: Config, unblocked: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clip_match, "shortlist_clip", worker_tasks.wait_with_clip)
    async with opened(config, max_pending_matches=2) as services:
        for _ in range(2):
            await services.matches.submit(in_pieces(CLIP))
        unread = in_pieces(CLIP)
        with pytest.raises(ClipQueueFull, match="try again in 5 s"):
            await services.matches.submit(unread)
        assert await anext(unread) == CLIP
        assert services.matches.pending == 2
        assert len(spooled(services)) == 2


async def test_too_large_a_clip_is_stopped_early(config: Config, unblocked: None) -> None:
    async with opened(config, max_upload_mb=1) as services:
        pieces = in_pieces(*[bytes(400_000)] * 10)
        with pytest.raises(ClipTooLarge, match="larger than 1 MB"):
            await services.matches.submit(pieces)
        assert len([piece async for piece in pieces]) == 7
        assert await is_at_rest(services)
        with pytest.raises(ClipTooLarge):
            await services.matches.submit(in_pieces(CLIP), announced_bytes=2_000_000)
        assert await is_at_rest(services)
        assert await rows(services, "SELECT 1 FROM match_tasks") == []


async def test_nothing_is_no_clip(services: Services) -> None:
    with pytest.raises(EmptyClip):
        await services.matches.submit(in_pieces(b"", b""))
    assert await is_at_rest(services)


async def test_a_sender_who_breaks_off_leaves_nothing_behind(services: Services) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield CLIP[:1_000]
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await services.matches.submit(broken())
    assert await is_at_rest(services)
    assert await rows(services, "SELECT 1 FROM match_tasks") == []


async def test_a_clip_that_can_t_be_kept_is_refused(services: Services, tmp_path: Path) -> None:
    services.matches._spool_folder = tmp_path / "nothing"
    with pytest.raises(ClipNotKept, match="No such file"):
        await services.matches.submit(in_pieces(CLIP))
    assert services.matches.pending == 0


@pytest.mark.parametrize(
    ("work", "reason"),
    [
        (worker_tasks.die_with_clip, "out of memory or CPU time"),
        (worker_tasks.run_out_of_memory_with_clip, "workers.memory_mb"),
        (worker_tasks.stumble_with_clip, "log tells why"),
    ],
)
async def test_a_clip_that_brings_down_its_worker_fails_and_the_next_does_not(
    services: Services, monkeypatch: pytest.MonkeyPatch, work: object, reason: str
) -> None:
    with monkeypatch.context() as harmful:
        harmful.setattr(clip_match, "shortlist_clip", work)
        task = await match(services, CLIP)
    assert task.status == "fail"
    assert task.error is not None
    assert reason in task.error
    assert (await match(services, CLIP)).status == "success"


async def test_a_clip_never_waits_for_ingestion(
    services: Services, music: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("daemon.ingest.fingerprint_file", worker_tasks.wait_at_first)
    write_audio(music / "one.wav", tune(1, 8))
    await services.library.reconcile(await services.library.add(music, watched=False))
    await until((music / ".begun").exists)
    assert (await match(services, CLIP)).status == "success"


async def test_an_answer_waits_for_a_database_that_is_away(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(match_service, "_STORE_AGAIN_S", 0)
    finish = services.matches._asked.finish
    away = [psycopg.OperationalError("away")] * 2

    async def finish_later(*args: object, **kwargs: object) -> None:
        if away:
            raise away.pop()
        await finish(*args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(services.matches._asked, "finish", finish_later)
    assert (await match(services, CLIP)).status == "success"
    assert not away


async def test_what_a_stop_interrupts_is_failed(
    config: Config, unblocked: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as endless:
        endless.setattr(clip_match, "shortlist_clip", worker_tasks.wait_with_clip)
        async with opened(config) as services:
            asked = [await services.matches.submit(in_pieces(CLIP)) for _ in range(2)]
    async with opened(config) as services:
        assert await is_at_rest(services)
        for task_id in asked:
            task = await services.matches.task(task_id)
            assert task is not None
            assert task.status == "fail"
            assert task.error == "interrupted: the service stopped before it was done; send it again"


async def test_what_a_kill_left_behind_goes_at_the_start(config: Config, unblocked: None) -> None:
    task_id = uuid4()
    async with opened(config) as services:
        pass
    spool = config.state_dir / "spool"
    (spool / str(task_id)).write_bytes(CLIP[:100])
    with psycopg.connect(str(config.database.url and config.database.url.get_secret_value())) as connection:
        connection.execute("INSERT INTO match_tasks (task_id) VALUES (%s)", (task_id,))
    async with opened(config) as services:
        assert await is_at_rest(services)
        task = await services.matches.task(task_id)
        assert task is not None
        assert task.status == "fail"
