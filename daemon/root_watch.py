"""Watch one root: its state, its pending paths, and when it has to be looked through."""

import asyncio
import logging
import math
import os
from collections.abc import Awaitable, Callable, Iterable
from collections.abc import Set as AbstractSet
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from daemon.answering import Answering, FolderHangs, in_own_thread
from daemon.file_names import is_audio_name, is_ignored
from daemon.inotify_watch import InotifyWatch, why_not_watched
from daemon.mounts import file_system_of, is_network_file_system
from daemon.scan import RootLook, look_at_root
from daemon.settle import SettleQueue, look_at

log = logging.getLogger(__name__)

State: TypeAlias = Literal["watching", "polling", "offline", "failed"]


@dataclass(frozen=True, slots=True)
class _Look:
    """What decides how a root can be watched."""

    root: RootLook
    real_path: bytes
    file_system: str


def _look(root: Path) -> _Look:
    at_root = look_at_root(root)  # first: this mounts what is mounted on demand
    real_path = os.path.realpath(os.fsencode(root))
    try:
        mountinfo = Path("/proc/self/mountinfo").read_bytes()
    except OSError:  # a hardened container; then events are all we have
        mountinfo = b""
    return _Look(at_root, real_path, file_system_of(real_path, mountinfo))


@dataclass(frozen=True, slots=True)
class WatchOptions:
    """What all roots share; see `Watcher`."""

    on_settled: Callable[[Path, frozenset[bytes]], Awaitable[None]]
    on_reconcile: Callable[[Path], Awaitable[None]]
    extensions: AbstractSet[str]
    quiet_s: float
    limit: int
    retry_s: float
    clock: Callable[[], float]
    answering: Answering


_ASK_EVERY_S = 30.0
NOT_LOOKED_AT = "not looked at yet"
"""Why a root is offline in the daemon's first moments."""


class RootWatch:
    """One root: its state, its watch, its pending paths, the task that waits for them."""

    def __init__(self, root: Path, options: WatchOptions) -> None:
        self.root = root
        self.state: State = "offline"
        self.reason: str | None = NOT_LOOKED_AT
        self.hangs = False
        self._reporting = 0
        self.queue = SettleQueue(quiet_s=options.quiet_s, limit=options.limit, clock=options.clock)
        self._options = options
        self._wake = asyncio.Event()
        self._lock = asyncio.Lock()
        self._watch: InotifyWatch | None = None
        self._watched: tuple[object, ...] = ()
        self._doubt_due_s = options.clock()
        self._reconcile_due_s = math.inf

    async def run(self) -> None:
        """Report settled paths and doubts for ever; a caller's error becomes a reconcile later."""
        while True:
            try:
                await self._wait()
                await self._step()
            except Exception:
                log.exception("%s: changes could not be taken in; it is looked through again", self.root)
                self._reconcile_due_s = self._options.clock() + self._options.retry_s

    @property
    def pending(self) -> int:
        """Return how many paths have changed and are not noted yet."""
        return len(self.queue) + self._reporting

    def touch(self, paths: Iterable[bytes]) -> None:
        if kept := tuple(path for path in paths if not is_ignored(path)):
            self.queue.touch(*kept)
            self._wake.set()

    def doubt(self) -> None:
        """Set the watch up anew and reconcile, soon: once for a burst of reasons."""
        self._doubt_due_s = min(self._doubt_due_s, self._options.clock() + self._options.quiet_s)
        self._wake.set()

    async def keep_asking(self) -> None:
        """Notice when the root hangs. One that is simply watched is let sleep: the kernel would answer."""
        while True:
            if self.state != "watching":
                with suppress(FolderHangs):
                    await self.ask()
            await asyncio.sleep(_ASK_EVERY_S)

    async def ask(self) -> None:
        """Raise FolderHangs if the root does not answer."""
        try:
            await self._options.answering.look(os.fsencode(self.root))
        except FolderHangs as error:
            if not self.hangs:
                log.warning("%s", error)
            self.hangs = True
            raise
        if self.hangs:
            log.info("%s: answers again", self.root)
        self.hangs = False

    async def recheck(self, *, again: bool = False) -> None:
        """Watch the root if it can be watched; `again`: anew, even if it seems to be watched."""
        async with self._lock:
            look = await in_own_thread(_look, self.root)
            is_remote = is_network_file_system(look.file_system)
            wanted = (look.root.identity, look.real_path, is_remote)
            if self._watch and (again or wanted != self._watched or not self._watch.is_alive()):
                await self.unwatch()
            if look.root.identity is None:
                self._enter("offline", look.root.offline)
            elif is_remote:
                state: State = "offline" if look.root.offline else "polling"
                self._enter(
                    state, look.root.offline or f"{look.file_system} tells nothing of distant changes"
                )
            elif self._watch or await self._start_watch(look.real_path):
                self._watched = wanted
                # an empty root is watched for its first file
                self._enter("offline" if look.root.offline else "watching", look.root.offline)

    async def unwatch(self) -> None:
        """Give the watches back."""
        watch, self._watch = self._watch, None
        if watch is not None:
            try:
                await asyncio.to_thread(watch.stop)
            except (KeyError, RuntimeError, OSError):
                log.exception("%s: watchdog did not end cleanly", self.root)

    async def _start_watch(self, real_path: bytes) -> bool:
        self._watch = InotifyWatch(real_path, self._heard, self.doubt)
        try:
            await asyncio.to_thread(self._watch.start)
        except OSError as error:
            await self.unwatch()
            self._enter("failed", why_not_watched(error))
            return False
        return True

    def _enter(self, state: State, reason: str | None) -> None:
        if (state, reason) != (self.state, self.reason):
            level = logging.INFO if state in ("watching", "polling") else logging.WARNING
            log.log(level, "%s: %s%s", self.root, state, f" ({reason})" if reason else "")
        self.state, self.reason = state, reason

    async def _wait(self) -> None:
        due_s = min(self._doubt_due_s, self._reconcile_due_s) - self._options.clock()
        delay_s = min(due_s, self.queue.next_due_s())
        try:
            async with asyncio.timeout(None if math.isinf(delay_s) else delay_s):
                await self._wake.wait()
        except TimeoutError:
            return
        self._wake.clear()

    async def _step(self) -> None:
        now_s = self._options.clock()
        if self._doubt_due_s <= now_s:
            self._doubt_due_s = math.inf
            self._reconcile_due_s = now_s
            await self.recheck(again=True)
        if self.queue.take_collapse():
            self._reconcile_due_s = min(self._reconcile_due_s, now_s + self._options.quiet_s)
        if self._reconcile_due_s <= now_s:
            self._reconcile_due_s = math.inf
            await self._options.on_reconcile(self.root)
        if self.queue.next_due_s() == 0 and (ripe := self.queue.ripe()):
            settled = self.queue.settle(await asyncio.to_thread(look_at, os.fsencode(self.root), ripe))
            if settled and self.state == "offline":
                await self.recheck()
            if settled:
                self._reporting = len(settled)
                try:
                    await self._options.on_settled(self.root, settled)
                finally:
                    self._reporting = 0

    def _heard(self, paths: tuple[bytes, ...], is_folder: bool) -> None:  # noqa: FBT001 - call_soon_threadsafe
        """Note an event's paths, together: both ends of a rename settle at once."""
        self.touch(path for path in paths if is_folder or is_audio_name(path, self._options.extensions))
