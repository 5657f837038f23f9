"""All services of one state folder, opened in order and closed in reverse."""

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from daemon.config import Config
from daemon.daemon_lock import hold_daemon_lock
from daemon.db import Database, open_database
from daemon.embedded_postgres import EmbeddedPostgres
from daemon.errors import DaemonError
from daemon.explaining import ExplainService
from daemon.file_names import AUDIO_EXTENSIONS
from daemon.identification import Identification, set_up_identification
from daemon.index_keeper import IndexKeeper
from daemon.ingest import IngestService
from daemon.jobs import Jobs
from daemon.journal import Journal
from daemon.library import LibraryService
from daemon.match_service import MatchService
from daemon.own_writes import OwnWrites
from daemon.scheduler import run_schedule
from daemon.state_folder import hold_state_folder, prepare_state_folder
from daemon.store import Store
from daemon.tagging import TaggingService
from daemon.tasks import end_tasks
from daemon.watcher import Watcher
from daemon.whole_match import WholeMatcher, WholeMatchService
from daemon.workers import WorkerLimits, WorkerPool
from engine.settings import Settings

log = logging.getLogger(__name__)

_POSTGRES_CHECK_S = 5.0

StopWith = Callable[[DaemonError], None]
"""Called when the service can't go on."""


@dataclass(frozen=True, slots=True)
class Services:
    """What handlers call."""

    config: Config
    database: Database
    store: Store
    index: IndexKeeper
    library: LibraryService
    jobs: Jobs
    journal: Journal
    tagging: TaggingService
    identification: Identification
    matches: MatchService
    explanations: ExplainService
    whole_matches: WholeMatchService
    match_workers: WorkerPool
    ingest_workers: WorkerPool
    watcher: Watcher | None
    """None in a command line's own, short-lived services."""


@asynccontextmanager
async def open_services(config: Config, stop_with: StopWith, *, watch: bool) -> AsyncIterator[Services]:
    """Open everything; the first thing that can't be opened closes the rest and raises.

    Parameters
    ----------
    watch : look through the music folders, and go on watching them
    """
    settings = engine_settings(config)
    state = config.state_dir
    async with AsyncExitStack() as stack:
        await asyncio.to_thread(prepare_state_folder, state)
        stack.enter_context(hold_state_folder(state))
        conninfo = await stack.enter_async_context(_postgres(config))
        await stack.enter_async_context(hold_daemon_lock(conninfo, stop_with))
        database = await stack.enter_async_context(open_database(conninfo, pool_max=config.database.pool_max))
        store = Store(database)
        ingest_workers = await stack.enter_async_context(
            _workers("ingest", config.workers.ingest_processes, config, nice=config.workers.ingest_nice)
        )
        match_workers = await stack.enter_async_context(_workers("match", config.workers.match, config))
        await store.drop_unused_recordings()
        index = IndexKeeper(state / "index", store, ingest_workers, settings)
        stack.push_async_callback(index.stop)
        await index.start()
        journal, own_writes = Journal(database), OwnWrites()
        tagging = TaggingService(journal, ingest_workers, own_writes, quiet_s=config.tagging.quiet_s)
        stack.push_async_callback(tagging.stop)
        await tagging.recover()
        # One job more than processes: the next file is fetched while the others are decoded.
        jobs = Jobs(database, store, concurrency=ingest_workers.slot_count + 1)
        identification = set_up_identification(
            database,
            jobs,
            recordings=store,
            index=index,
            workers=ingest_workers,
            journal=journal,
            tagging=tagging,
            options=config.tagging,
            settings=settings,
        )
        on_indexed = identification.identify.arrived
        jobs.register_ingest(IngestService(store, ingest_workers, index, settings, on_indexed=on_indexed))
        extensions = config.library.extensions
        library = LibraryService(
            store,
            AUDIO_EXTENSIONS if extensions is None else frozenset(extensions),
            jobs.defer_ingest,
            quiet_s=config.library.quiet_s,
            own_writes=own_writes,
        )
        stack.callback(library.stop)
        await library.start()
        if watch:
            tagging.sweep([Path(os.fsdecode(each.root)) for each in await store.libraries()])
        await stack.enter_async_context(jobs.running())
        matches = MatchService(
            store,
            match_workers,
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
            limits=_limits(config),
            most_bytes=config.server.max_upload_mb * 1_000_000,
            drop_damaged_index=index.drop_damaged,
        )
        stack.push_async_callback(explanations.stop)
        matcher = WholeMatcher(
            store, index_folder=index.folder, settings=settings, drop_damaged_index=index.drop_damaged
        )
        whole_matches = WholeMatchService(matcher, settings, _limits(config))
        stack.push_async_callback(whole_matches.stop)
        watcher = await stack.enter_async_context(_watching(config, library)) if watch else None
        await stack.enter_async_context(
            run_schedule(
                library,
                watcher,
                store,
                jobs,
                tagging,
                task_lifetime_s=config.server.task_lifetime_s,
            )
        )
        yield Services(
            config,
            database,
            store,
            index,
            library,
            jobs,
            journal,
            tagging,
            identification,
            matches,
            explanations,
            whole_matches,
            match_workers,
            ingest_workers,
            watcher,
        )


def engine_settings(config: Config) -> Settings:
    """Return the engine's parameters with what the configuration changes of them."""
    return Settings(
        hash_kind=config.engine.hash,
        longest_decoded_s=config.engine.longest_decoded_s,
        candidate_budget=config.engine.candidate_budget,
    )


@asynccontextmanager
async def _postgres(config: Config) -> AsyncIterator[str]:
    """Yield how to connect: to the configured server, or to our own, which is started again if it dies."""
    if config.database.url is not None:
        yield config.database.url.get_secret_value()
        return
    server = EmbeddedPostgres(config.state_dir / "postgres", run_as=config.database.run_as)
    try:
        yield_info = await server.start()
        keeper = asyncio.create_task(_keep_running(server), name="postgres keeper")
        try:
            yield yield_info
        finally:
            await end_tasks(keeper)
    finally:
        await server.stop()


async def _keep_running(server: EmbeddedPostgres) -> None:
    while True:
        await asyncio.sleep(_POSTGRES_CHECK_S)
        if server.pid is None:
            log.error("PostgreSQL has ended; starting it again")
            try:
                await server.start()
            except (DaemonError, OSError):
                log.exception("PostgreSQL can't be started; trying again")


def _limits(config: Config, *, nice: int = 0) -> WorkerLimits:
    return WorkerLimits(
        memory_bytes=config.workers.memory_mb * 1_000_000,
        cpu_s_per_job=config.workers.cpu_s_per_job,
        jobs_per_worker=config.workers.jobs_per_worker,
        nice=nice,
    )


@asynccontextmanager
async def _workers(purpose: str, slots: int, config: Config, *, nice: int = 0) -> AsyncIterator[WorkerPool]:
    pool = WorkerPool(purpose, slots, _limits(config, nice=nice))
    try:
        await pool.start()
        yield pool
    finally:
        await pool.stop()


@asynccontextmanager
async def _watching(config: Config, library: LibraryService) -> AsyncIterator[Watcher]:
    roots = {root: await library.add(root, watched=True) for root in config.library.roots}

    async def on_settled(root: Path, paths: frozenset[bytes]) -> None:
        await library.look_at(roots[root], paths)

    async def on_reconcile(root: Path) -> None:
        looked = await library.reconcile(roots[root], leave_restless=True)
        watcher.touch(root, looked.restless)

    options = config.library
    watcher = Watcher(
        options.roots,
        on_settled,
        on_reconcile,
        quiet_s=options.quiet_s,
        reconcile_s=options.reconcile_every_s,
        polling_reconcile_s=options.reconcile_network_every_s,
        extensions=AUDIO_EXTENSIONS if options.extensions is None else frozenset(options.extensions),
    )
    try:
        await watcher.start()
        yield watcher
    finally:
        await watcher.stop()
