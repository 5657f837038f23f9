"""Lists of YouTube Music whose tracks become references: which there are, and what they say."""

import logging
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

import psycopg

from daemon.playlist_errors import IsConfigured, NoSuchPlaylist, SourceBlocked, SourceChanged, SourceError
from daemon.playlist_rows import Listing, ListKind
from daemon.playlist_state import (
    Choice,
    KnownList,
    KnownTrack,
    ListSource,
    Outcome,
    Pause,
    TrackCounts,
    TrackState,
)
from daemon.playlist_store import PlaylistStore
from daemon.source_backoff import after, backoff_of, fault_of
from daemon.track_choice import ChoiceRules, named, refusal

log = logging.getLogger(__name__)

SYNC = "sync"
FETCH = "fetch"
"""Kinds of jobs, as their queueing locks begin (sql/playlists.sql)."""
SOURCE_LOCK = "youtube"
"""Jobs with it run one at a time: the source is asked for one thing after the other."""
_MOST_FAILURES = 5
"""A list that nobody wants read regularly is given up after so many."""

Clock = Callable[[], datetime]


class Reader(Protocol):
    """Reads a list."""

    async def __call__(self, url: str) -> Listing:
        """Return what the list says. Raises SourceError, DaemonError; a cancellation ends it."""


@dataclass(frozen=True, slots=True)
class ListView:
    """A list as people see it."""

    known: KnownList
    counts: TrackCounts
    is_due: bool
    """It is being read, or is read next."""


class PlaylistService:
    """Knows the lists, and does the jobs that read them."""

    def __init__(
        self,
        store: PlaylistStore,
        *,
        read: Reader,
        rules: ChoiceRules,
        most_tracks: int,
        clock: Clock,
        request: Callable[[str, Collection[int] | None], Awaitable[object]],
        by_itself: bool,
    ) -> None:
        """Prepare.

        Parameters
        ----------
        most_tracks : that `read` returns of a list
        request : has jobs of a kind queued, for these lists, or all that are due
        by_itself : read lists when it is time; else only those that somebody asks for now
        """
        self._store = store
        self._read = read
        self._rules = rules
        self._most_tracks = most_tracks
        self._clock = clock
        self._request = request
        self._by_itself = by_itself
        self._asked: set[int] = set()

    async def start(self, configured: Mapping[str, tuple[ListKind, float]]) -> None:
        """Take over what the configuration says: kind and seconds, by canonical URL."""
        await self._store.put_configured(configured, self._clock())

    async def add(self, url: str, kind: ListKind, every_s: float | None) -> tuple[ListView, bool]:
        """Return the list of a canonical URL, and whether it is new."""
        playlist_id, is_new = await self._store.add(url, kind, every_s, self._clock())
        if every_s is not None:
            self._asked.add(playlist_id)
            await self._request(SYNC, [playlist_id])
        return await self.one(playlist_id), is_new

    async def remove(self, playlist_id: int) -> None:
        """Forget a list; its references stay. Raises NoSuchPlaylist, IsConfigured."""
        source: ListSource | None = await self._store.remove(playlist_id)
        if source is None:
            raise NoSuchPlaylist(playlist_id)
        if source == "config":
            raise IsConfigured(playlist_id)

    async def ask_for(self, playlist_id: int) -> ListView:
        """Have a list read now, and what failed of it tried again. Raises NoSuchPlaylist."""
        if not await self._store.ask_for(playlist_id, self._clock()):
            raise NoSuchPlaylist(playlist_id)
        self._asked.add(playlist_id)
        await self._request(SYNC, [playlist_id])
        return await self.one(playlist_id)

    async def all(self) -> list[ListView]:
        """Return all lists."""
        return await self._views(await self._store.lists())

    async def one(self, playlist_id: int) -> ListView:
        """Return a list. Raises NoSuchPlaylist."""
        found = await self._views(await self._store.lists(playlist_id))
        if not found:
            raise NoSuchPlaylist(playlist_id)
        return found[0]

    async def tracks(
        self, playlist_id: int, state: TrackState | None, *, after: int, limit: int
    ) -> list[KnownTrack]:
        """Return the next tracks of a list, by number."""
        return await self._store.tracks(playlist_id, state, after=after, limit=limit)

    async def pause(self) -> Pause | None:
        """Return why nothing is asked at the moment, and until when."""
        return await self._store.pause(self._clock())

    async def due_lists(self, limit: int, after: int, only: Collection[int] | None) -> list[int]:
        """Return the next lists that wait to be read, without a job."""
        if not self._by_itself:
            only = self._asked if only is None else self._asked & set(only)
        return await self._store.lists_to_read(limit, after, only, self._clock())

    async def due_tracks(self, _limit: int, after: int, _only: Collection[int] | None) -> list[int]:
        """Return the next tracks that wait to be fetched: two at most, and each of their jobs asks again."""
        if after:
            return []
        return await self._store.tracks_to_fetch(None if self._by_itself else self._asked, self._clock())

    async def sync(self, playlist_id: int) -> None:
        """Read a list, choose among its tracks, and have them fetched.

        Raises
        ------
        psycopg.Error : the job is done again
        """
        found = await self._store.lists(playlist_id)
        if not found or await self._store.pause(self._clock()) is not None:
            return
        try:
            listing = await self._read(found[0].url)
        except psycopg.Error:
            raise
        except Exception as error:  # noqa: BLE001 - one bad list never stops the others; it is logged below
            await self._note_failure(found[0], error)
            return
        await self._store.forget_setbacks("lists")
        await self._note(found[0], listing)
        await self._request(FETCH, None)

    async def _note(self, known: KnownList, listing: Listing) -> None:
        choices, unplayable = self._choices(listing)
        outcome, detail = _result(listing, unplayable, self._most_tracks)
        now = self._clock()
        is_noted = await self._store.note_listing(
            known.playlist_id,
            title=listing.title,
            choices=choices,
            is_whole=outcome == "read" and len(listing.tracks) < self._most_tracks,
            outcome=outcome,
            detail=detail,
            next_sync_at=None if known.every_s is None else now + timedelta(seconds=known.every_s),
            now=now,
        )
        if is_noted:
            level = logging.INFO if outcome == "read" else logging.WARNING
            log.log(level, "%s (%s): %s", listing.title, known.url, detail)

    def _choices(self, listing: Listing) -> tuple[list[Choice], int]:
        """Return what of a list is taken and refused, each video once, and how many entries have none."""
        choices: dict[str, Choice] = {}
        unplayable = 0
        for position, track in enumerate(listing.tracks):
            if track.video_id is None:
                unplayable += 1
            elif track.video_id not in choices:
                why_not = refusal(track, listing.kind, self._rules)
                choices[track.video_id] = Choice(named(track), position, why_not)
        return list(choices.values()), unplayable

    async def _note_failure(self, known: KnownList, error: Exception) -> None:
        now = self._clock()
        if not isinstance(error, SourceError):
            log.error("%s can't be read", known.url, exc_info=error)
        reason = str(error) or type(error).__name__
        pause = None
        if fault_of(error) != "track" and not isinstance(
            error, SourceChanged
        ):  # one list's answer says little
            setback, pause = after(error, await self._store.setback("lists"))
            until = None if pause is None else now + pause
            await self._store.put_setback("lists", setback, until=until, reason=reason)
        outcome: Outcome = "blocked" if isinstance(error, SourceBlocked) else "failed"
        failures = known.failures + 1
        delay = pause or backoff_of(error).delay(failures)
        if known.every_s is not None:
            # A list that is gone is asked for as often as any: it may be public again tomorrow.
            usual = timedelta(seconds=known.every_s)
            delay = pause or min(delay or usual, usual)
        elif fault_of(error) == "track" or failures >= _MOST_FAILURES:
            delay = None  # whoever asked for it sees why, and may ask again
        await self._store.note_list_failed(
            known.playlist_id,
            outcome=outcome,
            detail=reason,
            next_sync_at=None if delay is None else now + delay,
            failures=failures,
        )
        log.warning("%s can't be read: %s", known.title or known.url, reason)

    async def _views(self, lists: Sequence[KnownList]) -> list[ListView]:
        now = self._clock()
        counts = await self._store.counts(now)
        return [
            ListView(
                each,
                counts.get(each.playlist_id, TrackCounts()),
                each.next_sync_at is not None and each.next_sync_at <= now,
            )
            for each in lists
        ]


def _result(listing: Listing, unplayable: int, most_tracks: int) -> tuple[Outcome, str]:
    """Return whether all that was asked for came, and what came, in words."""
    came = len(listing.tracks)
    said = f"{came} track{'' if came == 1 else 's'}"
    if unplayable:
        said += f", {unplayable} of them can't be played"
    if came >= most_tracks:
        return "read", f"{said}: the first of it, as many as youtube.most_tracks allows"
    if listing.announced is not None and came < listing.announced:
        return (
            "incomplete",
            f"{said}; it says that it has {listing.announced}: nothing counts as gone",
        )
    if not came:
        return ("read", "it is empty") if listing.announced == 0 else ("incomplete", "no track came")
    if unplayable == came:
        return "incomplete", f"{said}: nothing can be fetched"
    return "read", said
