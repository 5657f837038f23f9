"""A playlist of real tracks to names in files: ytmusicapi and yt-dlp ask servers of this machine."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest
import synth
from conftest import must_not_stop
from fake_youtube import is_idle
from identifying import PIECE_S, at_once, piece, said, settle
from waiting import until
from youtube_media_server import Media, MediaServer
from youtube_music_answers import Entry, video_id
from youtube_music_server import YouTubeMusic, youtube_music

from daemon import playlist_setup
from daemon.config import Config
from daemon.playlist_rows import Downloaded, Listing, Track
from daemon.services import open_services
from daemon.side_process import run_aside
from daemon.youtube_download import download
from daemon.youtube_lists import read_listing
from daemon.youtube_url import parse_address

LIST_ID = "PLxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
URL = f"https://music.youtube.com/playlist?list={LIST_ID}"
COUNT = 10


@dataclass(frozen=True)
class NearYouTube:
    """What the daemon takes for YouTube Music: the real libraries, sent to servers of this machine."""

    lists: YouTubeMusic
    media: MediaServer

    async def read(self, url: str) -> Listing:
        """Have ytmusicapi read a list, in a process of its own."""
        target = parse_address(url)
        reading = partial(read_listing, headers_file=None, limit=1_000, proxy=None, base_url=self.lists.url)
        return await run_aside(reading, target, within_s=60)

    async def fetch(self, track: Track, folder: Path) -> Downloaded:
        """Have yt-dlp download a sound, in a process of its own."""
        options = self.media.options(expected_s=track.duration_s)
        return await run_aside(download, track.video_id or "", folder, options, within_s=60)

    async def picture(self, track: Track) -> bytes | None:
        """Return nothing: there is no server for pictures."""

    async def keep(self, track: Track, downloaded: Downloaded, cover: bytes | None) -> None:
        """Keep nothing."""


async def test_a_playlist_names_a_file_and_is_fetched_once(
    config: Config, music: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bare = synth.write_audio(music / "track01.mp3", piece(3))
    absent = synth.write_audio(music / "track02.mp3", piece(COUNT + 5))
    length = f"0:{PIECE_S:02.0f}"
    listed = [Entry(video_id(each), f"Piece {each}", length=length) for each in range(COUNT)]
    quick = at_once(config)
    with youtube_music() as lists:
        async with MediaServer() as media:
            lists.put_playlist(LIST_ID, "Ten Pieces", listed)
            for each in range(COUNT):
                media.media[video_id(each)] = Media(synth.encoded(piece(each), ".webm", tmp_path))
            near = NearYouTube(lists, media)
            monkeypatch.setattr(playlist_setup, "YouTubeMusic", lambda *_: near)
            async with open_services(quick, must_not_stop, watch=False) as services:
                await settle(services, music)
                assert said(bare) == (None, None, None)
                service = services.playlists.service
                view, _ = await service.add(URL, "playlist", 3_600.0)
                await until(lambda: is_idle(services), within_s=120)
                view = await service.one(view.known.playlist_id)
                assert (view.known.title, view.counts.fetched) == ("Ten Pieces", COUNT)
                await settle(services, music)
                assert said(bare) == ("Piece 3", "The Artist", "The Album")
                assert said(absent) == (None, None, None)
                asked = media.requests.total()
                await service.ask_for(view.known.playlist_id)
                await until(lambda: is_idle(services), within_s=120)
                assert media.requests.total() == asked
                assert (await service.one(view.known.playlist_id)).counts.fetched == COUNT
    assert not list((config.state_dir / "downloads").iterdir())
