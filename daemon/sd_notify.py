"""Tell the service manager how the daemon is, in systemd's protocol: sd_notify(3), sd_watchdog_enabled(3)."""

import asyncio
import logging
import os
import socket
import time
from collections.abc import AsyncIterator, Callable, MutableMapping
from contextlib import asynccontextmanager
from typing import Self

from daemon.tasks import end_tasks

log = logging.getLogger(__name__)

_BEAT_S = 10.0
"""Between two signs of life where no watchdog asks for them."""
_EXTENSION_S = 60.0
"""How much longer a start or reload may take, counted from each sign of life."""
_LONGEST_S = 3_600.0
"""A start or reload that takes longer hangs: the time is not extended any more."""
_ADDRESS_VARIABLE = "NOTIFY_SOCKET"
_WATCHDOG_VARIABLE = "WATCHDOG_USEC"
_WATCHDOG_PID_VARIABLE = "WATCHDOG_PID"


class Notifier:
    """Speaks to the service manager, or to nobody. What can't be said is logged, never raised."""

    def __init__(
        self,
        address: str | None,
        *,
        watchdog_s: float | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Speak to this socket: a path, or "@" and an abstract name; None: to nobody.

        Parameters
        ----------
        watchdog_s : the manager ends us when it hears nothing for so long; None: it does not
        """
        self._address = address
        self._watchdog_s = watchdog_s
        self._clock = clock
        self._changing_since_s: float | None = clock()
        self._unheard = ""
        self._is_deaf = False
        self.beat_s = _BEAT_S if watchdog_s is None else min(watchdog_s / 2, _BEAT_S)

    @classmethod
    def from_environment(cls, environment: MutableMapping[str, str]) -> Self:
        """Take our variables out of the environment: the processes that we start are not asked."""
        address = environment.pop(_ADDRESS_VARIABLE, None)
        usec = environment.pop(_WATCHDOG_VARIABLE, "")
        pid = environment.pop(_WATCHDOG_PID_VARIABLE, "")
        is_ours = pid in {"", str(os.getpid())}
        watchdog_s = int(usec) / 1e6 if is_ours and usec.isascii() and usec.isdigit() else None
        return cls(address or None, watchdog_s=watchdog_s or None)

    @property
    def is_heard(self) -> bool:
        """Tell whether there is anybody to speak to."""
        return self._address is not None

    def ready(self, sentence: str) -> None:
        """Say that requests are answered."""
        self._changing_since_s = None
        self._say_state(f"READY=1\nMAINPID={os.getpid()}\n{_status(sentence)}")

    def reloading(self, sentence: str) -> None:
        """Say that the configuration is read again; `ready` must follow."""
        self._changing_since_s = self._clock()
        now_usec = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1_000
        self._say_state(f"RELOADING=1\nMONOTONIC_USEC={now_usec}\n{_status(sentence)}")

    def stopping(self, sentence: str) -> None:
        """Say that the end has begun."""
        self._changing_since_s = None
        self._say_state(f"STOPPING=1\n{_status(sentence)}")

    def status(self, sentence: str) -> None:
        """Say in a sentence how we are."""
        self._say(_status(sentence))

    def beat(self) -> None:
        """Say that we live; ask for more time while we start or reload; repeat what was not heard."""
        if self._unheard:
            self._say_state(self._unheard)
        lines = [] if self._watchdog_s is None else ["WATCHDOG=1"]
        since_s = self._changing_since_s
        if since_s is not None and self._clock() - since_s < _LONGEST_S:
            lines.append(f"EXTEND_TIMEOUT_USEC={_EXTENSION_S * 1e6:.0f}")
        if lines:
            self._say("\n".join(lines))

    @asynccontextmanager
    async def alive(self) -> AsyncIterator[None]:
        """Give signs of life from the event loop itself: one that is blocked gives none, and is noticed."""
        if not self.is_heard:
            yield
            return
        self.beat()
        beating = asyncio.create_task(self._go_on(), name="signs of life")
        try:
            yield
        finally:
            await end_tasks(beating)

    async def _go_on(self) -> None:
        while True:
            await asyncio.sleep(self.beat_s)
            self.beat()

    def _say_state(self, message: str) -> None:
        self._unheard = "" if self._say(message) else message

    def _say(self, message: str) -> bool:
        """Send, and return whether that could be done."""
        if self._address is None:
            return True
        name = self._address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as to_manager:
                to_manager.sendto(message.encode(), f"\0{name[1:]}" if name.startswith("@") else name)
        except (OSError, ValueError) as error:  # ValueError: no path at all, or a name that is too long
            if not self._is_deaf:
                log.warning("the service manager can't be told (%s): %s", error, message.partition("\n")[0])
            self._is_deaf = True
            return False
        self._is_deaf = False
        return True


def _status(sentence: str) -> str:
    return f"STATUS={' '.join(sentence.split())}"
