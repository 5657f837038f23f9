"""GET /files/{file_id}/(audio|cover), GET /recordings/{recording_id}/(audio|cover)."""

import asyncio
import hashlib
from collections.abc import Awaitable, Iterator
from contextlib import contextmanager
from http import HTTPStatus

from aiohttp import hdrs, web

from daemon.answering import OFFLINE_RETRY_S, FolderHangs
from daemon.byte_range import ByteRange, Unsatisfiable, wanted_range
from daemon.covers import Picture
from daemon.keys import SERVICES
from daemon.media import TooManyCovers
from daemon.media_files import MediaFile, NotServed, OpenMedia
from daemon.query_numbers import number_in_path

STREAMS = web.AppKey("streams", set[asyncio.Transport])
"""Connections over which audio is being sent."""

_MOST_STREAMS = 64
_BLOCK_BYTES = 256 << 10
_STALLED_S = 600.0
"""A player that is paused takes nothing; one that comes back after that asks for the rest again."""
_RETRY_AFTER_S = 5
_COVER_AGE_S = 3_600


def install_media(app: web.Application) -> None:
    """Break off what is being played when the daemon stops: who pauses would hold it up."""
    app[STREAMS] = set()

    async def end(app: web.Application) -> None:
        for transport in app[STREAMS]:
            transport.abort()

    app.on_shutdown.append(end)


async def file_audio(request: web.Request) -> web.StreamResponse:
    """Answer with a file as it is, or a range of it."""
    file_id = number_in_path(request, "file_id", "A file is named by its number; GET /files lists them.")
    return await _audio(request, request.app[SERVICES].media.open_file(file_id))


async def recording_audio(request: web.Request) -> web.StreamResponse:
    """Answer with the first file of a recording that is there, or a range of it."""
    recording_id = number_in_path(request, "recording_id", "A recording is named by its number.")
    return await _audio(request, request.app[SERVICES].media.open_recording(recording_id))


async def file_cover(request: web.Request) -> web.Response:
    """Answer with the picture of a file."""
    file_id = number_in_path(request, "file_id", "A file is named by its number; GET /files lists them.")
    return await _cover(request, request.app[SERVICES].media.file_cover(file_id))


async def recording_cover(request: web.Request) -> web.Response:
    """Answer with the picture of a recording."""
    recording_id = number_in_path(request, "recording_id", "A recording is named by its number.")
    return await _cover(request, request.app[SERVICES].media.recording_cover(recording_id))


async def _cover(request: web.Request, picture: Awaitable[Picture]) -> web.Response:
    with _refusals():
        found = await picture
    etag = f'"{hashlib.sha256(found.content).hexdigest()[:32]}"'
    headers = {"ETag": etag, "Cache-Control": f"private, max-age={_COVER_AGE_S}"}
    if _is_known(request, etag):
        return web.Response(status=HTTPStatus.NOT_MODIFIED, headers=headers)
    headers["X-Content-Type-Options"] = "nosniff"
    return web.Response(body=found.content, content_type=found.content_type, headers=headers)


async def _audio(request: web.Request, opening: Awaitable[tuple[MediaFile, OpenMedia]]) -> web.StreamResponse:
    with _refusals():
        media, opened = await opening
    try:
        return await _answer(request, media, opened)
    finally:
        await request.app[SERVICES].media.close(opened)


async def _answer(request: web.Request, media: MediaFile, opened: OpenMedia) -> web.StreamResponse:
    headers = {
        "Accept-Ranges": "bytes",
        "Cache-Control": "private, no-cache",
        "Content-Disposition": "inline",
        "ETag": opened.etag,
        "X-Content-Type-Options": "nosniff",
    }
    if _is_known(request, opened.etag):
        return web.Response(status=HTTPStatus.NOT_MODIFIED, headers=headers)
    part = _part(request, opened)
    if part is not None:
        headers["Content-Range"] = f"bytes {part.start}-{part.end - 1}/{opened.size_bytes}"
    response = web.StreamResponse(
        status=HTTPStatus.OK if part is None else HTTPStatus.PARTIAL_CONTENT, headers=headers
    )
    response.content_type = media.content_type
    sent = ByteRange(0, opened.size_bytes) if part is None else part
    response.content_length = sent.size_bytes
    if request.method == hdrs.METH_HEAD:
        await response.prepare(request)
        return response
    await _send(request, response, opened, sent)
    return response


async def _send(
    request: web.Request, response: web.StreamResponse, opened: OpenMedia, part: ByteRange
) -> None:
    """Send a part of a file; where that can't be done to its end the connection breaks, so that it shows."""
    media, streams, transport = request.app[SERVICES].media, request.app[STREAMS], request.transport
    if transport is None:
        return
    if len(streams) >= _MOST_STREAMS:
        raise web.HTTPServiceUnavailable(
            text=f"{_MOST_STREAMS} files are being played already: stop some, or try again later.",
            headers={"Retry-After": str(_RETRY_AFTER_S)},
        )
    streams.add(transport)
    try:
        await media.seek(opened, part.start)
        await response.prepare(request)
        left = part.size_bytes
        while left:
            block = await media.read(opened, min(left, _BLOCK_BYTES))
            if not block:  # it was cut short meanwhile
                raise ConnectionAbortedError
            left -= len(block)
            async with asyncio.timeout(_STALLED_S):
                await response.write(block)
    except OSError:  # of the disk or the connection; TimeoutError is one, too
        transport.abort()
    finally:
        streams.discard(transport)


def _part(request: web.Request, opened: OpenMedia) -> ByteRange | None:
    """Return the range that is to be sent; None: all. Raises web.HTTPRequestRangeNotSatisfiable."""
    condition = request.headers.get(hdrs.IF_RANGE)
    if condition is not None and condition.strip() != opened.etag:
        return None
    try:
        return wanted_range(request.headers.get(hdrs.RANGE), opened.size_bytes)
    except Unsatisfiable as error:
        raise web.HTTPRequestRangeNotSatisfiable(
            text=f"The file has {opened.size_bytes} bytes only.",
            headers={"Content-Range": f"bytes */{opened.size_bytes}"},
        ) from error


def _is_known(request: web.Request, etag: str) -> bool:
    """Tell whether the client has this already (RFC 9110, 13.1.2)."""
    known = request.if_none_match or ()
    return any(each.value in ("*", etag.strip('"')) for each in known)


@contextmanager
def _refusals() -> Iterator[None]:
    try:
        yield
    except NotServed as error:
        raise web.HTTPNotFound(text=str(error)) from error
    except TooManyCovers as error:
        raise web.HTTPServiceUnavailable(
            text=f"{error}.", headers={"Retry-After": str(_RETRY_AFTER_S)}
        ) from error
    except FolderHangs as error:
        raise web.HTTPServiceUnavailable(
            text=str(error), headers={"Retry-After": str(OFFLINE_RETRY_S)}
        ) from error
