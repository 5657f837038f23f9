"""Addresses on the network."""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import TypeAlias

IPAddress: TypeAlias = IPv4Address | IPv6Address
IPNetwork: TypeAlias = IPv4Network | IPv6Network
LOOPBACK: tuple[IPNetwork, ...] = (IPv4Network("127.0.0.0/8"), IPv6Network("::1"))
_SHARED_PREFIX_BITS = 64
"""One IPv6 subscriber owns at least a /64 and may use a fresh address for every request."""


def parse_address(text: str) -> IPAddress | None:
    """Return the address, IPv4-mapped IPv6 as IPv4 and without its zone; None when it is not one."""
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


def neighbour(address: IPAddress) -> str:
    """Return what counts as one of the network: an IPv4 address, or an IPv6 /64."""
    if isinstance(address, IPv6Address):
        return str(IPv6Network((address, _SHARED_PREFIX_BITS), strict=False))
    return str(address)
