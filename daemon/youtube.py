"""YouTube Music as the playlists see it: blocking libraries in processes that can be killed."""

import logging
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp

from daemon.config_options import YouTube
from daemon.download_watch import LeastSpeed, must_move
from daemon.keep_audio import keep
from daemon.leftovers import temporary_name
from daemon.library import shown
from daemon.playlist_rows import Downloaded, Listing, Track
from daemon.side_process import run_aside
from daemon.thumbnails import fetch_thumbnail
from daemon.track_choice import length_tolerance_s
from daemon.workers import WorkerPool
from daemon.youtube_download import DownloadOptions, download
from daemon.youtube_lists import read_listing
from daemon.youtube_url import parse_address

log = logging.getLogger(__name__)

_READ_WITHIN_S = 600.0
_READ_S_PER_TRACK = 0.05
"""A page has 100 tracks, and comes within one second or two."""
_FETCH_WITHIN_S = 1_800.0
_NICE = 10


@dataclass(frozen=True, slots=True)
class YouTubeMusic:
    """Reads lists and downloads tracks; a cancellation ends either at once."""

    options: YouTube
    cache_folder: Path
    """Where yt-dlp remembers how it solved challenges."""
    workers: WorkerPool
    run: str = ""
    """Of this daemon: a sweep of what others left spares its temporary files."""
    least_speed: LeastSpeed = field(default_factory=LeastSpeed)

    async def read(self, url: str) -> Listing:
        """Return what a list says. Raises SourceError, DaemonError."""
        return await read_list(url, self.options)

    async def fetch(self, track: Track, folder: Path) -> Downloaded:
        """Download a track's sound into a folder. Raises SourceError, DaemonError, OSError."""
        expected_s = track.duration_s
        options = DownloadOptions(
            largest_bytes=self.options.most_mb * 1_000_000,
            longest_s=self.options.longest_s,
            expected_s=expected_s,
            tolerance_s=length_tolerance_s(expected_s or 0.0),
            cookies_file=self.options.cookies_file,
            proxy=self._proxy,
            cache_folder=self.cache_folder,
            extractor_arguments=_extractor_arguments(self.options.extractor_args),
        )
        async with must_move(folder, self.least_speed):
            return await run_aside(
                download, track.video_id or "", folder, options, within_s=_FETCH_WITHIN_S, nice=_NICE
            )

    async def keep(self, track: Track, downloaded: Downloaded, cover: bytes | None) -> None:
        """Keep a track's sound, if that is configured. Raises SourceError, DaemonError, OSError."""
        if self.options.keep is not None:
            name = temporary_name(self.run)
            place = await self.workers.run(
                keep, downloaded.path, self.options.keep, track, cover, temporary_name=name
            )
            log.info("kept %r as %s", track.title, shown(os.fsencode(place)))

    async def picture(self, track: Track) -> bytes | None:
        """Return a track's picture, if there is one that tags can take."""
        url, proxy = track.thumbnail_url, self._proxy
        if url is None or (proxy is not None and not proxy.startswith(("http://", "https://"))):
            return None  # aiohttp knows no other proxies, and past them nothing is asked
        async with aiohttp.ClientSession(proxy=proxy) as session:
            return await fetch_thumbnail(session, url)

    @property
    def _proxy(self) -> str | None:
        return _proxy_of(self.options)


async def read_list(url: str, options: YouTube) -> Listing:
    """Return what a list says. Raises SourceError, DaemonError."""
    proxy, most_tracks = _proxy_of(options), options.most_tracks
    within_s = _READ_WITHIN_S + _READ_S_PER_TRACK * most_tracks
    return await run_aside(_read, url, options.headers_file, most_tracks, proxy, within_s=within_s)


def _proxy_of(options: YouTube) -> str | None:
    return None if options.proxy is None else options.proxy.get_secret_value()


def _extractor_arguments(given: Iterable[str]) -> dict[str, dict[str, list[str]]]:
    """Return yt-dlp's form of `extractor:name=value,value`."""
    arguments: dict[str, dict[str, list[str]]] = {}
    for each in given:
        extractor, _, assignment = each.partition(":")
        name, _, values = assignment.partition("=")
        arguments.setdefault(extractor.lower(), {})[name] = values.split(",")
    return arguments


def _read(url: str, headers_file: Path | None, limit: int, proxy: str | None) -> Listing:
    target = parse_address(url)
    return read_listing(target, headers_file=headers_file, limit=limit, proxy=proxy)
