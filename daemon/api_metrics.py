"""GET /metrics: how the daemon is, for Prometheus."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from importlib.metadata import version

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler
from prometheus_client import ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.metrics_core import Metric

from daemon.counters import HttpCounters
from daemon.keys import SERVICES
from daemon.metrics import ServiceMetrics

_HTTP = web.AppKey("http counters", HttpCounters)
_METRICS = web.AppKey("service metrics", ServiceMetrics)
_NO_ROUTE = "none"
"""What leads nowhere is one route, whatever its path."""


def install_metrics(app: web.Application) -> None:
    """Count all requests from now on; call it after the services' cleanup context is in place."""
    counters = HttpCounters()
    app[_HTTP] = counters

    @web.middleware
    async def count(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            response = await handler(request)
        except web.HTTPException as error:
            counters.answered(request.method, _route(request), error.status)
            raise
        counters.answered(request.method, _route(request), response.status)
        return response

    async def metrics(app: web.Application) -> AsyncIterator[None]:
        app[_METRICS] = ServiceMetrics(app[SERVICES], version=await asyncio.to_thread(version, "spectra"))
        yield

    app.middlewares.insert(0, count)  # outside of what refuses: refusals count too
    app.cleanup_ctx.append(metrics)


async def get_metrics(request: web.Request) -> web.Response:
    """Answer in Prometheus' text format 0.0.4."""
    found = await request.app[_METRICS].collect()
    found += request.app[_HTTP].collect()
    text = await asyncio.to_thread(_rendered, found)
    return web.Response(body=text, headers={hdrs.CONTENT_TYPE: CONTENT_TYPE_PLAIN_0_0_4})


class _Found:
    """What one scrape found, with what the kernel says of this process; reading that blocks."""

    def __init__(self, found: Iterable[Metric]) -> None:
        self._found = found

    def collect(self) -> Iterable[Metric]:
        """Yield all."""
        yield from self._found
        yield from ProcessCollector(registry=None).collect()


def _rendered(found: Iterable[Metric]) -> bytes:
    return generate_latest(_Found(found))


def _route(request: web.Request) -> str:
    resource = request.match_info.route.resource
    return _NO_ROUTE if resource is None else resource.canonical
