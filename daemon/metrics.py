"""What the services know, as metrics: asked when somebody scrapes, never in between."""

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import psycopg
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric

from daemon.index_keeper import IndexStatus
from daemon.metrics_store import Figures, MetricsStore
from daemon.playlist_state import TRACK_STATES, Pause
from daemon.review_rows import IdentificationCounts
from daemon.services import Services
from daemon.workers import WorkerPool

_KEPT_S = 10.0
"""The database is asked no more often, however often somebody scrapes."""
_FILE_STATES = ("pending", "indexed", "failed", "missing")
_CHANGE_STATES = ("prepared", "done", "undoing", "undone", "abandoned")
_JOB = "jobs:"


@dataclass(frozen=True, slots=True)
class _Stored:
    """What the database says."""

    figures: Figures
    naming: IdentificationCounts
    pause: Pause | None


class ServiceMetrics:
    """Reads the services; what comes from the database may be 10 s old, and is left out while it is away."""

    def __init__(
        self, services: Services, *, version: str, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._services = services
        self._store = MetricsStore(services.database)
        self._version = version
        self._clock = clock
        self._began_s = clock()
        self._turn = asyncio.Lock()
        self._stored: _Stored | None = None
        self._read_s = -_KEPT_S

    async def collect(self) -> list[Metric]:
        """Return all metrics of the services."""
        async with self._turn:
            if self._clock() - self._read_s >= _KEPT_S:
                self._stored = await self._read()
                self._read_s = self._clock()
            stored = self._stored
        found = [*self._running(), *self._services.matches.counters.collect()]
        found += self._services.tagging.counters.collect()
        found.append(_gauge("spectra_database_up", "Whether PostgreSQL answers.", stored is not None))
        return found if stored is None else found + self._kept(stored)

    async def _read(self) -> _Stored | None:
        try:
            return _Stored(
                await self._store.figures(),
                await self._services.identification.store.counts(),
                await self._services.playlists.service.pause(),
            )
        except psycopg.Error:
            return None

    def _running(self) -> list[Metric]:
        """Return what lives in this process."""
        services = self._services
        plugins = services.plugins.statuses()
        states = [] if services.watcher is None else [root.state for root in services.watcher.status()]
        return [
            _by("spectra_build_info", "This Spectra.", "version", {self._version: 1}),
            _gauge("spectra_uptime_seconds", "Since the services opened.", self._clock() - self._began_s),
            *_index(services.index.status()),
            _gauge("spectra_matches_pending", "Clips that wait for an answer.", services.matches.pending),
            *_workers(services.match_workers, services.ingest_workers),
            _by(
                "spectra_plugin_connected",
                "Whether a plugin is connected to its server.",
                "plugin",
                {name: each.state == "on" for name, each in plugins.items()},
            ),
            _by(
                "spectra_music_folders",
                "Watched folders by state.",
                "state",
                {state: states.count(state) for state in states},
            ),
        ]

    def _kept(self, stored: _Stored) -> list[Metric]:
        """Return what the database says."""
        figures = stored.figures
        return [
            _gauge("spectra_schema_version", "Of the database.", figures["schema", "version"]),
            _gauge("spectra_recordings", "Sounds that are known.", figures["recordings", "all"]),
            _gauge(
                "spectra_references",
                "Those of which the name is trusted.",
                figures["recordings", "references"],
            ),
            _gauge("spectra_recorded_seconds", "How long all of them are.", figures["recordings", "seconds"]),
            _states("spectra_files", "Files by state.", _FILE_STATES, "files", figures),
            _states("spectra_changes", "Written tags by state.", _CHANGE_STATES, "changes", figures),
            _gauge("spectra_playlists", "Playlists that are followed.", figures["playlists", "all"]),
            _states("spectra_playlist_tracks", "Their tracks by state.", TRACK_STATES, "tracks", figures),
            _gauge(
                "spectra_playlist_pause_seconds",
                "How long nothing is asked of the playlists' source yet.",
                _left_s(stored.pause),
            ),
            _jobs(figures),
            _by("spectra_queue_length", "What waits, by what for.", "queue", _queues(stored)),
            _by(
                "spectra_plugin_writes_to_tell",
                "Writes that a plugin's server was not told of yet.",
                "plugin",
                {kind: number for (what, kind), number in figures.items() if what == "notices"},
            ),
        ]


def _index(index: IndexStatus) -> list[Metric]:
    return [
        _gauge("spectra_index_recordings", "Recordings that can be matched.", index.size.recordings),
        _gauge("spectra_index_postings", "Hashes in the index.", index.size.postings),
        _gauge("spectra_index_generation", "How many changes made this index.", index.generation),
        _gauge("spectra_index_to_build", "Recordings that are not indexed yet.", index.to_build),
        _gauge("spectra_index_failing", "Whether it can't be written.", index.error is not None),
        CounterMetricFamily("spectra_index_rebuilds", "Times it was built anew.", value=index.rebuilds),
    ]


def _workers(*pools: WorkerPool) -> list[Metric]:
    starts = CounterMetricFamily("spectra_worker_starts", "Processes started.", labels=("purpose",))
    deaths = CounterMetricFamily(
        "spectra_worker_deaths", "Processes that died in a job, or were ended over it.", labels=("purpose",)
    )
    for pool in pools:
        starts.add_metric((pool.purpose,), pool.starts)
        deaths.add_metric((pool.purpose,), pool.deaths)
    alive = {pool.purpose: len(pool.pids()) for pool in pools}
    return [_by("spectra_workers", "Live processes.", "purpose", alive), starts, deaths]


def _queues(stored: _Stored) -> dict[str, float]:
    return {
        "fingerprint": stored.figures.get(("files", "pending"), 0),
        "identify": stored.naming.to_identify,
        "offer": stored.naming.to_offer,
        "tag": stored.naming.to_tag,
        "postponed": stored.naming.postponed,
        "review": stored.naming.review,
        "lookup": stored.figures["lookups", "waiting"],
    }


def _jobs(figures: Figures) -> Metric:
    family = GaugeMetricFamily("spectra_jobs", "Durable jobs by task and state.", labels=("task", "state"))
    for (what, state), number in figures.items():
        if what.startswith(_JOB):
            family.add_metric((what.removeprefix(_JOB), state), number)
    return family


def _left_s(pause: Pause | None) -> float:
    return 0.0 if pause is None else max(0.0, (pause.until - datetime.now(UTC)).total_seconds())


def _states(name: str, meaning: str, states: Iterable[str], what: str, figures: Figures) -> Metric:
    """Return a gauge that shows every state, those of which there is none too."""
    return _by(name, meaning, "state", {state: figures.get((what, state), 0) for state in states})


def _gauge(name: str, meaning: str, value: float) -> Metric:
    return GaugeMetricFamily(name, meaning, value=value)


def _by(name: str, meaning: str, label: str, values: Mapping[str, float]) -> Metric:
    family = GaugeMetricFamily(name, meaning, labels=(label,))
    for key, value in values.items():
        family.add_metric((key,), value)
    return family
