"""`spectra doctor` says what is wrong, and what to do."""

import asyncio
import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from fake_youtube import address, listing, track
from typer.testing import CliRunner, Result
from waiting import served

from daemon.cli import cli
from daemon.config import Config
from daemon.config_options import Library, Playlist
from daemon.doctor import Diagnosis, examine
from daemon.doctor_diagnosis import looked, well
from daemon.playlist_errors import SourceChanged
from daemon.playlist_rows import Listing

NOW = datetime(2026, 9, 1, tzinfo=UTC)


async def diagnosed(
    config: Config,
    *,
    url: str | None = None,
    now: datetime | None = None,
    says: Listing | Exception | None = None,
) -> dict[str, Diagnosis]:
    """Return what is found, by subject; a playlist is what `says` is."""

    async def read(_: str) -> Listing:
        if isinstance(says, Listing):
            return says
        raise says or AssertionError("nobody outside may be asked")

    found = examine(config, read, url=url, now=now or datetime.now(UTC))
    return {each.subject: each async for each in found}


@pytest.fixture
def _some_music(music: Path) -> None:
    (music / "a.mp3").write_bytes(b"x" * 1_000)


@pytest.mark.usefixtures("_some_music")
async def test_a_machine_that_is_well_has_a_sentence_for_each_part(config: Config) -> None:
    found = await diagnosed(config)
    assert list(found) == [
        *("versions", "configuration", "state folder", "secrets", "disk", "music"),
        *("inotify", "open files", "memory", "clock", "decoders", "numba's cache", "microphone"),
        *("yt-dlp", "ytmusicapi", "JavaScript runtime", "PostgreSQL", "daemon", *_service(found)),
    ]
    # How old yt-dlp is, and what is free, is of the machine that tests.
    assert [each for each in found.values() if not each.is_ok and each.subject != "memory"] == []


def _service(found: dict[str, Diagnosis]) -> list[str]:
    """Return the subject that only machines with systemd have."""
    return ["service"] if "service" in found else []


async def test_no_music_folder_at_all_is_told(config: Config) -> None:
    found = await diagnosed(config.model_copy(update={"library": Library()}))
    assert "library.roots" in found["music"].sentence
    assert found["music"].is_ok


async def test_an_old_yt_dlp_is_trouble_where_it_is_used(config: Config) -> None:
    later = NOW.replace(year=NOW.year + 2)
    assert (await diagnosed(config, now=later))["yt-dlp"].is_ok
    url = address("a")
    for using in (config, config.model_copy(update={"playlists": (Playlist(url=url),)})):
        given = url if using is config else None
        found = (await diagnosed(using, url=given, now=later, says=listing(track(1))))["yt-dlp"]
        assert not found.is_ok
        assert "pip install --upgrade" in found.sentence


async def test_a_playlist_is_read_as_a_trial(config: Config) -> None:
    found = await diagnosed(config, url=address("a"), says=listing(track(1), track(2)))
    assert found["playlist"] == well("playlist", "'A List' has 2 tracks, 2 of them playable")


async def test_a_trial_that_fails_says_why(config: Config) -> None:
    found = (await diagnosed(config, url=address("a"), says=SourceChanged("no contents")))["playlist"]
    assert not found.is_ok
    assert "is not understood (no contents): update" in found.sentence


async def test_a_trial_that_stumbles_is_told_too(config: Config) -> None:
    found = (await diagnosed(config, url=address("a"), says=ZeroDivisionError("odd")))["playlist"]
    assert not found.is_ok
    assert "ZeroDivisionError: odd; try " in found.sentence
    assert "pip install --upgrade" in found.sentence


async def test_a_look_that_hangs_is_told_after_what_was_found_before() -> None:
    let_go = threading.Event()

    def hang() -> Iterator[Diagnosis]:
        yield well("disk", "begun")
        let_go.wait(60)

    try:
        first, second = await looked("disk", hang, within_s=0.1)
        # Ending the program does not wait for it.
        assert all(each.daemon for each in threading.enumerate() if each.name == "look at disk")
    finally:
        let_go.set()
    assert first == well("disk", "begun")
    assert (second.is_ok, "no answer" in second.sentence) == (False, True)


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (OSError(5, "Input/output error"), "Input/output error"),
        (SourceChanged("x"), "is not understood"),
        (KeyError("odd"), "can't be looked at (KeyError: 'odd')"),
    ],
)
async def test_a_look_that_stumbles_is_told(error: Exception, sentence: str) -> None:
    def stumble() -> Iterator[Diagnosis]:
        yield well("disk", "begun")
        raise error

    first, second = await looked("disk", stumble)
    assert first.sentence == "begun"
    assert (second.is_ok, sentence in second.sentence) == (False, True)


@pytest.fixture
def _environment(tmp_path: Path, conninfo: str, music: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given = {
        "COLUMNS": "200",
        "DB_URL": conninfo,
        "SPECTRA_STATE_DIR": str(tmp_path / "state"),
        "SPECTRA_LIBRARY__ROOTS": str(music),
        "SPECTRA_SERVER__PORT": "0",
    }
    for name, value in given.items():
        monkeypatch.setenv(name, value)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["doctor", *arguments])


@pytest.mark.usefixtures("_environment", "_some_music")
def test_the_command_changes_nothing_starts_nothing_and_sums_up(tmp_path: Path) -> None:
    result = run()
    assert "ok  daemon: it does not run" in result.stdout
    assert not (tmp_path / "state").exists()
    assert (result.exit_code, "All well: " in result.stdout.splitlines()[-1]) == (0, True), result.stdout


@pytest.mark.usefixtures("_environment")
def test_the_command_names_at_the_end_what_is_to_be_mended() -> None:
    result = run()  # the music folder is empty
    assert result.exit_code == 1
    assert result.stdout.splitlines()[-1].endswith("are to be mended: music.")


@pytest.mark.usefixtures("_environment")
def test_the_command_refuses_other_addresses() -> None:
    assert run("https://example.org/playlist?list=PL1").exit_code == 2


@pytest.mark.usefixtures("_environment", "_some_music")
async def test_a_running_daemon_is_asked(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPECTRA_PLUGINS__NOBODY__X", "1")
    async with served(config.model_copy(update={"plugins": {"nobody": {}}}), watch=True):
        # In a thread: the daemon lives in this event loop.
        result = await asyncio.to_thread(run, "--json")
    found = {each["subject"]: each for each in json.loads(result.stdout)}
    assert "runs, and is well: database, " in found["daemon"]["sentence"]
    assert found["nobody"]["sentence"].startswith("no plugin of this name is installed")
    assert (found["nobody"]["is_ok"], result.exit_code) == (False, 1)
