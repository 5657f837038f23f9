"""GET /files, GET /files/{file_id}, POST of a decision about a file (accept, name, ...) or about all."""

import math
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl

from aiohttp import web

from daemon.api_changes import described
from daemon.json_body import json_body
from daemon.keys import SERVICES
from daemon.library import shown
from daemon.moments import iso
from daemon.query_numbers import number_in_path, page
from daemon.review_errors import NoSuchCandidate, NoSuchFile, NothingProposed, NotWritten
from daemon.review_rows import ListedFile, Proposal
from daemon.tag_fields import LONGEST_VALUE, TagFields, clean

STATUSES = ("pending", "failed", "missing", "unknown", "incomplete", "named", "review", "tagged")
_MOST_LISTED = 1_000
_USUALLY_LISTED = 100
_LONGEST_QUERY = 200
_MOST_WORDS = 10
_NO_TEXT = re.compile("[\0\ud800-\udfff]")
"""PostgreSQL's text holds no NUL, and bytes that are no UTF-8 came as surrogates."""
_TEXTS = ("title", "artist", "album", "album_artist", "date")
_NUMBERS = ("track", "track_total", "disc", "disc_total")


async def list_files(request: web.Request) -> web.Response:
    """Answer with files, by number; `next` is what `after` asks for the next page with."""
    # Not request.query: a file name that is not UTF-8 must come through as its bytes.
    query = dict(parse_qsl(request.rel_url.raw_query_string, errors="surrogateescape"))
    wanted = page(query, ("status", "query", "path"), usually=_USUALLY_LISTED, most=_MOST_LISTED)
    review = request.app[SERVICES].identification.review
    if (path := query.get("path")) is not None:
        if not os.path.isabs(path) or "\0" in path:  # noqa: PTH117 - may hold any bytes
            raise web.HTTPBadRequest(text="`path` must be an absolute path.")
        file_id = await review.file_at(os.fsencode(path))
        found = [] if file_id is None else [await review.file(file_id)]
        return web.json_response({"files": [_file(each) for each in found], "next": None})
    status = query.get("status")
    if status is not None and status not in STATUSES:
        raise web.HTTPBadRequest(text=f"`status` must be one of {', '.join(STATUSES)}.")
    words = _words(query.get("query", ""))
    files = await review.files(status, words=words, after=wanted.after, limit=wanted.limit)
    return web.json_response(
        {
            "files": [_file(each) for each in files],
            "next": files[-1].file_id if len(files) == wanted.limit else None,
        }
    )


def _words(query: str) -> list[str]:
    """Return what a search is for."""
    words = query.split()
    if len(query) > _LONGEST_QUERY or len(words) > _MOST_WORDS:
        raise web.HTTPBadRequest(
            text=f"`query` may have {_LONGEST_QUERY} characters and {_MOST_WORDS} words at most."
        )
    if _NO_TEXT.search(query):
        raise web.HTTPBadRequest(text="`query` must be words, in UTF-8.")
    return words


async def get_file(request: web.Request) -> web.Response:
    """Answer with a file, what it may be, and what was written to it."""
    review = request.app[SERVICES].identification.review
    with _refusals():
        file = await review.file(_file_id(request))
    changes = await review.changes(file)
    details = {
        "changes": [described(each) for each in changes],
        "derived": await review.derived(file.file_id),
        "rejected": _names(await review.rejected(file)),
    }
    return web.json_response(_file(file) | details)


async def accept_file(request: web.Request) -> web.Response:
    """Write a candidate into a file, and answer with the change; 409 with the reason if it isn't written."""
    body = await _body(request, {"candidate"})
    with _refusals():
        change = await request.app[SERVICES].identification.review.accept(
            _file_id(request), _recording(body, "candidate")
        )
    return web.json_response({"change": None if change is None else described(change)})


async def reject_file(request: web.Request) -> web.Response:
    """Never propose a candidate again, or any of those proposed now; answer with the recordings."""
    body = await _body(request, {"candidate"})
    with _refusals():
        rejected = await request.app[SERVICES].identification.review.reject(
            _file_id(request), _recording(body, "candidate")
        )
    return web.json_response({"rejected": rejected})


async def reconsider_file(request: web.Request) -> web.Response:
    """Take back all rejections of a file; answer with the names that may be proposed again."""
    await _body(request, set())
    with _refusals():
        names = await request.app[SERVICES].identification.review.reconsider(_file_id(request))
    return web.json_response({"reconsidered": _names(names)})


async def name_file(request: web.Request) -> web.Response:
    """Write what a person says of a file, which names others from then on; answer with the change."""
    fields = _fields(await _body(request, {*_TEXTS, *_NUMBERS, "artists"}))
    with _refusals():
        named = await request.app[SERVICES].identification.review.name(_file_id(request), fields)
    change = None if named.change is None else described(named.change)
    return web.json_response({"change": change, "derived": list(named.derived)})


async def accept_all(request: web.Request) -> web.Response:
    """Have all that is identified and waits written, one after the other; answer with the files."""
    body = await _body(request, {"above"})
    above = body.get("above", 0)
    if isinstance(above, bool) or not isinstance(above, int | float) or not 0 <= above <= 1:
        raise web.HTTPBadRequest(text="`above` must be a number from 0 to 1.")
    accepted = await request.app[SERVICES].identification.review.accept_all(above=float(above))
    return web.json_response({"accepted": accepted}, status=web.HTTPAccepted.status_code)


async def list_doubtful(request: web.Request) -> web.Response:
    """Answer with changes whose source says otherwise now; `next` is the next page's `after`."""
    wanted = page(request.query, usually=_USUALLY_LISTED, most=_MOST_LISTED)
    found = await request.app[SERVICES].identification.review.doubtful(after=wanted.after, limit=wanted.limit)
    return web.json_response(
        {
            "changes": [
                described(each.change)
                | {"doubts": {doubt.field: {"said_now": doubt.said_now} for doubt in each.doubts}}
                for each in found
            ],
            "next": found[-1].change.change_id if len(found) == wanted.limit else None,
        }
    )


def _file(file: ListedFile) -> dict[str, Any]:
    tags = file.tags or {}
    return {
        "file_id": file.file_id,
        "path": shown(file.place),
        "status": "missing" if file.is_missing else file.status,
        "naming": file.naming,
        "error": file.error,
        "retry_at": iso(file.retry_at),
        "recording_id": file.recording_id,
        "duration_s": None if file.duration_s is None else round(file.duration_s, 3),
        "title": tags.get("title"),
        "artist": tags.get("artist"),
        "album": tags.get("album"),
        "proposal": None if file.proposal is None else _proposal(file.proposal),
    }


def _names(names: list[tuple[str, str]]) -> list[dict[str, str]]:
    return [{"title": title, "artist": artist} for title, artist in names]


def _proposal(proposal: Proposal) -> dict[str, Any]:
    return {
        "outcome": proposal.outcome,
        "reason": proposal.reason,
        "refusal": proposal.refusal,
        "will_be_written": proposal.is_due,
        "candidates": proposal.candidates,
    }


@contextmanager
def _refusals() -> Iterator[None]:
    """Say as HTTP why a decision can't be carried out."""
    try:
        yield
    except NoSuchFile as error:
        raise web.HTTPNotFound(text=str(error)) from error
    except (NothingProposed, NoSuchCandidate) as error:
        raise web.HTTPConflict(text=str(error)) from error
    except NotWritten as error:
        retry_s = error.args[1]
        headers = None if retry_s is None else {"Retry-After": str(math.ceil(retry_s))}
        raise web.HTTPConflict(text=str(error), headers=headers) from error


async def _body(request: web.Request, names: set[str]) -> Mapping[str, Any]:
    """Return the JSON object of the body; none is an empty one."""
    if not request.can_read_body:
        return {}
    body = await json_body(request, "The body must be JSON.")
    if not isinstance(body, dict):
        raise web.HTTPBadRequest(text="The body must be a JSON object.")
    if unknown := body.keys() - names:
        raise web.HTTPBadRequest(
            text=f"{min(unknown)!r} is no field: {', '.join(sorted(names)) or 'none'} are."
        )
    return body


def _fields(body: Mapping[str, Any]) -> TagFields:
    """Return what a person says of a file; title and artist at least."""
    for name in _TEXTS:
        if body.get(name) is not None and not _is_text(body[name]):
            raise web.HTTPBadRequest(text=f"`{name}` must be a text of at most {LONGEST_VALUE} characters.")
    for name in _NUMBERS:
        value = body.get(name)
        if value is not None and (isinstance(value, bool) or not isinstance(value, int)):
            raise web.HTTPBadRequest(text=f"`{name}` must be a whole number.")
    artists = body.get("artists") or []
    if not isinstance(artists, list) or not all(_is_text(each) for each in artists):
        raise web.HTTPBadRequest(text="`artists` must be a list of texts.")
    values: dict[str, Any] = {name: body.get(name) for name in (*_TEXTS, *_NUMBERS)}
    given = TagFields(**values, artists=tuple(artists))
    cleaned = clean(given)
    for name in ("title", "artist"):
        if getattr(cleaned, name) is None:
            raise web.HTTPBadRequest(text=f"`{name}` is needed: a file is named by its title and artist.")
    for name in (*_TEXTS, *_NUMBERS):
        if getattr(given, name) not in (None, "") and getattr(cleaned, name) is None:
            raise web.HTTPBadRequest(text=f"`{name}` can't be written: {getattr(given, name)!r}.")
    return replace(cleaned, cover=None)


def _is_text(value: object) -> bool:
    return isinstance(value, str) and len(value) <= LONGEST_VALUE


def _recording(body: Mapping[str, Any], name: str) -> int | None:
    value = body.get(name)
    if value is not None and (isinstance(value, bool) or not isinstance(value, int)):
        raise web.HTTPBadRequest(text=f"`{name}` must be the number of a candidate's recording.")
    return value


def _file_id(request: web.Request) -> int:
    return number_in_path(request, "file_id", "A file is named by its number; GET /files lists them.")
