"""One track to one reference: download, fingerprint, keep the metadata, delete the audio."""

import asyncio
import errno
import logging
import shutil
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

from daemon.index_keeper import IndexKeeper
from daemon.playlist_errors import BrokenDownload, Unavailable
from daemon.playlist_rows import Downloaded, Track
from daemon.playlist_state import KnownTrack, TrackState, Trouble
from daemon.playlist_store import PlaylistStore
from daemon.source_backoff import BEHIND_OTHERS, after, backoff_of, fault_of
from daemon.tag_fields import clean_text
from daemon.track_choice import length_trouble
from daemon.worker_jobs import Fingerprinted, fingerprint_file
from daemon.workers import WorkerPool
from daemon.write_rest import WriteRest, is_of_database
from engine.errors import SpectraError
from engine.settings import Settings

log = logging.getLogger(__name__)

_YEARS = range(1860, 2200)
"""Sound has been recorded since."""
_DISK_RETRY = timedelta(minutes=10)
_OUR_DISK = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.EACCES, errno.EMFILE, errno.ENFILE}
"""Nothing can be stored: no track is to blame."""

Clock = Callable[[], datetime]


class Fetcher(Protocol):
    """Downloads a track's sound into a folder."""

    async def __call__(self, track: Track, folder: Path) -> Downloaded:
        """Return what came. Raises SourceError, DaemonError, OSError; a cancellation ends it."""


class Keeper(Protocol):
    """Keeps a track's sound for the owner."""

    async def __call__(self, track: Track, downloaded: Downloaded, cover: bytes | None) -> None:
        """Keep it. Raises SpectraError, OSError."""


class Pictures(Protocol):
    """Finds a track's picture."""

    async def __call__(self, track: Track) -> bytes | None:
        """Return a JPEG or PNG, if there is one; a picture is worth no error."""


class FetchService:
    """Does the fetch jobs. One runs at a time (`playlists.SOURCE_LOCK`), with pauses in between."""

    def __init__(
        self,
        store: PlaylistStore,
        workers: WorkerPool,
        index: IndexKeeper,
        settings: Settings,
        *,
        fetch: Fetcher,
        keep: Keeper | None,
        picture: Pictures,
        folder: Path,
        pause_s: float,
        clock: Clock,
        on_reference: Callable[[int], Awaitable[object]],
        request_next: Callable[[], Awaitable[object]],
        rest: WriteRest,
    ) -> None:
        """Prepare.

        Parameters
        ----------
        folder : where sounds are for a moment; nothing else is in it
        pause_s : seconds between the end of a download and the next one
        on_reference : awaited with each recording that became a reference
        request_next : has the next track queued
        """
        self._store = store
        self._workers = workers
        self._index = index
        self._settings = settings
        self._fetch = fetch
        self._keep = keep
        self._picture = picture
        self._folder = folder
        self._pause_s = pause_s
        self._clock = clock
        self._on_reference = on_reference
        self._request_next = request_next
        self._rest = rest
        self._ended_s: float | None = None

    async def start(self) -> None:
        """Remove what a former run left behind. Raises OSError."""
        await asyncio.to_thread(_emptied, self._folder)

    async def fetch(self, track_id: int) -> None:
        """Make a track a reference, or note why not, and when that is tried again.

        Raises
        ------
        psycopg.Error : the job is done again
        """
        await self._request_next()
        if self._rest.is_on() or await self._store.pause(self._clock()) is not None:
            return
        await self._be_polite()
        # Only now: meanwhile it may have left its list.
        known = await self._store.track_to_fetch(track_id, self._clock())
        if known is None:
            return
        with self._rest.noting():
            await self._fetch_or_note(known)

    async def _fetch_or_note(self, known: KnownTrack) -> None:
        folder = self._folder / str(known.track_id)
        try:
            await asyncio.to_thread(_emptied, folder)
            await self._fetch_into(folder, known)
        except Exception as error:
            if is_of_database(error):
                raise
            # one bad track never stops the others
            if isinstance(error, OSError) and error.errno in _OUR_DISK:
                await self._note_no_room(error)
            else:
                await self._note_failure(known, error)
        finally:
            self._ended_s = time.monotonic()
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)

    async def _fetch_into(self, folder: Path, known: KnownTrack) -> None:
        track = known.track
        downloaded = await self._fetch(track, folder)
        await self._store.forget_setbacks("downloads")
        sound = await self._workers.run(fingerprint_file, downloaded.path, self._settings)
        trouble = length_trouble(track.duration_s, sound.duration_s)
        if trouble is not None:
            raise BrokenDownload(track.title, trouble)
        await self._save(known, downloaded, sound)

    async def _save(self, known: KnownTrack, downloaded: Downloaded, sound: Fingerprinted) -> None:
        track = _completed(known.track, downloaded)
        is_album_audio = track.kind == "album audio"
        wants_picture = is_album_audio or self._keep is not None
        picture = await self._picture(track) if wants_picture else None
        if self._keep is not None:  # before it counts as fetched: a stop in the middle does it again
            await self._keep_sound(self._keep, track, downloaded, picture)
        recording_id = await self._store.save_fetched(
            known.track_id,
            sound,
            album=track.album,
            year=track.year,
            cover=picture if is_album_audio else None,
            now=self._clock(),
        )
        if recording_id is None:
            return
        # From here on the reference is there, whatever happens.
        self._index.add(recording_id, sound.postings)
        log.info("fetched %s as recording %d", known.page_url, recording_id)
        await self._on_reference(recording_id)

    async def _keep_sound(
        self, keep: Keeper, track: Track, downloaded: Downloaded, picture: bytes | None
    ) -> None:
        """Keep a sound if that goes: a reference is worth more than its audio."""
        try:
            await keep(track, downloaded, picture)
        except (SpectraError, OSError) as error:
            log.warning("the audio of %r is not kept: %s", track.title, error)
        except Exception:  # libraries that meet an odd file
            log.exception("the audio of %r is not kept", track.title)

    async def _be_polite(self) -> None:
        if self._ended_s is not None:
            await asyncio.sleep(max(0.0, self._ended_s + self._pause_s - time.monotonic()))

    async def _note_failure(self, known: KnownTrack, error: Exception) -> None:
        now, fault = self._clock(), fault_of(error)
        if not isinstance(error, SpectraError):
            log.error("%s can't be fetched", known.page_url, exc_info=error)
        reason = str(error) or type(error).__name__
        trouble = pause = None
        if fault != "track":
            setback, pause = after(error, await self._store.setback("downloads"))
            trouble = Trouble("downloads", setback, None if pause is None else now + pause, reason)
        state: TrackState = "unavailable" if isinstance(error, Unavailable) else "failed"
        attempts = known.attempts + 1
        delay = backoff_of(error).delay(attempts)
        if fault == "source" and pause is not None:
            state, attempts, delay = "wanted", known.attempts, pause + BEHIND_OTHERS
        await self._store.note_track(
            known.track_id,
            state,
            reason,
            attempts=attempts,
            retry_at=None if delay is None else now + delay,
            trouble=trouble,
        )
        log.warning("not fetched: %s: %s", known.page_url, reason)
        if pause is not None:
            log.warning("downloads go on at %s", (now + pause).isoformat(timespec="seconds"))

    async def _note_no_room(self, error: OSError) -> None:
        """Wait, for all tracks alike: it is our disk."""
        reason = f"the state folder can't take downloads: {error.strerror or error}"
        log.warning("%s", reason)
        setback = await self._store.setback("downloads")
        await self._store.put_trouble(Trouble("downloads", setback, self._clock() + _DISK_RETRY, reason))


def _completed(track: Track, downloaded: Downloaded) -> Track:
    """Return a track with what its download knows where the list said nothing."""
    details = downloaded.details
    album = track.album or clean_text(details.get("album") or "")
    return replace(track, album=album, year=track.year or _year(details.get("release_year")))


def _emptied(folder: Path) -> None:
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(mode=0o700, parents=True)


def _year(text: str | None) -> int | None:
    digits = (text or "")[:4]
    return int(digits) if digits.isascii() and digits.isdecimal() and int(digits) in _YEARS else None
