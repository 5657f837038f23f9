"""The other end of `daemon.side_process`: do the one piece of work that standard input brings."""

import logging
import os
import pickle
import resource
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

_FIRST_VICTIM = "1000"
"""Should memory run out between two looks of our other end, the kernel takes us, not the daemon."""


def serve() -> None:
    """Read the work, do it, and write its outcome."""
    parent = os.dup(0)
    answer = os.dup(1)
    # What the work prints goes to the log; the ends of the pipes are ours, and no child's.
    os.dup2(2, 1)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(_FIRST_VICTIM)
    work = _read(parent)
    threading.Thread(target=_end_with_parent, args=(parent,), daemon=True).start()
    outcome = _outcome(work)
    sys.stdout.flush()
    with os.fdopen(answer, "wb") as pipe:  # once it is closed, the other end kills the group
        pipe.write(outcome)


def _read(parent: int) -> bytes:
    with os.fdopen(parent, "rb", closefd=False) as pipe:
        return pipe.read(int.from_bytes(pipe.read(8)))


def _end_with_parent(parent: int) -> None:
    # prctl(PR_SET_PDEATHSIG) would end this process alone, and leave what it started.
    os.read(parent, 1)  # nothing more is ever written: it returns when the other end is closed
    os.killpg(0, signal.SIGKILL)


def _outcome(work: bytes) -> bytes:
    """Return what became of the work: a pair of returned | raised | failed and a value, pickled."""
    sys.path[:], log_level, nice, inner = pickle.loads(work)  # noqa: S301 - from our own other end
    logging.basicConfig(level=log_level, format="%(levelname)s %(name)s: %(message)s")
    os.nice(nice)
    function: Callable[..., object]
    try:
        function, args = pickle.loads(inner)  # noqa: S301 - as above
        return _sendable("returned", function(*args))
    except Exception as error:  # noqa: BLE001 - whatever it is, the other side raises it
        error.add_note("".join(traceback.format_tb(error.__traceback__)))
        return _sendable("raised", error)


def _sendable(outcome: str, value: object) -> bytes:
    """Pickle the outcome, or why that can't be done."""
    try:
        answer = pickle.dumps((outcome, value))
        if outcome == "raised":
            pickle.loads(answer)  # noqa: S301 - an error may have arguments that its class does not take
    except Exception as error:  # noqa: BLE001 - classes of other people's libraries
        return pickle.dumps(("failed", f"{type(value).__name__}: {value!s:.500} ({error!s:.200})"))
    return answer
