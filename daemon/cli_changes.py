"""`spectra history` and `spectra undo`: what was written to files, and back."""

import asyncio
import os
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import typer
from rich.markup import escape
from rich.table import Table

from daemon.cli_output import counted, err, out, print_json, print_table
from daemon.client import Client
from daemon.errors import RequestFailed
from daemon.tag_fields import TagFields

_AGE = re.compile(r"(\d{1,6})([mhdw])")
_UNITS = {
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
}
_PAGE = 500
_MOST_ASKED_BY_NAME = 20
"""Of the files that are about to be undone, as many are named before asking."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Which changes are to be undone: exactly one of these is given."""

    change_id: int | None = None
    file: Path | None = None
    since: datetime | None = None


def parse_since(text: str, now: datetime) -> datetime:
    """Return the moment that `2h`, `3d` (ago), `2026-01-31` or `2026-01-31 18:00` (local time) means.

    Raises
    ------
    typer.BadParameter : it means none
    """
    try:
        if age := _AGE.fullmatch(text.strip()):
            return now - int(age[1]) * _UNITS[age[2]]
        return datetime.fromisoformat(text.strip()).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise typer.BadParameter("a time looks like 2h, 3d, 2026-01-31 or '2026-01-31 18:00'") from error


def selected(change_id: int | None, file: Path | None, since: str | None) -> Selection:
    """Return what the command line chose. Raises typer.BadParameter unless that is one thing."""
    if sum(given is not None for given in (change_id, file, since)) != 1:
        raise typer.BadParameter("say what to undo: a change's number, --file or --since")
    return Selection(change_id, file, None if since is None else parse_since(since, datetime.now(UTC)))


async def show_history(client: Client, file: Path, *, as_json: bool) -> bool:
    """Print what was written to a file, latest first; tell whether there is anything."""
    changes = [change async for change in _changes(client, Selection(file=file))]
    if as_json:
        print_json(changes)
    elif not changes:
        out.print(escape(f"Spectra wrote nothing to {_shown(file)}."))
    else:
        table = Table("change", "when", "status", "because", "what", box=None, pad_edge=False)
        for change in changes:
            when = datetime.fromisoformat(change["created_at"]).astimezone()
            table.add_row(
                str(change["change_id"]),
                f"{when:%Y-%m-%d %H:%M}",
                change["status"],
                change["cause"] + (", confirmed" if change["confirmed_at"] else ""),
                escape(_what(change) + _whence(change)),
            )
        print_table(table)
    return bool(changes)


async def undo_changes(
    client: Client, selection: Selection, *, force: bool, is_sure: bool, as_json: bool
) -> bool:
    """Undo what is selected, latest first, and say of each what happened; tell whether all went well."""
    if selection.change_id is not None:
        changes = [await client.get(f"/changes/{selection.change_id}")]
    else:
        changes = [
            change
            async for change in _changes(client, selection)
            if change["status"] == "done" and change["cause"] != "restored"
        ]
    if not changes and not as_json:
        err.print("there is nothing to undo")
    if len(changes) > 1 and not is_sure:
        await _ask(changes)
    outcomes: list[dict[str, Any]] = []
    with err.status("undoing") as status:
        for change in changes:
            outcomes.append(await _undo(client, change, force=force, as_json=as_json))
            status.update(f"undoing: {len(outcomes)} of {len(changes)}")
    failed = sum(not outcome["undone"] for outcome in outcomes)
    if as_json:
        print_json(outcomes)
    elif len(outcomes) > 1:
        out.print(f"{counted(len(outcomes) - failed, 'change')} undone, {failed} not")
    return bool(outcomes) and not failed


async def _undo(client: Client, change: dict[str, Any], *, force: bool, as_json: bool) -> dict[str, Any]:
    change_id, path = change["change_id"], change["path"]
    try:
        undone = await client.post(f"/changes/{change_id}/undo", {"force": force})
    except RequestFailed as error:
        if not as_json:
            err.print(escape(f"{path}: not undone: {error}"))
        return {"change_id": change_id, "path": path, "undone": False, "error": str(error), "derived": []}
    if not as_json:
        how = "is as it was" if undone["restored"] is None else "says what it said before"
        out.print(escape(f"{path}: undone, it {how}"))
        if undone["derived"]:
            numbers = ", ".join(str(each) for each in undone["derived"])
            out.print(f"  its name was given to others, see whether these are to be undone too: {numbers}")
    return {"change_id": change_id, "path": path, "undone": True, "error": None, "derived": undone["derived"]}


async def _ask(changes: list[dict[str, Any]]) -> None:
    """Ask whether to go on. Raises typer.Abort."""
    paths = list(dict.fromkeys(change["path"] for change in changes))
    for path in paths[:_MOST_ASKED_BY_NAME]:
        err.print(escape(path))
    if len(paths) > _MOST_ASKED_BY_NAME:
        err.print(f"and {counted(len(paths) - _MOST_ASKED_BY_NAME, 'more file')}")
    question = f"Undo {counted(len(changes), 'change')} to {counted(len(paths), 'file')}?"
    await asyncio.to_thread(typer.confirm, question, abort=True, err=True)


async def _changes(client: Client, selection: Selection) -> AsyncIterator[dict[str, Any]]:
    """Yield the changes to a file, or since a time, latest first, page by page."""
    query: dict[str, str | bytes | int] = {"limit": _PAGE}
    if selection.file is not None:
        query["file"] = os.fsencode(os.path.abspath(selection.file))  # noqa: PTH100 - keeps a link's own name
    if selection.since is not None:
        query["since"] = selection.since.isoformat()
    while True:
        page = await client.get(f"/changes?{urlencode(query, quote_via=quote)}")
        for change in page["changes"]:
            yield change
        if page["next"] is None:
            return
        query["before"] = page["next"]


def _what(change: dict[str, Any]) -> str:
    """Return which fields were written, with their values from before."""
    before, after = change["before"], change["after"]
    told = []
    for name in [each.name for each in fields(TagFields) if each.name != "unreadable"]:
        if before.get(name) != after.get(name):
            was = f" (was {_value(before[name])})" if name in before else ""
            told.append(f"{name.replace('_', ' ')}: {_value(after.get(name))}{was}")
    error = f"; {change['error']}" if change["error"] else ""
    return ", ".join(told) + error


def _whence(change: dict[str, Any]) -> str:
    """Return from where the fields came that were written, and why."""
    fields_of: dict[str, list[str]] = {}
    for name, source in change["evidence"].get("sources", {}).items():
        if change["before"].get(name) != change["after"].get(name):
            whence = source["kind"] if source["path"] is None else f"{source['path']} ({source['kind']})"
            fields_of.setdefault(whence, []).append(name.replace("_", " "))
    told = [
        whence if len(fields_of) == 1 else f"{', '.join(names)} from {whence}"
        for whence, names in fields_of.items()
    ]
    reason = change["evidence"].get("reason")
    return (f"; from {'; '.join(told)}" if told else "") + (f"; {reason}" if reason else "")


def _value(value: object) -> str:
    match value:
        case None:
            return "-"
        case dict():
            return f"{value['mime']}, {int(value['size_bytes']) // 1_000} kB"
        case list():
            return " & ".join(str(each) for each in value)
        case _:
            return str(value)


def _shown(path: Path) -> str:
    return os.fsencode(path).decode(errors="replace")
