"""The aiohttp application, and the daemon that serves it."""

import asyncio
import logging
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from aiohttp import web

from daemon.api import routes
from daemon.config import Config
from daemon.cors import install_cors
from daemon.errors import AddressUnusable, DaemonError
from daemon.json_errors import json_errors
from daemon.keys import SERVICES
from daemon.rate_limit import make_rate_limit_middleware
from daemon.security import make_access_middleware
from daemon.services import StopWith, open_services
from daemon.state_folder import prepare_state_folder, socket_address
from daemon.token_file import load_or_create_token

log = logging.getLogger(__name__)

_LARGEST_JSON_BYTES = 4_000_000
_SHUTDOWN_S = 5.0
"""Answers that are being sent get so long to be finished."""


def make_app(config: Config, stop_with: StopWith, *, watch: bool) -> web.Application:
    """Return the application; its services open when it starts. Raises TokenUnusable, OSError."""
    prepare_state_folder(config.state_dir)
    server = config.server
    # From the outside in: errors become JSON, then limits (wrong tokens count too), then access.
    app = web.Application(
        middlewares=[
            json_errors,
            make_rate_limit_middleware(config.rate_limits, trusted_proxies=server.trusted_proxies),
            make_access_middleware(
                load_or_create_token(config.state_dir),
                allowed_hosts=server.allowed_hosts,
                cors_origins=server.cors_origins,
            ),
        ],
        client_max_size=_LARGEST_JSON_BYTES,
    )
    install_cors(app, origins=server.cors_origins)
    app.add_routes(routes)

    async def services(app: web.Application) -> AsyncIterator[None]:
        async with open_services(config, stop_with, watch=watch) as opened:
            app[SERVICES] = opened
            yield

    app.cleanup_ctx.append(services)
    return app


@asynccontextmanager
async def listening(config: Config, app: web.Application, *, tcp: bool) -> AsyncIterator[list[str]]:
    """Serve the application on the state folder's socket, and over TCP; yield the addresses.

    Raises
    ------
    AddressUnusable : the configured address is taken or not ours
    whatever opening the services raises
    """
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=_SHUTDOWN_S)
    await runner.setup()
    try:
        addresses = []
        with socket_address(config.state_dir) as path:
            await web.UnixSite(runner, path).start()
            # Who can open the socket needs no token.
            Path(path).chmod(0o600)
        if tcp:
            host, port = config.server.host, config.server.port
            try:
                await web.TCPSite(runner, host, port).start()
            except OSError as error:
                raise AddressUnusable(host, port, error.strerror or str(error)) from error
            addresses = [_url(*address[:2]) for address in runner.addresses if isinstance(address, tuple)]
        yield addresses
    finally:
        await runner.cleanup()


async def serve(config: Config, on_ready: Callable[[list[str], web.Application], None]) -> None:
    """Run the daemon until SIGTERM or SIGINT.

    Parameters
    ----------
    on_ready : called with the addresses once requests are answered

    Raises
    ------
    DaemonError : it could not start, or can't go on
    """
    stopping: asyncio.Future[DaemonError | None] = asyncio.get_running_loop().create_future()

    def stop(reason: DaemonError | None = None) -> None:
        if not stopping.done():
            stopping.set_result(reason)

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop)
    app = make_app(config, stop, watch=True)
    async with listening(config, app, tcp=True) as addresses:
        log.info("listening on %s", " and ".join(addresses))
        on_ready(addresses, app)
        reason = await stopping
        log.info("stopping")
    if reason is not None:
        raise reason


def _url(host: str, port: int) -> str:
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
