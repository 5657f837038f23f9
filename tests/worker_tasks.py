"""What tests let worker processes do; a module of its own, so that those can import it."""

import contextlib
import inspect
import os
import signal
import struct
from pathlib import Path
from typing import NoReturn

import numpy as np

from daemon.worker_jobs import Fingerprinted, fingerprint_file
from engine.errors import TooLong
from engine.settings import Settings


def wait_forever() -> None:
    """Never return."""
    while True:
        signal.pause()


def burn_cpu() -> None:
    """Compute forever."""
    while True:
        pass


def eat_memory(size_bytes: int) -> int:
    """Allocate memory, and use it."""
    return int(np.ones(size_bytes, np.uint8).sum())


def die() -> None:
    """Be killed."""
    os.kill(os.getpid(), signal.SIGKILL)


def die_while_answering() -> None:
    """Be killed in the middle of sending a result."""
    frame = inspect.currentframe()
    while frame is not None and "result_queue" not in frame.f_locals:
        frame = frame.f_back
    assert frame is not None
    os.write(frame.f_locals["result_queue"]._writer.fileno(), struct.pack("!i", 1_000) + b"half a result")
    die()


def raise_too_long() -> NoReturn:
    """Raise an error of ours."""
    raise TooLong("a.mp3", 60.0)


def raise_timeout() -> NoReturn:
    """Raise what a network disk raises."""
    raise TimeoutError(110, "Connection timed out")


def niceness() -> int:
    """Return how nice this process is."""
    return os.nice(0)


def die_over_killers(path: Path, settings: Settings) -> Fingerprinted:
    """Fingerprint, but be killed by files that are called so."""
    if "killer" in path.name:
        die()
    return fingerprint_file(path, settings)


def wait_at_first(path: Path, settings: Settings) -> Fingerprinted:
    """Fingerprint; the first time, say so and wait forever."""
    marker = path.with_name(".begun")
    with contextlib.suppress(FileExistsError):
        marker.touch(exist_ok=False)
        wait_forever()
    return fingerprint_file(path, settings)


def fail_while_away(path: Path, settings: Settings) -> Fingerprinted:
    """Fingerprint; while there is a file `.away` beside it that holds an error's number, raise that."""
    with contextlib.suppress(FileNotFoundError):
        number = int(path.with_name(".away").read_text())
        raise OSError(number, os.strerror(number))
    return fingerprint_file(path, settings)


def run_out_of_memory(path: Path, settings: Settings) -> NoReturn:
    """Fail as a decoder does that asks for too much."""
    raise MemoryError


def stumble(path: Path, settings: Settings) -> NoReturn:
    """Fail as nobody expected."""
    raise ZeroDivisionError("a bit rate of 0")


def wait_with_clip(path: Path, index_folder: Path, settings: Settings) -> None:
    """Never answer a clip."""
    wait_forever()


def die_with_clip(path: Path, index_folder: Path, settings: Settings) -> None:
    """Be killed by a clip."""
    die()


def run_out_of_memory_with_clip(path: Path, index_folder: Path, settings: Settings) -> NoReturn:
    """Fail as a decoder does that asks for too much."""
    raise MemoryError


def stumble_with_clip(path: Path, index_folder: Path, settings: Settings) -> NoReturn:
    """Fail as nobody expected."""
    raise ZeroDivisionError
