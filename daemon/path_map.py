"""Tell where a media server's file is on this machine, and back: containers see other folders."""

import os
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PlainValidator

from daemon.config_types import AbsolutePath

LONGEST_SOURCE = 64
"""Characters of a media server's name."""


def _server_folder(value: object) -> PurePosixPath:
    if not isinstance(value, str | PurePosixPath):
        raise ValueError("must be a path, as /music")  # noqa: TRY004 - pydantic turns only this into a refusal
    text = str(value)
    if is_windows(os.fsencode(text)):
        raise ValueError("Windows paths can't be mapped: let the server see its music under a path as /music")
    if not text.startswith("/") or "\0" in text or ".." in text.split("/"):
        raise ValueError("must be an absolute path without `..`, as the media server sees it")
    return PurePosixPath(os.fsdecode(normal(os.fsencode(text))))


class PathMapping(BaseModel):
    """A folder as a media server sees it, and where that is on this machine."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    server: Annotated[PurePosixPath, PlainValidator(_server_folder)]
    local: AbsolutePath
    source: Annotated[str, Field(min_length=1, max_length=LONGEST_SOURCE)] | None = None
    """The only server that sees it so; None: all that have no mapping of their own for it."""

    def __str__(self) -> str:
        server, local = (os.fsencode(each).decode(errors="replace") for each in (self.server, self.local))
        return f"{server} is {local}" + ("" if self.source is None else f" for {self.source}")


def _unambiguous(mappings: tuple[PathMapping, ...]) -> tuple[PathMapping, ...]:
    for side in ("server", "local"):
        counts = Counter((os.fsencode(getattr(each, side)), each.source) for each in mappings)
        for (folder, _), count in counts.items():
            if count > 1:
                name = folder.decode(errors="replace")
                raise ValueError(
                    f"{side} = {name} is there {count} times: keep one, or give each its `source`, the media "
                    "server that sees it so"
                )
    return mappings


PathMappings = Annotated[tuple[PathMapping, ...], AfterValidator(_unambiguous)]


@dataclass(frozen=True, slots=True)
class _Rule:
    """Two names of one folder, without a slash at the end; b"" is the root of all."""

    server: bytes
    local: bytes


class PathMap:
    """Both directions of the mappings. Paths are absolute, as the file system's bytes, without `..`."""

    def __init__(self, mappings: Iterable[PathMapping] = ()) -> None:
        listed = [(each.source, _rule(each)) for each in mappings]
        general = [rule for source, rule in listed if source is None]
        self._general = _longest_first(general)
        self._by_source = {
            source: _longest_first(_overlaid([rule for of, rule in listed if of == source], general))
            for source, _ in listed
            if source is not None
        }

    def to_local(self, path: bytes, source: str | None = None) -> bytes:
        """Return where a server's file is here; the path itself if nothing maps it.

        Parameters
        ----------
        source : the media server that calls it so
        """
        path = normal(path)
        for rule in self._rules(source):
            if is_at_or_below(path, rule.server):
                return rule.local + path[len(rule.server) :].rstrip(b"/") or b"/"
        return path

    def to_server(self, path: bytes, source: str | None = None) -> bytes | None:
        """Return what a server calls a file of this machine; the path itself if nothing maps it.

        Returns
        -------
        None if the server can't see it: in its place it sees another file. `to_local` takes every other
        answer back to `path`.
        """
        path = normal(path)
        rules = sorted(self._rules(source), key=lambda rule: len(rule.local), reverse=True)
        names = [
            rule.server + path[len(rule.local) :].rstrip(b"/") or b"/"
            for rule in rules
            if is_at_or_below(path, rule.local)
        ]
        return next((name for name in names or [path] if self.to_local(name, source) == path), None)

    def _rules(self, source: str | None) -> list[_Rule]:
        return self._general if source is None else self._by_source.get(source, self._general)


def normal(path: bytes) -> bytes:
    """Return an absolute path without doubled slashes, `.` and a slash at its end; `..` stays."""
    return b"/" + b"/".join(part for part in path.split(b"/") if part not in (b"", b"."))


def is_at_or_below(path: bytes, folder: bytes) -> bool:
    """Tell whether an absolute path is this folder, or lies below it; `/music2` is not below `/music`."""
    folder = folder.rstrip(b"/")
    return path == folder or path.startswith(folder + b"/")


def is_windows(path: bytes) -> bool:
    r"""Tell whether a path is one of Windows: `C:\Music`, `C:/Music` or `\\nas\music`."""
    return path.startswith(b"\\") or (path[:1].isalpha() and path[1:2] == b":" and path[2:3] in b"\\/")


def _rule(mapping: PathMapping) -> _Rule:
    return _Rule(os.fsencode(mapping.server).rstrip(b"/"), normal(os.fsencode(mapping.local)).rstrip(b"/"))


def _overlaid(own: list[_Rule], general: list[_Rule]) -> list[_Rule]:
    """Return a server's own rules, and of the general ones those that say nothing else of the same folder."""
    servers, locals_ = ({rule.server for rule in own}, {rule.local for rule in own})
    return [*own, *(rule for rule in general if rule.server not in servers and rule.local not in locals_)]


def _longest_first(rules: list[_Rule]) -> list[_Rule]:
    return sorted(rules, key=lambda rule: len(rule.server), reverse=True)
