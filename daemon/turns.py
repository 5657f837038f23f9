"""One after the other, for each number."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from weakref import WeakValueDictionary


class Turns:
    """A lock for each number, forgotten once nobody holds or wants it."""

    def __init__(self) -> None:
        self._locks: WeakValueDictionary[int, asyncio.Lock] = WeakValueDictionary()

    @asynccontextmanager
    async def of(self, number: int) -> AsyncIterator[None]:
        """Wait until nobody else has this number's turn, and have it."""
        lock = self._locks.setdefault(number, asyncio.Lock())
        async with lock:
            yield
