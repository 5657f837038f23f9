"""`spectra serve` as it is, but for a YouTube on this machine, a clock that tests turn, and no long waits.

Run as a script: `near_daemon.py LISTS_URL MEDIA_URL CLOCK_FILE serve ...`.
"""

import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from daemon import daemon_lock, database_server, db, playlist_setup, scheduler
from daemon.__main__ import main
from daemon.playlist_rows import Downloaded, Listing, Track
from daemon.side_process import run_aside
from daemon.youtube_download import DownloadOptions, download
from daemon.youtube_lists import read_listing
from daemon.youtube_url import parse_address


@dataclass(frozen=True, slots=True)
class NearYouTube:
    """What the daemon takes for YouTube Music: the real libraries, sent to servers of this machine."""

    lists_url: str
    media_url: str

    async def read(self, url: str) -> Listing:
        """Have ytmusicapi read a list, in a process of its own."""
        reading = partial(read_listing, headers_file=None, limit=1_000, proxy=None, base_url=self.lists_url)
        return await run_aside(reading, parse_address(url), within_s=60)

    async def fetch(self, track: Track, folder: Path) -> Downloaded:
        """Have yt-dlp download a sound, in a process of its own."""
        options = DownloadOptions(
            page_url=f"{self.media_url}/{{video_id}}",
            extractors=("generic",),
            proxy="",
            socket_timeout_s=10.0,
            expected_s=track.duration_s,
        )
        return await run_aside(download, track.video_id or "", folder, options, within_s=60)

    async def picture(self, track: Track) -> bytes | None:
        """Return nothing: there is no server for pictures."""

    async def keep(self, track: Track, downloaded: Downloaded, cover: bytes | None) -> None:
        """Keep nothing."""


def turned(clock: Path) -> datetime:
    """Return the time, so many seconds later as the file says."""
    return datetime.now(UTC) + timedelta(seconds=float(clock.read_text()))


def run(lists_url: str, media_url: str, clock: Path) -> None:
    """Run the command that follows in `sys.argv`."""
    near = NearYouTube(lists_url, media_url)
    playlist_setup.YouTubeMusic = lambda *_: near  # type: ignore[assignment,misc]
    playlist_setup.now = lambda: turned(clock)
    scheduler._LOOK_FOR_DUE_S = 1
    scheduler._RECOVER_EVERY_S = 2
    database_server._CHECK_S = 0.5
    daemon_lock._CHECK_EVERY_S = 0.5
    db._POOL_WAIT_S = 2.0
    main()


if __name__ == "__main__":  # worker processes import this, too
    lists, media, clock_file = sys.argv[1:4]
    sys.argv[1:4] = []
    run(lists, media, Path(clock_file))
