"""Read a list, an album, an artist's top tracks or one track from YouTube Music, through ytmusicapi."""

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import requests
from ytmusicapi import YTMusic
from ytmusicapi.auth.types import AuthType
from ytmusicapi.exceptions import YTMusicError, YTMusicServerError

from daemon.playlist_errors import NotYouTube, SourceChanged, SourceError, SourceUnreachable, Unavailable
from daemon.playlist_rows import Listing, Track
from daemon.youtube_headers import read_headers
from daemon.youtube_playable import refusal_of_player
from daemon.youtube_session import Asked, open_session
from daemon.youtube_tracks import AlbumPage, Said, album_page, count_of, player_track, text, track_of
from daemon.youtube_url import Target

_MOST_TOP_TRACKS = 100
"""Of an artist: what is below is not "top" any more."""
_MISUNDERSTOOD = (YTMusicError, LookupError, TypeError, AttributeError, ValueError)
"""What ytmusicapi raises over an answer of another shape."""


def read_listing(
    target: Target,
    *,
    headers_file: Path | None,
    limit: int,
    proxy: str | None,
    base_url: str | None = None,
) -> Listing:
    """Return what YouTube Music says of the target; blocking, for many seconds if the list is long.

    Nobody else is asked, and nothing without the headers of the environment.

    Parameters
    ----------
    headers_file : of a signed-in browser, for the owner's own lists
    limit : the most tracks to return; the listing's `announced` counts all
    proxy : address of the only way out, if there is one
    base_url : what is asked instead of https://music.youtube.com, in tests

    Raises
    ------
    HeadersUnusable, Unavailable, NotYouTube : this target can't be read so
    SourceBlocked, SourceUnreachable, SourceChanged : nothing can, for now
    """
    if target.kind == "liked" and headers_file is None:
        raise Unavailable(target.url, "private")
    headers = read_headers(headers_file) if headers_file is not None else None
    with open_session(Asked(target.url, headers_file), server=base_url) as session:
        try:
            music = _Music(session, target, headers, proxy)
            return _READERS[target.kind](music, limit)
        except SourceError:
            raise
        except _MISUNDERSTOOD as error:
            raise SourceChanged(_briefly(error)) from error


class _Music(YTMusic):
    """ytmusicapi for one target, which notices what its parsers can't tell from a new layout."""

    def __init__(
        self, session: requests.Session, target: Target, headers: dict[str, str] | None, proxy: str | None
    ) -> None:
        self.target = target
        super().__init__(
            headers, requests_session=session, proxies={"http": proxy, "https": proxy} if proxy else None
        )

    def _send_request(
        self,
        endpoint: str,
        body: dict[str, Any],
        additionalParams: str = "",  # noqa: N803 - as the library calls it
    ) -> dict[str, Any]:
        if "continuation" in body:
            return self._next_page(endpoint, body)
        answer = super()._send_request(endpoint, body, additionalParams)
        if endpoint != "browse":
            return answer
        if "musicVisualHeaderRenderer" in (answer.get("header") or {}):
            raise NotYouTube(self.target.url, "it is somebody's channel, and no artist")
        if "contents" not in answer:  # a list that it does not show to us; a new layout has other contents
            raise Unavailable(
                self.target.url, "private" if self.auth_type is AuthType.UNAUTHORIZED else "gone"
            )
        return answer

    def _next_page(self, endpoint: str, body: dict[str, Any]) -> dict[str, Any]:
        try:
            return super()._send_request(endpoint, body)
        except Unavailable as error:  # the page, not the list
            raise SourceUnreachable("a list broke off in the middle") from error


def _playlist(music: _Music, limit: int) -> Listing:
    said = music.get_playlist(music.target.id, limit)
    tracks = tuple(track_of(each) for each in said["tracks"][:limit])
    return Listing(music.target.kind, text(said.get("title")), tracks, count_of(said.get("trackCount")))


def _album(music: _Music, limit: int) -> Listing:
    """Read the album's page and its list of audio: the page may name videos instead of the record's sound."""
    if music.target.id.startswith("MPREb_"):
        page = music.get_album(music.target.id)
        audio_id = page.get("audioPlaylistId")
        audio = music.get_playlist(audio_id, limit)["tracks"] if audio_id else []
    else:
        audio = music.get_playlist(music.target.id, limit)["tracks"]
        page_id = next((each["album"]["id"] for each in audio if (each.get("album") or {}).get("id")), None)
        page = music.get_album(page_id) if page_id else {}
    known = album_page(page) if page else AlbumPage()
    entries: Sequence[Said] = audio or page.get("tracks") or []
    tracks = tuple(track_of(each, known) for each in entries[:limit])
    title = known.title or next((each.album for each in tracks if each.album), "")
    return Listing("album", title, tracks, count_of(page.get("trackCount")) or len(entries))


def _artist(music: _Music, limit: int) -> Listing:
    page = music.get_artist(music.target.id)
    name = text(page.get("name"))
    limit = min(limit, _MOST_TOP_TRACKS)
    shown = page["songs"].get("results") or []
    whole_id = page["songs"].get("browseId")
    entries: Sequence[Said] = music.get_playlist(whole_id, limit)["tracks"] if whole_id else shown
    tracks = tuple(track_of(each) for each in entries[:limit])
    return Listing("artist", name, tracks)


def _track(music: _Music, limit: int) -> Listing:  # noqa: ARG001 - as the other readers
    track = _queued(music) or _played(music)
    return Listing("track", track.title, (track,), 1)


def _queued(music: _Music) -> Track | None:
    """Return the track as the queue that would play it has it, with artists, album and year."""
    try:
        said = music.get_watch_playlist(music.target.id, limit=1)["tracks"]
    except YTMusicServerError:  # no queue
        return None
    for entry in said[:1] if isinstance(said, list) else []:
        for version in (entry, entry.get("counterpart") or {}):
            track = track_of(version)
            if track.video_id == music.target.id:
                return replace(track, album=track.album or track_of(entry).album)
    return None


def _played(music: _Music) -> Track:
    """Return the track as its player has it, or raise why it can't be played."""
    said = music.get_song(music.target.id)
    refusal = refusal_of_player(said.get("playabilityStatus") or {}, music.target.url)
    if refusal is not None:
        raise refusal
    track = player_track(said["videoDetails"])
    if track.video_id != music.target.id:
        raise SourceChanged("it describes another video than the one asked for")
    return track


_READERS = {"playlist": _playlist, "liked": _playlist, "album": _album, "artist": _artist, "track": _track}


def _briefly(error: Exception) -> str:
    """Return an error's kind and place; ytmusicapi's texts end with the whole answer."""
    told = re.split(r" on [\[{]", str(error), maxsplit=1)[0]
    return f"{type(error).__name__}: {' '.join(told.split())[:200]}"
