"""`spectra review` and `spectra name`: what may be written to files, and what a person says to that."""

import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import typer
from rich.markup import escape
from rich.table import Table

from daemon.cli_doubtful import hint_at_doubtful, list_doubtful, undo_doubtful
from daemon.cli_output import counted, err, out, print_json, print_table
from daemon.client import Client
from daemon.errors import RequestFailed
from daemon.progress import Amount, show_progress

_PAGE = 500
_ACTIONS = ("list", "accept", "reject", "reconsider", "doubtful", "undo")


@dataclass(frozen=True, slots=True)
class Decision:
    """What the command line says: one of list, accept, reject, reconsider, doubtful and undo."""

    action: str
    file_ids: tuple[int, ...] = ()
    is_all: bool = False
    above: float = 0.0
    candidate: int | None = None


def decision(
    action: str | None, file_ids: list[int] | None, *, is_all: bool, above: float, candidate: int | None
) -> Decision:
    """Return what the command line says. Raises typer.BadParameter unless that makes sense."""
    action, numbers = action or "list", tuple(file_ids or ())
    if action not in _ACTIONS:
        raise typer.BadParameter(f"{action!r}: say {', '.join(_ACTIONS[:-1])} or {_ACTIONS[-1]}")
    if action in ("list", "doubtful") and (numbers or is_all or candidate is not None):
        raise typer.BadParameter("say accept, reject, reconsider or undo")
    if action in ("accept", "undo") and bool(numbers) == is_all:
        raise typer.BadParameter(f"say what to {action}: numbers of files, or --all")
    if action in ("reject", "reconsider") and (is_all or not numbers):
        raise typer.BadParameter(f"say what to {action}: numbers of files")
    if candidate is not None and (action in ("reconsider", "undo") or len(numbers) != 1):
        raise typer.BadParameter("--candidate needs exactly one file")
    return Decision(action, numbers, is_all, above, candidate)


async def decide(client: Client, decided: Decision, *, as_json: bool) -> bool:
    """Do what is decided; tell whether there was something, and all of it went well."""
    if client.is_own:  # what is not looked at yet would not wait
        await _until_looked_at(client)
    if decided.action == "list":
        return await _list(client, as_json=as_json)
    if decided.action == "doubtful":
        return await list_doubtful(client, as_json=as_json)
    if decided.action == "undo":
        return await undo_doubtful(client, decided.file_ids, as_json=as_json)
    if decided.is_all:
        return await _accept_all(client, decided.above, as_json=as_json)
    body = {} if decided.candidate is None else {"candidate": decided.candidate}
    answers: list[dict[str, Any]] = []
    for file_id in decided.file_ids:
        try:
            answer = await client.post(f"/files/{file_id}/{decided.action}", body)
        except RequestFailed as error:
            answer = {"error": str(error)}
        answers.append({"file_id": file_id} | answer)
    if as_json:
        print_json(answers)
    else:
        for each in answers:
            _print_answer(each, decided.action)
    return all("error" not in each for each in answers)


async def name_file(client: Client, file: str, fields: dict[str, object], *, as_json: bool) -> bool:
    """Write what a person says of a file (its path or number); tell whether the file is known.

    Raises RequestFailed : it was not written.
    """
    file_id = await _number_of(client, file)
    if file_id is None:
        err.print(escape(f"{file}: not in the library (`spectra add` takes it in)"))
        return False
    given = {name: value for name, value in fields.items() if value is not None}
    answer = await client.post(f"/files/{file_id}/name", given)
    if as_json:
        print_json({"file_id": file_id} | answer)
    else:
        _print_answer({"file_id": file_id} | answer, "name")
    return True


async def _number_of(client: Client, file: str) -> int | None:
    path = Path(os.path.abspath(file))  # noqa: PTH100 - keeps a link's own name
    if file.isdecimal() and not path.exists():
        return int(file)
    found = await client.get(f"/files?path={quote(os.fsencode(path), safe='')}")
    return next((int(each["file_id"]) for each in found["files"]), None)


async def _until_looked_at(client: Client) -> None:
    """Show the progress until every unknown file was held against every reference."""

    async def ask() -> Amount:
        files = (await client.get("/status"))["files"]
        left = int(files["to_identify"] + files["to_offer"])
        return Amount(total=int(files["unknown"]), left=left)

    await show_progress("identifying", ask, err)


async def _accept_all(client: Client, above: float, *, as_json: bool) -> bool:
    accepted = (await client.post("/review/accept", {"above": above}))["accepted"]

    async def ask() -> Amount:
        return Amount(total=len(accepted), left=(await client.get("/status"))["files"]["to_tag"])

    if accepted:
        await show_progress("tagging", ask, err)
    refused = [each async for each in _waiting(client) if each["file_id"] in set(accepted)]
    if as_json:
        print_json({"accepted": accepted, "refused": [each["file_id"] for each in refused]})
    else:
        out.print(f"{counted(len(accepted) - len(refused), 'file')} tagged")
        for each in refused:
            reason = each["proposal"]["refusal"] or "was looked at again meanwhile, and waits anew"
            err.print(escape(f"{each['path']}: {reason}"))
    return bool(accepted) and not refused


async def _list(client: Client, *, as_json: bool) -> bool:
    files = [each async for each in _waiting(client)]
    if as_json:
        print_json(files)
        return bool(files)
    if not files:
        out.print("Nothing waits for you.")
        await hint_at_doubtful(client)
        return False
    table = Table(
        "number", "file", "sure", "title", "artist", "album", "candidate", "why", box=None, pad_edge=False
    )
    for each in files:
        for place, candidate in enumerate(each["proposal"]["candidates"]):
            fields = candidate["fields"]
            table.add_row(
                str(each["file_id"]) if place == 0 else "",
                escape(each["path"]) if place == 0 else "",
                f"{candidate['confidence']:.0%}",
                *(escape(str(fields.get(name) or "")) for name in ("title", "artist", "album")),
                str(candidate["recording"]),
                escape(_why(each["proposal"]) if place == 0 else "or this"),
            )
    print_table(table)
    certain = sum(each["proposal"]["outcome"] == "identified" for each in files)
    out.print(f"{counted(len(files), 'file')}; `spectra review accept --all` tags the {certain} identified")
    await hint_at_doubtful(client)
    return True


async def _waiting(client: Client) -> AsyncIterator[dict[str, Any]]:
    after = 0
    while after is not None:
        page = await client.get(f"/files?status=review&after={after}&limit={_PAGE}")
        for each in page["files"]:
            yield each
        after = page["next"]


def _why(proposal: dict[str, Any]) -> str:
    reason = f"{proposal['outcome']}: {proposal['reason']}"
    return f"{reason}; {proposal['refusal']}" if proposal["refusal"] else reason


def _print_answer(answer: dict[str, Any], action: str) -> None:
    if "error" in answer:
        err.print(escape(f"{answer['file_id']}: {answer['error']}"))
    elif action == "reject":
        out.print(
            f"{answer['file_id']}: will not be proposed again (`spectra review reconsider` takes it back)"
        )
    elif action == "reconsider":
        names = "; ".join(f"{each['title']} - {each['artist']}" for each in answer["reconsidered"])
        out.print(escape(f"{answer['file_id']}: looked at again; rejected were {names or 'no names'}"))
    elif (change := answer["change"]) is None:
        out.print(f"{answer['file_id']}: says that already")
    else:
        out.print(escape(f"{change['path']}: tagged (`spectra undo {change['change_id']}` takes it back)"))
    if derived := answer.get("derived"):
        numbers = ", ".join(str(each) for each in derived)
        out.print(f"  its former name was given to others, see whether to undo that: {numbers}")
