"""Look-ups of media servers: taken, answered from what is known, and forgotten."""

import asyncio
import os
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
import synth
from conftest import must_not_stop
from identifying import NOTHING, ONE, TWO, at_once, is_settled, names, piece, said, settle
from ingesting import rows
from waiting import until

from daemon import lookup
from daemon.answering import Answering
from daemon.config import Config
from daemon.file_names import AUDIO_EXTENSIONS
from daemon.lookup import LookupService
from daemon.lookup_errors import (
    BadPath,
    LibraryOffline,
    LookupRefused,
    NoFileThere,
    NotMusic,
    OutsideRoots,
    SizeDiffers,
    TooManyLookups,
)
from daemon.lookup_rows import Asked
from daemon.lookup_store import LookupStore
from daemon.path_map import PathMap, PathMapping
from daemon.services import Services, open_services

Json = dict[str, Any]


@pytest.fixture
async def services(config: Config, unblocked: None) -> AsyncIterator[Services]:
    """Services that tag what arrives after the first scan, at once."""
    async with open_services(at_once(config, first_scan="review"), must_not_stop, watch=False) as opened:
        yield opened


@pytest.fixture
def lookups(services: Services, music: Path) -> LookupService:
    """Look-ups of a media server that sees the music folder as /music."""
    return service(services, music)


def service(services: Services, music: Path, **options: Any) -> LookupService:
    mapping = PathMapping(server="/music", local=music)  # type: ignore[arg-type]
    return LookupService(
        LookupStore(services.database),
        services.library,
        PathMap([mapping]),
        Answering(),
        roots=[music],
        extensions=AUDIO_EXTENSIONS,
        options=services.config.tagging,
        **options,
    )


async def answered(lookups: LookupService, task_id: UUID) -> Json:
    """Return a look-up's result once it is there."""

    async def is_done() -> bool:
        task = await lookups.task(task_id)
        return task is not None and task.status != "pending"

    await until(is_done, within_s=60)
    task = await lookups.task(task_id)
    assert task is not None
    assert task.result is not None
    return task.result[0]


async def looked_up(lookups: LookupService, path: str, **options: Any) -> Json:
    return await answered(lookups, (await lookups.submit(Asked(os.fsencode(path), **options))).task_id)


async def lookup_count(services: Services) -> int:
    return len(await rows(services, "SELECT 1 FROM lookups"))


async def test_a_file_that_arrives_is_fingerprinted_named_and_tagged(
    services: Services, lookups: LookupService, music: Path
) -> None:
    synth.write_audio(music / "one.flac", piece(1), tags=ONE)
    await settle(services, music)
    new = synth.write_audio(music / "new \u00fc.mp3", piece(1))
    size_bytes = new.stat().st_size
    asked = Asked("/music/new \u00fc.mp3".encode(), size_bytes, "navidrome", "6cd6", wants_tags=True)
    result = await answered(lookups, (await lookups.submit(asked)).task_id)
    assert said(new) == names(ONE)
    [(change_id,)] = await rows(services, "SELECT change_id FROM changes")
    assert (result["outcome"], result["change_id"]) == ("tagged", change_id)
    assert {name: result[name] for name in ONE} == ONE
    assert (result["path"], result["item_id"], result["source"]) == (
        "/music/new \u00fc.mp3",
        "6cd6",
        "navidrome",
    )
    assert 0.4 < result["confidence"] <= 1
    # The server has not scanned it since: it may still tell the size of before.
    assert new.stat().st_size != size_bytes
    assert (await looked_up(lookups, "/music/new \u00fc.mp3", size_bytes=size_bytes))["outcome"] == "tagged"
    with pytest.raises(SizeDiffers):
        await lookups.submit(Asked(b"/music/one.flac", size_bytes))
    with new.open("ab") as file:
        file.write(b"edited by others")
    with pytest.raises(SizeDiffers):
        await lookups.submit(replace(asked, size_bytes=size_bytes))


async def test_what_waits_is_pending(
    services: Services, lookups: LookupService, music: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    may_begin = asyncio.Event()
    run = services.ingest_workers.run

    async def held(*work: Any) -> Any:
        await may_begin.wait()
        return await run(*work)

    monkeypatch.setattr(type(services.ingest_workers), "run", lambda _, *work: held(*work))
    synth.write_audio(music / "one.flac", piece(1, 8.0))
    waiting = await lookups.submit(Asked(b"/music/one.flac"))
    task = await lookups.task(waiting.task_id)
    assert task is not None
    assert (task.status, task.result, task.error) == ("pending", None, None)
    may_begin.set()
    assert (await answered(lookups, waiting.task_id))["outcome"] == "unknown"
    assert await services.library.add(music, watched=False) in await services.store.libraries()


async def test_every_outcome_is_told(services: Services, lookups: LookupService, music: Path) -> None:
    synth.write_audio(music / "one.flac", piece(1), tags=ONE)
    synth.write_audio(music / "two.m4a", piece(1), tags=TWO)
    synth.write_audio(music / "three.flac", piece(3), tags=TWO)
    for name, number in (("several.mp3", 1), ("first.mp3", 3), ("nobody.mp3", 5)):
        synth.write_audio(music / name, piece(number))
    (music / "broken.mp3").write_text("no music")
    await settle(services, music)
    jobs = await rows(services, "SELECT last_value FROM procrastinate_jobs_id_seq")
    found = {
        name: await looked_up(lookups, f"/music/{name}", wants_tags=True)
        for name in ("one.flac", "several.mp3", "first.mp3", "nobody.mp3", "broken.mp3")
    }
    assert {name: result["outcome"] for name, result in found.items()} == {
        "one.flac": "named",
        "several.mp3": "ambiguous",
        "first.mp3": "identified",
        "nobody.mp3": "unknown",
        "broken.mp3": "failed",
    }
    assert "first scan" in found["first.mp3"]["detail"]
    assert (found["first.mp3"]["title"], said(music / "first.mp3")) == ("Naima", NOTHING)
    assert "can be decoded" in found["broken.mp3"]["detail"]
    # None of them was worth any work.
    assert await rows(services, "SELECT last_value FROM procrastinate_jobs_id_seq") == jobs


async def test_an_unknown_file_is_tagged_when_its_reference_arrives(
    services: Services, lookups: LookupService, music: Path
) -> None:
    synth.write_audio(music / "two.flac", piece(2), tags=TWO)
    await settle(services, music)
    synth.write_audio(music / "bare.mp3", piece(1))
    waiting = await lookups.submit(Asked(b"/music/bare.mp3"))
    assert (await answered(lookups, waiting.task_id))["outcome"] == "unknown"
    synth.write_audio(music / "one.flac", piece(1), tags=ONE)
    await settle(services, music)
    assert (await answered(lookups, waiting.task_id))["outcome"] == "tagged"


async def test_answers_survive_a_restart(config: Config, music: Path, unblocked: None) -> None:
    synth.write_audio(music / "one.flac", piece(1, 8.0), tags=ONE)
    async with open_services(config, must_not_stop, watch=False) as services:
        waiting = await service(services, music).submit(Asked(b"/music/one.flac"))
    async with open_services(config, must_not_stop, watch=False) as services:
        assert (await answered(service(services, music), waiting.task_id))["outcome"] == "named"


async def test_a_file_that_goes_away_fails_its_look_up(
    services: Services, lookups: LookupService, music: Path
) -> None:
    for name in ("one.flac", "two.flac"):
        synth.write_audio(music / name, piece(1, 8.0), tags=ONE)
    tasks = [(await lookups.submit(Asked(f"/music/{each}.flac".encode()))).task_id for each in ("one", "two")]
    await until(lambda: is_settled(services))
    (music / "one.flac").unlink()
    await settle(services, music)
    await rows(services, "DELETE FROM files WHERE path = 'two.flac'")
    for task_id in tasks:
        result = await answered(lookups, task_id)
        assert (result["outcome"], "gone" in result["detail"]) == ("failed", True)


async def test_a_changed_file_is_read_again(services: Services, lookups: LookupService, music: Path) -> None:
    file = synth.write_audio(music / "one.flac", piece(1, 8.0))
    assert (await looked_up(lookups, "/music/one.flac"))["outcome"] == "unknown"
    synth.write_audio(file, piece(1, 9.0), tags=ONE)
    assert (await looked_up(lookups, "/music/one.flac"))["outcome"] == "named"


async def test_equal_look_ups_that_wait_share_their_task(
    services: Services, lookups: LookupService, music: Path
) -> None:
    synth.write_audio(music / "one.flac", piece(1, 8.0))
    asked = Asked(b"/music/one.flac", source="navidrome", item_id="1", wants_tags=True)
    others = [
        replace(asked, item_id="2"),
        replace(asked, item_id=None),
        replace(asked, source=None),
        replace(asked, wants_tags=False),
        replace(asked, path=os.fsencode(music / "one.flac")),
    ]
    tasks = [(await lookups.submit(each)).task_id for each in (asked, asked, *others, others[1])]
    assert len(set(tasks)) == 6
    assert (tasks[0], tasks[3]) == (tasks[1], tasks[-1])
    await answered(lookups, tasks[0])
    await lookups.expire(3_600)
    assert (await lookups.submit(asked)).task_id not in tasks


async def test_too_many_that_wait_are_refused_until_some_are_done(services: Services, music: Path) -> None:
    lookups = service(services, music, most_waiting=2)
    synth.write_audio(music / "one.flac", piece(1, 8.0))
    first, second, third = (Asked(b"/music/one.flac", item_id=str(number)) for number in range(3))
    waiting = await lookups.submit(first)
    await lookups.submit(second)
    with pytest.raises(TooManyLookups):
        await lookups.submit(third)
    assert (await lookups.submit(first)).task_id == waiting.task_id
    await answered(lookups, waiting.task_id)
    await lookups.expire(3_600)
    await lookups.submit(third)


async def test_look_ups_expire_some_time_after_they_were_answered(
    services: Services, lookups: LookupService, music: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lookup, "_BATCH", 2)
    synth.write_audio(music / "one.flac", piece(1, 8.0))
    await settle(services, music)
    tasks = [
        (await lookups.submit(Asked(b"/music/one.flac", item_id=str(number)))).task_id for number in range(5)
    ]
    await rows(services, "UPDATE lookups SET asked_at = now() - interval '2 hours'")
    await lookups.expire(3_600)
    assert await rows(services, "SELECT DISTINCT finished_at > now() - interval '1 minute' FROM lookups") == [
        (True,)
    ]
    assert await lookups.task(tasks[0]) is not None
    await rows(services, "UPDATE lookups SET finished_at = now() - interval '59 minutes'")
    await lookups.expire(3_600)
    assert await lookup_count(services) == 5
    await rows(services, "UPDATE lookups SET finished_at = now() - interval '61 minutes'")
    await lookups.expire(3_600)
    assert (await lookup_count(services), await lookups.task(tasks[0])) == (0, None)


async def test_what_is_never_done_expires_after_a_day(
    services: Services, lookups: LookupService, music: Path
) -> None:
    synth.write_audio(music / "one.flac", piece(1, 8.0))
    await settle(services, music)
    await lookups.submit(Asked(b"/music/one.flac"))
    await rows(services, "UPDATE files SET identified_at = NULL")
    await rows(services, "UPDATE lookups SET asked_at = now() - interval '24 hours'")
    await lookups.expire(3_600)
    assert await rows(services, "SELECT finished_at FROM lookups") == [(None,)]
    await rows(services, "UPDATE lookups SET asked_at = now() - interval '26 hours'")
    await lookups.expire(3_600)
    assert await lookup_count(services) == 0


async def test_there_is_no_such_task(lookups: LookupService) -> None:
    assert await lookups.task(uuid4()) is None


@pytest.mark.parametrize(
    ("path", "refusal"),
    [
        (b"C:\\Music\\a.mp3", BadPath),
        (b"\\\\nas\\a.mp3", BadPath),
        (b"a/b.mp3", BadPath),
        (b"", BadPath),
        (b"/music/a\0.mp3", BadPath),
        (b"/music/" + b"a/" * 3_000 + b"b.mp3", BadPath),
        (b"/music/../secret.mp3", OutsideRoots),
        (b"/music/a/../there.flac", OutsideRoots),
        (b"/elsewhere/a.mp3", OutsideRoots),
        (b"/music2/there.flac", OutsideRoots),
        (b"/music/link.mp3", OutsideRoots),
        (b"/music/cover.jpg", NotMusic),
        (b"/music/none.mp3", NoFileThere),
        ("/music/\N{REPLACEMENT CHARACTER}.mp3".encode(), NoFileThere),
    ],
)
async def test_a_refused_look_up_leaves_no_trace(
    services: Services, lookups: LookupService, music: Path, path: bytes, refusal: type[LookupRefused]
) -> None:
    secret = synth.write_audio(music.parent / "secret.flac", piece(1, 8.0))
    (music / "link.mp3").symlink_to(secret)
    synth.write_audio(music / "there.flac", piece(2, 8.0))
    Path(os.fsdecode(os.fsencode(music) + b"/\xff.mp3")).write_bytes(b"no UTF-8")
    with pytest.raises(refusal):
        await lookups.submit(Asked(path))
    assert (
        await rows(
            services, "SELECT 1 FROM lookups UNION ALL SELECT 1 FROM files UNION ALL SELECT 1 FROM libraries"
        )
        == []
    )


async def test_no_request_makes_a_library_of_its_own(
    services: Services, lookups: LookupService, music: Path
) -> None:
    (music / "deep" / "er").mkdir(parents=True)
    synth.write_audio(music / "deep" / "er" / "one.flac", piece(1, 8.0))
    await lookups.submit(Asked(b"/music/deep/er/one.flac"))
    assert [each.root for each in await services.store.libraries()] == [os.fsencode(music)]


async def test_a_folder_that_is_away_is_told_from_a_file_that_is_gone(
    services: Services, lookups: LookupService, music: Path
) -> None:
    synth.write_audio(music / "one.flac", piece(1, 8.0))
    await settle(services, music)
    music.rename(music.with_name("unmounted"))
    with pytest.raises(LibraryOffline, match="missing"):
        await lookups.submit(Asked(b"/music/one.flac"))
    assert await rows(services, "SELECT missing_since FROM files") == [(None,)]


async def test_a_thousand_look_ups_are_a_thousand_rows_and_no_jobs(
    services: Services, lookups: LookupService, music: Path
) -> None:
    synth.write_audio(music / "one.flac", piece(1, 8.0))
    await settle(services, music)
    jobs = await rows(services, "SELECT last_value FROM procrastinate_jobs_id_seq")
    await asyncio.gather(
        *(lookups.submit(Asked(b"/music/one.flac", item_id=str(number))) for number in range(1_000))
    )
    assert await lookup_count(services) == 1_000
    assert await rows(services, "SELECT last_value FROM procrastinate_jobs_id_seq") == jobs
