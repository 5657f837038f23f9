"""Everything that makes references of playlists, put together."""

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

from daemon.config import Config
from daemon.db import Database
from daemon.identification import OFFER
from daemon.index_keeper import IndexKeeper
from daemon.jobs import Jobs
from daemon.playlist_fetch import FetchService
from daemon.playlist_store import PlaylistStore
from daemon.playlist_sync import SyncService
from daemon.playlists import FETCH, SOURCE_LOCK, SYNC, PlaylistService
from daemon.track_choice import ChoiceRules
from daemon.workers import WorkerPool
from daemon.write_rest import WriteRest
from daemon.youtube import YouTubeMusic
from daemon.youtube_url import parse_address
from engine.settings import Settings


@dataclass(frozen=True, slots=True)
class Playlists:
    """What the rest of the daemon calls."""

    service: PlaylistService
    syncing: SyncService
    fetching: FetchService


def now() -> datetime:
    """Return the time, with its zone."""
    return datetime.now(UTC)


async def set_up_playlists(
    database: Database,
    jobs: Jobs,
    *,
    config: Config,
    index: IndexKeeper,
    workers: WorkerPool,
    settings: Settings,
    by_itself: bool,
    run: str = "",
) -> Playlists:
    """Return the services, whose jobs are registered.

    Parameters
    ----------
    by_itself : read lists when it is time; else only those that somebody asks for now
    run : that the sweep of leftovers spares (`TaggingService.run`)

    Raises
    ------
    OSError, psycopg.Error
    """
    state, store = config.state_dir, PlaylistStore(database)
    youtube = YouTubeMusic(config.youtube, state / "yt-dlp", workers, run)
    service = PlaylistService(store, clock=now, request=jobs.defer_due, by_itself=by_itself)
    rest, request_fetches = WriteRest(), partial(jobs.defer_due, FETCH)
    syncing = SyncService(
        store,
        read=youtube.read,
        rules=ChoiceRules(config.youtube.refuse, config.youtube.longest_s),
        most_tracks=config.youtube.most_tracks,
        clock=now,
        rest=rest,
        request_fetches=request_fetches,
    )
    fetching = FetchService(
        store,
        workers,
        index,
        settings,
        fetch=youtube.fetch,
        picture=youtube.picture,
        keep=None if config.youtube.keep is None else youtube.keep,
        folder=state / "downloads",
        pause_s=config.youtube.pause_s,
        clock=now,
        on_reference=lambda recording_id: jobs.defer_due(OFFER, [recording_id]),
        request_next=request_fetches,
        rest=rest,
    )
    await fetching.start()
    targets = [(parse_address(each.url), each.every.total_seconds()) for each in config.playlists]
    await service.start({target.url: (target.kind, every_s) for target, every_s in targets})
    jobs.register(SYNC, syncing.sync, service.due_lists, lock=SOURCE_LOCK)
    jobs.register(FETCH, fetching.fetch, service.due_tracks, lock=SOURCE_LOCK)
    return Playlists(service, syncing, fetching)
