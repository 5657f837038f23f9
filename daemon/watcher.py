"""Turn what happens below the roots into settled paths: files that nobody writes to any more."""

# Paths are bytes here, and pathlib holds text only:
# ruff: noqa: PTH116, PTH118

import asyncio
import contextlib
import errno
import logging
import math
import os
import re
import threading
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from watchdog.events import (
    DirCreatedEvent,
    DirDeletedEvent,
    DirMovedEvent,
    FileClosedEvent,
    FileCreatedEvent,
    FileDeletedEvent,
    FileMovedEvent,
    FileSystemEvent,
    FileSystemEventHandler,
)
from watchdog.observers.api import BaseObserver, EventQueue, ObservedWatch
from watchdog.observers.inotify import InotifyEmitter
from watchdog.observers.inotify_c import (
    CallbackId,
    InotifyConstants,
    InotifyEvent,
    InotifyFD,
    Mask,
    WatchCallback,
    WatchDescriptor,
)
from watchdog.observers.inotify_move_event_grouper import GroupedInotifyEvent, PathedInotifyEvent

from daemon.scan import AUDIO_EXTENSIONS, RootLook, is_audio_name, is_ignored, look_at_root

log = logging.getLogger(__name__)

_EVENTS: list[type[FileSystemEvent]] = [
    FileCreatedEvent,
    FileClosedEvent,
    FileMovedEvent,
    FileDeletedEvent,
    DirCreatedEvent,
    DirMovedEvent,
    DirDeletedEvent,
]
"""watchdog's own choice of events livelocks above some 4,500 folders: it hears itself listing them."""

_NETWORK_FILE_SYSTEMS = re.compile(
    r"nfs\d?|cifs|smb\d?|smbfs|afs|ceph|gfs2|glusterfs|lustre|9p|vboxsf|vmhgfs|prl_fs|drvfs|virtiofs|fuse(\..+)?"
)
"""Where somebody else may change a file without our kernel hearing of it. (fuseblk is a local NTFS disk.)"""

State: TypeAlias = Literal["watching", "polling", "offline", "failed"]
Stamp: TypeAlias = tuple[int, int]
"""(size in bytes, mtime in ns) of a path."""


@dataclass(frozen=True, slots=True)
class RootStatus:
    """How changes below a root become known."""

    root: Path
    state: State
    reason: str | None
    """Why it is not simply watched, in words for the user."""
    pending: int
    """Paths that changed lately and have not settled."""


def file_system_of(path: bytes, mountinfo: bytes) -> str:
    """Return the type of the file system that holds a real path, by /proc/self/mountinfo's text; "": unknown.

    Of several mounts on one point the last one covers the others. Format: proc_pid_mountinfo(5).
    """
    best_length, best_type = -1, ""
    for line in mountinfo.splitlines():
        fields, separator, rest = line.partition(b" - ")
        columns = fields.split()
        if not separator or len(columns) < 5 or not rest.split():
            continue
        point = re.sub(rb"\\([0-7]{3})", lambda octal: bytes([int(octal[1], 8) & 0xFF]), columns[4])
        prefix = point.rstrip(b"/") + b"/"
        if len(prefix) >= best_length and (path + b"/").startswith(prefix):
            best_length, best_type = len(prefix), os.fsdecode(rest.split()[0])
    return best_type


def is_network_file_system(file_system: str) -> bool:
    """Tell whether changes can be made there that inotify doesn't report."""
    return _NETWORK_FILE_SYSTEMS.fullmatch(file_system) is not None


@dataclass(frozen=True, slots=True)
class _Pending:
    due_s: float
    is_seen: bool
    stamp: Stamp | None


class SettleQueue:
    """Hold paths back until size and mtime were still for `quiet_s`. No I/O, no threads.

    A path is looked at twice: soon after its last event, and `quiet_s` later. The caller stats what `ripe`
    returns (in a thread) and hands the stamps to `settle`. A path that stays away settles too: it is gone.
    """

    def __init__(self, *, quiet_s: float, limit: int, clock: Callable[[], float]) -> None:
        self._quiet_s = quiet_s
        self._limit = limit
        self._clock = clock
        self._pending: dict[bytes, _Pending] = {}
        self._next_s = math.inf
        self._collapsed = False

    def __len__(self) -> int:
        return len(self._pending)

    def touch(self, *paths: bytes) -> None:
        """Note that these changed. Above the limit all are dropped, and `take_collapse` tells so."""
        # a quarter: one burst of events makes one round of looks
        due_s = self._clock() + self._quiet_s / 4
        self._pending.update((path, _Pending(due_s, is_seen=False, stamp=None)) for path in paths)
        self._next_s = min(self._next_s, due_s)
        if len(self._pending) > self._limit:
            self._pending.clear()
            self._next_s = math.inf
            self._collapsed = True

    def take_collapse(self) -> bool:
        """Tell, once, whether paths were dropped: then the root must be looked through."""
        was, self._collapsed = self._collapsed, False
        return was

    def next_due_s(self) -> float:
        """Return the seconds until something is ripe: 0 now, infinity never."""
        return max(0.0, self._next_s - self._clock())

    def ripe(self) -> list[bytes]:
        """Return the paths that are to be looked at now."""
        now_s = self._clock()
        self._next_s = min((pending.due_s for pending in self._pending.values()), default=math.inf)
        if self._next_s > now_s:
            return []
        return [path for path, pending in self._pending.items() if pending.due_s <= now_s]

    def settle(self, stamps: Mapping[bytes, Stamp | None]) -> frozenset[bytes]:
        """Return the paths that have settled, given what a look (None: not there) at the ripe ones gave.

        A folder waits for what is pending below it: whoever lists it would meet half a file.
        """
        now_s = self._clock()
        still: set[bytes] = set()
        for path, stamp in stamps.items():
            pending = self._pending.get(path)
            if pending is None or pending.due_s > now_s:
                continue  # touched again meanwhile
            if pending.is_seen and pending.stamp == stamp:
                still.add(path)
            else:
                self._pending[path] = _Pending(now_s + self._quiet_s, is_seen=True, stamp=stamp)
        busy = self._folders_of(self._pending.keys() - still) if still else frozenset()
        for path in still:
            stamp = stamps[path]
            if path in busy and stamp is not None:
                self._pending[path] = _Pending(now_s + self._quiet_s, is_seen=True, stamp=stamp)
            else:
                del self._pending[path]
        next_s = min((pending.due_s for pending in self._pending.values()), default=math.inf)
        # a steady stream of events makes eight rounds of looks, not one for each event
        self._next_s = max(next_s, now_s + self._quiet_s / 8)
        return frozenset(still - self._pending.keys())

    @staticmethod
    def _folders_of(paths: AbstractSet[bytes]) -> frozenset[bytes]:
        folders: set[bytes] = set()
        for path in paths:
            folder = path.rpartition(b"/")[0]
            while folder and folder not in folders:
                folders.add(folder)
                folder = folder.rpartition(b"/")[0]
        return frozenset(folders)


class _Inotify(InotifyFD):
    """One root's kernel queue; also tells of lost events, missing watches and watchdog's own errors."""

    def __init__(self, doubt: Callable[[], None]) -> None:
        super().__init__()
        self._doubt = doubt
        self.limit_errno: int | None = None
        """Set when the kernel gave no more watches; watchdog goes on without, below the root."""

    def add_callback(
        self, path: bytes, mask: Mask, callback: WatchCallback, id_: CallbackId
    ) -> WatchDescriptor:
        try:
            return super().add_callback(path, mask, callback, id_)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.ENOMEM) and self.limit_errno is None:
                self.limit_errno = error.errno
                if threading.current_thread() is self:  # otherwise whoever starts us will look
                    self._doubt()
            raise

    def handle_event(self, event: InotifyEvent) -> None:
        try:
            super().handle_event(event)
        except Exception:  # the edge of this thread's loop: ending it silently would leave us deaf
            log.exception("watchdog failed on %r; the watch is set up again", event)
            self._doubt()
        if event.is_queue_overflow or event.mask & InotifyConstants.IN_UNMOUNT:
            self._doubt()


class _Emitter(InotifyEmitter):
    """Events of one root; tells of folders moved out: their watches stay and report distant events."""

    def __init__(
        self,
        event_queue: EventQueue,
        watch: ObservedWatch,
        *,
        timeout: float,
        event_filter: list[type[FileSystemEvent]] | None,
        inotify_fd: InotifyFD,
        doubt: Callable[[], None],
    ) -> None:
        super().__init__(
            event_queue, watch, timeout=timeout, event_filter=event_filter, inotify_fd=inotify_fd
        )
        self._doubt = doubt

    def build_and_queue_event(self, event: GroupedInotifyEvent, *, full_events: bool = False) -> None:
        super().build_and_queue_event(event, full_events=full_events)
        if isinstance(event, PathedInotifyEvent) and event.ev.is_moved_from and event.ev.is_directory:
            self._doubt()


class _Watch(FileSystemEventHandler):
    """The threads that watch one root. `start` and `stop` block: a large tree takes seconds."""

    def __init__(
        self,
        folder: bytes,
        heard: Callable[[tuple[bytes, ...], bool], None],
        doubt: Callable[[], None],
    ) -> None:
        self._folder = folder
        self._heard = heard
        self._doubt = doubt
        self._loop = asyncio.get_running_loop()
        self._lock = threading.Lock()
        self._is_stopped = False
        self._inotify: _Inotify | None = None
        self._observer: BaseObserver | None = None

    def start(self) -> None:
        """Watch the root and every folder below it. Raises OSError; then call `stop`."""
        with self._lock:
            if self._is_stopped:
                return
            self._inotify = _Inotify(self._tell_doubt)
            self._inotify.start()
            self._observer = BaseObserver(_Emitter, inotify_fd=self._inotify, doubt=self._tell_doubt)
            self._observer.schedule(self, os.fsdecode(self._folder), recursive=True, event_filter=_EVENTS)
            self._observer.start()
            if self._inotify.limit_errno is not None:
                raise OSError(self._inotify.limit_errno, os.strerror(self._inotify.limit_errno))

    def stop(self) -> None:
        """End the threads and give the watches back; also while `start` runs in another thread."""
        with self._lock:
            self._is_stopped = True
            try:
                if self._observer is not None:
                    self._observer.stop()
                    if self._observer.is_alive():
                        self._observer.join()
            finally:
                if self._inotify is not None and self._inotify.is_alive():
                    self._inotify.stop()
                    self._inotify.join()

    def is_alive(self) -> bool:
        """Tell whether all its threads run; watchdog's end by themselves when the root is deleted."""
        threads = (self._inotify, self._observer, *(self._observer.emitters if self._observer else ()))
        return all(thread is not None and thread.is_alive() for thread in threads)

    def dispatch(self, event: FileSystemEvent) -> None:
        """Hand an event over to the loop; called on watchdog's thread."""
        ends = [os.fsencode(end) for end in (event.src_path, event.dest_path) if end]
        if self._folder in ends:
            self._tell_doubt()  # the root itself was deleted
            return
        prefix = self._folder.rstrip(b"/") + b"/"
        paths = tuple(end.removeprefix(prefix) for end in ends if end.startswith(prefix))
        with contextlib.suppress(RuntimeError):  # the loop was closed without stopping us
            self._loop.call_soon_threadsafe(self._heard, paths, event.is_directory)

    def _tell_doubt(self) -> None:
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._doubt)


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


def _stamps(root: bytes, paths: Iterable[bytes]) -> dict[bytes, Stamp | None]:
    stamps: dict[bytes, Stamp | None] = {}
    for path in paths:
        try:
            status = os.stat(os.path.join(root, path))
        except OSError:  # gone, or for the scan to name
            stamps[path] = None
        else:
            stamps[path] = (status.st_size, status.st_mtime_ns)
    return stamps


def _limit_sentence(error: OSError) -> str:
    if error.errno == errno.ENOSPC:
        return (
            "more folders than the kernel lets a user watch: raise it with "
            "`sysctl fs.inotify.max_user_watches=1048576`; until then it is looked through periodically"
        )
    if error.errno == errno.EMFILE:
        return (
            "too many programs watch folders, or the service has too many open files: raise it with "
            "`sysctl fs.inotify.max_user_instances=1024`, or LimitNOFILE= in the systemd unit; "
            "until then it is looked through periodically"
        )
    return f"the folder can't be watched ({error.strerror}); it is looked through periodically"


@dataclass(frozen=True, slots=True)
class _Options:
    """What all roots share; see `Watcher`."""

    on_settled: Callable[[Path, frozenset[bytes]], Awaitable[None]]
    on_reconcile: Callable[[Path], Awaitable[None]]
    extensions: AbstractSet[str]
    quiet_s: float
    limit: int
    retry_s: float
    clock: Callable[[], float]


class _Root:
    """One root: its state, its watch, its pending paths, the task that waits for them."""

    def __init__(self, root: Path, options: _Options) -> None:
        self.root = root
        self.state: State = "offline"
        self.reason: str | None = "not looked at yet"
        self.queue = SettleQueue(quiet_s=options.quiet_s, limit=options.limit, clock=options.clock)
        self._options = options
        self._wake = asyncio.Event()
        self._lock = asyncio.Lock()
        self._watch: _Watch | None = None
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

    def touch(self, paths: Iterable[bytes]) -> None:
        if kept := tuple(path for path in paths if not is_ignored(path)):
            self.queue.touch(*kept)
            self._wake.set()

    def doubt(self) -> None:
        """Set the watch up anew and reconcile, soon: once for a burst of reasons."""
        self._doubt_due_s = min(self._doubt_due_s, self._options.clock() + self._options.quiet_s)
        self._wake.set()

    async def recheck(self, *, again: bool = False) -> None:
        """Watch the root if it can be watched; `again`: anew, even if it seems to be watched."""
        async with self._lock:
            look = await asyncio.to_thread(_look, self.root)
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
        self._watch = _Watch(real_path, self._heard, self.doubt)
        try:
            await asyncio.to_thread(self._watch.start)
        except OSError as error:
            await self.unwatch()
            self._enter("failed", _limit_sentence(error))
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
            settled = self.queue.settle(await asyncio.to_thread(_stamps, os.fsencode(self.root), ripe))
            if settled and self.state == "offline":
                await self.recheck()
            if settled:
                await self._options.on_settled(self.root, settled)

    def _heard(self, paths: tuple[bytes, ...], is_folder: bool) -> None:  # noqa: FBT001 - call_soon_threadsafe
        """Note an event's paths, together: both ends of a rename settle at once."""
        self.touch(path for path in paths if is_folder or is_audio_name(path, self._options.extensions))


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
        options = _Options(on_settled, on_reconcile, extensions, quiet_s, pending_limit, retry_s, clock)
        self._roots = {root: _Root(root, options) for root in roots}
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Begin in the background: a hanging disk must not hold up the service."""
        self._tasks = [
            asyncio.create_task(root.run(), name=f"watch {root.root}") for root in self._roots.values()
        ]

    async def stop(self) -> None:
        """Stop reporting and give all watches back; what was pending is found by the next reconcile."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []
        await asyncio.gather(*(root.unwatch() for root in self._roots.values()))

    async def recheck(self, root: Path) -> RootStatus:
        """Find out whether a root is there, and watch it if it can be watched; call it before a reconcile."""
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
    def _status(root: _Root) -> RootStatus:
        return RootStatus(root.root, root.state, root.reason, len(root.queue))
