"""REST: the playlists, what became of their tracks, and asking for them now."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any

from aiohttp import web

from daemon.config_types import interval
from daemon.json_body import json_body
from daemon.keys import SERVICES
from daemon.moments import iso
from daemon.playlist_errors import IsConfigured, NoSuchPlaylist, NotYouTube
from daemon.playlist_state import TRACK_STATES, KnownTrack, Pause, TrackState
from daemon.playlists import ListView, PlaylistService
from daemon.query_numbers import number_in_path, page
from daemon.youtube_url import parse_address

_MOST_LISTED = 1_000
_USUALLY_LISTED = 100
_BODY = 'The body must be JSON: {"url": "https://music.youtube.com/playlist?list=...", "every": "6h"}.'


async def list_playlists(request: web.Request) -> web.Response:
    """Answer with all lists, and whether the source pauses."""
    return web.json_response(await describe_playlists(_service(request)))


async def describe_playlists(service: PlaylistService) -> dict[str, Any]:
    """Return all lists, and whether the source pauses, as JSON values."""
    playlists = [_playlist(each) for each in await service.all()]
    return {"playlists": playlists, "pause": _pause(await service.pause())}


async def add_playlist(request: web.Request) -> web.Response:
    """Add a list, which is read soon if `every` says how often; 200 with the list if it is there already.

    `every` of null takes the list's interval away; without `every` a known list keeps its own.
    """
    body = await _body(request)
    try:
        target = parse_address(body["url"])
    except NotYouTube as error:
        raise web.HTTPBadRequest(text=str(error)) from error
    try:
        every_s = None if body.get("every") is None else interval(body["every"]).total_seconds()
    except ValueError as error:
        raise web.HTTPBadRequest(text=f"`every`: {error}.") from error
    added, is_new = await _service(request).add(target.url, target.kind, every_s, is_said="every" in body)
    return web.json_response(_playlist(added), status=HTTPStatus.CREATED if is_new else HTTPStatus.OK)


async def get_playlist(request: web.Request) -> web.Response:
    """Answer with a list and its tracks, page by page; `next` is what `after` asks for the next page with."""
    query = request.query
    wanted = page(query, ("state",), usually=_USUALLY_LISTED, most=_MOST_LISTED)
    state = _state(query.get("state"))
    service, playlist_id = _service(request), _playlist_id(request)
    with _refusals():
        found = await service.one(playlist_id)
    tracks = await service.tracks(playlist_id, state, after=wanted.after, limit=wanted.limit)
    return web.json_response(
        _playlist(found)
        | {
            "pause": _pause(await service.pause()),
            "tracks": [_track(each) for each in tracks],
            "next": tracks[-1].track_id if len(tracks) == wanted.limit else None,
        }
    )


async def remove_playlist(request: web.Request) -> web.Response:
    """Forget a list; what came from it stays. 409 for one of the configuration."""
    playlist_id = _playlist_id(request)
    with _refusals():
        await _service(request).remove(playlist_id)
    return web.json_response({"removed": playlist_id})


async def sync_playlist(request: web.Request) -> web.Response:
    """Have a list read now, and what failed of it tried again; answer with the list, which `is_due` then."""
    with _refusals():
        asked = await _service(request).ask_for(_playlist_id(request))
    return web.json_response(_playlist(asked), status=HTTPStatus.ACCEPTED)


def _service(request: web.Request) -> PlaylistService:
    return request.app[SERVICES].playlists.service


def _playlist(view: ListView) -> dict[str, Any]:
    known, counts = view.known, view.counts
    return {
        "playlist_id": known.playlist_id,
        "url": known.url,
        "kind": known.kind,
        "title": known.title,
        "every_s": known.every_s,
        "source": known.source,
        "is_due": view.is_due,
        "next_sync_at": iso(known.next_sync_at),
        "synced_at": iso(known.synced_at),
        "outcome": known.outcome,
        "detail": known.detail,
        "counts": {
            "wanted": counts.wanted,
            "refused": counts.refused,
            "fetched": counts.fetched,
            "unavailable": counts.unavailable,
            "failed": counts.failed,
            "gone": counts.gone,
            "to_fetch": counts.to_fetch,
        },
    }


def _track(known: KnownTrack) -> dict[str, Any]:
    track = known.track
    return {
        "track_id": known.track_id,
        "position": known.position,
        "video_id": track.video_id,
        "page_url": known.page_url,
        "title": track.title,
        "artists": list(track.artists),
        "album": track.album,
        "year": track.year,
        "duration_s": track.duration_s,
        "kind": track.kind,
        "thumbnail_url": track.thumbnail_url,
        "state": known.state,
        "reason": known.reason,
        "attempts": known.attempts,
        "retry_at": iso(known.retry_at),
        "recording_id": known.recording_id,
        "gone_since": iso(known.gone_since),
    }


def _pause(pause: Pause | None) -> dict[str, str] | None:
    return None if pause is None else pause.as_json()


@contextmanager
def _refusals() -> Iterator[None]:
    try:
        yield
    except NoSuchPlaylist as error:
        raise web.HTTPNotFound(text=str(error)) from error
    except IsConfigured as error:
        raise web.HTTPConflict(text=str(error)) from error


def _playlist_id(request: web.Request) -> int:
    return number_in_path(
        request, "playlist_id", "A playlist is named by its number; GET /playlists lists them."
    )


def _state(text: str | None) -> TrackState | None:
    if text is None:
        return None
    for state in TRACK_STATES:
        if text == state:
            return state
    raise web.HTTPBadRequest(text=f"`state` must be one of {', '.join(TRACK_STATES)}.")


async def _body(request: web.Request) -> Mapping[str, Any]:
    body = await json_body(request, _BODY)
    if not isinstance(body, dict) or body.keys() - {"url", "every"} or not isinstance(body.get("url"), str):
        raise web.HTTPBadRequest(text=_BODY)
    return body
