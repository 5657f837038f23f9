"""Tell all who look at the page what has changed: one look at the daemon's state serves them all."""

import asyncio
import json
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

import psycopg

from daemon.errors import DaemonError
from daemon.tasks import end_tasks

log = logging.getLogger(__name__)

_MOST_READERS = 64
_LEAST_REST_S = 1.0
_REST_PER_WORK = 20.0
"""Looking takes at most a twentieth of the time, however large the library."""
_LONGEST_REST_S = 60.0
"""A look that waited for others, not one that worked, took as long as this would be a twenty-first of."""
_REST_AFTER_TROUBLE_S = 5.0
_TROUBLE = "trouble"
_AWAY = "The database does not answer; what is shown may be old."
_FAILED = "Spectra can't tell what is new; its log tells why."


@dataclass(frozen=True, slots=True)
class Seen:
    """What a look found of one thing; told again when it differs."""

    value: object
    """JSON, as readers get it."""
    mark: object = None
    """What else makes it differ."""


Look = Callable[[], Awaitable[Mapping[str, Seen]]]
"""Returns the state of everything, by the event's name."""


class TooManyReaders(DaemonError):  # noqa: N818 - a fact, as in `FileNotFound`
    """Nobody else is told."""

    def __init__(self, most: int) -> None:
        super().__init__(most)

    def __str__(self) -> str:
        return f"{self.args[0]} pages follow what happens already: close some, or try again later"


class Subscription:
    """What one reader has not been told yet: of each event the latest, so that a slow one fills no memory."""

    def __init__(self) -> None:
        self.is_ended = False
        self._pending: dict[str, str] = {}
        self._arrived = asyncio.Event()
        self._patience: asyncio.Timeout | None = None

    async def take(self, *, within_s: float) -> dict[str, str]:
        """Return the events (JSON) by name, oldest first; none if nothing happens in time, or at the end."""
        try:
            async with asyncio.timeout(within_s):
                await self._arrived.wait()
        except TimeoutError:
            return {}
        if not self.is_ended:
            self._arrived.clear()
        pending, self._pending = self._pending, {}
        return pending

    @asynccontextmanager
    async def patience(self, within_s: float) -> AsyncIterator[None]:
        """Wait for the reader to take something, so long, or until the end. Raises TimeoutError."""
        try:
            async with asyncio.timeout(0.0 if self.is_ended else within_s) as self._patience:
                yield
        finally:
            self._patience = None

    def tell(self, name: str, text: str) -> None:
        """Have the reader told this, instead of what it would have been told of the same."""
        self._pending.pop(name, None)
        self._pending[name] = text
        self._arrived.set()

    def end(self) -> None:
        """Let the reader go."""
        self.is_ended = True
        self._arrived.set()
        if self._patience is not None:
            self._patience.reschedule(asyncio.get_running_loop().time())


class EventFeed:
    """Looks at most once a second, while anybody reads."""

    def __init__(
        self,
        look: Look,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._look = look
        self._clock = clock
        self._sleep = sleep
        self._readers: set[Subscription] = set()
        self._seen: Mapping[str, Seen] = {}
        self._trouble: str | None = None
        self._poller: asyncio.Task[None] | None = None
        self._resting: asyncio.Task[None] | None = None
        self._ending: set[asyncio.Task[None]] = set()
        self._is_ended = False

    @property
    def reader_count(self) -> int:
        """Return how many are told."""
        return len(self._readers)

    @property
    def is_looking(self) -> bool:
        """Tell whether looks go on."""
        return self._poller is not None or bool(self._ending)

    def subscribe(self) -> Subscription:
        """Begin to tell one reader, of all that is known first; `leave` ends that. Raises TooManyReaders."""
        if len(self._readers) >= _MOST_READERS:
            raise TooManyReaders(_MOST_READERS)
        reader = Subscription()
        if self._is_ended:
            reader.end()
            return reader
        for name, seen in self._seen.items():
            reader.tell(name, json.dumps(seen.value))
        if self._trouble is not None:
            reader.tell(_TROUBLE, json.dumps({"error": self._trouble}))
        self._readers.add(reader)
        if self._poller is None:
            self._poller = asyncio.create_task(self._poll(), name="live events")
        return reader

    def leave(self, reader: Subscription) -> None:
        """Tell this reader no more."""
        self._readers.discard(reader)
        if not self._readers:
            self._rest()

    def end(self) -> None:
        """Let all readers go, and take no more: the daemon stops."""
        self._is_ended = True
        for reader in self._readers:
            reader.end()
        self._rest()

    async def stop(self) -> None:
        """Do the same, and see the last look out."""
        self.end()
        await end_tasks(*self._ending)

    def _rest(self) -> None:
        """Look no more, and forget what was seen: it grows old."""
        poller, self._poller = self._poller, None
        self._seen, self._trouble = {}, None
        if poller is not None:
            self._ending.add(poller)
            poller.add_done_callback(self._ending.discard)
            if self._resting is poller:  # a look ends by itself; its connection would be lost
                poller.cancel()

    async def _poll(self) -> None:
        poller = asyncio.current_task()
        while self._poller is poller:
            rest_s = await self._look_once(poller)
            if self._poller is poller:
                self._resting = poller
                await self._sleep(rest_s)
                self._resting = None

    async def _look_once(self, poller: asyncio.Task[None] | None) -> float:
        """Look, tell what differs, and return how long to rest after that."""
        began_s = self._clock()
        try:
            seen = await self._look()
        except psycopg.Error as error:
            log.log(logging.DEBUG if self._trouble else logging.WARNING, "live events: %s", error)
            trouble = _AWAY
        except Exception:
            log.exception("live events: the daemon's state can't be told")
            trouble = _FAILED
        else:
            if self._poller is poller:
                self._tell(seen)
            rest_s = _REST_PER_WORK * (self._clock() - began_s)
            return min(max(_LEAST_REST_S, rest_s), _LONGEST_REST_S)
        if self._poller is poller and self._trouble is None:
            self._trouble = trouble
            self._tell_all(_TROUBLE, {"error": trouble})
        return _REST_AFTER_TROUBLE_S

    def _tell(self, seen: Mapping[str, Seen]) -> None:
        """Tell what differs; after trouble everything, which ends it."""
        known = {} if self._trouble is not None else self._seen
        self._trouble = None
        for name, each in seen.items():
            if known.get(name) != each:
                self._tell_all(name, each.value)
        self._seen = seen

    def _tell_all(self, name: str, value: object) -> None:
        text = json.dumps(value)
        for reader in self._readers:
            reader.tell(name, text)
