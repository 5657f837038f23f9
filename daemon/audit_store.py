"""Rows of audits: the only place that knows their columns."""

import os
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from daemon.audit_broken import MISSING_S, SOUNDING_SHARE
from daemon.audit_rows import (
    AuditedFile,
    Examined,
    FileToLookAt,
    Finding,
    FindingKind,
    Member,
    Related,
    Run,
    RunStatus,
    ShownFinding,
    ShownMember,
    Since,
    Stated,
    SuspectFile,
)
from daemon.db import Database, fetch, storable
from daemon.sources import TaggedFile
from engine.kinship import Kinship

_MEMBER_COLUMNS = 19
"""Of the query `members`, from finding_id to speed; then what is known by now."""


class AuditStore:
    """Each method is one statement or one transaction; all raise psycopg.Error."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def interrupt_runs(self) -> None:
        """Note that what was running is not any more."""
        await self._database.rows("interrupt_audits")

    async def begin_run(self, *, is_fresh: bool) -> Run:
        """Note a new run; a fresh one forgets what former ones found out (but not the last report)."""
        queries = self._database.queries
        async with self._database.cursor() as cursor:
            await cursor.execute(queries["interrupt_audits"])
            if is_fresh:
                await cursor.execute(queries["forget_audited_recordings"])
                await cursor.execute(queries["forget_kinships"])
                await cursor.execute(queries["forget_audited_files"])
            return Run(*(await fetch(cursor, queries["add_audit_run"], {"is_fresh": is_fresh}))[0])

    async def end_run(self, run_id: int, status: RunStatus, *, error: str | None = None) -> None:
        """Note how a run ended without a report."""
        await self._database.rows("end_audit_run", run_id=run_id, status=status, error=error)

    async def last_runs(self) -> list[Run]:
        """Return the last run, and the last one that made a report if that is another; latest first."""
        return [Run(*row) for row in await self._database.rows("last_audit_runs")]

    async def unaudited_counts(self) -> tuple[int, int]:
        """Return how many recordings were not asked yet, and how many files not looked at."""
        row = (await self._database.rows("unaudited_counts"))[0]
        return row[0], row[1]

    async def unaudited_recordings(self, after: int, limit: int) -> list[int]:
        """Return the next recordings that were not asked yet, ascending."""
        return [row[0] for row in await self._database.rows("unaudited_recordings", after=after, limit=limit)]

    async def unaudited_files(self, after: int, limit: int) -> list[FileToLookAt]:
        """Return the next files whose headers are to be read, ascending."""
        return [
            FileToLookAt(file_id, TaggedFile(Path(os.fsdecode(_place(root, path))), size_bytes, mtime_ns))
            for file_id, root, path, size_bytes, mtime_ns in await self._database.rows(
                "unaudited_files", after=after, limit=limit
            )
        ]

    async def kin_of(self, recording_id: int) -> set[int]:
        """Return the recordings that are known to be related to this one."""
        return {row[0] for row in await self._database.rows("kin_of", recording_id=recording_id)}

    async def save_examined(self, recording_id: int, examined: Examined) -> None:
        """Note what a recording's turn brought."""
        queries = self._database.queries
        async with self._database.cursor() as cursor:
            pairs = [_pair(recording_id, other_id, kin) for other_id, kin in sorted(examined.kin.items())]
            await cursor.executemany(queries["add_kinship"], [asdict(pair) for pair in pairs])
            await cursor.execute(
                queries["add_audited_recording"],
                {
                    "recording_id": recording_id,
                    "sounding_s": examined.sounding_s,
                    "is_recognisable": examined.is_recognisable,
                },
            )

    async def save_stated(self, looked_at: FileToLookAt, stated: Stated) -> None:
        """Note what a file states of itself."""
        file = looked_at.file
        about = {"file_id": looked_at.file_id, "size_bytes": file.size_bytes, "mtime_ns": file.mtime_ns}
        await self._database.rows("put_audited_file", **about, **asdict(stated))

    async def pairs(self) -> list[Related]:
        """Return all recordings that are related, by number."""
        return [Related(*row) for row in await self._database.rows("kinships")]

    async def related_files(self) -> list[AuditedFile]:
        """Return the files of related recordings, and of those in several, then references without a file."""
        files = [_audited_file(row) for row in await self._database.rows("related_files")]
        return files + [
            AuditedFile(recording_id, duration_s, title, artist, is_named=True, has_album=has_album)
            for recording_id, duration_s, title, artist, has_album in await self._database.rows(
                "references_without_file"
            )
        ]

    async def suspect_files(self) -> list[SuspectFile]:
        """Return the files with which something may be wrong, by path."""
        rows = await self._database.rows("suspect_files", missing_s=MISSING_S, sounding_share=SOUNDING_SHARE)
        return [SuspectFile(row[0], _place(row[1], row[2]), *row[3:]) for row in rows]

    async def save_report(self, run_id: int, findings: Iterable[Finding]) -> None:
        """Replace the last report, and end the run, in one transaction; nothing if it was ended meanwhile."""
        queries = self._database.queries
        async with self._database.cursor() as cursor:
            if not await fetch(cursor, queries["finish_audit_run"], {"run_id": run_id}):
                return
            await cursor.execute(queries["drop_old_audit_runs"])
            await cursor.execute(queries["drop_findings"])
            numbered = list(enumerate(findings, 1))
            await cursor.executemany(
                queries["add_finding"],
                [
                    {
                        "finding_id": number,
                        "kind": each.kind,
                        "problem": each.problem,
                        "reason": storable(each.reason),
                    }
                    for number, each in numbered
                ],
            )
            members = (
                {"finding_id": number, "place": place} | asdict(member)
                for number, each in numbered
                for place, member in enumerate(each.members)
            )
            await cursor.executemany(queries["add_member"], members)

    async def findings(self, kind: FindingKind | None, *, after: int, limit: int) -> list[ShownFinding]:
        """Return the next findings of the last report, by number."""
        rows = await self._database.rows("findings", kind=kind, after=after, limit=limit)
        members = defaultdict(list)
        for row in await self._database.rows("members", finding_ids=[row[0] for row in rows]):
            members[row[0]].append(_shown(row))
        return [
            ShownFinding(finding_id, its_kind, problem, reason, tuple(members[finding_id]))
            for finding_id, its_kind, problem, reason in rows
        ]

    async def counts(self) -> Mapping[str, int]:
        """Return how many findings of each kind the last report has."""
        return {row[0]: row[1] for row in await self._database.rows("finding_counts")}

    async def since(self, report: Run) -> Since:
        """Return what changed since a report."""
        return Since(*(await self._database.rows("since_audit", made_at=report.ended_at))[0])


def _pair(recording_id: int, other_id: int, kin: Kinship) -> Related:
    """Return the pair as it is stored: the lower number is the one."""
    if recording_id < other_id:
        return Related(
            recording_id,
            other_id,
            kin.relation,
            kin.is_reversed,
            kin.coverage,
            kin.other_coverage,
            kin.met_share,
            kin.speed,
        )
    is_reversed = kin.relation in ("edit", "excerpt") and not kin.is_reversed
    return Related(
        other_id,
        recording_id,
        kin.relation,
        is_reversed,
        kin.other_coverage,
        kin.coverage,
        kin.met_share,
        1 / kin.speed,
    )


def _audited_file(row: Sequence[Any]) -> AuditedFile:
    return AuditedFile(
        recording_id=row[0],
        duration_s=row[1],
        title=row[2],
        artist=row[3],
        is_named=row[4],
        has_album=row[5],
        file_id=row[6],
        place=_place(row[7], row[8]),
        size_bytes=row[9],
        mtime_ns=row[10],
        disk_place=(row[11], row[12]),
        content_hash=None if row[13] is None else bytes(row[13]),
        is_lossless=row[14],
        bit_rate=row[15],
        has_mbid=row[16],
    )


def _shown(row: Sequence[Any]) -> ShownMember:
    _, place, file_id, recording_id, path, *rest = row[:_MEMBER_COLUMNS]
    root, path_now, is_changed, *stated = row[_MEMBER_COLUMNS:]
    return ShownMember(
        Member(file_id, recording_id, None if path is None else bytes(path), *rest),
        place,
        path_now=None if root is None else _place(root, path_now),
        is_changed=is_changed,
        stated=Stated(*stated),
    )


def _place(root: bytes, path: bytes) -> bytes:
    return bytes(root).rstrip(b"/") + b"/" + bytes(path)
