"""The aiohttp application, and the sockets it is served on."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from aiohttp import web

from daemon.access import make_access_middleware
from daemon.api import routes
from daemon.api_events import install_events
from daemon.api_media import install_media
from daemon.api_metrics import install_metrics
from daemon.api_session import SIGN_IN, SignIn
from daemon.body_watch import make_body_watch_middleware
from daemon.config import Config
from daemon.cors import install_cors
from daemon.errors import AddressUnusable
from daemon.ip_address import LOOPBACK
from daemon.json_errors import json_errors
from daemon.keyring import Keyring
from daemon.keys import SERVICES
from daemon.page import install_page
from daemon.page_headers import install_headers
from daemon.rate_limit import make_rate_limit_middleware
from daemon.services import StopWith, open_services
from daemon.state_folder import prepare_state_folder, socket_address
from daemon.tcp_sockets import Gate, bound_sockets
from daemon.tls import tls_context

_LARGEST_JSON_BYTES = 4_000_000
_IDLE_S = 75.0
"""For so long a connection may show no whole head of a request; aiohttp's own limit is an hour."""
_SHUTDOWN_S = 5.0
"""Answers that are being sent get so long to be finished."""


def make_app(config: Config, stop_with: StopWith, *, watch: bool) -> web.Application:
    """Return the application; its services open when it starts. Raises TokenUnusable, OSError."""
    prepare_state_folder(config.state_dir)
    server, keyring = config.server, Keyring(config.state_dir)
    keyring.load()
    # From the outside in: errors become JSON, then limits (wrong tokens count too), then access.
    app = web.Application(
        middlewares=[
            json_errors,
            make_rate_limit_middleware(config.rate_limits, trusted_proxies=server.trusted_proxies),
            make_access_middleware(
                keyring.current, allowed_hosts=server.allowed_hosts, cors_origins=server.cors_origins
            ),
            make_body_watch_middleware(),
        ],
        client_max_size=_LARGEST_JSON_BYTES,
    )
    install_cors(app, origins=server.cors_origins)
    install_headers(app)
    app[SIGN_IN] = SignIn(keyring.current)
    app.add_routes(routes)
    install_page(app)

    async def services(app: web.Application) -> AsyncIterator[None]:
        async with open_services(config, stop_with, watch=watch) as opened:
            app[SERVICES] = opened
            yield

    app.cleanup_ctx.append(services)
    install_events(app)
    install_media(app)
    install_metrics(app)
    return app


@asynccontextmanager
async def listening(config: Config, app: web.Application, *, tcp: bool) -> AsyncIterator[list[str]]:
    """Serve the application on the state folder's socket, and over TCP; yield the addresses.

    Raises
    ------
    AddressUnusable : the configured address is taken or not ours
    TlsUnusable : the configured certificate or key can't be used
    whatever opening the services raises
    """
    server = config.server
    certificate = (server.tls_certificate, server.tls_key) if tcp else (None, None)
    async with tls_context(*certificate) as tls, _running(app) as runner:
        addresses = []
        with socket_address(config.state_dir) as path:
            await web.UnixSite(runner, path).start()
            # Who can open the socket needs no token.
            Path(path).chmod(0o600)
        if tcp:
            try:
                gate = Gate((*LOOPBACK, *server.trusted_proxies))
                for bound in await asyncio.to_thread(bound_sockets, server.host, server.port, gate):
                    await web.SockSite(runner, bound, ssl_context=tls).start()
            except OSError as error:
                reason = error.strerror or str(error)
                raise AddressUnusable(server.host, server.port, reason) from error
            scheme = "http" if tls is None else "https"
            addresses = [
                _url(scheme, *address[:2]) for address in runner.addresses if isinstance(address, tuple)
            ]
        yield addresses


@asynccontextmanager
async def _running(app: web.Application) -> AsyncIterator[web.AppRunner]:
    """Yield what serves the application, its services open."""
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=_SHUTDOWN_S, keepalive_timeout=_IDLE_S)
    try:
        await runner.setup()
        yield runner
    finally:
        await runner.cleanup()


def _url(scheme: str, host: str, port: int) -> str:
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"
