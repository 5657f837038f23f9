"""What tests do in processes of their own; a module, so that those can import it."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import NoReturn

from daemon.playlist_errors import SourceBlocked


class StubbornError(Exception):
    """An error that pickles, and does not unpickle."""

    def __init__(self, first: str, second: str) -> None:
        super().__init__(first)


def add(first: int, second: int) -> int:
    """Return the sum."""
    return first + second


def megabytes(count: int) -> bytes:
    """Return more than fits into a pipe."""
    return bytes(count * 1_000_000)


def whereabouts() -> dict[str, object]:
    """Tell about this process."""
    return {
        "pid": os.getpid(),
        "group": os.getpgid(0),
        "session": os.getsid(0),
        "nice": os.nice(0),
        "secret": os.environ.get("SPECTRA_TOKEN"),
        "home": os.environ.get("HOME"),
        "stdin": sys.stdin.read(),
    }


def print_a_lot() -> str:
    """Write to standard output, as libraries do."""
    sys.stdout.write("xxx")
    os.write(1, b"y" * 100_000)
    return "printed"


def block() -> NoReturn:
    """Raise an error of ours."""
    raise SourceBlocked("too many", 120.0)


def stumble() -> NoReturn:
    """Raise an error of Python's."""
    raise ZeroDivisionError("a bit rate of 0")


def raise_stubborn() -> NoReturn:
    """Raise what can't come back."""
    raise StubbornError("one", "two")


def return_a_lock() -> object:
    """Return what can't be pickled."""
    return sys.stdin


def leave() -> NoReturn:
    """End the process from inside."""
    raise SystemExit(3)


def die() -> None:
    """Be killed."""
    os.kill(os.getpid(), signal.SIGKILL)


def start_helper(noted: Path) -> int:
    """Start a process that outlives its parent, note its number and return it."""
    helper = subprocess.Popen([sys.executable, "-c", "import signal\nwhile True: signal.pause()"])
    noted.with_suffix(".new").write_text(f"{os.getpid()} {helper.pid}")
    noted.with_suffix(".new").rename(noted)
    return helper.pid


def start_helper_and_wait(noted: Path) -> None:
    """Do so, and never return."""
    start_helper(noted)
    while True:
        time.sleep(60)


def start_helper_and_die(noted: Path) -> None:
    """Do so, and be killed."""
    start_helper(noted)
    die()
