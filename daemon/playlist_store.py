"""Rows of playlists and their tracks: the only place that knows their columns."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from psycopg.rows import TupleRow

from daemon.db import Database, fetch
from daemon.playlist_rows import ListKind, Track
from daemon.playlist_state import (
    Choice,
    KnownList,
    KnownTrack,
    ListSource,
    Outcome,
    Pause,
    Setback,
    TrackCounts,
    TrackState,
    Work,
)
from daemon.tag_fields import clean_text
from daemon.worker_jobs import Fingerprinted
from engine.settings import FINGERPRINT_VERSION


class PlaylistStore:
    """Each method is one statement or one transaction; all raise psycopg.Error."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def put_configured(self, lists: Mapping[str, tuple[ListKind, float]], now: datetime) -> None:
        """Make the lists of the configuration equal these: kind and seconds by URL."""
        queries = self._database.queries
        async with self._database.pool.connection() as connection, connection.cursor() as cursor:
            await cursor.execute(queries["drop_configured_playlists"], {"urls": list(lists)})
            for url, (kind, every_s) in lists.items():
                about = {"url": url, "kind": kind, "every_s": every_s, "now": now}
                await cursor.execute(queries["put_configured_playlist"], about)

    async def add(self, url: str, kind: ListKind, every_s: float | None, now: datetime) -> tuple[int, bool]:
        """Return a list's number, and whether it is new; of a known one only how often it is read changes."""
        rows = await self._all("add_playlist", url=url, kind=kind, every_s=every_s, now=now)
        return rows[0][0], rows[0][1]

    async def remove(self, playlist_id: int) -> ListSource | None:
        """Forget a list unless it is configured; return where it is from. Its references stay."""
        rows = await self._all("remove_playlist", playlist_id=playlist_id)
        return rows[0][0] if rows else None

    async def lists(self, playlist_id: int | None = None) -> list[KnownList]:
        """Return all lists, or one, by number."""
        return [KnownList(*row) for row in await self._all("playlists", playlist_id=playlist_id)]

    async def counts(self, now: datetime) -> dict[int, TrackCounts]:
        """Return the counts of every list that has, or had, tracks."""
        return {row[0]: TrackCounts(*row[1:]) for row in await self._all("playlist_counts", now=now)}

    async def lists_to_read(
        self, limit: int, after: int, only: Collection[int] | None, now: datetime
    ) -> list[int]:
        """Return the next lists whose turn it is and that have no job; none while the source pauses."""
        about = {"limit": limit, "after": after, "only": _listing(only)}
        return [row[0] for row in await self._all("playlists_to_read", now=now, **about)]

    async def tracks_to_fetch(self, of_lists: Collection[int] | None, now: datetime) -> list[int]:
        """Return the next tracks whose turn it is, unless the source pauses or enough jobs are queued."""
        return [row[0] for row in await self._all("tracks_to_fetch", of_lists=_listing(of_lists), now=now)]

    async def ask_for(self, playlist_id: int, now: datetime) -> bool:
        """Have a list read now, and what was given up of it tried again; False if there is no such list."""
        async with self._database.pool.connection() as connection, connection.cursor() as cursor:
            about = {"playlist_id": playlist_id, "now": now}
            if not await fetch(cursor, self._database.queries["read_playlist_soon"], about):
                return False
            await cursor.execute(self._database.queries["try_failed_again"], about)
            return True

    async def note_listing(
        self,
        playlist_id: int,
        *,
        title: str,
        choices: Sequence[Choice],
        is_whole: bool,
        outcome: Outcome,
        detail: str,
        next_sync_at: datetime | None,
        now: datetime,
    ) -> bool:
        """Note what a list says, in one transaction; False if it was removed meanwhile.

        Parameters
        ----------
        is_whole : what is not among the choices left the list
        """
        queries = self._database.queries
        about: dict[str, Any] = {"playlist_id": playlist_id, "now": now}
        read = {"title": _text(title), "outcome": outcome, "detail": _text(detail), "next": next_sync_at}
        async with self._database.pool.connection() as connection, connection.cursor() as cursor:
            if not await fetch(cursor, queries["note_playlist_read"], about | read):
                return False
            if is_whole:
                await cursor.execute(queries["note_all_gone"], about)
            await cursor.executemany(queries["put_track"], [about | _track(each) for each in choices])
            return True

    async def note_list_failed(
        self, playlist_id: int, *, outcome: Outcome, detail: str, next_sync_at: datetime | None, failures: int
    ) -> None:
        """Note why a list could not be read, and when that is tried again."""
        about = {"outcome": outcome, "detail": _text(detail), "next": next_sync_at, "failures": failures}
        await self._all("note_playlist_failed", playlist_id=playlist_id, **about)

    async def tracks(
        self, playlist_id: int, state: TrackState | None, *, after: int, limit: int
    ) -> list[KnownTrack]:
        """Return the next tracks of a list by number, those that left it too."""
        about = {"state": state, "after": after, "limit": limit}
        return [_known(row) for row in await self._all("playlist_tracks", playlist_id=playlist_id, **about)]

    async def track_to_fetch(self, track_id: int, now: datetime) -> KnownTrack | None:
        """Return a track whose turn it (still) is."""
        rows = await self._all("track_to_fetch", track_id=track_id, now=now)
        return _known(rows[0]) if rows else None

    async def note_track(
        self,
        track_id: int,
        state: TrackState,
        reason: str | None,
        *,
        attempts: int = 0,
        retry_at: datetime | None,
    ) -> None:
        """Note why a track was not fetched, and when that is tried again; nothing if it was by now."""
        about = {"state": state, "reason": None if reason is None else _text(reason)}
        await self._all("note_track", track_id=track_id, attempts=attempts, retry_at=retry_at, **about)

    async def save_fetched(
        self,
        track_id: int,
        sound: Fingerprinted,
        *,
        album: str | None,
        year: int | None,
        cover: bytes | None,
        now: datetime,
    ) -> int | None:
        """Store a track's sound as a reference, in one transaction; None if that was done before.

        A recording that is there already, of a file or another video, gets one more source.

        Parameters
        ----------
        album, year : what the download knows, where the list said nothing
        """
        queries = self._database.queries
        async with self._database.pool.connection() as connection, connection.cursor() as cursor:
            recording = {
                "digest": sound.digest,
                "fingerprint_version": FINGERPRINT_VERSION,
                "constellation": sound.constellation,
                "duration_s": sound.duration_s,
            }
            [(recording_id,)] = await fetch(cursor, queries["add_recording"], recording)
            about = {"track_id": track_id, "recording_id": recording_id}
            details = {"album": clean_text(album or ""), "year": year, "cover": cover, "now": now}
            fetched = about | details
            if not await fetch(cursor, queries["note_fetched"], fetched):
                await connection.rollback()
                return None
            await cursor.execute(queries["add_source"], about)
            await cursor.execute(queries["refresh_reference"], {"recording_id": recording_id})
            return int(recording_id)

    async def pause(self, now: datetime) -> Pause | None:
        """Return why nothing is asked at the moment, and until when."""
        rows = await self._all("source_pause", now=now)
        return Pause(*rows[0]) if rows else None

    async def setback(self, work: Work) -> Setback:
        """Return how the source failed lately."""
        rows = await self._all("source_setback", work=work)
        return Setback(*rows[0]) if rows else Setback()

    async def put_setback(
        self, work: Work, setback: Setback, *, until: datetime | None, reason: str | None
    ) -> None:
        """Note that the source failed once more, and until when nothing is asked (None: it is)."""
        about = {"strikes": setback.strikes, "length_s": setback.length_s}
        said = None if reason is None else _text(reason)
        await self._all("put_source_setback", work=work, until=until, reason=said, **about)

    async def forget_setbacks(self, work: Work) -> None:
        """Note that the source answers."""
        await self._all("forget_source_setbacks", work=work)

    async def _all(self, query: str, **parameters: object) -> list[TupleRow]:
        async with self._database.pool.connection() as connection, connection.cursor() as cursor:
            return await fetch(cursor, self._database.queries[query], parameters)


def _listing(only: Collection[int] | None) -> list[int] | None:
    return None if only is None else list(only)


def _track(choice: Choice) -> dict[str, object]:
    track = choice.track
    return {
        "video_id": track.video_id,
        "title": _text(track.title),
        "artists": [_text(artist) for artist in track.artists],
        "album": clean_text(track.album or ""),
        "year": track.year,
        "duration_s": track.duration_s,
        "kind": track.kind,
        "thumbnail_url": track.thumbnail_url,
        "page_url": f"https://music.youtube.com/watch?v={track.video_id}",
        "position": choice.position,
        "refusal": choice.refusal,
    }


def _known(row: TupleRow) -> KnownTrack:
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


def _text(text: str) -> str:
    """Return what PostgreSQL's text can hold."""
    return clean_text(text) or ""
