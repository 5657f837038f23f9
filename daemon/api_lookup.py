"""POST /lookup: what a media server's plugin asks about a file that the server doesn't know."""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from aiohttp import web

from daemon.access import require
from daemon.keys import SERVICES
from daemon.lookup_errors import (
    BadPath,
    LibraryOffline,
    LookupRefused,
    NoFileThere,
    NotMusic,
    OutsideRoots,
    SizeDiffers,
    TooManyLookups,
)
from daemon.lookup_rows import Asked
from daemon.path_map import LONGEST_SOURCE
from daemon.scopes import Scope

LONGEST_ITEM_ID = 256
_LARGEST_BODY_BYTES = 1 << 16
"""The longest path takes 4,096 bytes, escaped six times as many."""
_LARGEST_NUMBER = 2**63 - 1
_FIELDS = (
    "path",
    "library_path",
    "relative_path",
    "size",
    "duration_s",
    "source",
    "item_id",
    "tag",
)
_STATUSES: Mapping[type[LookupRefused], type[web.HTTPException]] = {
    BadPath: web.HTTPBadRequest,
    OutsideRoots: web.HTTPForbidden,
    NoFileThere: web.HTTPNotFound,
    SizeDiffers: web.HTTPConflict,
    NotMusic: web.HTTPUnsupportedMediaType,
    LibraryOffline: web.HTTPServiceUnavailable,
    TooManyLookups: web.HTTPServiceUnavailable,
}


async def look_up(request: web.Request) -> web.Response:
    """Take a look-up, and answer with the task to ask for."""
    asked = _asked(await _body(request))
    if asked.wants_tags:
        require(request, Scope.WRITE)
    with _refusals():
        waiting = await request.app[SERVICES].lookups.submit(asked)
    return web.json_response(
        {"task_id": str(waiting.task_id), "status": "pending", "file_id": waiting.file_id},
        status=web.HTTPAccepted.status_code,
    )


@contextmanager
def _refusals() -> Iterator[None]:
    """Say as HTTP why a file is not looked up."""
    try:
        yield
    except (LibraryOffline, TooManyLookups) as error:
        headers = {"Retry-After": str(error.args[-1])}
        raise _STATUSES[type(error)](text=str(error), headers=headers) from error
    except LookupRefused as error:
        raise _STATUSES[type(error)](text=str(error)) from error


async def _body(request: web.Request) -> Mapping[str, Any]:
    """Return the JSON object of the body."""
    content = await request.content.read(_LARGEST_BODY_BYTES + 1)
    while len(content) <= _LARGEST_BODY_BYTES and (more := await request.content.read(_LARGEST_BODY_BYTES)):
        content += more
    if len(content) > _LARGEST_BODY_BYTES:
        raise web.HTTPRequestEntityTooLarge(
            _LARGEST_BODY_BYTES,
            text=f"A look-up has at most {_LARGEST_BODY_BYTES} bytes: send one file each.",
        )
    try:
        body = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise web.HTTPBadRequest(text='The body must be JSON: {"path": "/music/new.mp3"}.') from error
    if not isinstance(body, dict):
        raise web.HTTPBadRequest(text="The body must be a JSON object.")
    if unknown := body.keys() - set(_FIELDS):
        name = min(unknown).encode(errors="replace").decode()
        raise web.HTTPBadRequest(text=f"{name!r} is no field: {', '.join(_FIELDS)} are.")
    return body


def _asked(body: Mapping[str, Any]) -> Asked:
    """Return what is asked. Raises web.HTTPBadRequest."""
    size_bytes, duration_s, tag = body.get("size"), body.get("duration_s"), body.get("tag")
    if size_bytes is not None and not (_is_whole(size_bytes) and 0 <= size_bytes <= _LARGEST_NUMBER):
        raise web.HTTPBadRequest(text="`size` must be the file's number of bytes.")
    if duration_s is not None and not _is_duration(duration_s):
        raise web.HTTPBadRequest(text="`duration_s` must be a number of seconds.")
    if tag is not None and not isinstance(tag, bool):
        raise web.HTTPBadRequest(text="`tag` must be true or false.")
    return Asked(
        path=_path(body),
        size_bytes=size_bytes or None,
        source=_text(body, "source", LONGEST_SOURCE),
        item_id=_text(body, "item_id", LONGEST_ITEM_ID),
        wants_tags=bool(tag),
    )


def _path(body: Mapping[str, Any]) -> bytes:
    """Return the path as the media server sees it; names that are not UTF-8 come as surrogate escapes."""
    path, library, relative = (_bytes(body, name) for name in ("path", "library_path", "relative_path"))
    if path is not None and library is None and relative is None:
        return path
    if path is not None or not library or not relative:
        raise web.HTTPBadRequest(text="Send either `path`, or both `library_path` and `relative_path`.")
    if relative.startswith(b"/"):
        raise web.HTTPBadRequest(text="`relative_path` must be relative to `library_path`.")
    return library.rstrip(b"/") + b"/" + relative


def _bytes(body: Mapping[str, Any], name: str) -> bytes | None:
    value = body.get(name)
    if value is None:
        return None
    if not isinstance(value, str):
        raise web.HTTPBadRequest(text=f"`{name}` must be a text.")
    try:
        return os.fsencode(value)
    except UnicodeEncodeError as error:
        raise web.HTTPBadRequest(text=f"`{name}` holds half a character: no path does.") from error


def _text(body: Mapping[str, Any], name: str, longest: int) -> str | None:
    """Return a text that PostgreSQL can hold, None if it is not given, or empty."""
    value = body.get(name)
    if value is None:
        return None
    if not isinstance(value, str) or len(value) > longest or "\0" in value or not _is_unicode(value):
        raise web.HTTPBadRequest(text=f"`{name}` must be a text of at most {longest} characters, no NUL.")
    return value or None


def _is_unicode(value: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in value)


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_duration(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= _LARGEST_NUMBER
