"""Lists of YouTube Music whose tracks become references: which there are, and whose turn it is."""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from daemon.playlist_errors import IsConfigured, NoSuchPlaylist
from daemon.playlist_rows import ListKind
from daemon.playlist_state import KnownList, KnownTrack, ListSource, Pause, TrackCounts, TrackState
from daemon.playlist_store import PlaylistStore

SYNC = "sync"
FETCH = "fetch"
"""Kinds of jobs, as their queueing locks begin (sql/playlists.sql)."""
SOURCE_LOCK = "youtube"
"""Jobs with it run one at a time: the source is asked for one thing after the other."""
Clock = Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class ListView:
    """A list as people see it."""

    known: KnownList
    counts: TrackCounts
    is_due: bool
    """It is being read, or is read next."""


class PlaylistService:
    """Knows the lists, and which of them and of their tracks are due."""

    def __init__(
        self,
        store: PlaylistStore,
        *,
        clock: Clock,
        request: Callable[[str, Collection[int] | None], Awaitable[object]],
        by_itself: bool,
    ) -> None:
        """Prepare.

        Parameters
        ----------
        request : has jobs of a kind queued, for these lists, or all that are due
        by_itself : read lists when it is time; else only those that somebody asks for now
        """
        self._store = store
        self._clock = clock
        self._request = request
        self._by_itself = by_itself
        self._asked: set[int] = set()

    async def start(self, configured: Mapping[str, tuple[ListKind, float]]) -> None:
        """Take over what the configuration says: kind and seconds, by canonical URL."""
        await self._store.put_configured(configured, self._clock())

    async def add(
        self, url: str, kind: ListKind, every_s: float | None, *, is_said: bool = True
    ) -> tuple[ListView, bool]:
        """Return the list of a canonical URL, and whether it is new.

        Parameters
        ----------
        every_s : None: it is read only when somebody asks
        is_said : else a list that is known stays as it is
        """
        playlist_id, is_new = await self._store.add(url, kind, every_s, self._clock(), is_said=is_said)
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
