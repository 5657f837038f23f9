"""The REST API: parse, call one service, render."""

import asyncio
import os
from collections.abc import AsyncGenerator
from contextlib import aclosing
from http import HTTPStatus
from importlib import resources
from pathlib import Path
from uuid import UUID

from aiohttp import BodyPartReader, MultipartReader, web

from daemon.errors import ClipQueueFull, ClipTooLarge, EmptyClip
from daemon.health import check_health
from daemon.keys import SERVICES
from daemon.peer import peer_of
from daemon.status import describe_status

_CHUNK_BYTES = 1 << 18
_LONGEST_UPLOAD_S = 600.0
"""A sender that takes longer than this holds a place in the queue for nothing."""
_NOT_A_CLIP = {"application/json", "application/x-www-form-urlencoded", "text/html"}
_MOST_PATHS = 10_000

routes = web.RouteTableDef()


@routes.get("/ping")
async def ping(_: web.Request) -> web.Response:
    """Answer, without looking at anything."""
    return web.json_response({"msg": "spectra-api"})


@routes.get("/health")
async def health(request: web.Request) -> web.Response:
    """Answer 200 when all is well, else 503, with a sentence for each part."""
    checks = await check_health(request.app[SERVICES])
    is_ok = all(check.is_ok for check in checks.values())
    return web.json_response(
        {
            "status": "ok" if is_ok else "degraded",
            "service": "spectra",
            "checks": {
                name: {"status": "ok" if check.is_ok else "degraded", "detail": check.detail}
                for name, check in checks.items()
            },
        },
        status=HTTPStatus.OK if is_ok else HTTPStatus.SERVICE_UNAVAILABLE,
    )


@routes.post("/match_file")
async def match_file(request: web.Request) -> web.Response:
    """Take a clip, as the multipart field `file` or as the body, and answer with the task to ask for."""
    matches = request.app[SERVICES].matches
    try:
        async with asyncio.timeout(_LONGEST_UPLOAD_S), aclosing(_clip_chunks(request)) as chunks:
            task_id = await matches.submit(chunks)
    except ClipQueueFull as error:
        raise web.HTTPServiceUnavailable(
            text=str(error), headers={"Retry-After": str(error.args[0])}
        ) from error
    except ClipTooLarge as error:
        raise web.HTTPRequestEntityTooLarge(error.args[0], text=str(error)) from error
    except EmptyClip as error:
        raise web.HTTPBadRequest(text=str(error)) from error
    except TimeoutError as error:
        raise web.HTTPRequestTimeout(text="The upload took too long.") from error
    return web.json_response({"task_id": str(task_id), "status": "pending"}, status=HTTPStatus.ACCEPTED)


@routes.get("/task_status/{task_id}")
async def task_status(request: web.Request) -> web.Response:
    """Answer with a match's state, and its result when it is done."""
    try:
        task_id = UUID(request.match_info["task_id"])
    except ValueError as error:
        raise web.HTTPNotFound(text="A task id is a UUID, as POST /match_file answered it.") from error
    task = await request.app[SERVICES].matches.task(task_id)
    if task is None:
        raise web.HTTPNotFound(text="There is no such task: it was never asked for, or has expired.")
    return web.json_response({"status": task.status, "result": task.result or [], "error": task.error})


@routes.get("/status")
async def status(request: web.Request) -> web.Response:
    """Answer with what is known, what is waiting, and what failed."""
    return web.json_response(await describe_status(request.app[SERVICES]))


@routes.post("/add")
async def add(request: web.Request) -> web.Response:
    """Look at files and folders of this machine; only for its own command line, over the Unix socket."""
    if not peer_of(request).over_unix_socket:
        raise web.HTTPForbidden(text="Only `spectra add` on the daemon's machine may name paths.")
    library = request.app[SERVICES].library
    looked = [await library.add_path(path) for path in await _paths(request)]
    return web.json_response(
        {
            "found": sum(each.found for each in looked),
            "new": sum(each.new for each in looked),
            "changed": sum(each.changed for each in looked),
            "problems": [
                {"path": path, "error": reason} for each in looked for path, reason in each.problems()
            ],
        },
        status=HTTPStatus.ACCEPTED,
    )


@routes.post("/reindex")
async def reindex(request: web.Request) -> web.Response:
    """Begin to build the index anew from the database; GET /status tells how far it is."""
    index = request.app[SERVICES].index
    await index.rebuild()
    return web.json_response({"to_build": index.status().to_build}, status=HTTPStatus.ACCEPTED)


@routes.get("/openapi.json")
async def openapi(_: web.Request) -> web.Response:
    """Answer with the description of this API."""
    text = await asyncio.to_thread(
        resources.files("daemon").joinpath("openapi.json").read_text, encoding="utf-8"
    )
    return web.Response(text=text, content_type="application/json")


async def _clip_chunks(request: web.Request) -> AsyncGenerator[bytes]:
    """Yield the clip's bytes as they arrive."""
    if request.content_type in _NOT_A_CLIP:
        raise web.HTTPUnsupportedMediaType(
            text=f"{request.content_type} is no clip: send multipart/form-data with the field `file`, "
            "or the audio itself as application/octet-stream."
        )
    if not request.content_type.startswith("multipart/"):
        async for chunk in request.content.iter_chunked(_CHUNK_BYTES):
            yield chunk
        return
    part = await _file_part(await _multipart(request))
    try:
        while chunk := await part.read_chunk(_CHUNK_BYTES):
            yield bytes(chunk)
    except ValueError as error:
        raise web.HTTPBadRequest(text=f"The multipart body is damaged: {error}.") from error


async def _multipart(request: web.Request) -> MultipartReader:
    try:
        return await request.multipart()
    except (ValueError, AssertionError) as error:
        raise web.HTTPBadRequest(text="The multipart body has no usable boundary.") from error


async def _file_part(reader: MultipartReader) -> BodyPartReader:
    try:
        while part := await reader.next():
            if isinstance(part, BodyPartReader) and part.name == "file":
                return part
    except ValueError as error:
        raise web.HTTPBadRequest(text=f"The multipart body is damaged: {error}.") from error
    raise web.HTTPBadRequest(text="The multipart body has no field `file`.")


async def _paths(request: web.Request) -> list[Path]:
    """Return the absolute paths of `{"paths": [...]}`; names that are not UTF-8 come as surrogate escapes."""
    try:
        body = await request.json()
    except ValueError as error:
        raise web.HTTPBadRequest(text='The body must be JSON: {"paths": ["/music/new"]}.') from error
    paths = body.get("paths") if isinstance(body, dict) else None
    if not isinstance(paths, list) or len(paths) > _MOST_PATHS:
        raise web.HTTPBadRequest(
            text=f'The body must be {{"paths": [...]}} with at most {_MOST_PATHS} paths.'
        )
    if not all(isinstance(path, str) and os.path.isabs(path) and "\0" not in path for path in paths):  # noqa: PTH117
        raise web.HTTPBadRequest(text="Every path must be absolute.")
    return [Path(path) for path in paths]
