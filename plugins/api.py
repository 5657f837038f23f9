"""The whole contract between Spectra and a media-server plugin; nothing else needs reading.

A plugin is a `Plugin`, named by an entry point of the group `spectra.plugins` in any installed package:

    [project.entry-points."spectra.plugins"]
    myserver = "my_package:PLUGIN"

    PLUGIN = Plugin(options=MyOptions, connect=connect)

It is on when the configuration has a section `[plugins.myserver]`, whose values become `MyOptions`. Spectra
then enters `connect(options, host)`, asks the server it yields for unnamed items now and then, and tells it
of every file that was written. All of that runs in the plugin's own thread and event loop: one
that hangs or raises is reported by `spectra plugins`, and stops nothing else.
"""

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from logging import Logger, LoggerAdapter
from pathlib import Path
from typing import Any, Generic, Literal, Protocol, TypeVar

import aiohttp
from pydantic import BaseModel


class PluginError(Exception):
    """What a plugin raises for its user to read: its text is a sentence that says what to do."""


class NotReady(PluginError):  # noqa: N818 - a fact, as in `FileNotFound`
    """The server can't be reached or is busy; Spectra tries again, waiting longer each time."""


class AuthFailed(PluginError):  # noqa: N818
    """The server refuses the credentials, or they lack a right; the plugin is off until its test passes."""


class PathRefused(PluginError):  # noqa: N818
    """A server's path leads to nothing that Spectra may look at; the text says what to configure."""


@dataclass(frozen=True, slots=True)
class Item:
    """A media server's entry for one file."""

    item_id: str
    path: str
    """Absolute, as the server sees it; the host knows how that maps to a path of Spectra's."""
    size_bytes: int | None = None
    duration_s: float | None = None


@dataclass(frozen=True, slots=True)
class Written:
    """A file whose tags Spectra has just changed."""

    path: str
    """Absolute, as the server sees it."""
    item_id: str | None
    """The server's id for it, if the plugin reported the item."""
    replaces: bool
    """Something that the file said before is gone (an undo, a correction); else only empty fields filled."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a look-up came to."""

    outcome: Literal["pending", "tagged", "named", "identified", "ambiguous", "unknown", "failed"]
    detail: str
    """A sentence for people."""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that must be right for the plugin to work."""

    subject: str
    """address, credentials, rights, paths, ..."""
    is_ok: bool
    sentence: str
    """What was found; if it is not right, what to do."""


class Host(Protocol):
    """What Spectra offers a plugin."""

    @property
    def session(self) -> aiohttp.ClientSession:
        """HTTP with a time limit, without cookies; closed by Spectra."""

    @property
    def log(self) -> "LoggerAdapter[Logger]":
        """Named after the plugin; never log credentials."""

    async def local_path(self, server_path: str) -> Path:
        """Return where a server's file is for Spectra, by `[[path_map]]`. Raises PathRefused."""

    async def server_path(self, path: Path) -> str:
        """Return the same the other way round."""

    async def look_up(self, item: Item, *, tag: bool = True) -> Answer:
        """Find out what an item is; `tag`: write it where the configuration says so. Raises PathRefused."""


class MediaServer(ABC):
    """A connected server. Every method may raise NotReady and AuthFailed."""

    @abstractmethod
    def unnamed_items(self) -> AsyncIterator[Item]:
        """Yield the items that the server shows without a proper title or artist; Spectra looks them up."""

    @abstractmethod
    async def tell(self, files: Sequence[Written]) -> None:
        """Have the server read these files again, and return when it has, or will for certain.

        Spectra collects files for some seconds. If this raises, they are told again, with later ones.
        """

    @abstractmethod
    async def status(self) -> str:
        """Return one line about the connection: the server's product, version, name."""

    @abstractmethod
    def checks(self) -> AsyncIterator[Check]:
        """Yield what `spectra plugins test` shows (address, credentials, rights, paths), up to what fails."""

    async def hook(self, body: Mapping[str, Any]) -> Sequence[Item]:  # noqa: ARG002 - for those who override it
        """Return the items that a call of POST /hooks/<plugin> is about; its JSON body comes from outside."""
        raise PluginError("this plugin takes no hooks")


Options = TypeVar("Options", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Plugin(Generic[Options]):
    """A plugin; its entry point gives it its name."""

    options: type[Options]
    """Its section of the configuration; unknown keys should be forbidden, secrets be SecretStr."""
    connect: Callable[[Options, Host], AbstractAsyncContextManager[MediaServer]]
    """Entered once a connection, again after NotReady; what it opened is closed when it is left."""
