"""`spectra review doubtful` and `spectra review undo`: names whose source says otherwise by now."""

from collections.abc import AsyncIterator, Collection
from typing import Any

from rich.markup import escape
from rich.table import Table

from daemon.cli_output import counted, err, out, print_json, print_table
from daemon.client import Client
from daemon.errors import RequestFailed

_PAGE = 500


async def list_doubtful(client: Client, *, as_json: bool) -> bool:
    """List what was written from sources that were corrected, or undone, since; tell whether there is any."""
    changes = [each async for each in _doubtful(client)]
    if as_json:
        print_json(changes)
    elif not changes:
        out.print("Every name still is what its source says.")
    else:
        table = Table("number", "file", "field", "written", "its source says", box=None, pad_edge=False)
        for change in changes:
            for place, (field, doubt) in enumerate(change["doubts"].items()):
                table.add_row(
                    str(change["file_id"] or "-") if place == 0 else "",
                    escape(change["path"]) if place == 0 else "",
                    field,
                    escape(str(change["after"].get(field) or "-")),
                    escape(str(doubt["said_now"] or "-")),
                )
        print_table(table)
        out.print(
            f"{counted(len(changes), 'change')}; `spectra review undo NUMBER`, or `--all`, takes them back; "
            "`spectra name` confirms one"
        )
    return bool(changes)


async def undo_doubtful(client: Client, file_ids: Collection[int], *, as_json: bool) -> bool:
    """Undo what is doubtful in these files, or in all if none is given; tell whether all went well."""
    changes = [each async for each in _doubtful(client) if not file_ids or each["file_id"] in file_ids]
    answers: list[dict[str, Any]] = []
    for change in reversed(changes):
        about = {"change_id": change["change_id"], "file_id": change["file_id"], "path": change["path"]}
        try:
            await client.post(f"/changes/{change['change_id']}/undo", {"force": False})
            answers.append(about | {"error": None})
        except RequestFailed as error:
            answers.append(about | {"error": str(error)})
    found = {each["file_id"] for each in changes}
    answers += [
        {"change_id": None, "file_id": each, "path": None, "error": "nothing is doubtful in this file"}
        for each in sorted(set(file_ids) - found)
    ]
    if as_json:
        print_json(answers)
    else:
        for each in answers:
            name = each["path"] or each["file_id"]
            if each["error"] is None:
                out.print(escape(f"{name}: undone, it is as it was"))
            else:
                err.print(escape(f"{name}: not undone: {each['error']}"))
    return bool(answers) and all(each["error"] is None for each in answers)


async def hint_at_doubtful(client: Client) -> None:
    """Say how many names are doubtful, if any is."""
    if count := len([each async for each in _doubtful(client)]):
        out.print(
            f"{counted(count, 'name')} came from a source that says otherwise now; "
            "`spectra review doubtful` lists what was written"
        )


async def _doubtful(client: Client) -> AsyncIterator[dict[str, Any]]:
    after = 0
    while after is not None:
        page = await client.get(f"/review/doubtful?after={after}&limit={_PAGE}")
        for each in page["changes"]:
            yield each
        after = page["next"]
