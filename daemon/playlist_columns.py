"""Columns of playlists and their tracks, from and to values."""

from collections.abc import Collection

from psycopg.rows import TupleRow

from daemon.playlist_rows import Track
from daemon.playlist_state import Choice, KnownTrack, Trouble
from daemon.tag_fields import clean_text


def trouble_columns(trouble: Trouble) -> dict[str, object]:
    """Return the columns of `source_pauses`."""
    return {
        "work": trouble.work,
        "strikes": trouble.setback.strikes,
        "length_s": trouble.setback.length_s,
        "until": trouble.until,
        "reason": plain_text(trouble.reason),
    }


def listed(only: Collection[int] | None) -> list[int] | None:
    """Return numbers as psycopg takes them."""
    return None if only is None else list(only)


def track_columns(choice: Choice) -> dict[str, object]:
    """Return the columns of `tracks` and `playlist_tracks`."""
    track = choice.track
    return {
        "video_id": track.video_id,
        "title": plain_text(track.title),
        "artists": [plain_text(artist) for artist in track.artists],
        "album": clean_text(track.album or ""),
        "year": track.year,
        "duration_s": track.duration_s,
        "kind": track.kind,
        "thumbnail_url": clean_text(track.thumbnail_url or ""),
        "page_url": f"https://music.youtube.com/watch?v={track.video_id}",
        "position": choice.position,
        "refusal": None if choice.refusal is None else plain_text(choice.refusal),
    }


def known_track(row: TupleRow) -> KnownTrack:
    """Return a row of `tracks`, with its place in a list if there is one."""
    track_id, video_id, title, artists, album, year, duration_s, kind, thumbnail_url, *rest = row
    track = Track(
        video_id=video_id,
        title=title,
        artists=tuple(artists),
        album=album,
        year=year,
        duration_s=duration_s,
        kind=kind,
        thumbnail_url=thumbnail_url,
    )
    return KnownTrack(track_id, track, *rest)


def plain_text(text: str) -> str:
    """Return what PostgreSQL's text can hold."""
    return clean_text(text) or ""
