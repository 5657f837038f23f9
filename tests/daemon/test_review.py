"""What a person decides about files, over HTTP."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import synth
from identifying import NOTHING, ONE, TWO, at_once, file_id, is_settled, names, piece, proposals, said, settle
from ingesting import rows
from waiting import Served, served, until

from daemon import jobs
from daemon.config import Config

Json = dict[str, Any]


@pytest.fixture(autouse=True)
def _retry_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "_RESTART_S", 0.05)


@pytest.fixture
async def daemon(config: Config) -> AsyncIterator[Served]:
    """A daemon that proposes what the first scan finds."""
    async with served(at_once(config, first_scan="review")) as opened:
        yield opened


async def asked(daemon: Served, method: str, path: str, body: object = None) -> tuple[int, Json]:
    async with daemon.http.request(method, path, json=body) as response:
        return response.status, await response.json()


async def post(daemon: Served, path: str, body: object = None) -> Json:
    status, answer = await asked(daemon, "POST", path, body)
    assert status in (200, 202), answer
    return answer


async def settled(daemon: Served) -> None:
    await until(lambda: is_settled(daemon.services), within_s=60)


async def test_one_request_accepts_all_that_the_first_scan_proposed(daemon: Served, music: Path) -> None:
    synth.write_audio(music / "one.flac", piece(1), tags=ONE)
    synth.write_audio(music / "two.flac", piece(2), tags=TWO)
    synth.write_audio(music / "a.mp3", piece(1))
    synth.write_audio(music / "b.opus", piece(2))
    synth.write_audio(music / "mix.mp3", np.concatenate([piece(1), piece(2)]))
    await settle(daemon.services, music)
    status, page = await asked(daemon, "GET", "/files?status=review")
    assert (status, page["next"], len(page["files"])) == (200, None, 3)
    assert (await post(daemon, "/review/accept", {"above": 1}))["accepted"] == []
    accepted = await post(daemon, "/review/accept", {"above": 0.4})
    await settled(daemon)
    assert len(accepted["accepted"]) == 2
    assert (said(music / "a.mp3"), said(music / "b.opus")) == (names(ONE), names(TWO))
    assert said(music / "mix.mp3") == NOTHING
    assert await rows(daemon.services, "SELECT DISTINCT cause, confirmed_at FROM changes") == [
        ("accepted", None)
    ]
    files = (await asked(daemon, "GET", "/status"))[1]["files"]
    assert (files["unknown"], files["review"], files["tagged"], files["to_tag"]) == (1, 1, 2, 0)


async def test_an_accepted_candidate_is_written_and_confirmed(daemon: Served, music: Path) -> None:
    synth.write_audio(music / "one.flac", piece(1), tags=ONE)
    synth.write_audio(music / "two.flac", piece(2), tags=TWO)
    mix = synth.write_audio(music / "mix.mp3", np.concatenate([piece(1), piece(2)]))
    await settle(daemon.services, music)
    number = await file_id(daemon.services, "mix.mp3")
    _, file = await asked(daemon, "GET", f"/files/{number}")
    recordings = {each["fields"]["title"]: each["recording"] for each in file["proposal"]["candidates"]}
    status, answer = await asked(daemon, "POST", f"/files/{number}/accept")
    assert (status, "Choose one of the candidates" in answer["error"]) == (409, True)
    status, answer = await asked(daemon, "POST", f"/files/{number}/accept", {"candidate": 999})
    assert status == 409
    change = (await post(daemon, f"/files/{number}/accept", {"candidate": recordings["Naima"]}))["change"]
    assert (change["cause"], change["after"]["title"], said(mix)) == ("accepted", "Naima", names(TWO))
    _, file = await asked(daemon, "GET", f"/files/{number}")
    assert (file["proposal"], file["naming"], file["changes"][0]["status"]) == (None, "named", "done")
    assert file["changes"][0]["confirmed_at"] is not None
    assert (await asked(daemon, "POST", f"/files/{number}/accept"))[0] == 409


async def test_what_is_rejected_is_never_proposed_again(daemon: Served, music: Path) -> None:
    synth.write_audio(music / "one.flac", piece(1), tags=ONE)
    bare = synth.write_audio(music / "bare.mp3", piece(1))
    await settle(daemon.services, music)
    number = await file_id(daemon.services, "bare.mp3")
    rejected = (await post(daemon, f"/files/{number}/reject"))["rejected"]
    assert len(rejected) == 1
    await settled(daemon)
    assert await proposals(daemon.services) == {}
    # Neither by a further look, nor by the same name in another file, nor by a copy of the file.
    synth.write_audio(music / "one again.opus", piece(1), tags=ONE | {"title": "so what"})
    (music / "bare copy.mp3").write_bytes(bare.read_bytes())
    await settle(daemon.services, music)
    assert (await proposals(daemon.services), said(bare), said(music / "bare copy.mp3")) == (
        {},
        NOTHING,
        NOTHING,
    )
    # But what is really something else is.
    synth.write_audio(music / "other.m4a", piece(1), tags=TWO)
    await settle(daemon.services, music)
    assert await proposals(daemon.services) == {"bare.mp3": ("identified", 1)}
    assert said(music / "bare copy.mp3") == names(TWO)


async def test_a_rejection_can_be_taken_back(daemon: Served, music: Path) -> None:
    synth.write_audio(music / "one.flac", piece(1), tags=ONE)
    bare = synth.write_audio(music / "bare.mp3", piece(1))
    await settle(daemon.services, music)
    number = await file_id(daemon.services, "bare.mp3")
    await post(daemon, f"/files/{number}/reject")
    await settled(daemon)
    name = {"title": "So What", "artist": "Miles Davis"}
    assert (await asked(daemon, "GET", f"/files/{number}"))[1]["rejected"] == [name]
    assert await post(daemon, f"/files/{number}/reconsider") == {"reconsidered": [name]}
    await settled(daemon)
    assert await proposals(daemon.services) == {"bare.mp3": ("identified", 1)}
    assert (await asked(daemon, "GET", f"/files/{number}"))[1]["rejected"] == []
    # An undo rejects, too.
    change = (await post(daemon, f"/files/{number}/accept"))["change"]
    await post(daemon, f"/changes/{change['change_id']}/undo")
    await settled(daemon)
    assert (await proposals(daemon.services), said(bare)) == ({}, NOTHING)
    assert await post(daemon, f"/files/{number}/reconsider") == {"reconsidered": [name]}
    await settled(daemon)
    assert await proposals(daemon.services) == {"bare.mp3": ("identified", 1)}
    assert await post(daemon, f"/files/{number}/reconsider") == {"reconsidered": []}
    assert (await asked(daemon, "POST", "/files/99/reconsider"))[0] == 404
    assert (await asked(daemon, "POST", f"/files/{number}/reconsider", {"candidate": 1}))[0] == 400


async def test_undoing_is_a_rejection(daemon: Served, music: Path) -> None:
    synth.write_audio(music / "one.flac", piece(1), tags=ONE)
    await settle(daemon.services, music)
    bare = synth.write_audio(music / "bare.mp3", piece(1))
    before = bare.read_bytes()
    await settle(daemon.services, music)
    assert said(bare) == names(ONE)
    await post(daemon, "/changes/1/undo")
    await settle(daemon.services, music)
    synth.write_audio(music / "one again.opus", piece(1), tags=ONE)
    await settle(daemon.services, music)
    assert (bare.read_bytes() == before, await proposals(daemon.services)) == (True, {})


async def test_a_named_file_is_tagged_and_its_copies_follow(daemon: Served, music: Path) -> None:
    one = synth.write_audio(music / "one.flac", piece(1))
    first = synth.write_audio(music / "first.mp3", piece(1))
    await settle(daemon.services, music)
    later = synth.write_audio(music / "later.opus", piece(1))
    await settle(daemon.services, music)
    number = await file_id(daemon.services, "one.flac")
    change = (await post(daemon, f"/files/{number}/name", ONE | {"track": 1}))["change"]
    assert (change["cause"], said(one)) == ("named", names(ONE))
    await settled(daemon)
    assert (said(later), said(first)) == (names(ONE), NOTHING)
    assert await proposals(daemon.services) == {"first.mp3": ("identified", 1)}
    assert (await post(daemon, f"/files/{number}/name", ONE | {"track": 1}))["change"] is None


async def test_a_file_that_can_not_be_written_says_why(daemon: Served, music: Path, tmp_path: Path) -> None:
    one = synth.write_audio(music / "one.flac", piece(1))
    (tmp_path / "twin.flac").hardlink_to(one)
    await settle(daemon.services, music)
    number = await file_id(daemon.services, "one.flac")
    status, answer = await asked(daemon, "POST", f"/files/{number}/name", ONE)
    assert (status, "one.flac" in answer["error"]) == (409, True)
    assert (await daemon.services.store.recording_counts()).references == 0


@pytest.mark.parametrize(
    ("path", "body", "status", "words"),
    [
        ("/files/999/name", ONE, 404, "There is no file 999"),
        ("/files/999/accept", None, 404, "There is no file 999"),
        ("/files/999/reject", {}, 404, "There is no file 999"),
        ("/files/x/accept", None, 404, "named by its number"),
        ("/files/99999999999999999999/accept", None, 404, "named by its number"),
        ("/files/1/name", {"title": "A"}, 400, "`artist` is needed"),
        ("/files/1/name", {"title": " ", "artist": "B"}, 400, "`title` is needed"),
        ("/files/1/name", {"title": "A" * 2_000, "artist": "B"}, 400, "at most 1000"),
        ("/files/1/name", {"title": 1, "artist": "B"}, 400, "must be a text"),
        ("/files/1/name", ONE | {"track": True}, 400, "whole number"),
        ("/files/1/name", ONE | {"track": 0}, 400, "`track` can't be written"),
        ("/files/1/name", ONE | {"date": "yesterday"}, 400, "`date` can't be written"),
        ("/files/1/name", ONE | {"artists": "B"}, 400, "list of texts"),
        ("/files/1/name", ONE | {"titel": "A"}, 400, "'titel' is no field"),
        ("/files/1/accept", [1], 400, "JSON object"),
        ("/files/1/accept", {"candidate": "x"}, 400, "number of a candidate"),
        ("/review/accept", {"above": 2}, 400, "from 0 to 1"),
    ],
)
async def test_what_makes_no_sense_is_refused_with_a_sentence(
    daemon: Served, path: str, body: object, status: int, words: str
) -> None:
    found, answer = await asked(daemon, "POST", path, body)
    assert (found, words in answer["error"]) == (status, True), answer


async def test_files_are_listed_by_state_in_pages_and_found_by_path(daemon: Served, music: Path) -> None:
    synth.write_audio(music / "one.flac", piece(1), tags=ONE)
    synth.write_audio(music / "half.flac", piece(4), tags={"title": "A", "artist": "B"})
    for number in range(3):
        synth.write_audio(music / f"x{number}.flac", piece(5 + number, 8.0))
    (music / "broken.mp3").write_text("no music")
    (music / "gone.flac").write_bytes((music / "one.flac").read_bytes())
    await settle(daemon.services, music)
    (music / "gone.flac").unlink()
    await settle(daemon.services, music)
    counted = {
        status: len((await asked(daemon, "GET", f"/files?status={status}"))[1]["files"])
        for status in ("unknown", "incomplete", "named", "failed", "missing", "pending", "review", "tagged")
    }
    assert counted == {
        "unknown": 3, "incomplete": 1, "named": 1, "failed": 1, "missing": 1,
        "pending": 0, "review": 0, "tagged": 0,
    }  # fmt: skip
    paths, after = [], 0
    while after is not None:
        page = (await asked(daemon, "GET", f"/files?limit=2&after={after}"))[1]
        paths += [each["path"] for each in page["files"]]
        after = page["next"]
    assert len(paths) == len(set(paths)) == 7
    _, found = await asked(daemon, "GET", f"/files?path={music}/x1.flac")
    assert [each["path"] for each in found["files"]] == [f"{music}/x1.flac"]
    assert (await asked(daemon, "GET", f"/files?path={music}/nothing"))[1]["files"] == []
    for wrong in ("status=odd", "path=relative", "limit=0x1", "limit=2000", "after=-1", "page=1"):
        assert (await asked(daemon, "GET", f"/files?{wrong}"))[0] == 400, wrong
    assert (await asked(daemon, "GET", "/files/999"))[0] == 404
