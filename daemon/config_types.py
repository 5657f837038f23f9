"""Check the values of options that no plain type describes."""

import re
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated

from limits import parse_many
from pydantic import AfterValidator, BeforeValidator, PlainValidator

from daemon.peer import IPNetwork, parse_address

ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://[^\s/*?#@]+")
HOST_NAME = re.compile(r"[a-z0-9_]([a-z0-9_.-]*[a-z0-9_])?")
EXTENSION = re.compile(r"\.[a-z0-9]+")


def _absolute(value: object) -> object:
    # Before pydantic's own check, which refuses names that are not UTF-8.
    if not isinstance(value, str | Path):
        return value
    if not str(value) or "\0" in str(value):
        raise ValueError("a path has at least one character, and no NUL")
    try:
        return Path(value).expanduser().absolute()
    except RuntimeError as error:
        raise ValueError(str(error)) from error


def _network(value: object) -> IPNetwork:
    if not isinstance(value, str | IPv4Network | IPv6Network):
        raise ValueError("a network looks like 10.0.0.0/8")  # noqa: TRY004 - pydantic turns only this into a refusal
    network = ip_network(value)
    if network.prefixlen == 0:
        raise ValueError("trusting every address would let each client choose its own")
    return network


def _origin(value: str) -> str:
    origin = value.lower().removesuffix("/")
    if not ORIGIN.fullmatch(origin):
        raise ValueError("an origin looks like https://music.example:8443 ('*' and 'null' mean any page)")
    return origin


def _host_name(value: str) -> str:
    name = value.lower().strip("[]")
    if not HOST_NAME.fullmatch(name) and parse_address(name) is None:
        raise ValueError("a host is a name or an address, without scheme and port")
    return name


def _extension(value: str) -> str:
    extension = "." + value.lower().removeprefix(".")
    if not EXTENSION.fullmatch(extension):
        raise ValueError("an extension looks like .flac")
    return extension


def _rate(value: str) -> str:
    try:
        amounts = [rate.amount for rate in parse_many(value)]
    except ValueError:
        amounts = []
    if len(amounts) != 1 or amounts[0] < 1:
        raise ValueError("a limit is one rate above 0, as 30/minute or 5 per 2 hours")
    return value


AbsolutePath = Annotated[Path, BeforeValidator(_absolute)]
"""A relative path counts from the working folder; ~ is the home folder."""
Network = Annotated[IPNetwork, PlainValidator(_network)]
Origin = Annotated[str, AfterValidator(_origin)]
HostName = Annotated[str, AfterValidator(_host_name)]
Extension = Annotated[str, AfterValidator(_extension)]
Rate = Annotated[str, AfterValidator(_rate)]
