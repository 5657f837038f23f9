"""All services of one state folder, opened in order and closed in reverse."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from daemon.answering import Answering
from daemon.audit import AuditService
from daemon.audit_store import AuditStore
from daemon.config import Config
from daemon.daemon_lock import hold_daemon_lock
from daemon.database_server import database_server
from daemon.db import Database, open_database
from daemon.engine_settings import engine_settings
from daemon.errors import DaemonError
from daemon.explaining import ExplainService
from daemon.identification import Identification, set_up_identification
from daemon.index_keeper import IndexKeeper
from daemon.ingest import IngestService
from daemon.jobs import Jobs
from daemon.journal import Journal
from daemon.library import LibraryService
from daemon.lookup import LookupService
from daemon.lookup_store import LookupStore
from daemon.match_service import MatchService
from daemon.match_setup import open_matching
from daemon.media import MediaService
from daemon.own_writes import OwnWrites
from daemon.path_map import PathMap
from daemon.playlist_setup import Playlists, set_up_playlists
from daemon.plugin_host import PluginHost
from daemon.plugin_lookup import PluginLookup
from daemon.plugin_store import PluginStore
from daemon.scan_now import ScanNow
from daemon.scheduler import run_schedule
from daemon.state_folder import hold_state_folder, prepare_state_folder
from daemon.store import Store
from daemon.tagging import TaggingService
from daemon.watcher import Watcher
from daemon.watching import watching
from daemon.whole_match import WholeMatchService
from daemon.worker_pools import running_workers, worker_limits
from daemon.workers import WorkerPool

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
    lookups: LookupService
    audit: AuditService
    playlists: Playlists
    plugins: PluginHost
    media: MediaService
    scans: ScanNow
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
        conninfo = await stack.enter_async_context(database_server(config))
        await stack.enter_async_context(hold_daemon_lock(conninfo, stop_with))
        database = await stack.enter_async_context(open_database(conninfo, pool_max=config.database.pool_max))
        store = Store(database)
        ingest_workers = await stack.enter_async_context(
            running_workers(
                "ingest", config.workers.ingest_processes, config, nice=config.workers.ingest_nice
            )
        )
        match_workers = await stack.enter_async_context(
            running_workers("match", config.workers.match, config)
        )
        await store.drop_unused_recordings()
        index = IndexKeeper(state / "index", store, ingest_workers, settings)
        stack.push_async_callback(index.stop)
        await index.start()
        journal, own_writes, answering = Journal(database), OwnWrites(), Answering()
        tagging = TaggingService(
            journal, ingest_workers, own_writes, answering, quiet_s=config.tagging.quiet_s
        )
        stack.push_async_callback(tagging.stop)
        await tagging.recover()
        # Two jobs more than processes: a file is read and a track downloaded while the others are decoded.
        jobs = Jobs(database, store, concurrency=ingest_workers.slot_count + 2)
        identification = set_up_identification(
            database,
            jobs,
            recordings=store,
            index=index,
            workers=ingest_workers,
            journal=journal,
            tagging=tagging,
            answering=answering,
            options=config.tagging,
            settings=settings,
        )
        on_indexed = identification.identify.arrived
        jobs.register_ingest(
            IngestService(store, ingest_workers, index, settings, answering, on_indexed=on_indexed)
        )
        playlists = await set_up_playlists(
            database,
            jobs,
            config=config,
            index=index,
            workers=ingest_workers,
            settings=settings,
            by_itself=watch,
            run=tagging.run,
        )
        library = LibraryService(
            store,
            config.library.audio_extensions,
            jobs.defer_ingest,
            answering,
            quiet_s=config.library.quiet_s,
            own_writes=own_writes,
        )
        stack.callback(library.stop)
        await library.start()
        if watch:
            tagging.sweep(await _written_to(store, config))
        await stack.enter_async_context(jobs.running())
        matching = await open_matching(
            stack, config, database=database, store=store, index=index, workers=match_workers
        )
        path_map = PathMap(config.path_map)
        lookups = LookupService(
            LookupStore(database),
            library,
            path_map,
            answering,
            roots=config.library.roots,
            extensions=library.extensions,
            options=config.tagging,
        )
        audit = AuditService(AuditStore(database), store, index, ingest_workers, settings)
        stack.push_async_callback(audit.stop)
        await audit.start()
        watcher = await stack.enter_async_context(watching(config, library, answering)) if watch else None
        media = MediaService(database, answering, worker_limits(config))
        stack.push_async_callback(media.stop)
        scans = ScanNow(library, watcher, store)
        stack.push_async_callback(scans.stop)
        await stack.enter_async_context(
            run_schedule(
                scans=scans,
                watcher=watcher,
                matches=matching.matches,
                jobs=jobs,
                tagging=tagging,
                lookups=lookups,
                task_lifetime_s=config.server.task_lifetime_s,
            )
        )
        plugin_store = PluginStore(database)

        def lookup_of(plugin: str) -> PluginLookup:
            return PluginLookup(plugin, lookups, plugin_store, path_map)

        plugins = PluginHost(config.plugins, plugin_store, lookup_of)
        stack.push_async_callback(plugins.stop)
        if watch:
            await plugins.start()
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
            matching.matches,
            matching.explanations,
            matching.whole_matches,
            lookups,
            audit,
            playlists,
            plugins,
            media,
            scans,
            match_workers,
            ingest_workers,
            watcher,
        )


async def _written_to(store: Store, config: Config) -> list[Path]:
    """Return the folders whose music we write."""
    kept = [] if config.youtube.keep is None else [config.youtube.keep]
    return [Path(os.fsdecode(each.root)) for each in await store.libraries()] + kept
