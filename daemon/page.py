"""Serve the page: the files of daemon/web, read once, and nothing else of the disk."""

import asyncio
import gzip
import hashlib
import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

from aiohttp import web

from daemon.page_headers import PAGE_HEADERS

WEB_FOLDER = Path(__file__).with_name("web")
INDEX = "index.html"
_TYPES = {
    ".css": "text/css",
    ".html": "text/html",
    ".js": "text/javascript",
    ".json": "application/json",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".txt": "text/plain",  # licences
    ".webmanifest": "application/manifest+json",
}
"""Other files are not served."""
_LEAST_COMPRESSED_BYTES = 1_000
"""Less fits into one packet anyway."""
_GZIP = re.compile(r"gzip\s*(;\s*q=(?P<weight>[0-9.]+)\s*)?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class PageFile:
    """One file, as it goes out."""

    content_type: str
    body: bytes
    packed: bytes | None
    """The same, gzipped; None where that does not pay."""
    digest: str


PAGE = web.AppKey("page", Mapping[str, PageFile])


def read_page(folder: Path) -> dict[str, PageFile]:
    """Return the files that are served, by path below the folder. Reads the disk. Raises OSError."""
    return {
        path.relative_to(folder).as_posix(): _read(path)
        for path in sorted(folder.rglob("*"))
        if path.suffix in _TYPES and path.is_file() and not _is_hidden(path.relative_to(folder))
    }


def install_page(app: web.Application, folder: Path = WEB_FOLDER) -> None:
    """Serve the files of a folder, as they are when the application starts."""

    async def files(app: web.Application) -> AsyncIterator[None]:
        app[PAGE] = await asyncio.to_thread(read_page, folder)
        yield

    app.cleanup_ctx.append(files)
    app.router.add_get("/", _get_index)
    app.router.add_get("/web/{path:.+}", _get_file)
    app.router.add_get("/favicon.ico", _get_favicon)


async def _get_index(request: web.Request) -> web.Response:
    return _answer(request, INDEX)


async def _get_file(request: web.Request) -> web.Response:
    return _answer(request, request.match_info["path"])


async def _get_favicon(_: web.Request) -> web.Response:
    """Answer that there is none: the page names its icon, and browsers ask for this one elsewhere."""
    return web.Response(status=HTTPStatus.NO_CONTENT, headers=PAGE_HEADERS)


def _answer(request: web.Request, path: str) -> web.Response:
    """Return a file, or 304 where the browser has this very one."""
    file = request.app[PAGE].get(path)
    if file is None:
        raise web.HTTPNotFound
    is_packed = file.packed is not None and _takes_gzip(request.headers.getall("Accept-Encoding", ()))
    etag = f"{file.digest}-gzip" if is_packed else file.digest
    headers = {
        **PAGE_HEADERS,
        "ETag": f'"{etag}"',
        "Cache-Control": "no-cache",
    }
    if file.packed is not None:
        headers["Vary"] = "Accept-Encoding"
    if any(known.value in {etag, "*"} for known in request.if_none_match or ()):
        return web.Response(status=HTTPStatus.NOT_MODIFIED, headers=headers)
    if is_packed:
        headers["Content-Encoding"] = "gzip"
    headers["Content-Type"] = file.content_type
    return web.Response(body=file.packed if is_packed else file.body, headers=headers)


def _takes_gzip(accept_encodings: tuple[str, ...] | list[str]) -> bool:
    """Return whether a browser takes gzip (RFC 9110, 12.5.3); "*" and odd weights count as no."""
    parts = (_GZIP.fullmatch(part.strip()) for value in accept_encodings for part in value.split(","))
    return any(part is not None and (part["weight"] or "1").strip("0.") != "" for part in parts)


def _read(path: Path) -> PageFile:
    body = path.read_bytes()
    content_type = _TYPES[path.suffix]
    is_text = content_type != "image/png"
    if content_type.startswith("text/"):
        content_type += "; charset=utf-8"
    # mtime=0: the same bytes after every start, as the strong ETag promises.
    packed = gzip.compress(body, mtime=0) if is_text and len(body) > _LEAST_COMPRESSED_BYTES else None
    return PageFile(content_type, body, packed, hashlib.sha256(body).hexdigest()[:32])


def _is_hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)
