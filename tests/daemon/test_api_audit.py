"""GET, POST and DELETE /audit."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import synth
from identifying import ONE, TWO, piece
from waiting import Served, served, until

from daemon import audit_run
from daemon.config import Config

Json = dict[str, Any]


@pytest.fixture
async def daemon(config: Config) -> AsyncIterator[Served]:
    async with served(config) as opened:
        yield opened


async def asked(daemon: Served, method: str, path: str, body: object = None) -> tuple[int, Json]:
    async with daemon.http.request(method, path, json=body) as response:
        return response.status, await response.json()


async def audited(daemon: Served, body: object = None) -> Json:
    """Run an audit to its end, and return what is answered then."""
    status, answer = await asked(daemon, "POST", "/audit", body)
    assert (status, answer["run"]["status"]) == (202, "running")
    run_id = answer["run"]["run_id"]

    async def is_over() -> bool:
        run = (await asked(daemon, "GET", "/audit"))[1]["run"]
        assert run["run_id"] == run_id
        return bool(run["status"] != "running")

    await until(is_over)
    return (await asked(daemon, "GET", "/audit"))[1]


async def test_before_the_first_audit_there_is_nothing(daemon: Served) -> None:
    nothing = {"run": None, "report": None, "findings": [], "next": None}
    assert await asked(daemon, "GET", "/audit") == (200, nothing)
    assert await asked(daemon, "DELETE", "/audit") == (200, {"cancelled": False, "run": None, "report": None})


async def test_a_report_says_what_was_found_and_what_changed_since(daemon: Served, music: Path) -> None:
    synth.write_audio(music / "one.flac", piece(1), tags=ONE)
    synth.write_audio(music / "naima.mp3", piece(1), tags=TWO)
    (music / "notes.mp3").write_text("no music")
    await daemon.learn(music)
    answer = await audited(daemon)
    assert (answer["run"]["status"], answer["run"]["fresh"], answer["run"]["phase"]) == ("done", False, None)
    report = answer["report"]
    assert (report["recordings"], report["files"]) == (2, 3)
    assert report["counts"] == {"mislabelled": 1, "duplicates": 1, "broken": 1}
    assert report["since"] == {"new": 0, "changed": 0, "missing": 0}
    assert 0 <= report["age_s"] < 300
    mislabelled, duplicates, broken = answer["findings"]
    assert [each["kind"] for each in answer["findings"]] == ["mislabelled", "duplicates", "broken"]
    assert {(each["title"], each["artist"]) for each in mislabelled["members"]} == {
        ("So What", "Miles Davis"),
        ("Naima", "John Coltrane"),
    }
    head, copy = duplicates["members"]
    assert (head["path"], head["codec"], head["lossless"]) == (str(music / "one.flac"), "flac", True)
    assert (copy["relation"], copy["related_to"], copy["codec"]) == ("copy", head["place"], "mp3")
    assert copy["size_bytes"] == (music / "naima.mp3").stat().st_size
    assert (broken["problem"], broken["members"][0]["path"]) == ("failed", str(music / "notes.mp3"))
    synth.write_audio(music / "new.flac", piece(2))
    (music / "naima.mp3").unlink()
    await daemon.learn(music)
    later = (await asked(daemon, "GET", "/audit"))[1]
    assert later["report"]["since"] == {"new": 1, "changed": 0, "missing": 1}
    assert [(each["path"], each["is_missing"]) for each in later["findings"][1]["members"]] == [
        (str(music / "one.flac"), False),
        (str(music / "naima.mp3"), True),
    ]


async def test_findings_come_by_kind_and_page(daemon: Served, music: Path) -> None:
    for number in (1, 2, 3):
        (music / f"{number}.mp3").write_text(f"no music {number}")
    await daemon.learn(music)
    await audited(daemon)
    _, first = await asked(daemon, "GET", "/audit?kind=broken&limit=2")
    _, rest = await asked(daemon, "GET", f"/audit?kind=broken&limit=2&after={first['next']}")
    found = [each["members"][0]["path"] for page in (first, rest) for each in page["findings"]]
    assert (found, rest["next"]) == ([str(music / f"{number}.mp3") for number in (1, 2, 3)], None)
    assert (await asked(daemon, "GET", "/audit?kind=duplicates"))[1]["findings"] == []


async def test_an_audit_that_runs_is_answered_and_can_be_cancelled(
    daemon: Served, music: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synth.write_audio(music / "one.flac", piece(1), tags=ONE)
    await daemon.learn(music)
    reached = asyncio.Event()

    async def wait(*_: object) -> bool:
        reached.set()
        await asyncio.Event().wait()
        return True

    with monkeypatch.context() as patched:
        patched.setattr(audit_run, "has_caught_up", wait)
        _, begun = await asked(daemon, "POST", "/audit")
        await reached.wait()
        status, again = await asked(daemon, "POST", "/audit", {"fresh": True})
        assert (status, again["run"]["run_id"], again["run"]["fresh"]) == (202, begun["run"]["run_id"], False)
        assert (again["run"]["phase"], again["run"]["done"], again["run"]["left"]) == ("recordings", 0, 2)
        status, cancelled = await asked(daemon, "DELETE", "/audit")
    assert (status, cancelled["cancelled"], cancelled["run"]["status"]) == (200, True, "cancelled")
    assert (await audited(daemon, {"fresh": True}))["run"]["fresh"]


@pytest.mark.parametrize(
    ("method", "path", "body", "wrong"),
    [
        ("GET", "/audit?kind=odd", None, "`kind` must be one of mislabelled, duplicates, broken."),
        ("GET", "/audit?limit=201", None, "`limit` must be a number up to 200."),
        ("GET", "/audit?after=-1", None, "`after` must be a number"),
        ("GET", "/audit?page=1", None, "'page' is no parameter"),
        ("POST", "/audit", {"fresh": 1}, "The body must be"),
        ("POST", "/audit", {"frehs": True}, "The body must be"),
        ("POST", "/audit", [], "The body must be"),
    ],
)
async def test_what_makes_no_sense_is_refused(
    daemon: Served, method: str, path: str, body: object, wrong: str
) -> None:
    status, answer = await asked(daemon, method, path, body)
    assert status == 400
    assert wrong in answer["error"]
