"""An upload on its way to disk."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from pathlib import Path
from typing import ParamSpec, TypeVar

from daemon.errors import ClipNotKept, ClipTooLarge, EmptyClip

P = ParamSpec("P")
R = TypeVar("R")

FORM_BYTES = 1 << 16
"""An announced length may exceed the largest clip by so much: the multipart form around it."""


async def spool_clip(
    chunks: AsyncIterator[bytes], spooled: Path, *, most_bytes: int, announced_bytes: int | None
) -> None:
    """Write a clip as it arrives, under a name that is new; who calls deletes it, also after an error.

    Parameters
    ----------
    announced_bytes : length of the request's body, if its sender says so; what arrives is counted anyway

    Raises
    ------
    ClipTooLarge, EmptyClip, ClipNotKept
    """
    if announced_bytes is not None and announced_bytes > most_bytes + FORM_BYTES:
        raise ClipTooLarge(most_bytes)
    received = 0
    file = await _on_disk(spooled.open, "xb")
    try:
        async for chunk in chunks:
            received += len(chunk)
            if received > most_bytes:
                raise ClipTooLarge(most_bytes)
            await _on_disk(file.write, chunk)
        await _on_disk(file.close)  # writes what is still buffered
    finally:
        with suppress(OSError):
            await asyncio.to_thread(file.close)
    if received == 0:
        raise EmptyClip


async def remove_clip(spooled: Path) -> None:
    """Remove a clip, if it is there; shield it: who is cancelled over a clip may be cancelled again."""
    with suppress(OSError):  # the next start empties the folder
        await asyncio.to_thread(spooled.unlink, missing_ok=True)


async def _on_disk(work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Do the work in a thread. Raises ClipNotKept."""
    try:
        return await asyncio.to_thread(work, *args, **kwargs)
    except OSError as error:
        raise ClipNotKept(error.strerror or str(error)) from error
