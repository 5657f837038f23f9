"""Playlists and their tracks in the database."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from daemon.db import Database, fetch
from daemon.playlist_columns import known_track, listed, plain_text, track_columns, trouble_columns
from daemon.playlist_rows import ListKind
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
    Trouble,
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
        """Make the lists of the configuration equal these: kind and seconds by URL.

        Times that a clock has set which was years ahead become now.
        """
        queries = self._database.queries
        async with self._database.cursor() as cursor:
            await cursor.execute(queries["mend_times_of_playlists"], {"now": now})
            await cursor.execute(queries["mend_times_of_tracks"], {"now": now})
            await cursor.execute(queries["drop_configured_playlists"], {"urls": list(lists)})
            for url, (kind, every_s) in lists.items():
                about = {"url": url, "kind": kind, "every_s": every_s, "now": now}
                await cursor.execute(queries["put_configured_playlist"], about)

    async def add(
        self, url: str, kind: ListKind, every_s: float | None, now: datetime, *, is_said: bool
    ) -> tuple[int, bool]:
        """Return a list's number, and whether it is new; of a known one only how often it is read changes."""
        about = {"every_s": every_s, "is_said": is_said}
        rows = await self._database.rows("add_playlist", url=url, kind=kind, now=now, **about)
        return rows[0][0], rows[0][1]

    async def remove(self, playlist_id: int) -> ListSource | None:
        """Forget a list unless it is configured; return where it is from. Its references stay."""
        rows = await self._database.rows("remove_playlist", playlist_id=playlist_id)
        return rows[0][0] if rows else None

    async def lists(self, playlist_id: int | None = None) -> list[KnownList]:
        """Return all lists, or one, by number."""
        return [KnownList(*row) for row in await self._database.rows("playlists", playlist_id=playlist_id)]

    async def counts(self, now: datetime) -> dict[int, TrackCounts]:
        """Return the counts of every list that has, or had, tracks."""
        return {
            row[0]: TrackCounts(*row[1:]) for row in await self._database.rows("playlist_counts", now=now)
        }

    async def lists_to_read(
        self, limit: int, after: int, only: Collection[int] | None, now: datetime
    ) -> list[int]:
        """Return the next lists whose turn it is and that have no job; none while the source pauses."""
        about = {"limit": limit, "after": after, "only": listed(only)}
        return [row[0] for row in await self._database.rows("playlists_to_read", now=now, **about)]

    async def tracks_to_fetch(self, of_lists: Collection[int] | None, now: datetime) -> list[int]:
        """Return the next tracks whose turn it is, unless the source pauses or enough jobs are queued."""
        return [
            row[0] for row in await self._database.rows("tracks_to_fetch", of_lists=listed(of_lists), now=now)
        ]

    async def ask_for(self, playlist_id: int, now: datetime) -> bool:
        """Have a list read now, and what was given up of it tried again; False if there is no such list."""
        async with self._database.cursor() as cursor:
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
        read = {
            "title": plain_text(title),
            "outcome": outcome,
            "detail": plain_text(detail),
            "next": next_sync_at,
        }
        async with self._database.cursor() as cursor:
            if not await fetch(cursor, queries["note_playlist_read"], about | read | {"next": next_sync_at}):
                return False
            if is_whole:
                await cursor.execute(queries["note_all_gone"], about)
            await cursor.executemany(queries["put_track"], [about | track_columns(each) for each in choices])
            return True

    async def note_list_failed(
        self,
        playlist_id: int,
        *,
        outcome: Outcome,
        detail: str,
        next_sync_at: datetime | None,
        failures: int,
        trouble: Trouble | None = None,
    ) -> None:
        """Note why a list could not be read, and when that is tried again, in one transaction."""
        about = {"outcome": outcome, "detail": plain_text(detail), "next": next_sync_at, "failures": failures}
        await self._note("note_playlist_failed", about | {"playlist_id": playlist_id}, trouble)

    async def tracks(
        self, playlist_id: int, state: TrackState | None, *, after: int, limit: int
    ) -> list[KnownTrack]:
        """Return the next tracks of a list by number, those that left it too."""
        about = {"state": state, "after": after, "limit": limit}
        return [
            known_track(row)
            for row in await self._database.rows("playlist_tracks", playlist_id=playlist_id, **about)
        ]

    async def track_to_fetch(self, track_id: int, now: datetime) -> KnownTrack | None:
        """Return a track whose turn it (still) is."""
        rows = await self._database.rows("track_to_fetch", track_id=track_id, now=now)
        return known_track(rows[0]) if rows else None

    async def note_track(
        self,
        track_id: int,
        state: TrackState,
        reason: str | None,
        *,
        attempts: int = 0,
        retry_at: datetime | None,
        trouble: Trouble | None = None,
    ) -> None:
        """Note why a track was not fetched, and when that is tried again; nothing if it was by now."""
        about = {"state": state, "reason": None if reason is None else plain_text(reason)}
        times = {"attempts": attempts, "retry_at": retry_at}
        await self._note("note_track", about | times | {"track_id": track_id}, trouble)

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
        async with self._database.cursor() as cursor:
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
                await cursor.connection.rollback()
                return None
            await cursor.execute(queries["add_source"], about)
            await cursor.execute(queries["refresh_reference"], {"recording_id": recording_id})
            return int(recording_id)

    async def pause(self, now: datetime) -> Pause | None:
        """Return why nothing is asked at the moment, and until when."""
        rows = await self._database.rows("source_pause", now=now)
        return Pause(*rows[0]) if rows else None

    async def setback(self, work: Work) -> Setback:
        """Return how the source failed lately."""
        rows = await self._database.rows("source_setback", work=work)
        return Setback(*rows[0]) if rows else Setback()

    async def put_trouble(self, trouble: Trouble) -> None:
        """Note that the source failed once more, and until when nothing is asked."""
        await self._database.rows("put_source_setback", **trouble_columns(trouble))

    async def forget_setbacks(self, work: Work) -> None:
        """Note that the source answers."""
        await self._database.rows("forget_source_setbacks", work=work)

    async def _note(self, query: str, about: Mapping[str, object], trouble: Trouble | None) -> None:
        """Note what failed, and what that says of the source: nobody sees one without the other."""
        queries = self._database.queries
        async with self._database.cursor() as cursor:
            await cursor.execute(queries[query], about)
            if trouble is not None:
                await cursor.execute(queries["put_source_setback"], trouble_columns(trouble))
