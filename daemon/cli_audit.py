"""`spectra audit`: what the library holds several times, under several names, or in pieces."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Any
from urllib.parse import urlencode

from rich.markup import escape
from rich.table import Table

from daemon.cli_output import counted, err, out, print_json, print_table
from daemon.client import Client
from daemon.errors import RequestFailed
from daemon.progress import Amount, show_progress

_PAGE = 200
_AUDIBLE_SPEED = 0.003
"""Less is a clock that differs."""


class Kind(StrEnum):
    """What may be asked for alone."""

    MISLABELLED = "mislabelled"
    DUPLICATES = "duplicates"
    BROKEN = "broken"


_TITLES = {
    Kind.MISLABELLED: "One sound, several names",
    Kind.DUPLICATES: "There several times",
    Kind.BROKEN: "Silent or broken",
}


async def show_audit(client: Client, kind: Kind | None, *, fresh: bool, as_json: bool) -> bool:
    """Run an audit (or wait for the one that runs) and print its report; tell whether anything was found.

    Raises RequestFailed : it ended without a report.
    """
    run_id = (await client.post("/audit", {"fresh": fresh}))["run"]["run_id"]

    async def ask() -> Amount:
        run = (await client.get("/audit?limit=1"))["run"]
        is_running = run["status"] == "running"
        left = (run["left"] or 0) if is_running else 0
        return Amount(total=(run["done"] or 0) + left, left=left, is_final=not is_running)

    await show_progress("auditing", ask, err)
    answer = await client.get("/audit?limit=1")
    if answer["report"] is None or answer["report"]["run_id"] < run_id:
        run = answer["run"]
        why = run["error"] or run["status"]
        raise RequestFailed(f"the audit ended without a report ({why}): `spectra audit` goes on where it was")
    findings = await _findings(client, kind)
    if as_json:
        print_json({"report": answer["report"], "findings": findings})
    else:
        _print_report(answer["report"], findings, kind)
    return bool(findings)


async def _findings(client: Client, kind: Kind | None) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    query: dict[str, str | int] = {"limit": _PAGE} | ({} if kind is None else {"kind": kind.value})
    while True:
        page = await client.get(f"/audit?{urlencode(query)}")
        found += page["findings"]
        if page["next"] is None:
            return found
        query["after"] = page["next"]


def _print_report(report: dict[str, Any], findings: Sequence[dict[str, Any]], kind: Kind | None) -> None:
    for each in Kind if kind is None else (kind,):
        theirs = [finding for finding in findings if finding["kind"] == each]
        if theirs:
            out.print(f"[bold]{_TITLES[each]}[/bold] ({len(theirs)})")
            print_table(_TABLES[each](theirs))
            out.print()
    counts = report["counts"]
    out.print(
        f"{counted(report['files'], 'file')}, {counted(report['recordings'], 'recording')}: "
        f"{counted(counts['mislabelled'], 'sound')} with several names, "
        f"{counted(counts['duplicates'], 'group')} of duplicates, {counted(counts['broken'], 'broken file')}"
    )


def _names_table(findings: Sequence[dict[str, Any]]) -> Table:
    table = Table("file", "title", "artist", "according to", "sound", box=None, pad_edge=False)
    for number, finding in enumerate(findings):
        if number:
            table.add_row()
        named = [each for each in finding["members"] if each["name"] is not None]
        for each in sorted(named, key=lambda member: member["name"]):
            source = f"{each['source']}, likelier" if each["is_likely"] else each["source"]
            names = (escape(each[name] or "") for name in ("title", "artist"))
            table.add_row(_path(each), *names, source, _relation(each, finding["members"]))
    return table


def _duplicates_table(findings: Sequence[dict[str, Any]]) -> Table:
    table = Table("file", "is", "format", "kbit/s", "kHz", "length", "MB", box=None, pad_edge=False)
    for number, finding in enumerate(findings):
        if number:
            table.add_row()
        for each in finding["members"]:
            table.add_row(
                _path(each),
                _relation(each, finding["members"]) or escape(finding["reason"]),
                each["codec"] or "",
                "" if each["bit_rate"] is None else f"{each['bit_rate'] / 1_000:.0f}",
                "" if each["sample_rate_hz"] is None else f"{each['sample_rate_hz'] / 1_000:g}",
                _length(each["duration_s"]),
                "" if each["size_bytes"] is None else f"{each['size_bytes'] / 1e6:.1f}",
            )
    return table


def _broken_table(findings: Sequence[dict[str, Any]]) -> Table:
    table = Table("file", "problem", "because", box=None, pad_edge=False)
    for finding in findings:
        table.add_row(_path(finding["members"][0]), finding["problem"], escape(finding["reason"]))
    return table


_TABLES = {
    Kind.MISLABELLED: _names_table,
    Kind.DUPLICATES: _duplicates_table,
    Kind.BROKEN: _broken_table,
}


def _path(member: dict[str, Any]) -> str:
    if member["path"] is None:
        return "(from a playlist)"
    gone = " (gone)" if member["is_missing"] else ""
    return escape(member["path"] + gone)


def _relation(member: dict[str, Any], members: Sequence[dict[str, Any]]) -> str:
    """Return what a member is to which other one; nothing for the one that the others are told by."""
    relation = member["relation"]
    if relation is None:
        return ""
    name = (members[member["related_to"]]["path"] or "a reference").rpartition("/")[2]
    told = {"identical": "identical to", "fuller": "fuller version of"}.get(relation, f"{relation} of")
    if relation in ("edit", "excerpt"):
        name += f", {member['other_coverage']:.0%} of it"
    if relation == "version":
        name += f", {member['met_share']:.0%} of the peaks"
    if abs(member["speed"] - 1) > _AUDIBLE_SPEED:
        name += f", at {member['speed']:.1%} of its speed"
    return escape(f"{told} {name}")


def _length(duration_s: float | None) -> str:
    if duration_s is None:
        return ""
    minutes, seconds = divmod(round(duration_s), 60)
    return f"{minutes}:{seconds:02}"
