"""Turn what happens below the roots into settled paths: files that nobody writes to any more."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path

from daemon.answering import HANGS, Answering
from daemon.file_names import AUDIO_EXTENSIONS
from daemon.root_watch import RootWatch, State, WatchOptions
from daemon.tasks import end_tasks


@dataclass(frozen=True, slots=True)
class RootStatus:
    """How changes below a root become known."""

    root: Path
    state: State
    reason: str | None
    """Why it is not simply watched, in words for the user."""
    pending: int
    """Paths that changed lately, and have not settled or are being noted."""


class Watcher:
    """Watches roots, and awaits two callbacks, one at a time for each root.

    `on_settled(root, paths)`: these files and folders (relative) changed and are still now, or are gone: give
    them to `scan_paths`. `on_reconcile(root)`: events can't vouch for the root, so look through all of it:
    after the start, lost events, too many at once, folders moved out, an unmount, or a callback that raised.
    Events tell nothing of what changes on a network or behind a link: look through a root every
    `reconcile_every_s`, too, and `recheck` it first.
    """

    def __init__(
        self,
        roots: Sequence[Path],
        on_settled: Callable[[Path, frozenset[bytes]], Awaitable[None]],
        on_reconcile: Callable[[Path], Awaitable[None]],
        answering: Answering,
        *,
        quiet_s: float = 2.5,
        reconcile_s: float = 600.0,
        polling_reconcile_s: float = 60.0,
        retry_s: float = 30.0,
        pending_limit: int = 10_000,
        extensions: AbstractSet[str] = AUDIO_EXTENSIONS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._reconcile_s = reconcile_s
        self._polling_reconcile_s = polling_reconcile_s
        options = WatchOptions(
            on_settled,
            on_reconcile,
            extensions,
            quiet_s,
            pending_limit,
            retry_s,
            clock,
            answering,
        )
        self._roots = {root: RootWatch(root, options) for root in roots}
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Begin in the background: a hanging disk must not hold up the service."""
        self._tasks = [
            asyncio.create_task(work, name=f"watch {root.root}")
            for root in self._roots.values()
            for work in (root.run(), root.keep_asking())
        ]

    async def stop(self) -> None:
        """Stop reporting and give all watches back; what was pending is found by the next reconcile."""
        await end_tasks(*self._tasks)
        self._tasks = []
        await asyncio.gather(*(root.unwatch() for root in self._roots.values()))

    async def recheck(self, root: Path) -> RootStatus:
        """Find out whether a root is there, and watch it if it can be watched; call it before a reconcile.

        Raises FolderHangs : it does not answer; a look through it would not end.
        """
        await self._roots[root].ask()
        await self._roots[root].recheck()
        return self._status(self._roots[root])

    def touch(self, root: Path, paths: Iterable[bytes]) -> None:
        """Report these paths once they are still: for files a reconcile meets while somebody writes them."""
        self._roots[root].touch(paths)

    def status(self) -> tuple[RootStatus, ...]:
        """Return how every root is doing."""
        return tuple(self._status(root) for root in self._roots.values())

    def reconcile_every_s(self, root: Path) -> float:
        """Return how often to look through a root: often where events don't tell."""
        return self._reconcile_s if self._roots[root].state == "watching" else self._polling_reconcile_s

    @staticmethod
    def _status(root: RootWatch) -> RootStatus:
        state, reason = ("offline", HANGS) if root.hangs else (root.state, root.reason)
        return RootStatus(root.root, state, reason, root.pending)
