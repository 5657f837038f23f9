"""Watch one root through inotify: watchdog's threads, made to admit what they miss."""

import asyncio
import contextlib
import errno
import logging
import os
import threading
from collections.abc import Callable

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


class InotifyWatch(FileSystemEventHandler):
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


def why_not_watched(error: OSError) -> str:
    """Return the sentence for what `InotifyWatch.start` raised: what stands in the way, what to do."""
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
