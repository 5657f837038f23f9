"""Check the values of options that no plain type describes."""

import re
from datetime import timedelta
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated

from limits import parse_many
from pydantic import AfterValidator, BeforeValidator, PlainValidator

from daemon.ip_address import IPNetwork, parse_address
from daemon.playlist_errors import NotYouTube
from daemon.youtube_url import parse_address as parse_list_address

ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://[^\s/*?#@]+")
HOST_NAME = re.compile(r"[a-z0-9_]([a-z0-9_.-]*[a-z0-9_])?")
EXTENSION = re.compile(r"\.[a-z0-9]+")
EXTRACTOR_ARGUMENT = re.compile(r"([A-Za-z0-9_.-]+):([A-Za-z0-9_.-]+)=([^;]*)")
_INTERVAL = re.compile(r"(\d{1,6}) ?([mhdw])")
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_INTERVALS = timedelta(minutes=10), timedelta(days=365)
"""More often is impolite."""


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


def interval(value: object) -> timedelta:
    """Return how long "30m", "6h", "1d" or "2w" is. Raises ValueError."""
    if isinstance(value, timedelta):
        found = value
    else:
        parts = _INTERVAL.fullmatch(value.strip().lower()) if isinstance(value, str) else None
        if parts is None:
            raise ValueError('an interval looks like "6h": a number and m, h, d or w')
        try:
            found = timedelta(**{_UNITS[parts[2]]: int(parts[1])})
        except OverflowError as error:
            raise ValueError("an interval is a year at most") from error
    if not _INTERVALS[0] <= found <= _INTERVALS[1]:
        raise ValueError("an interval is 10 minutes at least, and a year at most")
    return found


def _list_address(value: str) -> str:
    try:
        return parse_list_address(value).url
    except NotYouTube as error:
        raise ValueError(str(error)) from error


def _extractor_argument(value: str) -> str:
    if not EXTRACTOR_ARGUMENT.fullmatch(value):
        raise ValueError("must look like youtubepot-bgutilhttp:base_url=http://127.0.0.1:4416")
    return value


AbsolutePath = Annotated[Path, BeforeValidator(_absolute)]
"""A relative path counts from the working folder; ~ is the home folder."""
Network = Annotated[IPNetwork, PlainValidator(_network)]
Origin = Annotated[str, AfterValidator(_origin)]
HostName = Annotated[str, AfterValidator(_host_name)]
Extension = Annotated[str, AfterValidator(_extension)]
Rate = Annotated[str, AfterValidator(_rate)]
Interval = Annotated[timedelta, PlainValidator(interval)]
ListAddress = Annotated[str, AfterValidator(_list_address)]
"""Of a list, album, artist or track of YouTube Music, as it is always written."""
ExtractorArgument = Annotated[str, AfterValidator(_extractor_argument)]
