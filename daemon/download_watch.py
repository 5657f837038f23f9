"""End a download that hardly moves: a server that sends a byte now and then is never silent for long."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from daemon.playlist_errors import SourceUnreachable
from daemon.tasks import end_tasks

_LOOKS = 10
"""In the time in which something must come."""
_UNFINISHED = (".part", ".ytdl")
"""In names of yt-dlp's, while a file is not whole; fragments have a number behind them."""


@dataclass(frozen=True, slots=True)
class LeastSpeed:
    """What a download must reach."""

    bytes_per_s: float = 4_000.0
    """A quarter of what it takes to listen."""
    over_s: float = 60.0
    first_byte_s: float = 300.0
    """Until then the page is read and its challenge is solved, which takes a small machine a minute."""


@dataclass(frozen=True, slots=True)
class _Progress:
    size_bytes: int
    is_whole: bool


@asynccontextmanager
async def must_move(folder: Path, least: LeastSpeed) -> AsyncIterator[None]:
    """Cancel what is done in the context when yt-dlp's file in the folder grows too slowly.

    Raises SourceUnreachable : it did
    """
    try:
        async with asyncio.timeout(None) as limit:
            watch = asyncio.create_task(_end_when_slow(folder, least, limit), name="speed of a download")
            try:
                yield
            finally:
                await end_tasks(watch)
    except TimeoutError as error:
        if not limit.expired():  # somebody else's
            raise
        raise SourceUnreachable(f"it sends less than {least.bytes_per_s / 1_000:g} kB a second") from error


async def _end_when_slow(folder: Path, least: LeastSpeed, limit: asyncio.Timeout) -> None:
    loop = asyncio.get_running_loop()
    seen: deque[tuple[float, int]] = deque()
    first_byte_until_s = loop.time() + least.first_byte_s
    while not (progress := await asyncio.to_thread(_progress, folder)).is_whole:
        now_s = loop.time()
        if progress.size_bytes:
            # Fragments that have been joined are deleted: what was there counts.
            seen.append((now_s, max(progress.size_bytes, seen[-1][1] if seen else 0)))
        if _is_slow(seen, least) if seen else now_s > first_byte_until_s:
            limit.reschedule(now_s)
            return
        await asyncio.sleep(least.over_s / _LOOKS)


def _is_slow(seen: deque[tuple[float, int]], least: LeastSpeed) -> bool:
    """Tell whether too little came in the last seconds; forget what was before."""
    now_s, now_bytes = seen[-1]
    while len(seen) > 1 and now_s - seen[1][0] >= least.over_s:
        seen.popleft()
    then_s, then_bytes = seen[0]
    elapsed_s = now_s - then_s
    return elapsed_s >= least.over_s and now_bytes - then_bytes < least.bytes_per_s * elapsed_s


def _progress(folder: Path) -> _Progress:
    """Return how much of the sound is there; it is whole when yt-dlp has renamed it."""
    size_bytes, is_whole = 0, False
    for path in folder.glob("*/sound.*"):
        if any(mark in path.name for mark in _UNFINISHED):
            with suppress(OSError):  # it has been renamed meanwhile
                size_bytes += path.stat().st_size
        else:
            is_whole = True
    return _Progress(size_bytes, is_whole)
