"""The threads of an event loop's blocking work, and an end that waits for none that hangs."""

import logging
import os
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import typer

log = logging.getLogger(__name__)

_MOST_THREADS = 64
"""They wait for disks, not for processors; asyncio's own few would soon all wait for one that hangs."""
_END_S = 5.0
"""At the end, work that is under way gets so long: a disk that hangs takes hours."""


class BlockingThreads(ThreadPoolExecutor):
    """What `asyncio.to_thread` uses; its end is waited for, but not for ever."""

    def __init__(self) -> None:
        super().__init__(_MOST_THREADS, thread_name_prefix="blocking")

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: FBT001, FBT002 - theirs
        """End the threads; one that hangs is left behind."""
        super().shutdown(wait=False, cancel_futures=cancel_futures)
        if wait:
            _join(self._threads)


@contextmanager
def leaving_what_hangs() -> Iterator[None]:
    """End the process where the context does, if threads hang that it began: Python would wait for them.

    Everything has been closed by then; no one can end a thread that waits for a disk.
    """
    before = set(threading.enumerate())
    try:
        yield
    except typer.Exit as ended:  # all else is shown by who called us, even if that takes for ever
        _leave(before, ended.exit_code)
        raise
    else:
        _leave(before, 0)


def _leave(before: set[threading.Thread], code: int) -> None:
    began = [each for each in threading.enumerate() if not each.daemon and each not in before]
    _join(began)
    if hanging := [each.name for each in began if each.is_alive()]:
        log.warning("ending although a disk hangs; left behind: %s", ", ".join(hanging))
        logging.shutdown()
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        os._exit(code)


def _join(threads: Iterable[threading.Thread]) -> None:
    end_s = time.monotonic() + _END_S
    for each in list(threads):
        each.join(max(0.0, end_s - time.monotonic()))
