"""Limit how often one client address may ask, on every route, unknown ones too."""

import math
import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import Literal, Protocol, TypeAlias

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware
from aiohttplimiter import Limiter, RateLimitExceeded
from limits import parse
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import MovingWindowRateLimiter

from daemon.ip_address import IPAddress, IPNetwork, neighbour, parse_address
from daemon.peer import peer_of

Group: TypeAlias = Literal["match", "task_status", "lookup", "page", "sign_in", "default"]
_POST_GROUPS: dict[str, Group] = {
    # What keeps a worker process busy for seconds.
    "/match_file": "match",
    "/match_constellation": "match",
    "/explain_file": "match",
    "/lookup": "lookup",
    "/session": "sign_in",
}
_GET_GROUPS: dict[str, Group] = {
    "/task_status/{task_id}": "task_status",
    # What a browser asks for in bursts while it shows the page.
    "/": "page",
    "/web/{path}": "page",
    "/favicon.ico": "page",
    "/files/{file_id}/audio": "page",
    "/files/{file_id}/cover": "page",
    "/recordings/{recording_id}/audio": "page",
    "/recordings/{recording_id}/cover": "page",
}
_GROUPS = {"POST": _POST_GROUPS, "GET": _GET_GROUPS, "HEAD": _GET_GROUPS}
"""By method and route; all others share one limit."""

MOST_ADDRESSES = 10_000
"""Windows kept at once; beyond it the one that was used longest ago goes (some MB at the default limits)."""


class RateLimits(Protocol):
    """One limit for each group of routes, as "30/minute"."""

    @property
    def match(self) -> str: ...
    @property
    def task_status(self) -> str: ...
    @property
    def lookup(self) -> str: ...
    @property
    def page(self) -> str: ...
    @property
    def sign_in(self) -> str: ...
    @property
    def default(self) -> str: ...


class MovingWindows(MemoryStorage):
    """Keep the moving windows of a bounded number of addresses, without a lock or a timer.

    `limits`' own storage sweeps all keys in a background task, one thread hop for each, and yields between
    the test and the hit, so that concurrent requests pass together. Here nothing awaits: each request drops
    what has expired, and test and hit are one step of the event loop. Times are the clock's seconds.
    """

    STORAGE_SCHEME = ["async+memory+spectra"]  # noqa: RUF012 - the base class declares it so

    def __init__(self, clock: Callable[[], float], most_keys: int = MOST_ADDRESSES) -> None:
        super().__init__()
        self._clock = clock
        self._most_keys = most_keys
        self._hits: dict[str, tuple[deque[float], int]] = {}
        """Hit times and window length in seconds by key; the key used longest ago comes first."""

    def __len__(self) -> int:
        """Return the number of windows held."""
        return len(self._hits)

    async def acquire_entry(self, key: str, limit: int, expiry: int, amount: int = 1) -> bool:
        """Record `amount` hits unless they exceed `limit` within `expiry` seconds."""
        now_s = self._clock()
        hits = self._live_hits(key, expiry, now_s)
        allowed = len(hits) + amount <= limit
        if allowed:
            hits.extend([now_s] * amount)
        self._hits.pop(key, None)
        if hits:
            self._hits[key] = (hits, expiry)
        self._forget(now_s)
        return allowed

    async def get_moving_window(
        self,
        key: str,
        limit: int,  # noqa: ARG002 - the base class's signature
        expiry: int,
    ) -> tuple[float, int]:
        """Return when the oldest hit that still counts happened, and how many count."""
        now_s = self._clock()
        hits = self._live_hits(key, expiry, now_s)
        return (hits[0] if hits else now_s), len(hits)

    def _live_hits(self, key: str, expiry_s: int, now_s: float) -> deque[float]:
        hits, _ = self._hits.get(key, (deque[float](), expiry_s))
        while hits and hits[0] + expiry_s <= now_s:
            hits.popleft()
        return hits

    def _forget(self, now_s: float) -> None:
        """Drop windows from the old end: the expired ones, and those above the bound."""
        while self._hits:
            oldest = next(iter(self._hits))
            hits, expiry_s = self._hits[oldest]
            expired = not hits or hits[-1] + expiry_s <= now_s
            if not expired and len(self._hits) <= self._most_keys:
                return
            del self._hits[oldest]


def client_address(request: web.BaseRequest, trusted_proxies: Iterable[IPNetwork]) -> str:
    """Return the address that asks: the peer's, or the one a trusted proxy says it asks for.

    Of X-Forwarded-For only the part that trusted proxies wrote counts: its right-most address that is not
    itself a trusted proxy. "unix" for a Unix socket, "unknown" once the connection is gone.
    """
    peer = peer_of(request)
    if peer.over_unix_socket:
        return "unix"
    if peer.address is None:
        return "unknown"
    trusted = tuple(trusted_proxies)
    client = peer.address
    claims = ",".join(request.headers.getall("X-Forwarded-For", ())).split(",")
    for claim in reversed(claims):
        if not any(client in network for network in trusted):
            break
        claimed = _claimed_address(claim)
        if claimed is None:
            break
        client = claimed
    return str(client)


def _claimed_address(claim: str) -> IPAddress | None:
    """Return the address in one element of X-Forwarded-For, which may carry a port."""
    text = claim.strip()
    if text.startswith("["):
        return parse_address(text[1:].partition("]")[0])
    if text.count(":") == 1:
        return parse_address(text.partition(":")[0])
    return parse_address(text)


def _bucket(address: str) -> str:
    """Return what counts as one client."""
    parsed = parse_address(address)
    return address if parsed is None else neighbour(parsed)


def _group(request: web.Request) -> Group:
    """Return the limit that a request counts against, by its route, never by its concrete path."""
    resource = request.match_info.route.resource
    groups = _GROUPS.get(request.method)
    if resource is None or groups is None:
        return "default"
    return groups.get(resource.canonical, "default")


def make_rate_limit_middleware(
    limits: RateLimits, *, trusted_proxies: Iterable[IPNetwork], clock: Callable[[], float] = time.monotonic
) -> Middleware:
    """Return the middleware that answers 429 with Retry-After above the limits.

    Place it before the access check: wrong tokens count too. Unix-socket peers (the CLI) are exempt.
    aiohttp-ratelimiter decides; its defaults for the key (a header), the bucket (the concrete path) and the
    answer (no Retry-After) are replaced.
    """
    trusted = tuple(trusted_proxies)
    rates: dict[Group, str] = {
        "match": limits.match,
        "task_status": limits.task_status,
        "lookup": limits.lookup,
        "page": limits.page,
        "sign_in": limits.sign_in,
        "default": limits.default,
    }
    storage = MovingWindows(clock)
    windows = MovingWindowRateLimiter(storage)

    def bucket_of(request: web.Request) -> str:
        return _bucket(client_address(request, trusted))

    async def refuse(request: web.Request, exceeded: RateLimitExceeded) -> web.Response:
        group = _group(request)
        # The key under which the decorator records its hits.
        stats = await windows.get_window_stats(parse(rates[group]), f"{bucket_of(request)}:{group}")
        retry_after_s = max(1, math.ceil(round(stats.reset_time - clock(), 3)))
        return web.json_response(
            {
                "error": f"Too many requests: more than {exceeded.detail}. Try again in {retry_after_s} s.",
                "retry_after_s": retry_after_s,
            },
            status=web.HTTPTooManyRequests.status_code,
            headers={"Retry-After": str(retry_after_s)},
        )

    limiter = Limiter(keyfunc=bucket_of, error_handler=refuse)
    limiter.db, limiter.moving_window = storage, windows

    @web.middleware
    async def rate_limit(request: web.Request, handler: Handler) -> web.StreamResponse:
        if peer_of(request).over_unix_socket:
            return await handler(request)
        group = _group(request)
        return await limiter.limit(rates[group], path_id=group)(handler)(request)

    return rate_limit
