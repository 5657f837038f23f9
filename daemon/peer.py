"""Tell who is at the other end of a connection, from its socket alone: headers are claims."""

import socket
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import TypeAlias

from aiohttp import web

IPAddress: TypeAlias = IPv4Address | IPv6Address
IPNetwork: TypeAlias = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True)
class Peer:
    """The other end: an address, or a Unix socket, or neither once the connection is gone."""

    address: IPAddress | None
    over_unix_socket: bool = False

    @property
    def on_this_machine(self) -> bool:
        """Return whether the connection comes over loopback or a Unix socket."""
        return self.over_unix_socket or (self.address is not None and self.address.is_loopback)


def parse_address(text: str) -> IPAddress | None:
    """Return the address, IPv4-mapped IPv6 as IPv4 and without its zone; None when it is not one."""
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


def peer_of(request: web.BaseRequest) -> Peer:
    """Return the peer of the request's transport."""
    connection = request.get_extra_info("socket")
    if connection is not None and connection.family == socket.AF_UNIX:
        return Peer(address=None, over_unix_socket=True)
    name = request.get_extra_info("peername")
    if not isinstance(name, tuple) or not name:
        return Peer(address=None)
    return Peer(address=parse_address(str(name[0])))
