"""The sockets that are listened on over TCP, and how many connections they take.

Each connection is a file and some memory, before any token or rate limit counts: whoever reaches the port
could take them all.
"""

import logging
import socket
import time
import weakref
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from typing import Any

from daemon.ip_address import IPNetwork, neighbour, parse_address

MOST_OF_ONE = 512
"""A media server that asks for hundreds of files at once has some hundred; a browser has six."""
MOST = 4_096
"""Of all together; the systemd unit allows 65,536 files."""
_TELL_EVERY_S = 60.0

log = logging.getLogger(__name__)


class Gate:
    """Counts the connections that are open, and says who may have one more."""

    def __init__(
        self,
        exempt: Iterable[IPNetwork],
        *,
        most_of_one: int = MOST_OF_ONE,
        most: int = MOST,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Addresses of this machine and of reverse proxies are `exempt`: many people come from there."""
        self._exempt = tuple(exempt)
        self._most_of_one = most_of_one
        self._most = most
        self._clock = clock
        self._open: Counter[str] = Counter()
        self._told_s = -_TELL_EVERY_S

    @property
    def open(self) -> int:
        """Return how many connections count."""
        return self._open.total()

    def enter(self, address: str) -> Callable[[], None] | None:
        """Return what to call at the connection's end; None: it is one too many."""
        parsed = parse_address(address)
        if parsed is None or any(parsed in network for network in self._exempt):
            return lambda: None
        who = neighbour(parsed)
        if self._open[who] >= self._most_of_one or self.open >= self._most:
            self._tell(who)
            return None
        self._open[who] += 1

        def leave() -> None:
            self._open[who] -= 1
            if not self._open[who]:
                del self._open[who]

        return leave

    def _tell(self, who: str) -> None:
        if self._clock() >= self._told_s + _TELL_EVERY_S:
            self._told_s = self._clock()
            its = self._open[who]
            log.warning("%s is refused: %d connections are open, %d of them its", who, self.open, its)


def bound_sockets(host: str, port: int, gate: Gate) -> list[socket.socket]:
    """Return a listening socket for each address of the host; blocks on a name's look-up. Raises OSError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    bound: list[socket.socket] = []
    with ExitStack() as on_error:
        for family, address in dict.fromkeys((each[0], each[4][:2]) for each in found):
            plain = socket.create_server(address, family=family)
            bound.append(on_error.enter_context(_Listening(gate, plain)))
        on_error.pop_all()
    return bound


class _Listening(socket.socket):
    """Closes what the gate does not let in."""

    def __init__(self, gate: Gate, plain: socket.socket) -> None:
        super().__init__(plain.family, plain.type, plain.proto, fileno=plain.detach())
        self._gate = gate

    def accept(self) -> tuple[socket.socket, Any]:
        """Return a connection. Raises ConnectionAbortedError, which event loops expect, if it is refused."""
        connection, address = super().accept()
        leave = self._gate.enter(str(address[0]))
        if leave is None:
            connection.close()
            raise ConnectionAbortedError
        return _Connection(leave, connection), address


class _Connection(socket.socket):
    """Tells the gate when it is closed."""

    def __init__(self, leave: Callable[[], None], plain: socket.socket) -> None:
        super().__init__(plain.family, plain.type, plain.proto, fileno=plain.detach())
        self._leave = weakref.finalize(self, leave)  # once, also if nobody closes it

    def close(self) -> None:
        """Close it."""
        super().close()
        self._leave()
