"""Fingerprint a file in the process of a command, and show how far that is."""

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path
from threading import Event

import av
from av.error import FFmpegError
from rich.console import Console

from daemon.library import shown
from daemon.progress import Amount, show_progress
from engine.audio import decode
from engine.codec import encode
from engine.errors import TooShort
from engine.fingerprint import constellation
from engine.model import Samples
from engine.settings import Settings


class _Stopped(Exception):  # noqa: N818 - ends a thread; nobody else meets it
    """Nobody waits for the rest."""


class _Progress:
    """How many samples were decoded: counted by a thread, read by the event loop."""

    def __init__(self) -> None:
        self.samples = 0
        self.stopped = Event()

    def counted(self, blocks: Iterator[Samples]) -> Iterator[Samples]:
        for block in blocks:
            if self.stopped.is_set():
                raise _Stopped
            self.samples += len(block)
            yield block


async def constellation_of(file: Path, settings: Settings, console: Console) -> bytes:
    """Return the file's constellation, encoded; the console shows the seconds that are decoded.

    Raises
    ------
    AudioError : the file is at fault
    OSError : it can't be read
    """
    progress = _Progress()
    expected_s = await asyncio.to_thread(_announced_s, file)
    work = asyncio.create_task(asyncio.to_thread(_constellation, file, settings, progress))

    async def ask() -> Amount:
        done_s = progress.samples // settings.sample_rate_hz
        total_s = max(round(expected_s), done_s + 1)
        return Amount(total=total_s, left=0 if work.done() else total_s - done_s)

    try:
        await show_progress("fingerprinting, seconds", ask, console)
        return await work
    finally:
        progress.stopped.set()


def _constellation(file: Path, settings: Settings, progress: _Progress) -> bytes:
    peaks = constellation(progress.counted(decode(file, settings)), settings)
    duration_s = progress.samples / settings.sample_rate_hz
    if duration_s < settings.shortest_s:
        raise TooShort(shown(os.fsencode(file.name)), duration_s)
    return encode(peaks)


def _announced_s(file: Path) -> float:
    """Return how long the file says it is; 0 if it doesn't. Raises OSError."""
    with file.open("rb") as content:
        try:
            with av.open(content, "r", options={"protocol_whitelist": "none"}) as container:
                return float(container.duration or 0) / av.time_base
        except (FFmpegError, ValueError):  # decoding it will tell why
            return 0.0
