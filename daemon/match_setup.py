"""Everything that answers people's and programs' clips, put together."""

from contextlib import AsyncExitStack
from dataclasses import dataclass

from daemon.config import Config
from daemon.db import Database
from daemon.engine_settings import engine_settings
from daemon.explaining import ExplainService
from daemon.index_keeper import IndexKeeper
from daemon.match_service import MatchService
from daemon.match_task_store import MatchTaskStore
from daemon.store import Store
from daemon.whole_match import WholeMatcher, WholeMatchService
from daemon.worker_pools import worker_limits
from daemon.workers import WorkerPool


@dataclass(frozen=True, slots=True)
class Matching:
    """What the rest of the daemon calls."""

    matches: MatchService
    explanations: ExplainService
    whole_matches: WholeMatchService


async def open_matching(
    stack: AsyncExitStack,
    config: Config,
    *,
    database: Database,
    store: Store,
    index: IndexKeeper,
    workers: WorkerPool,
) -> Matching:
    """Return the services, which end with the stack. Raises psycopg.Error, OSError."""
    settings, state = engine_settings(config), config.state_dir
    matches = MatchService(
        store,
        MatchTaskStore(database),
        workers,
        index_folder=index.folder,
        spool_folder=state / "spool",
        settings=settings,
        most_pending=config.server.max_pending_matches,
        most_bytes=config.server.max_upload_mb * 1_000_000,
        drop_damaged_index=index.drop_damaged,
    )
    stack.push_async_callback(matches.stop)
    await matches.start()
    explanations = ExplainService(
        store,
        index_folder=index.folder,
        spool_folder=state / "spool",
        cache_folder=state / "drawing",
        settings=settings,
        limits=worker_limits(config),
        most_bytes=config.server.max_upload_mb * 1_000_000,
        drop_damaged_index=index.drop_damaged,
    )
    stack.push_async_callback(explanations.stop)
    matcher = WholeMatcher(
        store, index_folder=index.folder, settings=settings, drop_damaged_index=index.drop_damaged
    )
    whole_matches = WholeMatchService(matcher, settings, worker_limits(config))
    stack.push_async_callback(whole_matches.stop)
    return Matching(matches, explanations, whole_matches)
