"""Read from a request what it shows of its sender; nothing here decides."""

import re
from dataclasses import dataclass, field

from aiohttp import HttpVersion11, web

from daemon.peer import Peer, peer_of
from daemon.session import session_values

FORWARDED_HEADERS = frozenset(
    {
        "cdn-loop",
        "client-ip",
        "forwarded",
        "forwarded-for",
        "proxy-connection",
        "true-client-ip",
        "via",
        "x-client-ip",
        "x-cluster-client-ip",
        "x-forwarded",
        "x-original-forwarded-for",
        "x-original-host",
        "x-original-url",
        "x-proxyuser-ip",
        "x-real-ip",
        "x-remote-addr",
        "x-remote-ip",
    }
)
FORWARDED_PREFIXES = (
    "cf-",
    "cloudfront-",
    "fastly-",
    "fly-",
    "ngrok-",
    "tailscale-",
    "x-envoy-",
    "x-forwarded-",
)
"""What reverse proxies, tunnels and CDNs add; one of them is enough."""

HOST = re.compile(r"(?P<name>\[[0-9a-f:.]+\]|[^\s:/@\[\]]+)(?::(?P<port>[0-9]{1,5}))?", re.IGNORECASE)
"""RFC 9110, 7.2: host, optional port."""
_ORIGIN = re.compile(rf"(?P<scheme>https?)://{HOST.pattern}", re.IGNORECASE)
_DEFAULT_PORTS = {"http": "80", "https": "443"}
_SAFE_METHODS = frozenset({"GET", "HEAD"})


@dataclass(frozen=True, slots=True)
class Facts:
    """What a request shows of its sender."""

    peer: Peer
    scheme: str
    header_names: frozenset[str]
    """In lower case."""
    hosts: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()
    fetch_sites: tuple[str, ...] = ()
    authorizations: tuple[str, ...] = field(default=(), repr=False)
    method: str = "GET"
    sessions: tuple[str, ...] = field(default=(), repr=False)
    """Values of the session cookie, unchecked."""
    at_s: float = 0.0
    """When it arrived, in seconds since 1970."""
    is_http_1_0: bool = False

    @property
    def is_forwarded(self) -> bool:
        """Return whether a proxy passed this on: it says so, or speaks as only proxies still do.

        nginx with nothing but `proxy_pass` adds no header, hides the visitor's Host, and asks by HTTP/1.0.
        """
        return self.is_http_1_0 or any(
            name in FORWARDED_HEADERS or name.startswith(FORWARDED_PREFIXES) for name in self.header_names
        )

    @property
    def comes_from_a_program(self) -> bool:
        """Return whether nothing says that a page sent it."""
        return not self.origins and not self.fetch_sites

    @property
    def comes_from_our_page(self) -> bool:
        """Return whether the daemon's own page sent it, for all that a browser says.

        What changes something must be proven: by Sec-Fetch-Site, which no page can set and which holds behind
        proxies that change Host; over plain HTTP, where browsers don't send it, by Origin.
        """
        sites = {site.lower() for site in self.fetch_sites}
        if len(self.hosts) != 1 or not sites <= {"same-origin", "none"}:
            return False
        is_our_origin = all(_is_origin_of(origin, self.hosts[0]) for origin in self.origins)
        if self.method in _SAFE_METHODS:
            return is_our_origin
        return sites == {"same-origin"} or (not sites and bool(self.origins) and is_our_origin)


def facts_of(request: web.BaseRequest, *, at_s: float) -> Facts:
    """Return what a request that came at a time (seconds since 1970) shows."""
    headers = request.headers
    return Facts(
        peer=peer_of(request),
        scheme=request.scheme,
        header_names=frozenset(name.lower() for name in headers),
        hosts=tuple(headers.getall("Host", ())),
        origins=tuple(headers.getall("Origin", ())),
        fetch_sites=tuple(headers.getall("Sec-Fetch-Site", ())),
        authorizations=tuple(headers.getall("Authorization", ())),
        method=request.method,
        sessions=session_values(headers.getall("Cookie", ())),
        at_s=at_s,
        is_http_1_0=request.version < HttpVersion11,
    )


def _is_origin_of(origin: str, host: str) -> bool:
    """Return whether a page of this origin was served under this Host, over HTTP or through a proxy's TLS."""
    of_page, of_request = _ORIGIN.fullmatch(origin.lower()), HOST.fullmatch(host.lower())
    if of_page is None or of_request is None:
        return False
    port = _DEFAULT_PORTS[of_page["scheme"]]
    return of_page["name"] == of_request["name"] and int(of_page["port"] or port) == int(
        of_request["port"] or port
    )
