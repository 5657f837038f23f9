"""A YouTube Music for tests: lists and real sounds, one thing at a time, as the contract says."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import synth
from identifying import PIECE_S, piece
from ingesting import rows
from waiting import until

from daemon import playlist_setup
from daemon.playlist_rows import Downloaded, Listing, Track
from daemon.playlists import ListView
from daemon.services import Services

START = datetime(2026, 1, 1, tzinfo=UTC)


def address(letter: str) -> str:
    """Return the address of a playlist."""
    return f"https://music.youtube.com/playlist?list=PL{letter * 32}"


def track(number: int, **changes: object) -> Track:
    """Return a track whose sound is `piece(number)`."""
    plain = Track(
        video_id=f"video{number:06}",
        title=f"Piece {number}",
        artists=("Some Band",),
        album="Some Album",
        year=1999,
        duration_s=PIECE_S,
        kind="album audio",
        thumbnail_url=f"https://i.ytimg.com/{number}.jpg",
    )
    return replace(plain, **changes)  # type: ignore[arg-type]


def listing(*tracks: Track, announced: int | None = None, title: str = "A List") -> Listing:
    """Return a list that says how many tracks it has."""
    return Listing("playlist", title, tracks, len(tracks) if announced is None else announced)


@dataclass
class Clock:
    """A clock that stands still."""

    moment: datetime = START

    def __call__(self) -> datetime:
        return self.moment

    def turn(self, **by: float) -> None:
        self.moment += timedelta(**by)


@dataclass
class FakeYouTube:
    """What is asked of it is noted."""

    lists: dict[str, Listing | Exception] = field(default_factory=dict)
    failures: dict[str, Exception] = field(default_factory=dict)
    """By video: raised instead of a sound."""
    details: dict[str, str] = field(default_factory=dict)
    pictures: dict[str, bytes] = field(default_factory=dict)
    """By address."""
    reads: list[str] = field(default_factory=list)
    fetched: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    gaps_s: list[float] = field(default_factory=list)
    """Between the end of one download and the beginning of the next."""
    is_asked: bool = False
    ended_s: float | None = None
    suffix: str = ".webm"

    def __call__(self, *_: object) -> "FakeYouTube":
        """Stand in for the class itself."""
        return self

    async def read(self, url: str) -> Listing:
        assert not self.is_asked, "two things at a time"
        self.reads.append(url)
        answer = self.lists[url]
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def fetch(self, track: Track, folder: Path) -> Downloaded:
        assert not self.is_asked, "two things at a time"
        assert await asyncio.to_thread(lambda: list(folder.iterdir())) == []
        video_id = track.video_id
        assert video_id is not None
        if self.ended_s is not None:
            self.gaps_s.append(time.monotonic() - self.ended_s)
        self.is_asked = True
        try:
            self.fetched.append(video_id)
            await self.before(video_id, folder)
            if video_id in self.failures:
                raise self.failures[video_id]
            return await asyncio.to_thread(self._written, folder, int(video_id[5:]))
        finally:
            self.is_asked = False
            self.ended_s = time.monotonic()

    def _written(self, folder: Path, number: int) -> Downloaded:
        path = synth.write_audio(folder / f"sound{self.suffix}", piece(number))
        return Downloaded(path, path.stat().st_size, self.details)

    async def before(self, video_id: str, folder: Path) -> None:
        """Do nothing; tests put something here."""

    async def picture(self, track: Track) -> bytes | None:
        return self.pictures.get(track.thumbnail_url or "")

    async def keep(self, track: Track, downloaded: Downloaded, cover: bytes | None) -> None:
        assert await asyncio.to_thread(downloaded.path.exists)
        self.kept.append(track.title)


def install(monkeypatch: pytest.MonkeyPatch) -> FakeYouTube:
    """Return what the daemon takes for YouTube Music."""
    fake = FakeYouTube()
    monkeypatch.setattr(playlist_setup, "YouTubeMusic", fake)
    return fake


def stop_clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Return what playlists take for the time."""
    stopped = Clock()
    monkeypatch.setattr(playlist_setup, "now", stopped)
    return stopped


async def added(services: Services, letter: str = "a") -> int:
    """Add a list, and return its number."""
    service = services.playlists.service
    return (await service.add(address(letter), "playlist", 3_600.0))[0].known.playlist_id


async def synced(services: Services, playlist_id: int) -> ListView:
    """Have a list read, wait until nothing more is done for it, and return how it is then."""
    await services.playlists.service.ask_for(playlist_id)
    await until(lambda: is_idle(services), within_s=60)
    return await services.playlists.service.one(playlist_id)


async def is_idle(services: Services) -> bool:
    """Tell whether nothing is read or fetched, nor will be before the clock turns."""
    service = services.playlists.service
    if await rows(services, "SELECT 1 FROM procrastinate_jobs WHERE task_name IN ('sync', 'fetch')"):
        return False
    if await service.pause() is not None:
        return True
    return not any(each.is_due or each.counts.to_fetch for each in await service.all())


async def states(services: Services) -> dict[str, Sequence[object]]:
    """Return state, reason and attempts of every track by title."""
    found = await rows(services, "SELECT title, state, reason, attempts FROM tracks ORDER BY track_id")
    return {str(title): (state, reason, attempts) for title, state, reason, attempts in found}
