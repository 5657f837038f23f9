"""Keep the service manager's one sentence about the daemon up to date."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psycopg

from daemon.sd_notify import Notifier
from daemon.services import Services
from daemon.tasks import end_tasks

log = logging.getLogger(__name__)

_TELL_EVERY_S = 60.0


async def summary(services: Services) -> str:
    """Return what `systemctl status` shows, as "12,034 recordings; 3 files wait"."""
    try:
        known = (await services.store.recording_counts()).recordings
        waiting = sum(each.pending for each in (await services.store.file_counts()).values())
    except psycopg.Error:
        return "The database does not answer."
    parts = [f"{known:,} recording{'' if known == 1 else 's'}"]
    if waiting:
        parts.append("1 file waits" if waiting == 1 else f"{waiting:,} files wait")
    roots = [] if services.watcher is None else services.watcher.status()
    parts += [f"{each.root} is {each.state}" for each in roots if each.state in {"offline", "failed"}]
    return "; ".join(parts)


@asynccontextmanager
async def telling_status(notifier: Notifier, services: Services) -> AsyncIterator[None]:
    """Tell the sentence now and then while the context lasts, if anybody hears it."""
    if not notifier.is_heard:
        yield
        return
    telling = asyncio.create_task(_go_on(notifier, services), name="status for the service manager")
    try:
        yield
    finally:
        await end_tasks(telling)


async def _go_on(notifier: Notifier, services: Services) -> None:
    while True:
        try:
            notifier.status(await summary(services))
        except Exception:
            log.exception("the status can't be told; it is tried again in %.0f s", _TELL_EVERY_S)
        await asyncio.sleep(_TELL_EVERY_S)
