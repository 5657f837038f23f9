"""A download that hardly moves is ended; others are left alone."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import side_tasks
from fake_youtube import track
from hypothesis import given
from hypothesis import strategies as st
from synth import encoded, music
from waiting import until
from youtube_media_server import Media, MediaServer

from daemon import youtube
from daemon.config_options import YouTube
from daemon.download_watch import LeastSpeed, _is_slow, must_move
from daemon.playlist_errors import SourceUnreachable
from daemon.side_process import run_aside
from daemon.workers import WorkerLimits, WorkerPool
from daemon.youtube import YouTubeMusic
from daemon.youtube_download import download

pytestmark = pytest.mark.usefixtures("unblocked")

ID = "dQw4w9WgXcQ"
QUICK = LeastSpeed(bytes_per_s=4_000.0, over_s=0.5, first_byte_s=60.0)


@pytest.fixture
async def server() -> AsyncIterator[MediaServer]:
    async with MediaServer() as opened:
        yield opened


async def test_a_server_that_sends_a_byte_now_and_then_is_given_up(
    server: MediaServer, tmp_path: Path
) -> None:
    webm = await asyncio.to_thread(encoded, music(3, 12.0), ".webm", tmp_path)
    (folder := tmp_path / "folder").mkdir()
    server.media[ID] = Media(webm, drips_after_bytes=40_000)
    # No read lasts as long as its time limit: a byte always comes before.
    options = server.options(socket_timeout_s=600.0)
    with pytest.raises(SourceUnreachable, match="it sends less than 4 kB a second"):
        async with must_move(folder, QUICK):
            await run_aside(download, ID, folder, options, within_s=600.0)
    assert server.dripped > 1


async def test_a_server_that_never_comes_to_the_first_byte_is_given_up(
    server: MediaServer, tmp_path: Path
) -> None:
    server.media[ID] = Media(b"x" * 100_000, drips_after_bytes=0)
    least = LeastSpeed(over_s=0.5, first_byte_s=0.5)
    with pytest.raises(SourceUnreachable):
        async with must_move(tmp_path, least):
            await run_aside(download, ID, tmp_path, server.options(socket_timeout_s=600.0), within_s=600.0)


async def test_every_download_is_watched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(youtube, "download", side_tasks.drip)
    workers = WorkerPool("ingest", 1, WorkerLimits(1 << 30, 60, 10))
    asking = YouTubeMusic(YouTube(), tmp_path / "cache", workers, least_speed=QUICK)
    (folder := tmp_path / "folder").mkdir()
    with pytest.raises(SourceUnreachable):
        await asking.fetch(track(1), folder)


@pytest.mark.parametrize("name", ["sound.webm", "sound.m4a"])
async def test_a_whole_file_may_be_looked_at_as_long_as_that_takes(tmp_path: Path, name: str) -> None:
    work = tmp_path / "download"
    await asyncio.to_thread(work.mkdir)
    await asyncio.to_thread((work / name).touch)
    (work / "cookies.txt").touch()
    async with must_move(tmp_path, LeastSpeed(over_s=0.01, first_byte_s=0.0)):
        await until(lambda: not any(each.get_name() == "speed of a download" for each in asyncio.all_tasks()))


async def test_the_watch_ends_with_what_it_watches_and_passes_its_errors_on(tmp_path: Path) -> None:
    for error in (ZeroDivisionError("odd"), TimeoutError("of the network")):
        with pytest.raises(type(error)):
            async with must_move(tmp_path, QUICK):
                raise error
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_a_cancelled_download_is_cancelled_and_not_slow(tmp_path: Path) -> None:
    begun = asyncio.Event()

    async def work() -> None:
        async with must_move(tmp_path, QUICK):
            begun.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(work())
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


def slow_at(sizes: list[int], *, every_s: float = 6.0) -> list[bool]:
    """Return what each look says of a file of these sizes."""
    least, seen = LeastSpeed(bytes_per_s=1_000.0, over_s=60.0), deque[tuple[float, int]]()
    found = []
    for number, size in enumerate(sizes):
        seen.append((number * every_s, size))
        found.append(_is_slow(seen, least))
    return found


def test_a_stall_counts_only_when_it_has_lasted() -> None:
    assert slow_at([100_000] * 12) == [False] * 10 + [True] * 2


def test_what_came_fast_long_ago_does_not_help() -> None:
    assert slow_at([10_000_000 + 100 * number for number in range(20)])[-1]


@given(st.lists(st.integers(6_000, 10**7), min_size=1, max_size=40))
def test_a_download_above_the_floor_is_never_slow(grown: list[int]) -> None:
    sizes = [sum(grown[: number + 1]) for number in range(len(grown))]
    assert not any(slow_at(sizes))


@given(st.lists(st.integers(0, 5_999), min_size=12, max_size=40))
def test_a_download_below_the_floor_is_always_slow_in_the_end(grown: list[int]) -> None:
    sizes = [sum(grown[: number + 1]) for number in range(len(grown))]
    assert slow_at(sizes)[-1]
