"""The REST API: parse, call one service, render."""

import asyncio
import os
from collections.abc import Set
from contextlib import aclosing
from http import HTTPStatus
from importlib import resources
from pathlib import Path
from uuid import UUID

from aiohttp import web

from daemon.api_audit import cancel_audit, get_audit, start_audit
from daemon.api_changes import get_change, list_changes, undo_change
from daemon.api_events import stream_events
from daemon.api_explain import explain_file
from daemon.api_lookup import look_up
from daemon.api_media import file_audio, file_cover, recording_audio, recording_cover
from daemon.api_metrics import get_metrics
from daemon.api_playlists import (
    add_playlist,
    get_playlist,
    list_playlists,
    remove_playlist,
    sync_playlist,
)
from daemon.api_plugins import call_hook, list_plugins, sync_plugin, test_plugin
from daemon.api_review import (
    accept_all,
    accept_file,
    get_file,
    list_doubtful,
    list_files,
    name_file,
    reconsider_file,
    reject_file,
)
from daemon.api_session import get_session, sign_in, sign_out
from daemon.api_whole import match_constellation
from daemon.health import check_health
from daemon.json_body import json_body
from daemon.keys import SERVICES
from daemon.library import shown
from daemon.peer import peer_of
from daemon.status import describe_status, described_failure
from daemon.uploads import clip_chunks, refusals_as_http

_MOST_PATHS = 10_000
_MOST_FAILED = 10_000
"""Of the failed files, how many are searched for those at the paths of POST /add."""

routes = web.RouteTableDef()
routes.post("/explain_file")(explain_file)
routes.post("/match_constellation")(match_constellation)
routes.post("/lookup")(look_up)
routes.get("/audit")(get_audit)
routes.post("/audit")(start_audit)
routes.delete("/audit")(cancel_audit)
routes.get("/playlists")(list_playlists)
routes.post("/playlists")(add_playlist)
routes.get("/playlists/{playlist_id}")(get_playlist)
routes.delete("/playlists/{playlist_id}")(remove_playlist)
routes.post("/playlists/{playlist_id}/sync")(sync_playlist)
routes.get("/session")(get_session)
routes.post("/session")(sign_in)
routes.delete("/session")(sign_out)
routes.get("/plugins")(list_plugins)
routes.post("/plugins/{plugin}/test")(test_plugin)
routes.post("/plugins/{plugin}/sync")(sync_plugin)
routes.post("/hooks/{plugin}")(call_hook)
routes.get("/changes")(list_changes)
routes.get("/changes/{change_id}")(get_change)
routes.post("/changes/{change_id}/undo")(undo_change)
routes.get("/files")(list_files)
routes.get("/files/{file_id}")(get_file)
routes.post("/files/{file_id}/accept")(accept_file)
routes.post("/files/{file_id}/reject")(reject_file)
routes.post("/files/{file_id}/reconsider")(reconsider_file)
routes.post("/files/{file_id}/name")(name_file)
routes.get("/files/{file_id}/audio")(file_audio)
routes.get("/files/{file_id}/cover")(file_cover)
routes.get("/recordings/{recording_id}/audio")(recording_audio)
routes.get("/recordings/{recording_id}/cover")(recording_cover)
routes.get("/events")(stream_events)
routes.get("/metrics")(get_metrics)
routes.post("/review/accept")(accept_all)
routes.get("/review/doubtful")(list_doubtful)


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
    with refusals_as_http():
        async with aclosing(clip_chunks(request)) as chunks:
            task_id = await matches.submit(chunks, announced_bytes=request.content_length)
    return web.json_response({"task_id": str(task_id), "status": "pending"}, status=HTTPStatus.ACCEPTED)


@routes.get("/task_status/{task_id}")
async def task_status(request: web.Request) -> web.Response:
    """Answer with the state of a match or a look-up, and its result when it is done."""
    try:
        task_id = UUID(request.match_info["task_id"])
    except ValueError as error:
        raise web.HTTPNotFound(text="A task id is a UUID, as POST /match_file answered it.") from error
    services = request.app[SERVICES]
    task = await services.matches.task(task_id) or await services.lookups.task(task_id)
    if task is None:
        raise web.HTTPNotFound(text="There is no such task: it was never asked for, or has expired.")
    return web.json_response(
        {
            "status": task.status,
            "result": task.result or [],
            "outcome": task.outcome,
            "reason": task.reason,
            "error": task.error,
        }
    )


@routes.get("/status")
async def status(request: web.Request) -> web.Response:
    """Answer with what is known, what is waiting, and what failed."""
    return web.json_response(await describe_status(request.app[SERVICES]))


@routes.post("/add")
async def add(request: web.Request) -> web.Response:
    """Look at files and folders of this machine; only for its own command line, over the Unix socket."""
    if not peer_of(request).over_unix_socket:
        raise web.HTTPForbidden(text="Only `spectra add` on the daemon's machine may name paths.")
    services = request.app[SERVICES]
    paths, retry = await _paths(request)
    named = {os.fsencode(path) for path in paths}
    if retry:
        await services.store.retry_at_once(named)
    looked = [await services.library.add_path(path) for path in paths]
    owners = [services.library.owner_of(path) for path in paths]
    failed = await services.store.failed_files(_MOST_FAILED)
    return web.json_response(
        {
            "found": sum(each.found for each in looked),
            "new": sum(each.new for each in looked),
            "changed": sum(each.changed for each in looked),
            "libraries": sorted({shown(owner.root) for owner in owners if owner is not None}),
            "problems": [
                {"path": path, "error": reason} for each in looked for path, reason in each.problems()
            ],
            "failed": [described_failure(each) for each in failed if _is_at_or_below(each.place, named)],
        },
        status=HTTPStatus.ACCEPTED,
    )


@routes.post("/scan")
async def scan(request: web.Request) -> web.Response:
    """Begin to look through all music folders; GET /status tells which are `scanning`."""
    roots = request.app[SERVICES].scans.request()
    return web.json_response(
        {"roots": [shown(os.fsencode(root)) for root in roots]}, status=HTTPStatus.ACCEPTED
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


async def _paths(request: web.Request) -> tuple[list[Path], bool]:
    """Return the absolute paths, and whether what failed is to be tried again now.

    Names that are not UTF-8 come as surrogate escapes.
    """
    body = await json_body(request, 'The body must be JSON: {"paths": ["/music/new"]}.')
    is_known = isinstance(body, dict) and not body.keys() - {"paths", "retry"}
    paths, retry = (body.get("paths"), body.get("retry", False)) if is_known else (None, None)
    if not isinstance(paths, list) or len(paths) > _MOST_PATHS or not isinstance(retry, bool):
        raise web.HTTPBadRequest(
            text=f'The body must be {{"paths": [...], "retry": false}} with at most {_MOST_PATHS} paths.'
        )
    if not all(isinstance(path, str) and os.path.isabs(path) and "\0" not in path for path in paths):  # noqa: PTH117
        raise web.HTTPBadRequest(text="Every path must be absolute.")
    if not all(map(_is_whole, paths)):
        raise web.HTTPBadRequest(text="A path holds half a character, which no file's name does.")
    return [Path(path) for path in paths], retry


def _is_whole(path: str) -> bool:
    """Tell whether a path can be a file's: JSON's escapes can name half a character."""
    try:
        os.fsencode(path)
    except UnicodeEncodeError:
        return False
    return True


def _is_at_or_below(path: bytes, named: Set[bytes]) -> bool:
    while path:
        if path in named:
            return True
        path = path.rpartition(b"/")[0]
    return b"/" in named
