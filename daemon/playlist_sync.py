"""Read a list, choose among its tracks, and note what it said or why it said nothing."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Protocol

from daemon.playlist_errors import SourceBlocked, SourceChanged, SourceError
from daemon.playlist_rows import Listing
from daemon.playlist_state import Choice, KnownList, Outcome, Trouble
from daemon.playlist_store import PlaylistStore
from daemon.source_backoff import after, backoff_of, fault_of
from daemon.track_choice import ChoiceRules, named, refusal
from daemon.write_rest import WriteRest, is_of_database

log = logging.getLogger(__name__)

_MOST_FAILURES = 5
"""A list that nobody wants read regularly is given up after so many."""

Clock = Callable[[], datetime]


class Reader(Protocol):
    """Reads a list."""

    async def __call__(self, url: str) -> Listing:
        """Return what the list says. Raises SourceError, DaemonError; a cancellation ends it."""


class SyncService:
    """Does the sync jobs. One runs at a time (`playlists.SOURCE_LOCK`)."""

    def __init__(
        self,
        store: PlaylistStore,
        *,
        read: Reader,
        rules: ChoiceRules,
        most_tracks: int,
        clock: Clock,
        rest: WriteRest,
        request_fetches: Callable[[], Awaitable[object]],
    ) -> None:
        """Prepare.

        Parameters
        ----------
        most_tracks : that `read` returns of a list
        request_fetches : has the tracks that wait queued
        """
        self._store = store
        self._read = read
        self._rules = rules
        self._most_tracks = most_tracks
        self._clock = clock
        self._rest = rest
        self._request_fetches = request_fetches

    async def sync(self, playlist_id: int) -> None:
        """Read a list, choose among its tracks, and have them fetched.

        Raises
        ------
        psycopg.Error : the job is done again
        """
        found = await self._store.lists(playlist_id)
        if not found or self._rest.is_on() or await self._store.pause(self._clock()) is not None:
            return
        with self._rest.noting():
            try:
                listing = await self._read(found[0].url)
                await self._store.forget_setbacks("lists")
                await self._note(found[0], listing)
            except Exception as error:
                if is_of_database(error):
                    raise
                await self._note_failure(found[0], error)  # one bad list never stops the others
                return
        await self._request_fetches()

    async def _note(self, known: KnownList, listing: Listing) -> None:
        # Thousands of titles keep the event loop for seconds.
        choices, unplayable = await asyncio.to_thread(choose, listing, self._rules)
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

    async def _note_failure(self, known: KnownList, error: Exception) -> None:
        now = self._clock()
        if not isinstance(error, SourceError):
            log.error("%s can't be read", known.url, exc_info=error)
        reason = str(error) or type(error).__name__
        trouble = pause = None
        # One list that is not understood says little of the source.
        if fault_of(error) != "track" and not isinstance(error, SourceChanged):
            setback, pause = after(error, await self._store.setback("lists"))
            trouble = Trouble("lists", setback, None if pause is None else now + pause, reason)
        outcome: Outcome = "blocked" if isinstance(error, SourceBlocked) else "failed"
        failures = known.failures + 1
        delay = _delay(known, error, failures, pause)
        await self._store.note_list_failed(
            known.playlist_id,
            outcome=outcome,
            detail=reason,
            next_sync_at=None if delay is None else now + delay,
            failures=failures,
            trouble=trouble,
        )
        log.warning("%s can't be read: %s", known.title or known.url, reason)


def choose(listing: Listing, rules: ChoiceRules) -> tuple[list[Choice], int]:
    """Return what of a list is taken and refused, each video once, and how many entries have none."""
    choices: dict[str, Choice] = {}
    unplayable = 0
    for position, track in enumerate(listing.tracks):
        if track.video_id is None:
            unplayable += 1
        elif track.video_id not in choices:
            why_not = refusal(track, listing.kind, rules)
            choices[track.video_id] = Choice(named(track), position, why_not)
    return list(choices.values()), unplayable


def _delay(known: KnownList, error: Exception, failures: int, pause: timedelta | None) -> timedelta | None:
    """Return when a list that could not be read is read again; None: when somebody asks."""
    delay = pause or backoff_of(error).delay(failures)
    if known.every_s is not None:
        # A list that is gone is asked for as often as any: it may be public again tomorrow.
        usual = timedelta(seconds=known.every_s)
        return pause or min(delay or usual, usual)
    if fault_of(error) == "track" or failures >= _MOST_FAILURES:
        return None  # whoever asked for it sees why, and may ask again
    return delay


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
