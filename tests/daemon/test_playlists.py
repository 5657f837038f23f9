"""Playlists become references: once, politely, and whatever goes wrong."""

import asyncio
import errno
from datetime import timedelta
from pathlib import Path

import pytest
import synth
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
from identifying import at_once, piece, said, settle
from ingesting import indexed_ids, look, rows
from mutagen.id3 import ID3
from waiting import changed, until

from daemon.answering import Answering
from daemon.config import Config
from daemon.config_options import Playlist
from daemon.errors import WorkerDied
from daemon.playlist_errors import (
    BrokenDownload,
    CookiesUnusable,
    IsConfigured,
    NoSuchPlaylist,
    SourceBlocked,
    SourceChanged,
    SourceUnreachable,
    Unavailable,
)
from daemon.services import Services, open_services
from daemon.source_reader import SourceReader
from daemon.sources import SourceKind

BLOCKED = SourceBlocked("a bot check")
AWAY = SourceUnreachable("no route")
ODD = SourceChanged("no player")


pytestmark = pytest.mark.usefixtures("youtube", "clock")  # before the services, which take them up


async def test_each_track_becomes_a_reference_and_its_audio_goes(
    services: Services, youtube: FakeYouTube, config: Config
) -> None:
    youtube.lists[address("a")] = listing(track(1), track(2, kind="video", album=None, year=None))
    youtube.details = {"album": "From The Page", "release_year": "2001"}
    view = await synced(services, await added(services))
    assert (view.known.outcome, view.known.detail, view.known.title) == ("read", "2 tracks", "A List")
    assert (view.counts.fetched, view.counts.to_fetch, view.is_due) == (2, 0, False)
    assert await rows(
        services,
        "SELECT title, artist, recordings.album, year, is_reference, recordings.video_id, webpage_url,"
        " album_art FROM recordings JOIN tracks USING (recording_id, title) ORDER BY title",
    ) == [
        *[
            (
                "Piece 1",
                "Some Band",
                "Some Album",
                1999,
                True,
                "video000001",
                page(1),
                "https://i.ytimg.com/1.jpg",
            )
        ],
        *[
            (
                "Piece 2",
                "Some Band",
                "From The Page",
                2001,
                True,
                "video000002",
                page(2),
                "https://i.ytimg.com/2.jpg",
            )
        ],
    ]
    await services.index.caught_up()
    assert len(indexed_ids(services)) == 2
    assert list((config.state_dir / "downloads").iterdir()) == []


def page(number: int) -> str:
    return f"https://music.youtube.com/watch?v=video{number:06}"


async def test_what_is_known_is_not_fetched_again(services: Services, youtube: FakeYouTube) -> None:
    youtube.lists[address("a")] = listing(track(1), track(1), track(2))
    playlist_id = await added(services)
    await synced(services, playlist_id)
    youtube.lists[address("a")] = listing(track(2), track(1), track(3))
    await synced(services, playlist_id)
    assert youtube.fetched == ["video000001", "video000002", "video000003"]


async def test_a_video_of_two_lists_is_fetched_once(services: Services, youtube: FakeYouTube) -> None:
    youtube.lists |= {address("a"): listing(track(1)), address("b"): listing(track(2), track(1))}
    views = [await synced(services, await added(services, letter)) for letter in "ab"]
    assert youtube.fetched == ["video000001", "video000002"]
    assert [each.counts.fetched for each in views] == [1, 2]


async def test_a_list_that_comes_back_shorter_than_it_says_loses_nothing(
    services: Services, youtube: FakeYouTube
) -> None:
    playlist_id = await added(services)
    youtube.lists[address("a")] = listing(track(1), track(2))
    await synced(services, playlist_id)
    youtube.lists[address("a")] = listing(track(1), announced=2)
    view = await synced(services, playlist_id)
    assert (view.known.outcome, view.counts.fetched, view.counts.gone) == ("incomplete", 2, 0)
    assert "it says that it has 2" in (view.known.detail or "")


async def test_a_track_that_left_its_list_keeps_its_reference_and_may_come_back(
    services: Services, youtube: FakeYouTube
) -> None:
    playlist_id = await added(services)
    youtube.lists[address("a")] = listing(track(1), track(2))
    await synced(services, playlist_id)
    youtube.lists[address("a")] = listing(track(1))
    view = await synced(services, playlist_id)
    assert (view.counts.fetched, view.counts.gone) == (1, 1)
    assert await rows(services, "SELECT count(*) FROM recordings WHERE is_reference") == [(2,)]
    youtube.lists[address("a")] = listing(track(1), track(2))
    view = await synced(services, playlist_id)
    assert (view.counts.fetched, view.counts.gone, len(youtube.fetched)) == (2, 0, 2)


async def test_what_left_its_list_before_its_turn_is_not_fetched(
    services: Services, youtube: FakeYouTube, clock: Clock
) -> None:
    playlist_id = await added(services)
    youtube.lists[address("a")] = listing(track(1))
    youtube.failures["video000001"] = AWAY
    await synced(services, playlist_id)
    youtube.failures.clear()
    youtube.lists[address("a")] = listing(track(2))
    clock.turn(days=1)
    await synced(services, playlist_id)
    assert youtube.fetched == ["video000001", "video000002"]


async def test_a_removed_list_is_asked_for_no_more_and_its_references_stay(
    services: Services, youtube: FakeYouTube, clock: Clock
) -> None:
    youtube.lists[address("a")] = listing(track(1), track(2))
    youtube.failures["video000002"] = AWAY
    playlist_id = await added(services)
    await synced(services, playlist_id)
    await services.playlists.service.remove(playlist_id)
    clock.turn(days=1)
    assert await is_idle(services)
    assert await rows(services, "SELECT title FROM recordings WHERE is_reference") == [("Piece 1",)]
    assert await services.playlists.service.due_tracks(10, 0, None) == []
    with pytest.raises(NoSuchPlaylist):
        await services.playlists.service.remove(playlist_id)


async def test_a_list_that_is_removed_while_it_is_read_stays_away(
    services: Services, youtube: FakeYouTube
) -> None:
    playlist_id = await added(services)
    await until(lambda: is_idle(services))
    reading = youtube.read

    async def read(url: str) -> object:
        await services.playlists.service.remove(playlist_id)
        return await reading(url)

    youtube.lists[address("a")] = listing(track(1))
    services.playlists.syncing._read = read  # type: ignore[assignment]
    await services.playlists.syncing.sync(playlist_id)
    assert await states(services) == {}


@pytest.mark.parametrize(
    ("error", "state", "delay"),
    [
        (Unavailable("x", "gone"), "unavailable", timedelta(days=30)),
        (Unavailable("x", "region_locked"), "unavailable", timedelta(days=30)),
        (AWAY, "failed", timedelta(minutes=5)),
        (BrokenDownload("x", "cut off"), "failed", timedelta(minutes=10)),
        (ODD, "failed", timedelta(hours=6)),
        (WorkerDied("fetch"), "failed", timedelta(hours=1)),
        (ZeroDivisionError("odd"), "failed", timedelta(hours=1)),
        (OSError(errno.ENAMETOOLONG, "too long"), "failed", timedelta(hours=1)),
    ],
    ids=str,
)
async def test_a_bad_track_is_tried_again_when_that_may_help_and_stops_no_other(
    services: Services, youtube: FakeYouTube, error: Exception, state: str, delay: timedelta
) -> None:
    youtube.lists[address("a")] = listing(track(1), track(2))
    youtube.failures["video000001"] = error
    view = await synced(services, await added(services))
    assert (view.counts.fetched, await services.playlists.service.pause()) == (1, None)
    found = await rows(services, "SELECT state, reason, attempts, retry_at FROM tracks ORDER BY video_id")
    assert found[0] == (state, str(error), 1, START + delay)


async def test_a_track_is_given_up_after_some_attempts_and_tried_again_when_asked(
    services: Services, youtube: FakeYouTube, clock: Clock
) -> None:
    youtube.lists[address("a")] = listing(track(1))
    youtube.failures["video000001"] = BrokenDownload("x", "cut off")
    playlist_id = await added(services)
    await synced(services, playlist_id)
    waits: list[timedelta | None] = []
    for _ in range(4):
        [(retry_at,)] = await rows(services, "SELECT retry_at FROM tracks")
        waits.append(None if retry_at is None else retry_at - clock.moment)  # type: ignore[operator]
        clock.turn(days=1)
        await services.jobs.defer_due("fetch")
        await until(lambda: is_idle_of_fetching(services))
    assert waits == [timedelta(minutes=10), timedelta(minutes=40), timedelta(minutes=160), None]
    assert len(youtube.fetched) == 4
    youtube.failures.clear()
    assert (await synced(services, playlist_id)).counts.fetched == 1


async def is_idle_of_fetching(services: Services) -> bool:
    return not await rows(services, "SELECT 1 FROM procrastinate_jobs WHERE task_name = 'fetch'")


async def test_a_refusal_pauses_everything_counts_no_attempt_and_doubles_until_something_comes(
    services: Services, youtube: FakeYouTube, clock: Clock
) -> None:
    youtube.lists[address("a")] = listing(track(1), track(2), track(3))
    youtube.failures = {f"video00000{number}": BLOCKED for number in (1, 2, 3)}
    playlist_id = await added(services)
    pauses = []
    for _ in range(3):
        await synced(services, playlist_id)
        pause = await services.playlists.service.pause()
        assert pause is not None
        assert "bot check" in pause.reason
        pauses.append(pause.until - clock.moment)
        clock.moment = pause.until
    assert pauses == [timedelta(minutes=15), timedelta(minutes=30), timedelta(minutes=60)]
    # Each time another one: a track that is refused alone must not hold up the others.
    assert youtube.fetched == ["video000001", "video000002", "video000003"]
    assert set((await states(services)).values()) == {("wanted", str(BLOCKED), 0)}
    youtube.failures.clear()
    clock.turn(minutes=10)
    assert (await synced(services, playlist_id)).counts.fetched == 3
    youtube.lists[address("a")] = listing(track(4))
    youtube.failures["video000004"] = BLOCKED
    await synced(services, playlist_id)
    pause = await services.playlists.service.pause()
    assert pause is not None
    assert pause.until - clock.moment == timedelta(minutes=15)


async def test_a_pause_lasts_as_long_as_the_source_says_and_through_a_restart(
    config: Config, youtube: FakeYouTube, clock: Clock, unblocked: None
) -> None:
    youtube.lists[address("a")] = SourceBlocked("429", 7_200.0)
    async with open_services(config, must_not_stop, watch=False) as services:
        view = await synced(services, await added(services))
        assert (view.known.outcome, view.known.next_sync_at) == ("blocked", START + timedelta(hours=2))
    async with open_services(config, must_not_stop, watch=False) as services:
        await synced(services, view.known.playlist_id)
        assert len(youtube.reads) == 1
        clock.turn(hours=2)
        youtube.lists[address("a")] = listing(track(1))
        assert (await synced(services, view.known.playlist_id)).counts.fetched == 1


@pytest.mark.parametrize(
    ("error", "pause"), [(AWAY, timedelta(minutes=5)), (ODD, timedelta(hours=3))], ids=str
)
async def test_when_several_tracks_fail_alike_the_source_is_left_alone(
    services: Services, youtube: FakeYouTube, error: Exception, pause: timedelta
) -> None:
    youtube.lists[address("a")] = listing(*map(track, range(1, 6)))
    youtube.failures = {f"video00000{number}": error for number in range(1, 6)}
    await synced(services, await added(services))
    found = await services.playlists.service.pause()
    assert found is not None
    assert (found.until, len(youtube.fetched)) == (START + pause, 3)


@pytest.mark.parametrize(
    "error",
    [CookiesUnusable("/cookies", "others can read it"), OSError(errno.ENOSPC, "No space left")],
    ids=str,
)
async def test_what_is_wrong_here_is_no_tracks_fault(
    services: Services, youtube: FakeYouTube, error: Exception
) -> None:
    youtube.lists[address("a")] = listing(track(1), track(2))
    youtube.failures["video000001"] = error
    await synced(services, await added(services))
    assert await services.playlists.service.pause() is not None
    assert [(each[0], each[2]) for each in (await states(services)).values()] == [("wanted", 0)] * 2


@pytest.mark.parametrize(
    ("error", "outcome", "delay"),
    [
        (Unavailable("x", "private"), "failed", timedelta(hours=1)),
        (AWAY, "failed", timedelta(minutes=5)),
        (ODD, "failed", timedelta(hours=1)),
        (ZeroDivisionError("odd"), "failed", timedelta(hours=1)),
    ],
    ids=str,
)
async def test_a_bad_list_is_read_again_later_and_stops_no_other(
    services: Services, youtube: FakeYouTube, error: Exception, outcome: str, delay: timedelta
) -> None:
    youtube.lists |= {address("a"): error, address("b"): listing(track(1))}
    view = await synced(services, await added(services))
    assert (view.known.outcome, view.known.detail) == (outcome, str(error))
    assert view.known.next_sync_at == START + delay
    assert (await synced(services, await added(services, "b"))).counts.fetched == 1


@pytest.mark.parametrize(
    ("answer", "outcome", "detail"),
    [
        (listing(announced=5), "incomplete", "0 tracks; it says that it has 5"),
        (listing(track(1, video_id=None)), "incomplete", "nothing can be fetched"),
        (listing(), "read", "it is empty"),
        (listing(track(1), track(2, video_id=None)), "read", "2 tracks, 1 of them can't be played"),
    ],
)
async def test_a_list_that_brought_nothing_says_so(
    services: Services, youtube: FakeYouTube, answer: object, outcome: str, detail: str
) -> None:
    youtube.lists[address("a")] = answer  # type: ignore[assignment]
    view = await synced(services, await added(services))
    assert view.known.outcome == outcome
    assert detail in (view.known.detail or "")


async def test_what_the_rules_refuse_is_not_fetched_and_says_why(
    services: Services, youtube: FakeYouTube
) -> None:
    youtube.lists[address("a")] = listing(track(1, title="Alive"), track(2, title="Alive (Live)"))
    view = await synced(services, await added(services))
    assert (view.counts.fetched, view.counts.refused) == (1, 1)
    assert (await states(services))["Alive (Live)"] == (
        "refused",
        "its title says 'live' (youtube.refuse)",
        0,
    )


async def test_a_sound_of_another_length_than_the_list_says_is_no_reference(
    services: Services, youtube: FakeYouTube
) -> None:
    youtube.lists[address("a")] = listing(track(1, duration_s=60.0))
    await synced(services, await added(services))
    assert (await states(services))["Piece 1"][1] == "Piece 1: it plays 0:25, and the list says 1:00"
    assert await services.store.recording_ids() == []


async def test_the_source_is_asked_for_one_thing_at_a_time(services: Services, youtube: FakeYouTube) -> None:
    for number, letter in enumerate("abcd"):
        youtube.lists[address(letter)] = listing(track(2 * number), track(2 * number + 1))
    for letter in "abcd":
        await added(services, letter)
    await until(lambda: is_idle(services), within_s=60)
    views = await services.playlists.service.all()
    assert [(each.known.outcome, each.counts.fetched) for each in views] == [("read", 2)] * 4


async def test_between_two_downloads_is_a_pause(
    config: Config, youtube: FakeYouTube, clock: Clock, unblocked: None
) -> None:
    youtube.lists[address("a")] = listing(track(1), track(2), track(3))
    async with open_services(changed(config, "youtube", pause_s=0.4), must_not_stop, watch=False) as services:
        await synced(services, await added(services))
    assert len(youtube.gaps_s) == 2
    assert min(youtube.gaps_s) >= 0.4


async def test_a_stop_in_the_middle_of_a_download_leaves_nothing_half_done(
    config: Config, youtube: FakeYouTube, clock: Clock, unblocked: None
) -> None:
    youtube.lists[address("a")] = listing(track(1), track(2))
    begun = asyncio.Event()

    async def stall(_: str, folder: Path) -> None:
        await asyncio.to_thread((folder / "sound.part").write_bytes, b"half")
        begun.set()
        await asyncio.Event().wait()

    youtube.before = stall  # type: ignore[method-assign]
    async with open_services(config, must_not_stop, watch=False) as services:
        playlist_id = await added(services)
        await services.playlists.service.ask_for(playlist_id)
        await begun.wait()
    downloads = config.state_dir / "downloads"
    assert list(downloads.iterdir()) == []
    del youtube.before  # type: ignore[attr-defined]
    (downloads / "1").mkdir()
    (downloads / "1" / "of a killed daemon.webm").write_bytes(b"half")
    async with open_services(config, must_not_stop, watch=False) as services:
        assert list(downloads.iterdir()) == []
        assert (await synced(services, playlist_id)).counts.fetched == 2
    assert sorted(youtube.fetched) == ["video000001", "video000001", "video000002"]


async def test_a_job_that_is_done_twice_makes_one_reference(services: Services, youtube: FakeYouTube) -> None:
    youtube.lists[address("a")] = listing(track(1))
    await synced(services, await added(services))
    [(track_id,)] = await rows(services, "SELECT track_id FROM tracks")
    await services.playlists.fetching.fetch(track_id)  # type: ignore[arg-type]
    assert youtube.fetched == ["video000001"]
    assert await rows(services, "SELECT count(*) FROM recordings") == [(1,)]


async def test_two_videos_with_the_same_sound_are_one_reference(
    services: Services, youtube: FakeYouTube
) -> None:
    twin = track(1, video_id="video100001", title="Piece 1 (Official Video)", kind="video")
    fetching = services.playlists.fetching._fetch

    async def fetch(wanted: object, folder: Path) -> object:
        return await fetching(track(1), folder)

    services.playlists.fetching._fetch = fetch  # type: ignore[assignment]
    youtube.lists[address("a")] = listing(twin, track(1))
    assert (await synced(services, await added(services))).counts.fetched == 2
    assert await rows(services, "SELECT title, album, video_id FROM recordings") == [
        ("Piece 1", "Some Album", "video100001")
    ]
    reader = SourceReader(services.identification.store, services.ingest_workers, Answering())
    sources = await reader.sources(await services.store.recording_ids(), for_file=0)
    assert [(each.kind, each.fields.date) for each in sources] == [
        (SourceKind.ALBUM_AUDIO, "1999"),
        (SourceKind.VIDEO, "1999"),
    ]


async def test_a_file_with_the_same_sound_keeps_its_word_and_the_video_is_one_more_source(
    services: Services, youtube: FakeYouTube, music: Path
) -> None:
    youtube.suffix = ".flac"
    tags = {"title": "As Filed", "artist": "Some Band", "album": "Filed"}
    synth.write_audio(music / "filed.flac", piece(1), tags=tags)
    await look(services, music)
    youtube.lists[address("a")] = listing(track(1))
    await synced(services, await added(services))
    assert await rows(services, "SELECT title, album, video_id, is_reference FROM recordings") == [
        ("As Filed", "Filed", "video000001", True)
    ]
    (music / "filed.flac").unlink()
    synth.write_audio(music / "filed.flac", piece(2), tags=tags)
    await look(services, music)
    assert await rows(services, "SELECT title, is_reference FROM recordings WHERE video_id IS NOT NULL") == [
        ("Piece 1", True)
    ]


async def test_audio_is_kept_if_wanted_and_a_reference_stays_one_if_that_fails(
    config: Config, youtube: FakeYouTube, clock: Clock, tmp_path: Path, unblocked: None
) -> None:
    youtube.lists[address("a")] = listing(track(1))
    with_keep = changed(config, "youtube", keep=tmp_path / "kept")
    async with open_services(with_keep, must_not_stop, watch=False) as services:
        playlist_id = await added(services)
        await synced(services, playlist_id)
        assert youtube.kept == ["Piece 1"]

        async def fail(*_: object) -> None:
            raise OSError(errno.ENOSPC, "No space left")

        services.playlists.fetching._keep = fail
        youtube.lists[address("a")] = listing(track(1), track(2))
        assert (await synced(services, playlist_id)).counts.fetched == 2


def configured(config: Config, *lists: tuple[str, str]) -> Config:
    playlists = tuple(Playlist(url=address(letter), every=every) for letter, every in lists)  # type: ignore[arg-type]
    return config.model_copy(update={"playlists": playlists})


async def test_configured_lists_are_read_when_it_is_time(
    config: Config, youtube: FakeYouTube, clock: Clock, unblocked: None
) -> None:
    youtube.lists |= {address("a"): listing(track(1)), address("b"): listing(track(2))}
    async with open_services(
        configured(config, ("a", "1h"), ("b", "1d")), must_not_stop, watch=True
    ) as services:
        await until(lambda: is_idle(services))
        assert sorted(youtube.reads) == [address("a"), address("b")]
        assert len(youtube.fetched) == 2
        clock.turn(hours=1)
        await services.jobs.defer_due("sync")
        await until(lambda: is_idle(services))
        assert youtube.reads[2:] == [address("a")]
        playlist_id = (await services.playlists.service.all())[0].known.playlist_id
        with pytest.raises(IsConfigured):
            await services.playlists.service.remove(playlist_id)


async def test_lists_follow_the_configuration(
    config: Config, youtube: FakeYouTube, clock: Clock, unblocked: None
) -> None:
    async def known(with_config: Config) -> list[tuple[str, float | None, str]]:
        async with open_services(with_config, must_not_stop, watch=False) as services:
            if not await services.playlists.service.all():
                await added(services, "c")
            lists = [each.known for each in await services.playlists.service.all()]
            return [(each.url, each.every_s, each.source) for each in lists]

    youtube.lists[address("c")] = listing(track(1))
    assert await known(config) == [(address("c"), 3_600.0, "added")]
    assert await known(configured(config, ("a", "6h"), ("c", "1d"))) == [
        (address("c"), 86_400.0, "config"),
        (address("a"), 21_600.0, "config"),
    ]
    assert await known(configured(config, ("a", "1h"))) == [(address("a"), 3_600.0, "config")]


async def test_a_command_lines_own_services_ask_for_nothing_by_themselves(
    config: Config, youtube: FakeYouTube, clock: Clock, unblocked: None
) -> None:
    youtube.lists |= {address("a"): listing(track(1)), address("b"): listing(track(2))}
    async with open_services(
        configured(config, ("a", "1h"), ("b", "1h")), must_not_stop, watch=False
    ) as services:
        assert await services.jobs.defer_due("sync") == 0
        asked = (await services.playlists.service.all())[1].known
        await services.playlists.service.ask_for(asked.playlist_id)
        await until(lambda: len_is(youtube.fetched, 1))
        assert youtube.reads == [asked.url]


def len_is(values: list[str], count: int) -> bool:
    return len(values) == count


async def test_a_picture_of_a_video_is_no_cover(
    config: Config, youtube: FakeYouTube, music: Path, unblocked: None
) -> None:
    youtube.lists[address("a")] = listing(track(3, kind="video"))
    youtube.pictures = {"https://i.ytimg.com/3.jpg": synth.png()}
    synth.write_audio(music / "unknown.mp3", piece(3))
    async with open_services(at_once(config), must_not_stop, watch=False) as services:
        await synced(services, await added(services))
        await settle(services, music)
    assert said(music / "unknown.mp3")[0] == "Piece 3"
    assert not ID3(music / "unknown.mp3").getall("APIC")


async def test_an_untagged_copy_is_tagged_from_the_playlist_and_running_again_fetches_nothing(
    config: Config, youtube: FakeYouTube, music: Path, unblocked: None
) -> None:
    tracks = [track(number, title=f"Title {number}", artists=("One", "Two")) for number in range(1, 6)]
    youtube.lists[address("a")] = listing(*tracks)
    youtube.pictures = {"https://i.ytimg.com/3.jpg": synth.png()}
    synth.write_audio(music / "unknown.mp3", piece(3))
    async with open_services(at_once(config), must_not_stop, watch=False) as services:
        await settle(services, music)
        assert said(music / "unknown.mp3") == (None, None, None)
        playlist_id = await added(services)
        await synced(services, playlist_id)
        await settle(services, music)
        assert said(music / "unknown.mp3") == ("Title 3", "One, Two", "Some Album")
        [cover] = ID3(music / "unknown.mp3").getall("APIC")
        assert (cover.data, cover.mime) == (synth.png(), "image/png")
        await synced(services, playlist_id)
        assert len(youtube.fetched) == 5
