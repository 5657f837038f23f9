"""What is asked of the source stays polite and bounded, whatever comes from there and whatever fails here."""

import asyncio
import errno
import threading
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from conftest import must_not_stop
from fake_youtube import (
    START,
    Clock,
    FakeYouTube,
    added,
    address,
    is_idle,
    listing,
    states,
    synced,
    track,
)
from ingesting import rows
from waiting import changed, until

from daemon import playlist_sync
from daemon.config import Config
from daemon.playlist_errors import SourceBlocked, SourceUnreachable
from daemon.playlist_rows import Downloaded, Track
from daemon.playlist_state import Setback, Trouble
from daemon.playlist_store import PlaylistStore
from daemon.services import Services, open_services
from daemon.write_rest import WriteRest

pytestmark = pytest.mark.usefixtures("youtube", "clock")  # before the services, which take them up


async def test_an_answer_that_cant_be_stored_is_not_asked_for_again_at_once(
    services: Services, youtube: FakeYouTube
) -> None:
    odd = replace(listing(track(1)), announced="many")
    youtube.lists[address("a")] = odd
    view = await synced(services, await added(services))
    assert (view.known.outcome, view.known.next_sync_at) == ("failed", START + timedelta(hours=1))
    await services.jobs.recover()
    await until(lambda: is_idle(services))
    assert len(youtube.reads) == 1


async def test_thousands_of_titles_do_not_keep_the_event_loop(
    services: Services, youtube: FakeYouTube, monkeypatch: pytest.MonkeyPatch
) -> None:
    judging: list[threading.Thread] = []

    def choose(*given: object) -> object:
        judging.append(threading.current_thread())
        return chosen(*given)  # type: ignore[arg-type]

    chosen = playlist_sync.choose
    monkeypatch.setattr(playlist_sync, "choose", choose)
    youtube.lists[address("a")] = listing(track(1))
    await synced(services, await added(services))
    assert judging
    assert threading.main_thread() not in judging


async def test_one_odd_text_keeps_no_list_from_being_stored(services: Services, youtube: FakeYouTube) -> None:
    odd = "https://i.ytimg.com/\0\ud800.jpg"
    youtube.lists[address("a")] = listing(track(1, thumbnail_url=odd, title="Piece\0 \udfff"), track(2))
    view = await synced(services, await added(services))
    assert (view.known.outcome, view.counts.fetched) == ("read", 2)


async def test_what_the_database_cant_hold_is_the_tracks_fault(
    services: Services, youtube: FakeYouTube, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(*_: object, **__: object) -> None:
        raise psycopg.DataError("out of range")

    monkeypatch.setattr(services.playlists.fetching._store, "save_fetched", refuse)
    youtube.lists[address("a")] = listing(track(1))
    await synced(services, await added(services))
    assert (await states(services))["Piece 1"] == ("failed", "out of range", 1)
    assert youtube.fetched == ["video000001"]


def test_each_rest_is_twice_as_long_until_something_is_stored() -> None:
    now_s, rests_s = 0.0, []
    rest = WriteRest(lambda: now_s)
    for _ in range(8):
        with suppress(psycopg.OperationalError), rest.noting():
            raise psycopg.OperationalError("the disk is full")
        begun_s = now_s
        while rest.is_on():
            now_s += 60.0
        rests_s.append(now_s - begun_s)
    assert rests_s == [60.0, 120.0, 240.0, 480.0, 960.0, 1_920.0, 3_600.0, 3_600.0]
    with rest.noting():
        assert not rest.is_on()
    with suppress(psycopg.OperationalError), rest.noting():
        raise psycopg.OperationalError("the disk is full")
    now_s += 60.0
    assert not rest.is_on()


async def test_while_the_database_stores_nothing_nothing_is_fetched_in_vain(
    services: Services, youtube: FakeYouTube, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(*_: object, **__: object) -> None:
        raise psycopg.OperationalError("the disk is full")

    async def has_no_job() -> bool:
        return not await rows(services, "SELECT 1 FROM procrastinate_jobs WHERE task_name = 'fetch'")

    now_s = 1_000.0
    rest = WriteRest(lambda: now_s)
    fetching = services.playlists.fetching
    monkeypatch.setattr(fetching, "_rest", rest)
    youtube.lists[address("a")] = listing(track(1))
    with monkeypatch.context() as full:
        full.setattr(fetching._store, "save_fetched", refuse)
        await added(services)
        await until(rest.is_on)
        await until(has_no_job)
        assert await services.jobs.defer_due("fetch") == 1
        await until(has_no_job)
        assert len(youtube.fetched) == 1
    now_s += 60.0
    assert await services.jobs.defer_due("fetch") == 1
    await until(lambda: is_idle(services))
    assert (await services.playlists.service.all())[0].counts.fetched == 1


async def test_a_list_is_not_read_while_nothing_can_be_stored(
    services: Services, youtube: FakeYouTube, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(*_: object, **__: object) -> None:
        raise psycopg.OperationalError("the disk is full")

    youtube.lists[address("a")] = listing()
    playlist_id = await added(services)
    await until(lambda: is_idle(services))
    syncing = services.playlists.syncing
    monkeypatch.setattr(syncing._store, "note_listing", refuse)
    count = len(youtube.reads)
    with pytest.raises(psycopg.OperationalError):
        await syncing.sync(playlist_id)
    await syncing.sync(playlist_id)
    assert len(youtube.reads) == count + 1


async def test_a_pause_from_a_clock_that_was_years_ahead_ends(
    services: Services, youtube: FakeYouTube, clock: Clock
) -> None:
    youtube.lists[address("a")] = SourceBlocked("a bot check")
    clock.turn(days=3_650)
    playlist_id = await added(services)
    await synced(services, playlist_id)
    assert await services.playlists.service.pause() is not None
    clock.moment = START
    assert await services.playlists.service.pause() is None
    youtube.lists[address("a")] = listing(track(1))
    assert (await synced(services, playlist_id)).counts.fetched == 1


async def test_times_from_a_clock_that_was_years_ahead_are_mended_at_the_start(
    config: Config, youtube: FakeYouTube, clock: Clock, unblocked: None
) -> None:
    youtube.lists |= {address("a"): listing(track(1)), address("b"): listing(track(2))}
    youtube.failures["video000001"] = SourceUnreachable("no route")
    clock.turn(days=3_650)
    async with open_services(config, must_not_stop, watch=False) as services:
        await synced(services, await added(services))
    clock.moment = START
    youtube.failures.clear()
    async with open_services(config, must_not_stop, watch=True) as services:
        await added(services, "b")
        await until(lambda: is_idle(services))
        assert sorted(youtube.fetched) == ["video000001", "video000001", "video000002"]
        times = await rows(services, "SELECT next_sync_at FROM playlists")
    assert times == [(START + timedelta(hours=1),)] * 2


async def test_failures_without_number_are_counted_as_far_as_the_column_goes(
    services: Services, youtube: FakeYouTube
) -> None:
    youtube.lists[address("a")] = SourceUnreachable("no route")
    playlist_id = await added(services)
    await until(lambda: is_idle(services))
    store = PlaylistStore(services.database)
    many = Trouble("lists", Setback(10**6, 60.0), None, "no route")
    await store.note_list_failed(
        playlist_id, outcome="failed", detail="", next_sync_at=None, failures=10**6, trouble=many
    )
    assert (await store.setback("lists")).strikes == 32_767
    assert (await synced(services, playlist_id)).known.outcome == "failed"


async def test_a_list_that_is_refused_is_never_seen_without_its_pause(
    services: Services, youtube: FakeYouTube, monkeypatch: pytest.MonkeyPatch
) -> None:
    youtube.lists[address("a")] = SourceBlocked("a bot check")
    playlist_id = await added(services)
    await until(lambda: is_idle(services))
    async with services.database.pool.connection() as connection:
        await connection.execute("UPDATE playlists SET outcome = NULL")
        await connection.execute("DELETE FROM source_pauses")
        await connection.execute("ALTER TABLE playlists ADD CHECK (outcome IS NULL)")
    with pytest.raises(psycopg.IntegrityError):
        await services.playlists.syncing.sync(playlist_id)
    assert await services.playlists.service.pause() is None


async def test_what_leaves_its_list_during_the_pause_between_downloads_is_not_fetched(
    services: Services, youtube: FakeYouTube, monkeypatch: pytest.MonkeyPatch
) -> None:
    youtube.lists[address("a")] = listing(track(1))
    playlist_id = await added(services)

    async def remove() -> None:
        await services.playlists.service.remove(playlist_id)

    monkeypatch.setattr(services.playlists.fetching, "_be_polite", remove)
    await until(lambda: is_idle(services))
    assert youtube.reads == [address("a")]
    assert youtube.fetched == []


async def test_a_stop_while_the_audio_is_being_kept_keeps_it_at_the_next_start(
    config: Config, youtube: FakeYouTube, clock: Clock, tmp_path: Path, unblocked: None
) -> None:
    youtube.lists[address("a")] = listing(track(1))
    with_keep = changed(config, "youtube", keep=tmp_path / "kept")
    begun = asyncio.Event()

    async def stall(*_: object) -> None:
        begun.set()
        await asyncio.Event().wait()

    async with open_services(with_keep, must_not_stop, watch=False) as services:
        services.playlists.fetching._keep = stall
        playlist_id = await added(services)
        await begun.wait()
    async with open_services(with_keep, must_not_stop, watch=False) as services:
        assert (await synced(services, playlist_id)).counts.fetched == 1
    assert youtube.kept == ["Piece 1"]


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "full"), ZeroDivisionError("odd")], ids=str)
async def test_audio_that_cant_be_kept_costs_no_reference(
    config: Config, youtube: FakeYouTube, clock: Clock, tmp_path: Path, unblocked: None, *, error: Exception
) -> None:
    async def fail(*_: object) -> None:
        raise error

    youtube.lists[address("a")] = listing(track(1))
    with_keep = changed(config, "youtube", keep=tmp_path / "kept")
    async with open_services(with_keep, must_not_stop, watch=False) as services:
        services.playlists.fetching._keep = fail
        assert (await synced(services, await added(services))).counts.fetched == 1


async def test_what_only_the_download_knows_is_in_the_kept_file_too(
    config: Config, youtube: FakeYouTube, clock: Clock, tmp_path: Path, unblocked: None
) -> None:
    kept: list[tuple[str | None, int | None]] = []

    async def keep(wanted: Track, _: Downloaded, __: bytes | None) -> None:
        kept.append((wanted.album, wanted.year))

    youtube.lists[address("a")] = listing(track(1, album=None, year=None), track(2))
    youtube.details = {"album": "From The Page", "release_year": "2001"}
    with_keep = changed(config, "youtube", keep=tmp_path / "kept")
    async with open_services(with_keep, must_not_stop, watch=False) as services:
        services.playlists.fetching._keep = keep
        await synced(services, await added(services))
    assert kept == [("From The Page", 2001), ("Some Album", 1999)]


async def test_a_list_is_read_by_itself_no_more_if_that_is_said(
    services: Services, youtube: FakeYouTube, monkeypatch: pytest.MonkeyPatch
) -> None:
    youtube.lists[address("a")] = listing(track(1))
    playlist_id = await added(services)
    await until(lambda: is_idle(services))
    service = services.playlists.service

    async def request(*_: object) -> None:
        """Have nothing done."""

    monkeypatch.setattr(service, "_request", request)

    async def told(every_s: float | None, *, is_said: bool) -> tuple[float | None, datetime | None]:
        view, is_new = await service.add(address("a"), "playlist", every_s, is_said=is_said)
        assert (is_new, view.known.playlist_id) == (False, playlist_id)
        return view.known.every_s, view.known.next_sync_at

    assert await told(None, is_said=False) == (3_600.0, START + timedelta(hours=1))
    assert await told(None, is_said=True) == (None, None)
    await service.ask_for(playlist_id)
    assert (await service.add(address("a"), "playlist", None))[0].is_due
