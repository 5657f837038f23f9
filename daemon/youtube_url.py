"""Which list, album, artist or track an address means."""

import re
from dataclasses import dataclass
from urllib.parse import SplitResult, parse_qs, urlsplit

from daemon.playlist_errors import NotYouTube
from daemon.playlist_rows import ListKind

MUSIC_URL = "https://music.youtube.com"
VIDEO_ID = re.compile(r"[A-Za-z0-9_-]{11}")

_HOSTS = {"music.youtube.com", "www.youtube.com", "m.youtube.com", "youtube.com"}
_SHORT_HOST = "youtu.be"
_LONGEST_URL = 2_000
"""Characters; a real one has 150 at most, tracking included."""
_MOST_PARAMETERS = 50
_UNPRINTABLE = re.compile(r"[\x00-\x20\x7f\\]")
"""`urlsplit` drops some of these silently, and browsers read a backslash as a slash."""

_LISTS: tuple[tuple[re.Pattern[str], ListKind], ...] = (
    (re.compile(r"LM"), "liked"),
    (re.compile(r"OLAK5uy_[A-Za-z0-9_-]{20,64}"), "album"),
    (re.compile(r"(PL|RDCLAK5uy_)[A-Za-z0-9_-]{16,64}"), "playlist"),
)
_ALBUM = re.compile(r"MPREb_[A-Za-z0-9_-]{8,32}")
_ARTIST = re.compile(r"UC[A-Za-z0-9_-]{22}")

_RADIO_HINT = "a radio is another list each time"
_HANDLE_HINT = "open the artist in YouTube Music and take that address (.../channel/UC...)"


@dataclass(frozen=True, slots=True)
class Target:
    """What an address means."""

    kind: ListKind
    id: str
    url: str
    """The same for every way to write it."""


def parse_address(url: str) -> Target:
    """Return what the address of YouTube or YouTube Music means.

    `watch?v=...&list=...` means the list, unless that is a radio or another list that can't be read: then
    the track.

    Raises
    ------
    NotYouTube : another host, a user's name or a port in it, or nothing that can be read
    """
    parts = _split(url)
    host = parts.netloc.lower()
    asked = _asked(url, parts.query)
    page, _, rest = parts.path.strip("/").partition("/")
    found: Target | None = None
    if host == _SHORT_HOST:
        found = _list(asked.get("list", "")) or (None if rest else _track(page))
    elif host not in _HOSTS:
        raise NotYouTube(url)
    elif page == "watch" and not rest:
        found = _list(asked.get("list", "")) or _track(asked.get("v", ""))
    elif page == "playlist" and not rest:
        found = _list(asked.get("list", ""))
    elif page == "browse":
        found = _album(rest) or _artist(rest) or _list(rest.removeprefix("VL"))
    elif page == "channel":
        found = _artist(rest)
    if found is None:
        raise NotYouTube(url, _hint(page, asked.get("list", "")))
    return found


def _split(url: str) -> SplitResult:
    url = url.strip()
    if len(url) > _LONGEST_URL or _UNPRINTABLE.search(url):
        raise NotYouTube(url[:_LONGEST_URL])
    try:
        parts = urlsplit(url)
    except ValueError as error:  # half an IPv6 address, or a host that is another one once normalised
        raise NotYouTube(url) from error
    if parts.scheme not in ("http", "https"):
        raise NotYouTube(url, "it begins with https://")
    return parts


def _asked(url: str, query: str) -> dict[str, str]:
    """Return the query's parameters, each of which must be unambiguous."""
    try:
        parameters = parse_qs(query, max_num_fields=_MOST_PARAMETERS)
    except ValueError as error:
        raise NotYouTube(url) from error
    if any(len(set(parameters.get(name, ()))) > 1 for name in ("v", "list")):
        raise NotYouTube(url, "it names several")
    return {name: values[0] for name, values in parameters.items()}


def _list(list_id: str) -> Target | None:
    for pattern, kind in _LISTS:
        if pattern.fullmatch(list_id):
            return Target(kind, list_id, f"{MUSIC_URL}/playlist?list={list_id}")
    return None


def _album(album_id: str) -> Target | None:
    return Target("album", album_id, f"{MUSIC_URL}/browse/{album_id}") if _ALBUM.fullmatch(album_id) else None


def _artist(channel: str) -> Target | None:
    return Target("artist", channel, f"{MUSIC_URL}/channel/{channel}") if _ARTIST.fullmatch(channel) else None


def _track(video_id: str) -> Target | None:
    if not VIDEO_ID.fullmatch(video_id):
        return None
    return Target("track", video_id, f"{MUSIC_URL}/watch?v={video_id}")


def _hint(page: str, list_id: str) -> str:
    if page.startswith("@") or page in ("c", "user"):
        return _HANDLE_HINT
    return _RADIO_HINT if list_id.startswith("RD") else ""
