"""`spectra history` and `spectra undo`, and the same over REST, as people and programs meet them."""

import json
import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import mutagen
import pytest
import typer
from command_line import set_options, spectra_beside
from tagged_files import make
from waiting import Served, changed, served

from daemon.change_rows import Change
from daemon.cli_changes import Selection, parse_since, selected
from daemon.config import Config
from daemon.tag_fields import TagFields

NOW = datetime(2026, 1, 31, 18, tzinfo=UTC)
FIELDS = TagFields(title="A Song", artist="[red]Somebody", album="An Album")


@pytest.fixture
def config(config: Config) -> Config:
    """Files may be written at once."""
    return changed(config, "tagging", quiet_s=0.0)


@pytest.fixture(autouse=True)
def _environment(tmp_path: Path, conninfo: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands of a test ask the daemon of the test, or share its state."""
    set_options(monkeypatch, tmp_path, DB_URL=conninfo)


@pytest.fixture
async def daemon(config: Config, music: Path) -> AsyncIterator[Served]:
    """A daemon that knows three files."""
    for variant in ("flac", "mp3-v23", "ogg"):
        make(music, variant)
    async with served(config) as opened:
        await opened.learn(music)
        yield opened


async def tag(daemon: Served, path: Path) -> int:
    file_id = await daemon.services.journal.file_at(os.fsencode(path.parent), os.fsencode(path.name))
    assert file_id is not None
    change = await daemon.services.tagging.apply(
        file_id, FIELDS, cause="identified", recording_id=None, evidence={"relation": "copy"}
    )
    assert isinstance(change, Change), change
    return change.change_id


async def test_a_file_s_history_tells_what_was_written_and_what_was_there(
    daemon: Served, music: Path
) -> None:
    path = music / "flac.flac"
    nothing = await spectra_beside("history", path)
    assert (nothing.exit_code, "wrote nothing" in nothing.stdout) == (1, True)
    number = await tag(daemon, path)
    told = await spectra_beside("history", path)
    assert told.exit_code == 0, told.output
    head, line = told.stdout.splitlines()
    assert head.split() == ["change", "when", "status", "because", "what"]
    assert line.split()[0] == str(number)
    assert "done" in line
    assert "title: A Song (was Track 01), artist: [red]Somebody, album: An Album" in line
    [change] = json.loads((await spectra_beside("history", "--json", path)).stdout)
    assert (change["path"], change["after"]["album"]) == (str(path), "An Album")


async def test_one_change_is_undone_by_its_number_once(daemon: Served, music: Path) -> None:
    path = music / "mp3-v23.mp3"
    before = path.read_bytes()
    number = await tag(daemon, path)
    undone = await spectra_beside("undo", number)
    assert (undone.exit_code, undone.stdout) == (0, f"{path}: undone, it is as it was\n")
    assert path.read_bytes() == before
    again = await spectra_beside("undo", number)
    assert (again.exit_code, "it was undone already" in again.stderr) == (1, True)
    unknown = await spectra_beside("undo", 10**9)
    assert (unknown.exit_code, "There is no such change" in unknown.stderr) == (2, True)


async def test_everything_since_a_time_is_undone_after_asking(daemon: Served, music: Path) -> None:
    before = {path: path.read_bytes() for path in music.iterdir()}
    for path in before:
        await tag(daemon, path)
    tagged = {path: path.read_bytes() for path in before}
    assert not any(before[path] == tagged[path] for path in before)
    early = await spectra_beside("undo", "--since", "2100-01-01")
    assert (early.exit_code, "nothing to undo" in early.stderr) == (1, True)

    declined = await spectra_beside("undo", "--since", "1h", answer="n\n")
    assert declined.exit_code == 1
    assert "Undo 3 changes to 3 files?" in declined.stderr
    assert {path: path.read_bytes() for path in before} == tagged

    done = await spectra_beside("undo", "--since", "1h", answer="y\n")
    assert done.exit_code == 0, done.output
    assert done.stdout.splitlines()[-1] == "3 changes undone, 0 not"
    assert {path: path.read_bytes() for path in before} == before


async def test_an_edited_file_is_undone_by_force_only_and_the_others_anyway(
    daemon: Served, music: Path
) -> None:
    for path in music.iterdir():
        await tag(daemon, path)
    edited = music / "ogg.ogg"
    file = mutagen.File(edited)
    file["GENRE"] = "Polka"
    file.save()
    partly = await spectra_beside("undo", "--since", "1h", "--yes")
    assert partly.exit_code == 1
    assert "ogg.ogg: not undone: ogg.ogg: was changed since Spectra wrote it" in partly.stderr
    assert "with force" in partly.stderr
    assert partly.stdout.splitlines()[-1] == "2 changes undone, 1 not"
    forced = await spectra_beside("undo", "--file", edited, "--force", "--json")
    assert forced.exit_code == 0, forced.output
    [outcome] = json.loads(forced.stdout)
    assert (outcome["undone"], outcome["path"]) == (True, str(edited))
    assert mutagen.File(edited)["genre"] == ["Polka"]
    assert mutagen.File(edited)["title"] == ["Track 01"]


async def test_without_a_daemon_a_command_opens_the_state_itself(config: Config, music: Path) -> None:
    path = make(music, "opus")
    before = path.read_bytes()
    async with served(config) as daemon:
        await daemon.learn(music)
        await tag(daemon, path)
    undone = await spectra_beside("undo", "--file", path)
    assert undone.exit_code == 0, undone.output
    assert path.read_bytes() == before


async def test_a_name_that_is_not_utf_8_has_a_history(config: Config, music: Path) -> None:
    made = make(music, "flac")
    path = made.rename(music / os.fsdecode(b"\xff+ %41.flac"))
    async with served(config) as daemon:
        await daemon.learn(music)
        await tag(daemon, path)
        told = await spectra_beside("history", "--json", path)
        assert told.exit_code == 0, told.output
        assert len(json.loads(told.stdout)) == 1


async def test_changes_come_in_pages(daemon: Served, music: Path) -> None:
    numbers = [await tag(daemon, path) for path in sorted(music.iterdir())]
    page = await daemon.local.get("/changes?limit=2")
    assert [each["change_id"] for each in page["changes"]] == [numbers[2], numbers[1]]
    page = await daemon.local.get(f"/changes?limit=2&before={page['next']}")
    assert [each["change_id"] for each in page["changes"]] == [numbers[0]]
    assert page["next"] is None
    assert await daemon.local.get("/changes?file=/elsewhere/one.mp3") == {"changes": [], "next": None}
    assert (await daemon.local.get(f"/changes/{numbers[0]}"))["evidence"] == {"relation": "copy"}


NONSENSE: tuple[tuple[str, str, object, int], ...] = (
    ("GET", "/changes?file=relative.mp3", None, 400),
    ("GET", "/changes?file=/a%00b", None, 400),
    ("GET", "/changes?since=yesterday", None, 400),
    ("GET", "/changes?since=2026-01-31", None, 400),
    ("GET", "/changes?limit=0", None, 400),
    ("GET", "/changes?limit=1001", None, 400),
    ("GET", "/changes?before=-1", None, 400),
    ("GET", "/changes?befor=1", None, 400),
    ("GET", "/changes/x", None, 404),
    ("GET", f"/changes/{10**30}", None, 404),
    ("GET", "/changes/1000", None, 404),
    ("POST", "/changes/1000/undo", {}, 404),
    ("POST", "/changes/1000/undo", {"force": "yes"}, 400),
    ("POST", "/changes/1000/undo", [], 400),
)


async def test_what_makes_no_sense_is_refused_in_a_sentence(config: Config) -> None:
    async with served(config) as daemon:
        for method, path, body, status in NONSENSE:
            async with daemon.http.request(method, path, json=body) as response:
                assert response.status == status, path
                assert (await response.json())["error"].endswith("."), path


def test_a_time_is_an_age_or_a_date() -> None:
    assert parse_since("2h", NOW) == NOW - timedelta(hours=2)
    assert parse_since(" 1w ", NOW) == NOW - timedelta(days=7)
    assert parse_since("2026-01-31T12:00:00+01:00", NOW) == datetime(2026, 1, 31, 11, tzinfo=UTC)
    assert parse_since("2026-01-31 12:00", NOW).tzinfo is not None
    for text in ("", "soon", "h", "0001-01-01 00:00x", "0001-01-01 00:00", "999999w"):
        with pytest.raises(typer.BadParameter):
            parse_since(text, NOW)


def test_exactly_one_thing_is_selected() -> None:
    assert selected(7, None, None) == Selection(change_id=7)
    for choice in ((None, None, None), (7, Path("x"), None), (None, Path("x"), "2h")):
        with pytest.raises(typer.BadParameter):
            selected(*choice)
