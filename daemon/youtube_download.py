"""Fetch one track's sound with yt-dlp. It blocks, and belongs into a process that can be killed."""

import logging
import os
import shutil
import stat
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from daemon.playlist_errors import BrokenDownload, CookiesUnusable, SourceError, Unavailable
from daemon.playlist_rows import Downloaded
from daemon.sound_check import whole_duration_s
from daemon.youtube_failures import failure_of

log = logging.getLogger(__name__)

_FORMAT = "bestaudio[ext=m4a]/bestaudio[ext=webm]/bestaudio/best[height<=480]/best"
"""M4A first: every player can have it as it is. Where sound comes only with pictures, small ones."""
_TRIES = 2
"""More would be impolite, and the job tries again much later."""
_WARNINGS_KEPT = 20
_LARGEST_COOKIES_BYTES = 1 << 20
_DETAILS = (
    *("id", "title", "track", "artists", "album", "release_year", "track_number", "duration"),
    *("channel", "thumbnail", "webpage_url", "format_id", "ext", "acodec", "abr"),
)
_LIVE = ("is_live", "is_upcoming", "post_live")
_COOKIES = "cookies.txt"


@dataclass(frozen=True, slots=True)
class DownloadOptions:
    """What to fetch, and how much of it at most."""

    largest_bytes: int = 256 << 20
    longest_s: float = 3 * 3_600.0
    expected_s: float | None = None
    """As the list says; None: as the track's page says."""
    tolerance_s: float = 5.0
    """Lists round, and players cut silence."""
    socket_timeout_s: float = 20.0
    cookies_file: Path | None = None
    """In Netscape's format, of a signed-in browser; 0600. It is read, never written."""
    proxy: str | None = None
    """None: what the environment says; empty: none."""
    cache_folder: Path | None = None
    """Where yt-dlp may remember how it solved YouTube's challenges; None: nowhere."""
    extractor_arguments: Mapping[str, Mapping[str, list[str]]] = field(default_factory=dict)
    """For plugins, such as the address of a PO token provider; see yt-dlp's --extractor-args."""
    page_url: str = "https://music.youtube.com/watch?v={video_id}"
    extractors: tuple[str, ...] = ("youtube",)
    """Patterns of yt-dlp's names: nobody else is asked."""


def download(video_id: str, folder: Path, options: DownloadOptions) -> Downloaded:
    """Fetch a track's sound into an empty folder; check that it is whole and decodes to its end.

    Whatever is raised, nothing is left in the folder; after a kill it is the caller's to delete.

    Raises
    ------
    SourceError : why it can't be had
    OSError : the disk fails
    """
    work = folder / "download"
    work.mkdir(mode=0o700)
    try:
        details = _fetch(video_id, work, options)
        path = _only_file(video_id, work)
        expected_s = options.expected_s or float(details.get("duration", 0)) or None
        whole_duration_s(
            path,
            what=video_id,
            expected_s=expected_s,
            tolerance_s=options.tolerance_s,
            longest_s=options.longest_s,
        )
        return Downloaded(path, path.stat().st_size, details)
    except BaseException:
        shutil.rmtree(work, ignore_errors=True)  # what went wrong before is what should be told
        raise


def _fetch(video_id: str, work: Path, options: DownloadOptions) -> dict[str, str]:
    from yt_dlp import YoutubeDL  # half a second, and only a side process needs it

    told = _Told()
    url = options.page_url.format(video_id=quote(video_id, safe=""))
    try:
        with YoutubeDL(_parameters(video_id, work, options, told)) as ydl:
            found = ydl.extract_info(url)
    except SourceError:
        raise
    except Exception as error:  # an extractor meets whatever YouTube changed: any error there is
        raise failure_of(video_id, error, tuple(told.warnings)) from error
    finally:
        with suppress(FileNotFoundError):
            (work / _COOKIES).unlink()
    return {name: text for name in _DETAILS if (text := _text((found or {}).get(name)))}


def _parameters(video_id: str, work: Path, options: DownloadOptions, told: "_Told") -> dict[str, Any]:
    """Return yt-dlp's parameters. Through its API it reads no configuration files of the user."""
    return {
        "allowed_extractors": list(options.extractors),
        "cachedir": str(options.cache_folder) if options.cache_folder else False,
        "color": "never",
        "cookiefile": _copied_cookies(options.cookies_file, work),
        "extractor_args": {name: dict(values) for name, values in options.extractor_arguments.items()},
        "extractor_retries": 1,
        "file_access_retries": 0,
        "fixup": "never",
        "format": _FORMAT,
        "fragment_retries": _TRIES,
        "logger": told,
        "match_filter": _Filter(video_id, options),
        "max_filesize": None,  # it would end without an error, and trust what the server says
        "noplaylist": True,
        "noprogress": True,
        "outtmpl": {"default": "sound.%(ext)s"},
        "paths": {"home": str(work)},
        "playlist_items": "1",
        "progress_hooks": [_SizeLimit(video_id, options.largest_bytes)],
        "proxy": options.proxy or "",  # without one it takes what the environment says
        "quiet": True,
        "retries": _TRIES,
        "skip_unavailable_fragments": False,
        "socket_timeout": options.socket_timeout_s,
        "updatetime": False,
    }


@dataclass(slots=True)
class _Told:
    """Where yt-dlp's messages go: to the log, its warnings to who must explain a failure too."""

    warnings: deque[str] = field(default_factory=lambda: deque(maxlen=_WARNINGS_KEPT))

    def debug(self, message: str) -> None:
        log.debug("%s", message)

    def info(self, message: str) -> None:
        log.debug("%s", message)

    def warning(self, message: str) -> None:
        self.warnings.append(message)
        log.info("yt-dlp: %s", message)

    def error(self, message: str) -> None:
        log.debug("%s", message)  # it is raised as well


@dataclass(frozen=True, slots=True)
class _Filter:
    """Refuse a track before its sound is asked for."""

    video_id: str
    options: DownloadOptions

    def __call__(self, found: Mapping[str, Any], **_: object) -> None:
        if found.get("extractor_key") == "Youtube" and found.get("id") != self.video_id:
            raise Unavailable(self.video_id, "paid")  # its trailer came
        if found.get("live_status") in _LIVE:
            raise BrokenDownload(self.video_id, "it is a live stream, or not out yet")
        duration_s, longest_s = found.get("duration"), self.options.longest_s
        if duration_s and duration_s > longest_s:
            raise BrokenDownload(
                self.video_id, f"too long: {duration_s:.0f} s, and {longest_s:.0f} s are allowed"
            )


@dataclass(frozen=True, slots=True)
class _SizeLimit:
    """End a download that is, or says it will be, too large."""

    video_id: str
    largest_bytes: int

    def __call__(self, progress: Mapping[str, Any]) -> None:
        size_bytes = max(progress.get("downloaded_bytes") or 0, progress.get("total_bytes") or 0)
        if size_bytes > self.largest_bytes:
            limit_mb = self.largest_bytes / 1e6
            raise BrokenDownload(self.video_id, f"too large: more than the allowed {limit_mb:.1f} MB")


def _copied_cookies(source: Path | None, work: Path) -> str | None:
    """Copy the cookies, since yt-dlp writes the file that it is given."""
    if source is None:
        return None
    try:
        number = os.open(source, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(number, "rb") as file:
            status = os.fstat(number)
            if not stat.S_ISREG(status.st_mode) or status.st_size > _LARGEST_COOKIES_BYTES:
                raise CookiesUnusable(str(source), "it is no file of cookies")
            if status.st_mode & 0o077:
                raise CookiesUnusable(str(source), "others can read it")
            content = file.read(_LARGEST_COOKIES_BYTES)
    except OSError as error:
        raise CookiesUnusable(str(source), error.strerror or str(error)) from error
    from yt_dlp.cookies import YoutubeDLCookieJar

    copy = work / _COOKIES
    with os.fdopen(os.open(copy, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb") as file:
        file.write(content)
    try:
        YoutubeDLCookieJar(str(copy)).load()
    except (OSError, ValueError) as error:  # a LoadError is an OSError
        raise CookiesUnusable(str(source), "it is no file of cookies") from error
    return str(copy)


def _only_file(video_id: str, work: Path) -> Path:
    paths = list(work.iterdir())
    if len(paths) != 1 or not paths[0].is_file() or not paths[0].stat().st_size:
        raise BrokenDownload(video_id, f"{len(paths) or 'no'} files came, or an empty one")
    return paths[0]


def _text(value: object) -> str | None:
    if isinstance(value, list):
        return ", ".join(str(each) for each in value) or None
    return str(value) if value is not None else None
