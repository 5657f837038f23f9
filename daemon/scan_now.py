"""Look through the music folders, each by itself: because it is time, or because somebody asks."""

import asyncio
import logging
import os
from pathlib import Path

from daemon.answering import FolderHangs
from daemon.library import LibraryService
from daemon.scan import ScanCancelled
from daemon.store import Store
from daemon.tasks import end_tasks
from daemon.watcher import Watcher

log = logging.getLogger(__name__)


class ScanNow:
    """Looks through watched folders in the background; one that hangs holds up no other one."""

    def __init__(self, library: LibraryService, watcher: Watcher | None, store: Store) -> None:
        self._library = library
        self._store = store
        self._watcher = watcher
        self._tasks: dict[Path, asyncio.Task[None]] = {}

    def request(self) -> list[Path]:
        """Begin with every watched folder, also anew with what could not be read; return the folders."""
        if self._watcher is None:
            return []
        roots = [status.root for status in self._watcher.status()]
        for root in roots:
            self.begin(root, is_asked=True)
        return roots

    def begin(self, root: Path, *, is_asked: bool = False) -> None:
        """Begin with a watched folder, unless it is being looked through.

        Parameters
        ----------
        is_asked : try at once what could not be read, too
        """
        task = self._tasks.get(root)
        if self._watcher is not None and (task is None or task.done()):
            work = self._look(self._watcher, root, is_asked=is_asked)
            self._tasks[root] = asyncio.create_task(work, name=f"look through {root!r}")

    async def stop(self) -> None:
        """Give up what is running; threads go on until the library is stopped."""
        await end_tasks(*self._tasks.values())

    async def _look(self, watcher: Watcher, root: Path, *, is_asked: bool) -> None:
        try:
            await watcher.recheck(root)
            owner = self._library.owner_of(root)
            if owner is not None and owner.root == os.fsencode(root):
                if is_asked:
                    await self._store.retry_at_once([owner.root])
                looked = await self._library.reconcile(owner, leave_restless=True)
                watcher.touch(root, looked.again)
        except ScanCancelled:
            log.debug("looking through %r was given up: stopping", root)
        except FolderHangs as error:  # the watcher has said so
            log.debug("%s", error)
        except Exception:
            log.exception("%r can't be looked through", root)
