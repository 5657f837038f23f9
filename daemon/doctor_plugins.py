"""The doctor's look at media servers: what a running daemon says of them, else they are asked from here."""

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path

import aiohttp

from daemon.client import running_daemon
from daemon.config import Config
from daemon.doctor_diagnosis import Diagnosis, named, trouble, well
from daemon.path_map import PathMap
from daemon.plugin_loading import load
from plugins.api import Answer, Check, Item, PathRefused, PluginError

_ANSWER_S = 10.0
_REQUEST_S = 5.0


def media_server(config: Config, name: str, section: Mapping[str, object]) -> Iterator[Diagnosis]:
    """Tell whether a media server is connected, or could be. Raises DaemonError, and what plugins raise."""
    config.state_dir.is_dir()  # here, where a disk that hangs holds nobody up
    yield from asyncio.run(_asked(config, name, section))


def path_maps(config: Config) -> Iterator[Diagnosis]:
    """Tell whether each mapping leads to music."""
    for mapping in config.path_map:
        roots = config.library.roots
        is_watched = any(mapping.local.is_relative_to(r) or r.is_relative_to(mapping.local) for r in roots)
        if not mapping.local.is_dir():
            sentence = f"{mapping}, which is no folder here: write where Spectra has that music"
            yield trouble("path_map", sentence)
        elif not is_watched:
            sentence = f"{mapping}, which no folder of library.roots holds: nothing there is looked up"
            yield trouble("path_map", sentence)
        else:
            yield well("path_map", str(mapping))


async def _asked(config: Config, name: str, section: Mapping[str, object]) -> list[Diagnosis]:
    async with asyncio.timeout(_ANSWER_S), running_daemon(config) as client:
        plugins = [] if client is None else (await client.get("/plugins"))["plugins"]
    connected = next((each for each in plugins if each["name"] == name), None)
    if connected is None:
        return [each async for each in _checked(config, name, section)]
    found = [Diagnosis(name, connected["state"] == "on", connected["detail"])]
    if connected["refusal"] is not None:
        sentence = f"{connected['refused']} of its items are refused: {connected['refusal']}"
        found.append(trouble(name, sentence))
    return found


async def _checked(config: Config, name: str, section: Mapping[str, object]) -> AsyncIterator[Diagnosis]:
    """Have a plugin check its server; what is right is one sentence."""
    loaded = load(name, section)
    checks: list[Check] = []
    timeout = aiohttp.ClientTimeout(total=_REQUEST_S)
    async with aiohttp.ClientSession(timeout=timeout, cookie_jar=aiohttp.DummyCookieJar()) as session:
        try:
            async with loaded.plugin.connect(loaded.options, _Host(session, config, name)) as server:
                checks = [each async for each in server.checks()]
        except PluginError as error:
            yield trouble(name, str(error))
    right = [each.subject for each in checks if each.is_ok]
    if right:
        yield well(name, f"{', '.join(right)}: right")
    for each in checks:
        if not each.is_ok:
            yield trouble(name, f"{each.subject}: {each.sentence}")


class _Host:
    """What a plugin sees where no daemon runs: it may check its paths, and look nothing up."""

    def __init__(self, session: aiohttp.ClientSession, config: Config, name: str) -> None:
        self._session = session
        self._roots = config.library.roots
        self._path_map = PathMap(config.path_map)
        self._name = name

    @property
    def session(self) -> aiohttp.ClientSession:
        return self._session

    @property
    def log(self) -> "logging.LoggerAdapter[logging.Logger]":
        return logging.LoggerAdapter(logging.getLogger(f"plugin.{self._name}"), {})

    async def local_path(self, server_path: str) -> Path:
        path = Path(os.fsdecode(self._path_map.to_local(os.fsencode(server_path), self._name)))
        if not any(path.is_relative_to(root) for root in self._roots):
            raise PathRefused(f"{named(path)} lies below no folder of library.roots: set [[path_map]]")
        if not await asyncio.to_thread(path.exists):
            raise PathRefused(f"there is no {named(path)} here: set [[path_map]], or mount that folder")
        return path

    async def server_path(self, path: Path) -> str:
        found = self._path_map.to_server(os.fsencode(path), self._name)
        if found is None:
            raise PathRefused(f"{named(path)} can't be seen by the server: set [[path_map]]")
        return found.decode(errors="replace")

    async def look_up(self, item: Item, *, tag: bool = True) -> Answer:  # noqa: ARG002 - the contract's
        raise PathRefused(f"{item.path} is looked up only while Spectra runs: `spectra serve`")
