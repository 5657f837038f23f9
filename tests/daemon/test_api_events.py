"""GET /events: a real stream of a real daemon."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import mutagen
import psycopg
import pytest
from blockbuster import blockbuster_ctx
from fake_youtube import address, install
from identifying import is_settled
from tagged_files import make as make_tagged
from waiting import Served, changed, served, until
from yarl import URL

from daemon import api_events, app, event_look, events
from daemon.change_rows import Change
from daemon.config import Config
from daemon.events import EventFeed, Seen
from daemon.tag_fields import TagFields

Json = dict[str, Any]


class Stream:
    """What a page follows."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self.response = response

    async def block(self) -> str:
        """Return the next lines up to an empty one; "" at the end."""
        lines = []
        async with asyncio.timeout(30):
            while (line := (await self.response.content.readline()).decode()) not in ("\n", ""):
                lines.append(line)
        return "".join(lines)

    async def next(self, name: str) -> Json:
        """Return what the next event of this name says."""
        while block := await self.block():
            if block.startswith(f"event: {name}\n"):
                said: Json = json.loads(block.split("\n")[1].removeprefix("data: "))
                return said
        raise AssertionError("the stream has ended")


@asynccontextmanager
async def followed(daemon: Served) -> AsyncIterator[Stream]:
    async with daemon.http.get("/events") as response:
        assert response.status == 200
        stream = Stream(response)
        assert await stream.block() == "retry: 3000\n"
        yield stream


@pytest.fixture
def feeds(monkeypatch: pytest.MonkeyPatch) -> list[EventFeed]:
    """The feeds of daemons that start from now on; they look as often as they can."""
    opened: list[EventFeed] = []

    def open_feed(look: events.Look) -> EventFeed:
        opened.append(EventFeed(look))
        return opened[-1]

    monkeypatch.setattr(api_events, "EventFeed", open_feed)
    monkeypatch.setattr(events, "_LEAST_REST_S", 0.01)
    monkeypatch.setattr(events, "_REST_PER_WORK", 1.0)
    monkeypatch.setattr(events, "_REST_AFTER_TROUBLE_S", 0.01)
    return opened


@pytest.fixture
async def daemon(config: Config, feeds: list[EventFeed]) -> AsyncIterator[Served]:
    async with served(changed(config, "tagging", quiet_s=0.0)) as opened:
        with blockbuster_ctx(["daemon", "engine"]):
            yield opened


async def test_it_begins_with_what_get_status_and_get_playlists_answer(daemon: Served) -> None:
    async with followed(daemon) as stream:
        headers = stream.response.headers
        assert headers["Content-Type"] == "text/event-stream"
        assert (headers["Cache-Control"], headers["X-Accel-Buffering"]) == ("no-store", "no")
        assert await stream.next("status") == await daemon.local.get("/status")
        assert await stream.next("playlists") == await daemon.local.get("/playlists")
        assert await stream.next("changes") == {"latest": None, "count": 0}


async def test_what_is_written_undone_and_confirmed_is_told(daemon: Served, music: Path) -> None:
    path = make_tagged(music, "mp3")
    await daemon.learn(music)
    file_id = (await daemon.local.get(f"/files?path={path}"))["files"][0]["file_id"]
    async with followed(daemon) as stream:
        assert (await stream.next("status"))["libraries"][0]["present"] == 1
        await stream.next("changes")
        change = await daemon.services.tagging.apply(
            file_id,
            TagFields(title="So What", artist="Miles Davis"),
            cause="identified",
            recording_id=None,
            evidence={},
        )
        assert isinstance(change, Change), change
        told = {"latest": change.change_id, "count": 1}
        assert await stream.next("changes") == told
        await until(lambda: _is_done(daemon, change.change_id))
        async with asyncio.timeout(30), daemon.http.post(f"/changes/{change.change_id}/undo") as answer:
            assert answer.status == 200
        assert await stream.next("changes") == told


async def test_a_file_that_another_program_retags_is_told_though_all_counts_stay(
    daemon: Served, music: Path
) -> None:
    path = make_tagged(music, "mp3")
    await daemon.learn(music)
    await until(lambda: is_settled(daemon.services))
    async with followed(daemon) as stream:
        status = await stream.next("status")
        await stream.next("changes")
        await asyncio.to_thread(_retag, path)
        await daemon.learn(music)
        await until(lambda: is_settled(daemon.services))
        assert await stream.next("changes") == {"latest": None, "count": 0}
        assert (await daemon.local.get("/status"))["files"] == status["files"]


def _retag(path: Path) -> None:
    tags = mutagen.File(path, easy=True)
    tags["title"] = "Otherwise"
    tags.save()


async def _is_done(daemon: Served, change_id: int) -> bool:
    change = await daemon.services.journal.change(change_id)
    return change is not None and change.status == "done"


async def test_a_new_playlist_is_told(daemon: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch)
    async with followed(daemon) as stream:
        assert (await stream.next("playlists"))["playlists"] == []
        await daemon.local.post("/playlists", {"url": address("a")})
        assert [each["url"] for each in (await stream.next("playlists"))["playlists"]] == [address("a")]


async def test_a_database_that_is_away_ends_no_stream(
    daemon: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(_: object) -> Json:
        raise psycopg.OperationalError("gone")

    async with followed(daemon) as stream:
        await stream.next("status")
        with monkeypatch.context() as patched:
            patched.setattr(event_look, "describe_status", away)
            assert "database does not answer" in (await stream.next("trouble"))["error"]
        assert (await stream.next("status"))["service"] == "spectra"


async def test_a_comment_comes_where_nothing_happens(daemon: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api_events, "_KEEP_ALIVE_S", 0.05)
    async with followed(daemon) as stream:
        while (block := await stream.block()) != ": keep-alive\n":
            assert block


async def test_who_goes_away_is_forgotten_and_nobody_looks_any_more(
    daemon: Served, feeds: list[EventFeed]
) -> None:
    async with followed(daemon) as stream, followed(daemon) as other:
        await stream.next("status")
        await other.next("status")
        assert (feeds[0].reader_count, feeds[0].is_looking) == (2, True)
    await until(lambda: (feeds[0].reader_count, feeds[0].is_looking) == (0, False))


async def test_a_question_for_the_headers_only_follows_nothing(
    daemon: Served, feeds: list[EventFeed]
) -> None:
    async with daemon.http.head("/events") as response:
        assert (response.status, response.content_type) == (200, "text/event-stream")
    assert feeds[0].reader_count == 0


async def test_who_is_one_too_many_is_asked_to_come_later(
    daemon: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "_MOST_READERS", 1)
    async with followed(daemon), daemon.http.get("/events") as response:
        assert (response.status, response.headers["Retry-After"]) == (503, "30")
        assert "close some" in (await response.json())["error"]


async def _flood(number: list[int]) -> Mapping[str, Seen]:
    """See something else, and a lot, at every look: more than the sockets between us hold."""
    number[0] += 1
    return {"status": Seen("x" * 4_000_000, number[0])}


async def _stalled(
    http: aiohttp.ClientSession, url: URL, feed: EventFeed, monkeypatch: pytest.MonkeyPatch
) -> aiohttp.ClientResponse:
    """Follow, and stop reading, until the daemon waits for that."""
    number = [0]
    monkeypatch.setattr(feed, "_look", lambda: _flood(number))
    response = await http.get(url)
    reader = next(iter(feed._readers))
    await until(lambda: reader._patience is not None and reader._pending)
    return response


async def _url(daemon: Served) -> URL:
    async with daemon.http.get("/ping") as response:
        return response.url.with_path("/events")


async def test_who_does_not_read_is_dropped(
    daemon: Served, feeds: list[EventFeed], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api_events, "_STALLED_S", 0.3)
    async with aiohttp.ClientSession() as http:
        response = await _stalled(http, await _url(daemon), feeds[0], monkeypatch)
        await until(lambda: feeds[0].reader_count == 0)
        response.close()


async def test_open_streams_end_with_the_daemon_and_do_not_hold_it_up(
    config: Config, feeds: list[EventFeed], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app, "_SHUTDOWN_S", 600.0)
    async with asyncio.timeout(60), aiohttp.ClientSession() as http:
        async with served(config) as daemon:
            stream = Stream(await http.get(await _url(daemon)))
            await stream.next("status")
        while await stream.block():
            pass
    assert not feeds[0].is_looking


async def test_a_reader_that_does_not_read_does_not_hold_it_up_either(
    config: Config, feeds: list[EventFeed], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app, "_SHUTDOWN_S", 600.0)
    monkeypatch.setattr(api_events, "_STALLED_S", 600.0)
    async with asyncio.timeout(60), aiohttp.ClientSession() as http:
        async with served(config) as daemon:
            response = await _stalled(http, await _url(daemon), feeds[0], monkeypatch)
        response.close()
    assert not feeds[0].is_looking
