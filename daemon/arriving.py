"""Uploads on their way: a sender who is far too slow is given up, sooner while others wait for the place."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator

from daemon.errors import ClipError

_PATIENCE_S = 20.0
_SLOWEST_BYTES_PER_S = 2_000.0
"""On the average, after that patience: the slowest of phones' networks, GPRS, has twice as much."""
_LEAST_PATIENCE_S = 5.0
_SLOW_BYTES_PER_S = 8_000.0
"""The same while all places are taken: a clip of ten seconds would hold one for a quarter of a minute."""


class ClipTooSlow(ClipError):  # noqa: N818 - a fact, as in `FileNotFound`
    """It does not come fast enough to be waited for."""

    def __init__(self) -> None:
        super().__init__()

    def __str__(self) -> str:
        return "The upload was too slow: send it again over a better connection, or a shorter clip."


class _Upload:
    """One that is arriving."""

    def __init__(self, began_s: float) -> None:
        self.began_s = began_s
        self.received_bytes = 0
        self.end_s = began_s + _PATIENCE_S
        self.waiting: asyncio.Timeout | None = None

    def take(self, size_bytes: int) -> None:
        self.received_bytes += size_bytes
        self.end_s = max(self.end_s, self.began_s + _PATIENCE_S + self.received_bytes / _SLOWEST_BYTES_PER_S)

    def rate_at(self, now_s: float) -> float:
        """Return bytes per second so far, counted from when they must be coming."""
        return self.received_bytes / max(now_s - self.began_s, _LEAST_PATIENCE_S)


class Arriving:
    """The uploads that one service is receiving."""

    def __init__(self) -> None:
        self._uploads: set[_Upload] = set()

    async def paced(self, chunks: AsyncIterator[bytes]) -> AsyncGenerator[bytes]:
        """Yield the chunks of an upload. Raises ClipTooSlow."""
        upload = _Upload(asyncio.get_running_loop().time())
        self._uploads.add(upload)
        try:
            while (chunk := await self._next(upload, chunks)) is not None:
                upload.take(len(chunk))
                yield chunk
        finally:
            self._uploads.discard(upload)

    def make_room(self) -> bool:
        """Give up the slowest upload and return True; False if all come fast enough, or have just begun."""
        now_s = asyncio.get_running_loop().time()
        slowest = min(
            (each for each in self._uploads if now_s - each.began_s >= _LEAST_PATIENCE_S),
            key=lambda each: each.rate_at(now_s),
            default=None,
        )
        if slowest is None or slowest.rate_at(now_s) >= _SLOW_BYTES_PER_S:
            return False
        self._uploads.discard(slowest)
        slowest.end_s = now_s
        if slowest.waiting is not None:
            slowest.waiting.reschedule(now_s)
        return True

    @staticmethod
    async def _next(upload: _Upload, chunks: AsyncIterator[bytes]) -> bytes | None:
        try:
            async with asyncio.timeout_at(upload.end_s) as upload.waiting:
                return await anext(chunks, None)
        except TimeoutError as error:
            raise ClipTooSlow from error
        finally:
            upload.waiting = None
