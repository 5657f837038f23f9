"""Look through the music folders because somebody asks for it."""

import asyncio
import logging
import os
from pathlib import Path

from daemon.library import LibraryService
from daemon.scan import ScanCancelled
from daemon.tasks import end_tasks
from daemon.watcher import Watcher

log = logging.getLogger(__name__)


class ScanNow:
    """Does at once what is done every few minutes by itself; a folder that hangs holds up no other one."""

    def __init__(self, library: LibraryService, watcher: Watcher | None) -> None:
        self._library = library
        self._watcher = watcher
        self._tasks: dict[Path, asyncio.Task[None]] = {}

    def request(self) -> list[Path]:
        """Begin with every watched folder that is not being looked through yet for somebody; return all."""
        if self._watcher is None:
            return []
        roots = [status.root for status in self._watcher.status()]
        for root in roots:
            task = self._tasks.get(root)
            if task is None or task.done():
                work = self._look(self._watcher, root)
                self._tasks[root] = asyncio.create_task(work, name=f"look through {root!r}")
        return roots

    async def stop(self) -> None:
        """Give up what is running; threads go on until the library is stopped."""
        await end_tasks(*self._tasks.values())

    async def _look(self, watcher: Watcher, root: Path) -> None:
        try:
            await watcher.recheck(root)
            owner = self._library.owner_of(root)
            if owner is not None and owner.root == os.fsencode(root):
                looked = await self._library.reconcile(owner, leave_restless=True)
                watcher.touch(root, looked.again)
        except ScanCancelled:
            log.debug("looking through %r was given up: stopping", root)
        except Exception:
            log.exception("%r can't be looked through", root)
