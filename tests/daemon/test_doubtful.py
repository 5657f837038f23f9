"""Names whose source was corrected: listed, undone, and given anew."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import mutagen
import pytest
import synth
from command_line import set_options, spectra_beside
from identifying import NOTHING, ONE, TWO, at_once, file_id, is_settled, names, piece, said, settle
from ingesting import rows
from waiting import Served, served, until

from daemon import jobs
from daemon.config import Config

Json = dict[str, Any]


@pytest.fixture(autouse=True)
def _environment(tmp_path: Path, conninfo: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "_RESTART_S", 0.05)
    set_options(monkeypatch, tmp_path, COLUMNS="400", DB_URL=conninfo)


@pytest.fixture
async def daemon(config: Config, music: Path) -> AsyncIterator[Served]:
    """A daemon that named two files after a third one."""
    async with served(at_once(config)) as opened:
        synth.write_audio(music / "one.flac", piece(1), tags=ONE)
        for name in ("a.mp3", "b.opus"):
            synth.write_audio(music / name, piece(1))
        await settle(opened.services, music)
        assert said(music / "a.mp3") == said(music / "b.opus") == names(ONE)
        yield opened


async def asked(daemon: Served, method: str, path: str, body: object = None) -> Json:
    async with daemon.http.request(method, path, json=body) as response:
        assert response.status == 200, await response.text()
        answer: Json = await response.json()
        return answer


async def retag(daemon: Served, path: Path, tags: dict[str, str]) -> None:
    """Correct a file as another program does, and have the daemon notice."""
    tagged = mutagen.File(path, easy=True)
    tagged.delete()
    tagged = mutagen.File(path, easy=True)
    tagged.update({name: [value] for name, value in tags.items()})
    tagged.save()
    await settle(daemon.services, path.parent)


async def doubtful(daemon: Served) -> dict[str, Json]:
    page = await asked(daemon, "GET", "/review/doubtful")
    return {Path(each["path"]).name: each["doubts"] for each in page["changes"]}


async def test_a_file_lists_the_changes_that_came_from_it(daemon: Served) -> None:
    one = await asked(daemon, "GET", f"/files/{await file_id(daemon.services, 'one.flac')}")
    ours = await asked(daemon, "GET", f"/files/{await file_id(daemon.services, 'a.mp3')}")
    assert (sorted(one["derived"]), ours["derived"]) == ([1, 2], [])
    [change] = ours["changes"]
    assert change["evidence"]["sources"]["album"]["path"] == one["path"]


async def test_a_history_tells_from_where_each_field_came_and_why(daemon: Served, music: Path) -> None:
    told = await spectra_beside("history", music / "a.mp3")
    text = " ".join(told.stdout.split())
    assert (told.exit_code, "tagged file" in text, "a copy:" in text) == (0, True, True), told.output
    assert "confirmed" not in text
    number = await file_id(daemon.services, "a.mp3")
    await asked(daemon, "POST", f"/files/{number}/name", {"title": ONE["title"], "artist": ONE["artist"]})
    assert "identified, confirmed" in " ".join(
        (await spectra_beside("history", music / "a.mp3")).stdout.split()
    )


async def test_naming_a_source_otherwise_tells_what_was_derived_from_it(daemon: Served) -> None:
    number = await file_id(daemon.services, "one.flac")
    track = await asked(daemon, "POST", f"/files/{number}/name", ONE | {"track": 1})
    assert (track["change"]["after"]["track"], track["derived"]) == (1, [])
    assert await doubtful(daemon) == {}
    named = await asked(daemon, "POST", f"/files/{number}/name", TWO)
    assert sorted(named["derived"]) == [1, 2]
    now = {name: {"said_now": value} for name, value in TWO.items()}
    assert await doubtful(daemon) == {"a.mp3": now, "b.opus": now}


async def test_a_correction_by_another_program_is_noticed_and_follows_the_undo(
    daemon: Served, music: Path
) -> None:
    await retag(daemon, music / "one.flac", TWO)
    assert set(await doubtful(daemon)) == {"a.mp3", "b.opus"}
    assert said(music / "a.mp3") == names(ONE)  # told, not changed
    change = (await asked(daemon, "GET", "/changes?limit=1"))["changes"][0]
    await asked(daemon, "POST", f"/changes/{change['change_id']}/undo")
    await daemon.services.jobs.defer_due("identify")
    await until(lambda: is_settled(daemon.services), within_s=60)
    assert said(Path(change["path"])) == names(TWO)
    assert len(await doubtful(daemon)) == 1


async def test_what_was_undone_is_not_named_so_again_when_its_source_is_corrected_back(
    daemon: Served, music: Path
) -> None:
    await retag(daemon, music / "one.flac", {})
    assert set(await doubtful(daemon)) == {"a.mp3", "b.opus"}
    await asked(daemon, "POST", "/changes/1/undo")
    await retag(daemon, music / "one.flac", ONE)
    [(path,)] = await rows(
        daemon.services, "SELECT files.path FROM changes JOIN files USING (file_id) WHERE change_id = 1"
    )
    assert said(music / bytes(path).decode()) == NOTHING  # type: ignore[call-overload]
    assert await doubtful(daemon) == {}


async def test_a_name_that_a_person_confirms_is_doubted_no_more(daemon: Served, music: Path) -> None:
    await retag(daemon, music / "one.flac", TWO)
    number = await file_id(daemon.services, "a.mp3")
    await asked(daemon, "POST", f"/files/{number}/name", {"title": ONE["title"], "artist": ONE["artist"]})
    assert set(await doubtful(daemon)) == {"b.opus"}


async def test_another_piece_at_the_source_s_path_raises_no_doubt(daemon: Served, music: Path) -> None:
    synth.write_audio(music / "one.flac", piece(2), tags=TWO)
    await settle(daemon.services, music)
    assert await doubtful(daemon) == {}


async def test_doubtful_names_come_in_pages(daemon: Served, music: Path) -> None:
    await retag(daemon, music / "one.flac", TWO)
    first = await asked(daemon, "GET", "/review/doubtful?limit=1")
    second = await asked(daemon, "GET", f"/review/doubtful?limit=1&after={first['next']}")
    third = await asked(daemon, "GET", f"/review/doubtful?after={second['next']}")
    assert [each["change_id"] for page in (first, second) for each in page["changes"]] == [1, 2]
    assert third == {"changes": [], "next": None}
    for wrong in ("limit=0x", "after=-1", "page=1"):
        async with daemon.http.get(f"/review/doubtful?{wrong}") as response:
            assert response.status == 400, wrong


async def test_doubtful_names_are_hinted_at_listed_and_undone_on_the_command_line(
    daemon: Served, music: Path
) -> None:
    nothing = await spectra_beside("review", "doubtful")
    assert (nothing.exit_code, "Every name" in nothing.stdout) == (1, True), nothing.output
    await retag(daemon, music / "one.flac", {"title": "Blue [red]", "artist": "Miles Davis"})
    hinted = await spectra_beside("review")
    assert "2 names came from a source that says otherwise now" in hinted.stdout
    listed = await spectra_beside("review", "doubtful")
    assert (listed.exit_code, listed.stdout.count("Blue [red]")) == (0, 2), listed.output
    number = await file_id(daemon.services, "a.mp3")
    undone = await spectra_beside("review", "undo", number, 10**6)
    assert (undone.exit_code, "a.mp3: undone" in undone.stdout) == (1, True), undone.output
    assert "nothing is doubtful in this file" in undone.stderr
    everything = await spectra_beside("review", "undo", "--all", "--json")
    assert everything.exit_code == 0, everything.output
    assert set(await doubtful(daemon)) == set()
