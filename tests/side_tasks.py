"""What tests do in processes of their own; a module, so that those can import it."""

import os
import signal
import subprocess
import sys
import sysconfig
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


def environment_there() -> dict[str, str]:
    """Return what the process was given."""
    return dict(os.environ)


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


_FILL = """
kept = bytearray({size_bytes})
for at in range(0, len(kept), 4096):
    kept[at] = 1
"""


def fill_memory(megabytes_each: int, noted: Path) -> NoReturn:
    """Take memory together with a helper, and keep it."""
    filling = _FILL.format(size_bytes=megabytes_each * 1_000_000)
    helper = subprocess.Popen([sys.executable, "-c", f"{filling}\nimport signal\nwhile True: signal.pause()"])
    noted.write_text(f"{os.getpid()} {helper.pid}")
    kept: dict[str, object] = {}
    exec(filling, kept)
    while kept:
        time.sleep(60)
    raise AssertionError


def drip(_: str, folder: Path, *__: object) -> NoReturn:
    """Begin a download as yt-dlp does, that hardly grows."""
    (folder / "download").mkdir()
    (folder / "download" / "sound.webm.part").write_bytes(b"x")
    while True:
        time.sleep(60)


def oom_score() -> int:
    """Return how gladly the kernel would end this process, were memory to run out."""
    return int(Path("/proc/self/oom_score_adj").read_text())


def run_javascript(code: str) -> str:
    """Return what deno, which yt-dlp solves challenges with, prints."""
    deno = Path(sysconfig.get_path("scripts")) / "deno"
    done = subprocess.run([deno, "run", "-"], input=code, capture_output=True, text=True, check=True)
    return done.stdout.strip()
