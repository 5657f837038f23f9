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

log = logging.getLogger(__name__)

Ts = TypeVarTuple("Ts")
R = TypeVar("R")

_COMMAND = (sys.executable, "-P", "-c", "from daemon.side_worker import serve; serve()")
_SECRETS = ("SPECTRA_", "DB_URL", "PG")
"""What the environment calls our own secrets: nothing that speaks to the internet needs them."""


class TookTooLong(DaemonError):  # noqa: N818 - a fact, as in `FileNotFound`
    """The work was not done in time, and was ended."""

    def __init__(self, work: str, within_s: float) -> None:
        super().__init__(work, within_s)

    def __str__(self) -> str:
        work, within_s = self.args
        return f"{work} was not done within {within_s:g} s, and was ended"


class WorkFailed(DaemonError):  # noqa: N818
    """The work raised an error, or returned a value, that does not survive the way back."""

    def __init__(self, work: str, reason: str) -> None:
        super().__init__(work, reason)

    def __str__(self) -> str:
        return f"{self.args[0]} failed: {self.args[1]}"


async def run_aside(function: Callable[[*Ts], R], *args: *Ts, within_s: float, nice: int = 0) -> R:
    """Return what the function returns for these arguments, from a process of its own.

    The process leads a group of its own. The whole group is killed when the function has ended, when its
    time is over, when the waiting task is cancelled, and when this process dies, by whatever.

    Parameters
    ----------
    function : importable from a module other than `__main__`; it, the arguments and the value can be pickled
    within_s : seconds by the clock, the start of an interpreter (0.1 to 1 s) included

    Raises
    ------
    TookTooLong : its time is over
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
            answer = await _answer(work)
    except TimeoutError as error:
        if not limit.expired():  # the operating system's own
            raise
        raise TookTooLong(name, within_s) from error
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


async def _answer(work: bytes) -> bytes:
    """Return the bytes with which a fresh process answers; none if it died."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(_SECRETS)}
    environment["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
    process = await asyncio.create_subprocess_exec(
        *_COMMAND, stdin=PIPE, stdout=PIPE, env=environment, start_new_session=True
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        # Its standard input stays open: it ends, and the group is killed, when this process dies.
        process.stdin.write(len(work).to_bytes(8) + work)
        with contextlib.suppress(ConnectionError):  # it died: the answer's end tells
            await process.stdin.drain()
        return await process.stdout.read()
    finally:
        await _end(process)


async def _end(process: Process) -> None:
    """Kill the process and all that it started, and leave nothing of it here."""
    # Even if it has ended: what it started may live on, and the number is theirs as long as it does.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
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
