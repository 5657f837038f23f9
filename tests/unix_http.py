"""Ask a daemon over its Unix socket, as its own command line does."""

import http.client
import socket
from pathlib import Path
from types import TracebackType
from typing import Self

from daemon.state_folder import socket_address


class UnixConnection(http.client.HTTPConnection):
    """A connection to the socket of this state folder."""

    def __init__(self, state: Path, *, timeout_s: float) -> None:
        super().__init__("localhost", timeout=timeout_s)
        self._state = state

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def connect(self) -> None:
        """Connect, at the first request."""
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        with socket_address(self._state) as address:
            self.sock.connect(address)
