"""GET, POST and DELETE /audit: what the library holds several times, under several names, or in pieces."""

from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from daemon.audit import AuditStatus, Report
from daemon.audit_rows import KINDS, FindingKind, Run, ShownFinding, ShownMember
from daemon.audit_run import Progress
from daemon.json_body import json_flag
from daemon.keys import SERVICES
from daemon.library import shown
from daemon.moments import iso
from daemon.query_numbers import page

_MOST_LISTED = 200
_USUALLY_LISTED = 50
"""Findings; each may have as many members as `audit_duplicates.MOST_MEMBERS`."""


async def get_audit(request: web.Request) -> web.Response:
    """Answer with the last report, page by page, its age, what changed since, and the run if one runs."""
    query = request.query
    wanted = page(query, ("kind",), usually=_USUALLY_LISTED, most=_MOST_LISTED)
    kind = _kind(query.get("kind"))
    audit = request.app[SERVICES].audit
    status = await audit.status()
    findings = await audit.findings(kind, after=wanted.after, limit=wanted.limit)
    return web.json_response(
        _status(status)
        | {
            "findings": [_finding(each) for each in findings],
            "next": findings[-1].finding_id if len(findings) == wanted.limit else None,
        }
    )


async def start_audit(request: web.Request) -> web.Response:
    """Start an audit, unless one runs; answer with the one that runs now."""
    fresh = await json_flag(request, "fresh")
    audit = request.app[SERVICES].audit
    await audit.begin(fresh=fresh)
    return web.json_response(_status(await audit.status()), status=web.HTTPAccepted.status_code)


async def cancel_audit(request: web.Request) -> web.Response:
    """Stop the audit that runs; the next one goes on where it was."""
    audit = request.app[SERVICES].audit
    was_running = await audit.cancel()
    return web.json_response({"cancelled": was_running} | _status(await audit.status()))


def _status(status: AuditStatus) -> dict[str, Any]:
    return {
        "run": None if status.run is None else _run(status.run, status.progress),
        "report": None if status.report is None else _report(status.report),
    }


def _run(run: Run, progress: Progress | None) -> dict[str, Any]:
    return {
        "run_id": run.run_id,
        "status": run.status,
        "fresh": run.is_fresh,
        "error": run.error,
        "started_at": run.started_at.isoformat(),
        "ended_at": iso(run.ended_at),
        "phase": None if progress is None else progress.phase,
        "done": None if progress is None else progress.done,
        "left": None if progress is None else progress.left,
    }


def _report(report: Report) -> dict[str, Any]:
    made_at = report.run.ended_at or report.run.started_at
    return {
        "run_id": report.run.run_id,
        "made_at": made_at.isoformat(),
        "age_s": max(0, round((datetime.now(UTC) - made_at).total_seconds())),
        "recordings": report.run.recordings,
        "files": report.run.files,
        "counts": {kind: report.counts.get(kind, 0) for kind in KINDS},
        "since": {
            "new": report.since.new,
            "changed": report.since.changed,
            "missing": report.since.missing,
        },
    }


def _finding(finding: ShownFinding) -> dict[str, Any]:
    return {
        "finding_id": finding.finding_id,
        "kind": finding.kind,
        "problem": finding.problem,
        "reason": finding.reason,
        "members": [_member(each) for each in finding.members],
    }


def _member(shown_member: ShownMember) -> dict[str, Any]:
    member, stated = shown_member.member, shown_member.stated
    path = member.path if shown_member.path_now is None else shown_member.path_now
    return {
        "place": shown_member.place,
        "file_id": member.file_id,
        "recording_id": member.recording_id,
        "path": None if path is None else shown(path),
        "is_missing": member.file_id is not None and shown_member.path_now is None,
        "is_changed": shown_member.is_changed,
        "title": member.title,
        "artist": member.artist,
        "source": member.source,
        "name": member.name_number,
        "is_likely": member.is_likely,
        "relation": member.relation,
        "related_to": member.related_place,
        "coverage": _rounded(member.coverage, 4),
        "other_coverage": _rounded(member.other_coverage, 4),
        "met_share": _rounded(member.met_share, 4),
        "speed": _rounded(member.speed, 5),
        "codec": stated.codec,
        "lossless": stated.is_lossless,
        "bit_rate": stated.bit_rate,
        "sample_rate_hz": stated.sample_rate_hz,
        "channels": stated.channels,
        "duration_s": _rounded(member.duration_s, 3),
        "stated_s": _rounded(stated.stated_s, 3),
        "size_bytes": member.size_bytes,
    }


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)


def _kind(text: str | None) -> FindingKind | None:
    if text is None:
        return None
    for kind in KINDS:
        if text == kind:
            return kind
    raise web.HTTPBadRequest(text=f"`kind` must be one of {', '.join(KINDS)}.")
