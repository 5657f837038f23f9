"""What happens by the clock (APScheduler decides when)."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.base import BaseTrigger

from daemon.identification import IDENTIFY
from daemon.jobs import Jobs
from daemon.lookup import LookupService
from daemon.match_service import MatchService
from daemon.playlists import FETCH, SYNC
from daemon.scan_now import ScanNow
from daemon.tagging import TaggingService
from daemon.tasks import end_tasks
from daemon.watcher import Watcher

log = logging.getLogger(__name__)

_LOOK_FOR_DUE_S = 10
_EXPIRE_EVERY_S = 60
_RECOVER_EVERY_S = 60


@asynccontextmanager
async def run_schedule(
    *,
    scans: ScanNow,
    watcher: Watcher | None,
    matches: MatchService,
    jobs: Jobs,
    tagging: TaggingService,
    lookups: LookupService,
    task_lifetime_s: float,
) -> AsyncIterator[None]:
    """Reconcile the libraries, expire tasks, defer lost jobs, settle open changes while the context lasts."""
    # A missed run is made up for once, however late, and none overlaps itself.
    scheduler = AsyncIOScheduler(
        job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1}, timezone="UTC"
    )
    running: set[asyncio.Task[None]] = set()

    def add(every_s: float, work: Callable[[], Awaitable[object]], name: str) -> None:
        async def logged() -> None:
            task = asyncio.current_task()
            if task is not None:
                running.add(task)
                task.add_done_callback(running.discard)
            try:
                await work()
            except Exception:
                log.exception("%s failed; it is tried again in %.0f s", name, every_s)

        scheduler.add_job(logged, _Every(every_s), id=name)

    if watcher is not None:
        reconciler = _Reconciler(scans, watcher)
        add(_LOOK_FOR_DUE_S, reconciler.reconcile_due, "reconcile")
    add(_EXPIRE_EVERY_S, lambda: matches.expire(task_lifetime_s), "expire tasks")
    add(_EXPIRE_EVERY_S, lambda: lookups.expire(task_lifetime_s), "expire look-ups")
    add(_RECOVER_EVERY_S, jobs.recover, "defer lost jobs")
    add(_LOOK_FOR_DUE_S, lambda: jobs.defer_due(IDENTIFY), "write what may be written by now")
    add(_LOOK_FOR_DUE_S, lambda: jobs.defer_due(SYNC), "read playlists")
    add(_LOOK_FOR_DUE_S, lambda: jobs.defer_due(FETCH), "fetch tracks")
    add(_RECOVER_EVERY_S, tagging.recover, "settle open changes")
    scheduler.start()
    following = asyncio.create_task(_follow_clock(scheduler), name="clock")
    try:
        yield
    finally:
        scheduler.shutdown(wait=False)
        # APScheduler does not wait for coroutines.
        await end_tasks(following, *running)


class _Every(BaseTrigger):  # type: ignore[misc]  # APScheduler has no types
    """Fires so long after it last did.

    APScheduler's own interval lists every run that a clock set forward has skipped: of a year, three million.
    """

    def __init__(self, every_s: float) -> None:
        self._every = timedelta(seconds=every_s)

    def get_next_fire_time(self, _previous: datetime | None, now: datetime) -> datetime:
        """Return when to fire after a moment."""
        return now + self._every


async def _follow_clock(scheduler: AsyncIOScheduler) -> None:
    """Run all when the clock was set back: APScheduler would wait until it shows the old time again."""
    while True:
        seen = datetime.now(UTC)
        await asyncio.sleep(_LOOK_FOR_DUE_S)
        if datetime.now(UTC) < seen:
            log.warning("the clock was set back; what is done now and then begins anew")
            for job in scheduler.get_jobs():
                job.modify(next_run_time=datetime.now(UTC))


class _Reconciler:
    """Looks through each root as often as its file system needs: events don't tell everything."""

    def __init__(self, scans: ScanNow, watcher: Watcher) -> None:
        self._scans = scans
        self._watcher = watcher
        self._last_s: dict[Path, float] = {}

    async def reconcile_due(self) -> None:
        for status in self._watcher.status():
            root = status.root
            last_s = self._last_s.setdefault(root, time.monotonic())  # the watcher looks once at its start
            if time.monotonic() - last_s >= self._watcher.reconcile_every_s(root):
                self._last_s[root] = time.monotonic()
                self._scans.begin(root)
