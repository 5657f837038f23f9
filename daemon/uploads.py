"""Clips that come over HTTP: as the multipart field `file`, or as the body."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import contextmanager

from aiohttp import BodyPartReader, MultipartReader, web
from aiohttp.http_exceptions import HttpProcessingError

from daemon.arriving import ClipTooSlow
from daemon.errors import ClipNotKept, ClipQueueFull, ClipTooLarge, EmptyClip

_CHUNK_BYTES = 1 << 18
_LONGEST_UPLOAD_S = 600.0
"""A sender that takes longer than this holds a place in the queue for nothing."""
_NOT_A_CLIP = {"application/json", "application/x-www-form-urlencoded", "text/html", "text/plain"}
_LARGEST_FIELD_BYTES = 1 << 16
"""Of a form's other fields, which are read only to be skipped."""
_MOST_FIELDS = 20
"""Before the clip."""
_DAMAGED_BODY = (ValueError, AssertionError, RuntimeError, HttpProcessingError, web.RequestPayloadError)
"""What aiohttp raises while it reads a body that breaks the rules of multipart or of its encoding."""
_DAMAGED = "The body is damaged or cut off: send it again."


@contextmanager
def refusals_as_http() -> Iterator[None]:
    """Answer a service's refusal of a clip with its HTTP status."""
    try:
        yield
    except ClipQueueFull as error:
        raise web.HTTPServiceUnavailable(
            text=str(error), headers={"Retry-After": str(error.args[0])}
        ) from error
    except ClipTooLarge as error:
        raise web.HTTPRequestEntityTooLarge(error.args[0], text=str(error)) from error
    except ClipTooSlow as error:
        raise web.HTTPRequestTimeout(text=str(error)) from error
    except EmptyClip as error:
        raise web.HTTPBadRequest(text=str(error)) from error
    except ClipNotKept as error:
        raise web.HTTPInsufficientStorage(text=str(error)) from error


async def clip_chunks(request: web.Request) -> AsyncGenerator[bytes]:
    """Yield the clip's bytes as they arrive; close it when done. Raises web.HTTPException."""
    if request.content_type in _NOT_A_CLIP:
        raise web.HTTPUnsupportedMediaType(
            text=f"{request.content_type} is no clip: send multipart/form-data with the field `file`, "
            "or the audio itself as application/octet-stream."
        )
    end_s = asyncio.get_running_loop().time() + _LONGEST_UPLOAD_S
    part = None
    read: Callable[[int], Awaitable[bytes]] = request.content.read
    try:
        if request.content_type.startswith("multipart/"):
            async with asyncio.timeout_at(end_s):
                part = await _file_part(await _multipart(request))
            read = part.read_chunk
        while True:
            async with asyncio.timeout_at(end_s):
                chunk = await read(_CHUNK_BYTES)
            if not chunk:
                break
            yield bytes(chunk)
    except TimeoutError as error:
        raise web.HTTPRequestTimeout(text="The upload took too long.") from error
    except _DAMAGED_BODY as error:
        raise web.HTTPBadRequest(text=_DAMAGED) from error
    if part is not None and not part.at_eof():  # aiohttp lets the closing boundary be missing
        raise web.HTTPBadRequest(text=_DAMAGED)


async def _multipart(request: web.Request) -> MultipartReader:
    try:
        return await request.multipart()
    except (ValueError, AssertionError) as error:
        raise web.HTTPBadRequest(text="The multipart body has no usable boundary.") from error


async def _file_part(reader: MultipartReader) -> BodyPartReader:
    for _ in range(_MOST_FIELDS):
        if not isinstance(part := await reader.next(), BodyPartReader):
            break
        if part.name == "file":
            return part
        skipped_bytes = 0
        while chunk := await part.read_chunk(_CHUNK_BYTES):
            skipped_bytes += len(chunk)
            if skipped_bytes > _LARGEST_FIELD_BYTES:
                raise web.HTTPRequestEntityTooLarge(
                    _LARGEST_FIELD_BYTES, text=f"Only the field `file` may be large, not {part.name!r}."
                )
    raise web.HTTPBadRequest(text=f"The multipart body has no field `file` among its first {_MOST_FIELDS}.")
