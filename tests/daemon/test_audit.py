"""The audit of a library of real files: what it finds, and what becomes of it when things go wrong."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import mutagen
import numpy as np
import psycopg
import pytest
import synth
from identifying import ONE, TWO, piece
from ingesting import look, rows
from waiting import until

from daemon import audit_run
from daemon.audit import AuditService
from daemon.audit_jobs import examine, look_at_file, suspects_elsewhere
from daemon.audit_rows import FindingKind, Run, ShownFinding, Since
from daemon.audit_store import AuditStore
from daemon.errors import WorkerDied
from daemon.services import Services
from daemon.workers import WorkerPool
from engine.errors import IndexDamaged
from engine.settings import Settings

RELATED_S = 15.0


class WatchedPool:
    """Workers that count what they are asked to do, and do something else first if they are told to."""

    def __init__(self, pool: WorkerPool) -> None:
        self._pool = pool
        self.asked: Counter[str] = Counter()
        self.before: Callable[[str], Any] | None = None

    async def run(self, work: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        self.asked[work.__name__] += 1
        if self.before is not None:
            waited = self.before(work.__name__)
            if waited is not None:
                await waited
        return await self._pool.run(work, *arguments, **options)

    @property
    def recordings(self) -> int:
        return self.asked[suspects_elsewhere.__name__]


class Auditing:
    """An audit service, with its workers watched."""

    def __init__(self, services: Services) -> None:
        self.services = services
        self.workers = WatchedPool(services.ingest_workers)
        self.service = AuditService(
            AuditStore(services.database),
            services.store,
            services.index,
            self.workers,  # type: ignore[arg-type]
            Settings(),
        )

    async def run(self, *, fresh: bool = False) -> Run:
        """Run an audit to its end."""
        await self.service.begin(fresh=fresh)
        await until(self.is_over)
        status = await self.service.status()
        assert status.run is not None
        return status.run

    async def is_over(self) -> bool:
        status = await self.service.status()
        return status.run is not None and status.run.status != "running"

    async def findings(self, kind: FindingKind | None = None) -> list[ShownFinding]:
        return await self.service.findings(kind, after=0, limit=100)

    async def since(self) -> Since:
        report = (await self.service.status()).report
        assert report is not None
        return report.since


@pytest.fixture
async def auditing(services: Services) -> AsyncIterator[Auditing]:
    made = Auditing(services)
    await made.service.start()
    yield made
    await made.service.stop()


def members(finding: ShownFinding) -> dict[str, tuple[str | None, str | None]]:
    """Return by name what a file is, and to which other one."""
    names = [Path(each.path_now.decode()).name for each in finding.members if each.path_now]
    return {
        name: (
            each.member.relation,
            None if each.member.related_place is None else names[each.member.related_place],
        )
        for name, each in zip(names, finding.members, strict=True)
    }


async def test_copies_and_parts_of_one_sound_are_one_group(
    auditing: Auditing, services: Services, music: Path
) -> None:
    synth.write_audio(music / "one.flac", piece(1), tags=ONE)
    synth.write_audio(music / "again.mp3", piece(1), tags=ONE)
    synth.write_audio(music / "part.opus", piece(1)[5 * synth.RATE_HZ : 20 * synth.RATE_HZ])
    synth.write_audio(music / "other.flac", piece(2), tags=TWO)
    await look(services, music)
    run = await auditing.run()
    assert (run.status, run.recordings, run.files) == ("done", 4, 4)
    (finding,) = await auditing.findings()
    assert (finding.kind, finding.reason) == ("duplicates", "2 files of one sound; 1 excerpt")
    told = members(finding)
    assert (told["one.flac"], told["again.mp3"]) == ((None, None), ("copy", "one.flac"))
    assert told["part.opus"][0] == "excerpt"
    by_codec = {each.stated.codec: each for each in finding.members}
    assert by_codec["flac"].stated.is_lossless
    assert by_codec["mp3"].stated.bit_rate == pytest.approx(64_000, rel=0.1)
    assert by_codec["mp3"].stated.sample_rate_hz == 8_000
    part = by_codec["opus"].member
    assert part.duration_s == pytest.approx(RELATED_S, abs=0.2)
    assert part.other_coverage == pytest.approx(RELATED_S / 25, abs=0.05)


async def test_what_plays_at_another_speed_is_a_version(
    auditing: Auditing, services: Services, music: Path
) -> None:
    sound = synth.music(1, 60.0)
    synth.write_audio(music / "one.flac", sound)
    synth.write_audio(music / "pal.mp3", synth.played_at(sound, 1.04))
    await look(services, music)
    await auditing.run()
    (finding,) = await auditing.findings()
    assert set(members(finding).values()) == {(None, None), ("version", "one.flac")}
    assert finding.members[1].member.speed == pytest.approx(1.04, abs=0.002)


async def test_equal_bytes_and_equal_sounds_are_told_apart(
    auditing: Auditing, services: Services, music: Path
) -> None:
    one = synth.write_audio(music / "one.flac", piece(1), tags=ONE)
    (music / "same.flac").write_bytes(one.read_bytes())
    (music / "retagged.flac").write_bytes(one.read_bytes())
    tagged = mutagen.File(music / "retagged.flac")
    tagged["comment"] = "something else"
    tagged.save()
    await look(services, music)
    await auditing.run()
    (finding,) = await auditing.findings()
    assert sorted(str(relation) for relation, _ in members(finding).values()) == ["None", "copy", "identical"]


async def test_one_sound_with_two_names_is_told_with_who_says_what(
    auditing: Auditing, services: Services, music: Path
) -> None:
    synth.write_audio(music / "one.flac", piece(1), tags=ONE)
    synth.write_audio(music / "naima.mp3", piece(1), tags=TWO)
    synth.write_audio(music / "bare.opus", piece(1))
    synth.write_audio(music / "spelling.flac", piece(2), tags=TWO)
    synth.write_audio(music / "spelled.mp3", piece(2), tags=TWO | {"title": "naima!"})
    await look(services, music)
    await auditing.run()
    (finding,) = await auditing.findings("mislabelled")
    said = {each.member.title: each.member for each in finding.members}
    assert said["So What"].name_number != said["Naima"].name_number
    assert (said[None].name_number, said[None].is_likely) == (None, None)
    assert {said["So What"].is_likely, said["Naima"].is_likely} == {None}
    assert said["Naima"].source == "tagged file"
    assert len(await auditing.findings("duplicates")) == 2


async def test_the_name_of_a_file_with_a_musicbrainz_id_is_likelier(
    auditing: Auditing, services: Services, music: Path
) -> None:
    synth.write_audio(music / "one.mp3", piece(1), tags=ONE)
    known = synth.write_audio(music / "naima.flac", piece(1), tags=TWO)
    tagged = mutagen.File(known)
    tagged["MUSICBRAINZ_TRACKID"] = "0f5bbcf5-fa0b-4fde-a8e4-1f5e2a3ec0e3"
    tagged.save()
    await look(services, music)
    await auditing.run()
    (finding,) = await auditing.findings("mislabelled")
    assert {each.member.title: each.member.is_likely for each in finding.members} == {
        "Naima": True,
        "So What": False,
    }


async def test_silent_and_broken_files_are_told_with_the_reason(
    auditing: Auditing, services: Services, music: Path
) -> None:
    synth.write_audio(music / "fine.flac", piece(1), tags=ONE)
    for suffix in (".flac", ".mp3", ".wav", ".mka"):
        whole = synth.encoded(piece(2 + len(suffix)), suffix, music)
        (music / f"cut{suffix}").write_bytes(whole[: len(whole) // 2])
        (music / f"encoded{suffix}").unlink()
    synth.write_audio(music / "silent.flac", synth.silence(30.0))
    clicks = np.concatenate([synth.music(5, 1.5), synth.silence(60.0)])
    synth.write_audio(music / "click.flac", clicks)
    synth.write_audio(music / "short.flac", synth.music(6, 1.1))
    (music / "notes.mp3").write_text("no music")
    await look(services, music)
    await auditing.run()
    found = {
        Path((each.members[0].path_now or b"").decode()).name: (each.problem, each.reason)
        for each in await auditing.findings("broken")
    }
    assert {name: problem for name, (problem, _) in found.items()} == {
        "cut.flac": "truncated",
        "cut.mp3": "truncated",
        "cut.wav": "truncated",
        "cut.mka": "truncated",
        "silent.flac": "failed",
        "click.flac": "silent",
        "short.flac": "short",
        "notes.mp3": "failed",
    }
    assert "silent" in found["silent.flac"][1]
    assert found["cut.flac"][1].startswith("it says it is 25 s long, but only 1")
    assert "not audio" in found["notes.mp3"][1]


async def test_a_second_audit_asks_only_what_came_since(
    auditing: Auditing, services: Services, music: Path
) -> None:
    synth.write_audio(music / "one.flac", piece(1), tags=ONE)
    synth.write_audio(music / "two.flac", piece(2), tags=TWO)
    await look(services, music)
    await auditing.run()
    assert auditing.workers.asked == {"suspects_elsewhere": 2, "examine": 2, "look_at_file": 2}
    assert await auditing.findings() == []
    synth.write_audio(music / "again.mp3", piece(1), tags=ONE)
    synth.write_audio(music / "part.flac", piece(2)[: 12 * synth.RATE_HZ])
    await look(services, music)
    assert await auditing.since() == Since(new=2, changed=0, missing=0)
    auditing.workers.asked.clear()
    await auditing.run()
    assert auditing.workers.asked == {"suspects_elsewhere": 2, "examine": 2, "look_at_file": 2}
    copied, cut = await auditing.findings()
    assert members(copied) == {"one.flac": (None, None), "again.mp3": ("copy", "one.flac")}
    assert members(cut) == {"two.flac": (None, None), "part.flac": ("excerpt", "two.flac")}
    assert cut.members[1].member.other_coverage == pytest.approx(12 / 25, abs=0.05)
    auditing.workers.asked.clear()
    await auditing.run(fresh=True)
    assert auditing.workers.asked == {"suspects_elsewhere": 4, "examine": 4, "look_at_file": 4}
    assert len(await auditing.findings()) == 2


async def test_what_changed_since_is_counted_and_shown(
    auditing: Auditing, services: Services, music: Path
) -> None:
    one = synth.write_audio(music / "one.flac", piece(1), tags=ONE)
    again = synth.write_audio(music / "again.mp3", piece(1), tags=ONE)
    await look(services, music)
    await auditing.run()
    again.unlink()
    synth.write_audio(one, piece(3), tags=ONE)
    synth.write_audio(music / "new.flac", piece(4))
    await look(services, music)
    assert await auditing.since() == Since(new=1, changed=1, missing=1)
    (finding,) = await auditing.findings()
    shown = {Path((each.member.path or b"").decode()).name: each for each in finding.members}
    assert (shown["one.flac"].is_changed, shown["one.flac"].path_now is not None) == (True, True)
    assert shown["again.mp3"].path_now is None
    await auditing.run()
    assert await auditing.findings() == []
    assert await auditing.since() == Since(0, 0, 0)


async def test_a_cancelled_audit_keeps_what_it_found_and_is_continued(
    auditing: Auditing, services: Services, music: Path
) -> None:
    for number in (1, 2, 3):
        synth.write_audio(music / f"{number}.flac", piece(number))
    await look(services, music)
    reached = asyncio.Event()

    def block(_: str) -> Any:
        if auditing.workers.recordings == 2:
            reached.set()
            return asyncio.Event().wait()
        return None

    auditing.workers.before = block
    await auditing.service.begin()
    await reached.wait()
    status = await auditing.service.status()
    assert status.run is not None
    assert status.progress is not None
    assert (status.run.status, status.progress.done, status.progress.left) == ("running", 1, 5)
    await auditing.service.begin(fresh=True)  # one runs: nothing is begun, nothing forgotten
    assert await auditing.service.cancel()
    assert not await auditing.service.cancel()
    status = await auditing.service.status()
    assert status.run is not None
    assert (status.run.status, status.report) == ("cancelled", None)
    auditing.workers.before = None
    auditing.workers.asked.clear()
    assert (await auditing.run()).status == "done"
    assert auditing.workers.recordings == 2


async def test_an_audit_that_the_service_left_running_counts_as_interrupted(
    auditing: Auditing, services: Services, music: Path
) -> None:
    synth.write_audio(music / "one.flac", piece(1))
    await look(services, music)
    first = await auditing.run()
    await rows(services, "INSERT INTO audit_runs (is_fresh) VALUES (false)")  # killed in the middle
    status = await auditing.service.status()
    assert status.run is not None
    assert status.run.status == "interrupted"
    await auditing.service.start()
    assert await rows(services, "SELECT status FROM audit_runs ORDER BY run_id") == [
        ("done",),
        ("interrupted",),
    ]
    status = await auditing.service.status()
    assert status.report is not None
    assert status.report.run.run_id == first.run_id
    assert (await auditing.run()).status == "done"
    assert await rows(services, "SELECT count(*) FROM audit_runs") == [(1,)]


async def test_stopping_the_service_interrupts_the_audit(
    auditing: Auditing, services: Services, music: Path
) -> None:
    synth.write_audio(music / "one.flac", piece(1))
    await look(services, music)
    reached = asyncio.Event()

    def block(_: str) -> Any:
        reached.set()
        return asyncio.Event().wait()

    auditing.workers.before = block
    await auditing.service.begin()
    await reached.wait()
    await auditing.service.stop()
    assert await rows(services, "SELECT status FROM audit_runs") == [("interrupted",)]


async def test_an_audit_waits_while_the_database_is_away(
    auditing: Auditing, services: Services, music: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_run, "_RETRY_S", 0.0)
    synth.write_audio(music / "one.flac", piece(1))
    await look(services, music)
    failures = iter([psycopg.OperationalError("gone"), psycopg.OperationalError("gone")])

    def fail(_: str) -> None:
        if (error := next(failures, None)) is not None:
            raise error

    auditing.workers.before = fail
    assert (await auditing.run()).status == "done"
    assert auditing.workers.recordings == 3


async def test_a_recording_over_which_workers_die_is_left_out(
    auditing: Auditing, services: Services, music: Path
) -> None:
    synth.write_audio(music / "one.flac", piece(1))
    synth.write_audio(music / "again.mp3", piece(1))
    await look(services, music)

    def die(work: str) -> None:
        if work == look_at_file.__name__ or (work == examine.__name__ and auditing.workers.recordings <= 3):
            raise WorkerDied(work)

    auditing.workers.before = die
    assert (await auditing.run()).status == "done"
    assert auditing.workers.recordings == 4
    (finding,) = await auditing.findings()  # the other one found it
    assert len(finding.members) == 2
    assert await auditing.since() == Since(0, 0, 0)


async def test_a_damaged_index_is_built_anew_before_going_on(
    auditing: Auditing, services: Services, music: Path
) -> None:
    synth.write_audio(music / "one.flac", piece(1))
    synth.write_audio(music / "again.mp3", piece(1))
    await look(services, music)
    for segment in [each for each in services.index.folder.iterdir() if each.stat().st_size > 10_000]:
        with segment.open("r+b") as file:
            file.write(b"damaged!")
    assert (await auditing.run()).status == "done"
    assert len(await auditing.findings()) == 1


async def test_an_audit_that_fails_says_why_and_keeps_the_last_report(
    auditing: Auditing, services: Services, music: Path
) -> None:
    synth.write_audio(music / "one.flac", piece(1))
    synth.write_audio(music / "again.mp3", piece(1))
    await look(services, music)
    first = await auditing.run()

    def damaged(_: str) -> None:
        raise IndexDamaged("segment", "is torn")

    auditing.workers.before = damaged
    failed = await auditing.run(fresh=True)
    assert (failed.status, failed.error) == ("failed", "index file segment: is torn")
    status = await auditing.service.status()
    assert status.report is not None
    assert (status.report.run.run_id, dict(status.report.counts)) == (first.run_id, {"duplicates": 1})
    assert len(await auditing.findings()) == 1


async def test_a_recording_that_goes_meanwhile_leaves_nothing(
    auditing: Auditing, services: Services, music: Path
) -> None:
    one = synth.write_audio(music / "one.flac", piece(1))
    synth.write_audio(music / "again.mp3", piece(1))
    await look(services, music)

    async def replace() -> None:
        auditing.workers.before = None
        await rows(services, "DELETE FROM files WHERE path = 'one.flac'")
        await services.store.drop_unused_recordings()

    def on_examine(work: str) -> Any:
        return replace() if work == examine.__name__ else None

    auditing.workers.before = on_examine
    assert (await auditing.run()).status == "done"
    assert await rows(services, "SELECT count(*) FROM audited_recordings") == [(1,)]
    assert await rows(services, "SELECT count(*) FROM kinships") == [(0,)]
    assert await auditing.findings() == []
    assert one.exists()


async def test_findings_come_page_by_page(auditing: Auditing, services: Services, music: Path) -> None:
    for number in (1, 2, 3):
        (music / f"{number}.mp3").write_text(f"no music {number}")
    await look(services, music)
    await auditing.run()
    first = await auditing.service.findings("broken", after=0, limit=2)
    rest = await auditing.service.findings("broken", after=first[-1].finding_id, limit=2)
    paths = [each.members[0].path_now for each in (*first, *rest)]
    assert [Path((path or b"").decode()).name for path in paths] == ["1.mp3", "2.mp3", "3.mp3"]
    assert await auditing.service.findings("duplicates", after=0, limit=2) == []
