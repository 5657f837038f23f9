"""Tell who is at the other end of a connection, from its socket alone: headers are claims."""

import socket
from dataclasses import dataclass

from aiohttp import web

from daemon.ip_address import IPAddress, parse_address


@dataclass(frozen=True, slots=True)
class Peer:
    """The other end: an address, or a Unix socket, or neither once the connection is gone."""

    address: IPAddress | None
    over_unix_socket: bool = False

    @property
    def on_this_machine(self) -> bool:
        """Return whether the connection comes over loopback or a Unix socket."""
        return self.over_unix_socket or (self.address is not None and self.address.is_loopback)


def peer_of(request: web.BaseRequest) -> Peer:
    """Return the peer of the request's transport."""
    connection = request.get_extra_info("socket")
    if connection is not None and connection.family == socket.AF_UNIX:
        return Peer(address=None, over_unix_socket=True)
    name = request.get_extra_info("peername")
    if not isinstance(name, tuple) or not name:
        return Peer(address=None)
    return Peer(address=parse_address(str(name[0])))
