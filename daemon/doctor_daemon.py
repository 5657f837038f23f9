"""The doctor's look at the daemon: it runs and is well, or it could start."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from importlib.metadata import version

import aiohttp
import psutil

from daemon.client import Client, running_daemon
from daemon.config import Config
from daemon.doctor_diagnosis import Diagnosis, trouble, well
from daemon.doctor_lock import lock_holder
from daemon.errors import AddressUnusable, RequestFailed
from daemon.state_folder import LOCK_NAME

SUBJECT = "daemon"
_ANSWER_S = 10.0
_PING_S = 3.0
_ANYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - only looked up


def daemon(config: Config) -> Iterator[Diagnosis]:
    """Tell how a running daemon is, or whether one could start. Raises DaemonError, OSError."""
    if not config.state_dir.is_dir():  # here, where a disk that hangs holds nobody up
        yield from _not_running(config)
        return
    yield from asyncio.run(_collected(config))


async def _collected(config: Config) -> list[Diagnosis]:
    try:
        async with asyncio.timeout(_ANSWER_S), running_daemon(config) as client:
            if client is not None:
                return [each async for each in _running(client, config)]
    except TimeoutError:
        remedy = "`systemctl restart spectra`, or end it and start it again"
        return [trouble(SUBJECT, f"it runs, and does not answer within {_ANSWER_S:.0f} s: {remedy}")]
    except RequestFailed as error:
        return [trouble(SUBJECT, f"it runs, but: {error}")]
    return list(_not_running(config))


async def _running(client: Client, config: Config) -> AsyncIterator[Diagnosis]:
    checks = (await client.get("/health"))["checks"]
    runs, installed = (await client.get("/status"))["version"], version("spectra")
    degraded = {name: check["detail"] for name, check in checks.items() if check["status"] != "ok"}
    if runs != installed:
        sentence = (
            f"version {runs} still runs, {installed} is installed: restart it (systemctl restart spectra)"
        )
        yield trouble(SUBJECT, sentence)
    elif not degraded:
        yield well(SUBJECT, f"version {runs} runs, and is well: {', '.join(checks)}")
    for name, detail in degraded.items():
        yield trouble(name, str(detail))
    if config.server.port:
        yield await _address(config)


async def _address(config: Config) -> Diagnosis:
    """Tell who answers where the daemon should."""
    host = _ANYWHERE.get(config.server.host, config.server.host)
    scheme = "http" if config.server.tls_certificate is None else "https"
    url = f"{scheme}://{f'[{host}]' if ':' in host else host}:{config.server.port}"
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=_PING_S)) as session,
            # Any certificate will do: it says who it is.
            session.get(f"{url}/ping", ssl=False, allow_redirects=False) as response,
        ):
            answer = await response.json(content_type=None)
    except (aiohttp.ClientConnectorError, TimeoutError):
        remedy = "if it was not started with --port, restart it: server.* has changed since"
        return well("address", f"nothing answers at {url}; {remedy}")
    except (aiohttp.ClientError, ValueError):
        answer = None
    # Strangers are refused in JSON.
    if not isinstance(answer, dict) or not {"msg", "error"} & answer.keys():
        return trouble("address", f"another program answers at {url}: stop it, or set server.port")
    return well("address", f"{url} answers")


def _not_running(config: Config) -> Iterator[Diagnosis]:
    holder = lock_holder(config.state_dir / LOCK_NAME)
    if holder is not None:
        sentence = f"process {holder} has the state folder, and does not answer: if it does not soon, end it"
        yield trouble(SUBJECT, sentence)
        return
    yield well(SUBJECT, "it does not run: `spectra serve` starts it (a service: `systemctl start spectra`)")
    if config.server.port:
        yield _port(config.server.host, config.server.port)


def _port(host: str, port: int) -> Diagnosis:
    """Tell whether the address could be listened on."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        for family, kind, protocol, _, address in found:
            with socket.socket(family, kind, protocol) as listener:
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                if family == socket.AF_INET6:
                    listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                listener.bind(address)
    except OSError as error:
        reason = _listener(port) or error.strerror or str(error)
        return trouble("address", str(AddressUnusable(host, port, reason)))
    return well("address", f"{host}:{port} is free")


def _listener(port: int) -> str | None:
    """Return who listens on a port; None if nobody does, or we may not know."""
    try:
        found = psutil.net_connections(kind="tcp")
        listening = [each for each in found if each.status == psutil.CONN_LISTEN]
        pids = [each.pid for each in listening if each.laddr and each.laddr.port == port]
        names = [f"{psutil.Process(pid).name()}, process {pid}" for pid in pids if pid]
    except psutil.Error:
        return None
    return f"taken by {names[0]}" if names else None
