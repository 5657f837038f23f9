"""Run one blocking function in a process of its own, which can be ended at any time with all that it started.

A network library can wait in a thread for minutes, and nothing ends a thread.
"""

import asyncio
import contextlib
import logging
import os
import pickle
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable
from typing import TypeVar, TypeVarTuple, cast

from daemon.errors import DaemonError, WorkerDied
from daemon.session_memory import session_bytes
from daemon.tasks import end_tasks

log = logging.getLogger(__name__)

Ts = TypeVarTuple("Ts")
R = TypeVar("R")

_COMMAND = (sys.executable, "-P", "-c", "from daemon.side_worker import serve; serve()")
_SECRETS = ("SPECTRA_", "DB_URL", "PG")
"""What the environment calls our own secrets: nothing that speaks to the internet needs them."""
_PROXY = "_proxy"
"""How the names of variables end that send libraries elsewhere: only `youtube.proxy` does."""
MOST_BYTES = 1_000_000_000
"""Resident, with all that it started: lists of 50,000 tracks take 200 MB, yt-dlp 100, deno 110."""
_LOOK_S = 0.5


class TookTooLong(DaemonError):  # noqa: N818 - a fact, as in `FileNotFound`
    """The work was not done in time, and was ended."""

    def __init__(self, work: str, within_s: float) -> None:
        super().__init__(work, within_s)

    def __str__(self) -> str:
        work, within_s = self.args
        return f"{work} was not done within {within_s:g} s, and was ended"


class TookTooMuch(DaemonError):  # noqa: N818
    """The work took more memory than it may, and was ended."""

    def __init__(self, work: str, most_bytes: int) -> None:
        super().__init__(work, most_bytes)

    def __str__(self) -> str:
        work, most_bytes = self.args
        return f"{work} took more than {most_bytes / 1e6:.0f} MB of memory, and was ended"


class WorkFailed(DaemonError):  # noqa: N818
    """The work raised an error, or returned a value, that does not survive the way back."""

    def __init__(self, work: str, reason: str) -> None:
        super().__init__(work, reason)

    def __str__(self) -> str:
        return f"{self.args[0]} failed: {self.args[1]}"


async def run_aside(
    function: Callable[[*Ts], R], *args: *Ts, within_s: float, nice: int = 0, most_bytes: int = MOST_BYTES
) -> R:
    """Return what the function returns for these arguments, from a process of its own.

    The process leads a group of its own. The whole group is killed when the function has ended, when its
    time is over, when the waiting task is cancelled, and when this process dies, by whatever.

    Parameters
    ----------
    function : importable from a module other than `__main__`; it, the arguments and the value can be pickled
    within_s : seconds by the clock, the start of an interpreter (0.1 to 1 s) included
    most_bytes : of memory, for the process and all that it starts together; looked at twice a second

    Raises
    ------
    TookTooLong : its time is over
    TookTooMuch : its memory is
    WorkerDied : its process was killed, or ended itself
    WorkFailed : its value or its error can't be pickled
    whatever the function raises
    """
    # `functools.partial` gives keywords to a function, and hides its name.
    name = getattr(getattr(function, "func", function), "__name__", "work").replace("_", " ")
    # The function may live in a module that can be imported only once the paths are known.
    work = pickle.dumps((sys.path, log.getEffectiveLevel(), nice, pickle.dumps((function, args))))
    try:
        async with asyncio.timeout(within_s) as limit:
            answer = await _answer(work, most_bytes)
    except TimeoutError as error:
        if not limit.expired():  # the operating system's own
            raise
        raise TookTooLong(name, within_s) from error
    if answer is None:
        raise TookTooMuch(name, most_bytes)
    if not answer:
        raise WorkerDied(name)
    try:
        outcome, value = pickle.loads(answer)  # noqa: S301 - from a process of ours
    except Exception as error:  # half an answer, or a class that does not unpickle: any error at all
        raise WorkerDied(name) from error
    if outcome == "returned":
        return cast("R", value)
    if outcome == "raised":
        raise value
    raise WorkFailed(name, value)


async def _answer(work: bytes, most_bytes: int) -> bytes | None:
    """Return the bytes with which a fresh process answers: no bytes if it died, None if it took too much."""
    environment = {name: value for name, value in os.environ.items() if not _is_kept_back(name)}
    environment["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
    process = await asyncio.create_subprocess_exec(
        *_COMMAND, stdin=PIPE, stdout=PIPE, env=environment, start_new_session=True
    )
    assert process.stdin is not None
    assert process.stdout is not None
    watch = asyncio.create_task(_until_too_much(process, most_bytes), name="memory of a side process")
    try:
        # Its standard input stays open: it ends, and the group is killed, when this process dies.
        process.stdin.write(len(work).to_bytes(8) + work)
        with contextlib.suppress(ConnectionError):  # it died: the answer's end tells
            await process.stdin.drain()
        answer = await process.stdout.read()
        return None if watch.done() else answer
    finally:
        watch.cancel()
        await _end(process)
        await end_tasks(watch)


def _is_kept_back(name: str) -> bool:
    return name.startswith(_SECRETS) or name.lower().endswith(_PROXY)


async def _until_too_much(process: Process, most_bytes: int) -> None:
    """Return when a process and what it started take too much memory, and have been killed for that."""
    while await asyncio.to_thread(session_bytes, process.pid) <= most_bytes:  # noqa: ASYNC110 - nothing tells
        await asyncio.sleep(_LOOK_S)
    _kill_group(process)


def _kill_group(process: Process) -> None:
    # Even if it has ended: what it started may live on, and the number is theirs as long as it does.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


async def _end(process: Process) -> None:
    """Kill the process and all that it started, and leave nothing of it here."""
    _kill_group(process)
    ended = asyncio.ensure_future(_drained(process))
    try:
        await asyncio.shield(ended)
    except asyncio.CancelledError:
        await ended  # at once: it is killed
        raise


async def _drained(process: Process) -> None:
    assert process.stdout is not None
    await process.stdout.read()  # a full pipe would never be closed
    await process.wait()
