"""Turn what ytmusicapi says of a list's entries into tracks."""

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from daemon.playlist_rows import Track
from daemon.youtube_url import VIDEO_ID

Said = Mapping[str, Any]
"""As ytmusicapi parsed it: any key may be missing, any value None."""

_ALBUM_AUDIO = "MUSIC_VIDEO_TYPE_ATV"
_LONGEST_TEXT = 500
"""Characters of a title or a name."""
_COVER_PX = 544
"""Width of a cover on an album's page; lists have links to 120 pixels of the same picture."""
_LONGEST_ADDRESS = 2_000
_SIZE = re.compile(r"=w\d+-h\d+")


@dataclass(frozen=True, slots=True)
class AlbumPage:
    """What an album's page knows better than its entries."""

    title: str | None = None
    artists: tuple[str, ...] = ()
    year: int | None = None
    cover_url: str | None = None


def album_page(said: Said) -> AlbumPage:
    """Return what ytmusicapi's `get_album` tells of the album itself."""
    return AlbumPage(
        text(said.get("title")) or None,
        _names(said.get("artists")),
        _year(said.get("year")),
        _largest(said.get("thumbnails")),
    )


def track_of(said: Said, album: AlbumPage | None = None) -> Track:
    """Return an entry of a list, an album, an artist's page or a queue as a track."""
    page = album or AlbumPage()
    is_available = said.get("isAvailable") is not False
    return Track(
        video_id=_video_id(said.get("videoId")) if is_available else None,
        title=text(said.get("title")),
        artists=_names(said.get("artists")) or page.artists,
        album=_name(said.get("album")) or page.title,
        year=_year(said.get("year")) or page.year,
        duration_s=_duration_s(said),
        kind="album audio" if said.get("videoType") == _ALBUM_AUDIO else "video",
        thumbnail_url=page.cover_url or _largest(said.get("thumbnails") or said.get("thumbnail")),
    )


def player_track(details: Said) -> Track:
    """Return what the player's answer (`videoDetails`) tells of a video."""
    seconds = str(details.get("lengthSeconds") or "")
    author = text(details.get("author")).removesuffix(" - Topic")
    pictures = details.get("thumbnail")
    return Track(
        video_id=_video_id(details.get("videoId")),
        title=text(details.get("title")),
        artists=(author,) if author else (),
        duration_s=float(seconds) if seconds.isdecimal() and int(seconds) else None,
        kind="album audio" if details.get("musicVideoType") == _ALBUM_AUDIO else "video",
        thumbnail_url=_largest(pictures.get("thumbnails") if isinstance(pictures, Mapping) else None),
    )


def text(said: object) -> str:
    """Return a text of one line that every database, tag and terminal takes; empty if there is none."""
    if not isinstance(said, str):
        return ""
    whole = said.encode("utf-8", "replace").decode("utf-8")  # JSON can hold half a surrogate pair
    visible = "".join(" " if unicodedata.category(each) in ("Cc", "Zl", "Zp") else each for each in whole)
    return " ".join(visible.split())[:_LONGEST_TEXT]


def count_of(said: object) -> int | None:
    """Return how many there are, if it is said in a number."""
    return said if isinstance(said, int) and said >= 0 else None


def _video_id(said: object) -> str | None:
    return said if isinstance(said, str) and VIDEO_ID.fullmatch(said) else None


def _name(said: object) -> str | None:
    """Return the name in `{"name": ..., "id": ...}`, or of what is a name already."""
    return text(said.get("name") if isinstance(said, Mapping) else said) or None


def _names(said: object) -> tuple[str, ...]:
    if not isinstance(said, Sequence) or isinstance(said, str):
        return ()
    names: Iterable[str | None] = map(_name, said)
    return tuple(name for name in names if name)


def _year(said: object) -> int | None:
    told = str(said)
    return int(told) if re.fullmatch(r"[12]\d{3}", told, re.ASCII) else None


def _duration_s(said: Said) -> float | None:
    seconds = said.get("duration_seconds")
    if isinstance(seconds, int) and seconds > 0:
        return float(seconds)
    parts = str(said.get("length") or "").split(":")
    if not all(part.isdecimal() and len(part) <= 4 for part in parts):
        return None
    counted = 0
    for part in parts:
        counted = counted * 60 + int(part)
    return float(counted) or None


def _largest(said: object) -> str | None:
    """Return the address of the largest picture, in a cover's size where the server makes any size."""
    if not isinstance(said, Sequence) or isinstance(said, str):
        return None
    pictures = [each for each in said if isinstance(each, Mapping) and _is_address(each.get("url"))]
    if not pictures:
        return None
    largest = max(pictures, key=lambda each: each["width"] if isinstance(each.get("width"), int) else 0)
    return _SIZE.sub(f"=w{_COVER_PX}-h{_COVER_PX}", str(largest["url"]), count=1)


def _is_address(said: object) -> bool:
    return isinstance(said, str) and len(said) <= _LONGEST_ADDRESS and said.isascii() and said.isprintable()
