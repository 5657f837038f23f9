"""GET /changes, GET /changes/{change_id}, POST /changes/{change_id}/undo: what was written, and back."""

import math
import os
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from urllib.parse import parse_qsl

from aiohttp import web

from daemon.change_rows import Change
from daemon.json_body import json_flag
from daemon.keys import SERVICES
from daemon.library import shown
from daemon.moments import iso
from daemon.query_numbers import LARGEST_ID, number_in_path, refuse_others
from daemon.tagging import Refused

_MOST_LISTED = 1_000
_USUALLY_LISTED = 100


@dataclass(frozen=True, slots=True)
class _Wanted:
    """Which changes are asked for."""

    file: Path | None
    since: datetime | None
    before_id: int | None
    limit: int


async def list_changes(request: web.Request) -> web.Response:
    """Answer with changes, latest first; `next` is what `before` asks for the next page with."""
    wanted = _wanted(request)
    services = request.app[SERVICES]
    place = None
    if wanted.file is not None:
        owner = services.library.owner_of(wanted.file)
        if owner is None:
            return web.json_response({"changes": [], "next": None})
        place = (owner.root, os.fsencode(wanted.file)[len(owner.root.rstrip(b"/")) + 1 :])
    changes = await services.journal.changes(
        file=place, since=wanted.since, before_id=wanted.before_id, limit=wanted.limit
    )
    return web.json_response(
        {
            "changes": [described(change) for change in changes],
            "next": changes[-1].change_id if len(changes) == wanted.limit else None,
        }
    )


async def get_change(request: web.Request) -> web.Response:
    """Answer with one change."""
    change = await request.app[SERVICES].journal.change(_change_id(request))
    if change is None:
        raise web.HTTPNotFound(text="There is no such change; GET /changes lists them.")
    return web.json_response(described(change))


async def undo_change(request: web.Request) -> web.Response:
    """Undo a change, and answer with what became of it; 409 with the reason if it can't be undone."""
    change_id = _change_id(request)
    force = await json_flag(request, "force")
    services = request.app[SERVICES]
    if await services.journal.change(change_id) is None:
        raise web.HTTPNotFound(text="There is no such change; GET /changes lists them.")
    undone = await services.tagging.undo(change_id, force=force)
    if isinstance(undone, Refused):
        raise _conflict(undone)
    return web.json_response(
        {
            "change": described(undone.change),
            "restored": None if undone.restored is None else described(undone.restored),
            "derived": list(undone.derived),
        }
    )


def described(change: Change) -> dict[str, object]:
    """Return a change as JSON values."""
    return {
        "change_id": change.change_id,
        "file_id": change.file_id,
        "path": shown(change.place),
        "cause": change.cause,
        "recording_id": change.recording_id,
        "status": change.status,
        "error": change.error,
        "before": change.before_tags,
        "after": change.after_tags,
        "evidence": change.evidence,
        "confirmed_at": iso(change.confirmed_at),
        "created_at": iso(change.created_at),
        "ended_at": iso(change.ended_at),
    }


def _conflict(refused: Refused) -> web.HTTPConflict:
    hint = "; with force its tags, at least, are put back" if refused.is_edited else ""
    headers = (
        None if refused.retry_after_s is None else {"Retry-After": str(math.ceil(refused.retry_after_s))}
    )
    return web.HTTPConflict(text=refused.reason + hint, headers=headers)


def _wanted(request: web.Request) -> _Wanted:
    # Not request.query: a file name that is not UTF-8 must come through as its bytes.
    query = dict(parse_qsl(request.rel_url.raw_query_string, errors="surrogateescape"))
    refuse_others(query, ("file", "since", "before", "limit"))
    file = query.get("file")
    if file is not None and (not os.path.isabs(file) or "\0" in file):  # noqa: PTH117 - may hold any bytes
        raise web.HTTPBadRequest(text="`file` must be an absolute path.")
    return _Wanted(
        file=None if file is None else Path(file),
        since=_since(query.get("since")),
        before_id=_number(query, "before", LARGEST_ID),
        limit=_number(query, "limit", _MOST_LISTED) or _USUALLY_LISTED,
    )


def _since(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        since = datetime.fromisoformat(text)
    except ValueError:
        since = None
    if since is None or since.tzinfo is None:
        raise web.HTTPBadRequest(text="`since` must be a time with its zone, as 2026-01-31T18:00:00Z.")
    return since


def _number(query: dict[str, str], name: str, largest: int) -> int | None:
    text = query.get(name)
    if text is None:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) < 20 and 1 <= int(text) <= largest):
        raise web.HTTPBadRequest(text=f"`{name}` must be a number from 1 to {largest}.")
    return int(text)


def _change_id(request: web.Request) -> int:
    return number_in_path(request, "change_id", "A change is named by its number; GET /changes lists them.")
