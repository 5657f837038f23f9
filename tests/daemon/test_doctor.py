"""`spectra doctor` says what is wrong, and what to do."""

import asyncio
import json
from datetime import date
from pathlib import Path

import pytest
from fake_youtube import address, listing, track
from typer.testing import CliRunner, Result
from waiting import served

from daemon import doctor
from daemon.cli import cli
from daemon.config import Config
from daemon.config_options import Library, Playlist
from daemon.doctor import OLD_DAYS, Diagnosis, examine
from daemon.playlist_errors import SourceChanged
from daemon.playlist_rows import Listing

TODAY = date(2026, 9, 1)


async def diagnosed(
    config: Config, *, url: str | None = None, today: date = TODAY, says: Listing | Exception | None = None
) -> dict[str, Diagnosis]:
    """Return what is found, by subject; a playlist is what `says` is."""

    async def read(_: str) -> Listing:
        if isinstance(says, Listing):
            return says
        raise says or AssertionError("nobody outside may be asked")

    return {each.subject: each async for each in examine(config, read, url=url, today=today)}


async def test_a_machine_that_is_well_has_a_sentence_for_each_part(config: Config) -> None:
    found = await diagnosed(config)
    assert list(found) == [
        *("versions", "state folder", "music", "yt-dlp", "ytmusicapi", "JavaScript runtime"),
    ]
    assert all(each.is_ok for each in found.values())
    assert found["JavaScript runtime"].sentence.startswith("deno ")


async def test_a_music_folder_that_is_away_is_told(config: Config, music: Path) -> None:
    music.rmdir()
    found = (await diagnosed(config))["music"]
    assert not found.is_ok
    assert "is it mounted?" in found.sentence


async def test_no_music_folder_at_all_is_told(config: Config) -> None:
    found = await diagnosed(config.model_copy(update={"library": Library()}))
    assert "library.roots" in found["music"].sentence
    assert found["music"].is_ok


@pytest.mark.parametrize(
    ("denied", "subject", "sentence"),
    [
        ("music", "music", "can be read, and not written"),
        ("state", "state folder", "can't be written: run as its owner"),
    ],
)
async def test_a_folder_of_somebody_else_is_told(
    config: Config, denied: str, subject: str, sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    config.state_dir.mkdir(exist_ok=True)
    # Root may write everywhere.
    monkeypatch.setattr(
        doctor.os, "access", lambda path, mode: not (path.name == denied and mode & doctor.os.W_OK)
    )
    found = (await diagnosed(config))[subject]
    assert not found.is_ok
    assert sentence in found.sentence


async def test_an_old_yt_dlp_is_trouble_where_it_is_used(config: Config) -> None:
    later = date(TODAY.year + 1, 9, 1)
    assert (await diagnosed(config, today=later))["yt-dlp"].is_ok
    url = address("a")
    for using in (config, config.model_copy(update={"playlists": (Playlist(url=url),)})):
        given = url if using is config else None
        found = (await diagnosed(using, url=given, today=later, says=listing(track(1))))["yt-dlp"]
        assert not found.is_ok
        assert "pip install --upgrade" in found.sentence
    assert OLD_DAYS < 365


async def test_a_missing_runtime_is_trouble_where_it_is_used(
    config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor.sysconfig, "get_path", lambda _: str(tmp_path))
    assert (await diagnosed(config))["JavaScript runtime"].is_ok
    found = await diagnosed(config, url=address("a"), says=listing(track(1)))
    assert "deno does not run" in found["JavaScript runtime"].sentence
    assert not found["JavaScript runtime"].is_ok


async def test_a_playlist_is_read_as_a_trial(config: Config) -> None:
    found = await diagnosed(config, url=address("a"), says=listing(track(1), track(2)))
    assert found["playlist"] == Diagnosis(
        "playlist", is_ok=True, sentence="'A List' has 2 tracks, 2 of them playable"
    )


async def test_a_trial_that_fails_says_why(config: Config) -> None:
    found = (await diagnosed(config, url=address("a"), says=SourceChanged("no contents")))["playlist"]
    assert not found.is_ok
    assert "is not understood (no contents): update" in found.sentence


async def test_a_trial_that_stumbles_is_told_too(config: Config) -> None:
    found = (await diagnosed(config, url=address("a"), says=ZeroDivisionError("odd")))["playlist"]
    assert not found.is_ok
    assert "ZeroDivisionError: odd; try pip install --upgrade" in found.sentence


@pytest.fixture
def _environment(tmp_path: Path, conninfo: str, music: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given = {
        "COLUMNS": "200",
        "DB_URL": conninfo,
        "SPECTRA_STATE_DIR": str(tmp_path / "state"),
        "SPECTRA_LIBRARY__ROOTS": str(music),
    }
    for name, value in given.items():
        monkeypatch.setenv(name, value)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["doctor", *arguments])


@pytest.mark.usefixtures("_environment")
def test_the_command_changes_nothing_and_starts_nothing(tmp_path: Path) -> None:
    result = run()
    assert "ok  daemon: it does not run" in result.stdout
    assert not (tmp_path / "state").exists()


@pytest.mark.usefixtures("_environment")
def test_the_command_refuses_other_addresses() -> None:
    assert run("https://example.org/playlist?list=PL1").exit_code == 2


@pytest.mark.usefixtures("_environment")
async def test_a_running_daemon_is_asked(config: Config) -> None:
    async with served(config.model_copy(update={"plugins": {"nobody": {}}}), watch=True):
        # In a thread: the daemon lives in this event loop.
        result = await asyncio.to_thread(run, "--json")
    found = {each["subject"]: each for each in json.loads(result.stdout)}
    assert found["database"]["is_ok"]
    assert found["nobody"]["sentence"].startswith("no plugin of this name is installed")
    assert (found["nobody"]["is_ok"], result.exit_code) == (False, 1)
