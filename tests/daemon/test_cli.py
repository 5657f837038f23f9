"""The command line, as people and scripts meet it."""

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
from command_line import set_options, spectra
from synth import music as play
from synth import silence, write_audio
from waiting import wait_until

from daemon.cli import cli

REPOSITORY = Path(__file__).resolve().parents[2]
PIECE_S = 20.0
COMMANDS = [
    *("serve", "add", "match", "listen", "explain", "history", "undo", "review", "name", "audit"),
    *("playlists", "sync", "plugins", "status", "doctor", "reindex", "backup", "restore"),
    *("config", "token"),
]


@pytest.fixture(autouse=True)
def settings(tmp_path: Path, conninfo: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """No options but these, which commands and daemons of a test share."""
    set_options(monkeypatch, tmp_path, DB_URL=conninfo, PYTHONPATH=str(REPOSITORY), SPECTRA_SERVER__PORT="0")
    monkeypatch.chdir(tmp_path)


@dataclass(frozen=True, slots=True)
class Running:
    """`spectra serve` as a process of its own."""

    process: subprocess.Popen[bytes]
    output: Path
    log: Path


@contextmanager
def serving(folder: Path, *options: str | Path) -> Iterator[Running]:
    """Run `spectra serve` until the end of the context; yield once its first scan is done."""
    output, log = folder / "out", folder / "err"
    with output.open("wb") as out, log.open("wb") as err:
        process = subprocess.Popen(
            [sys.executable, "-m", "daemon", "serve", *options], stdout=out, stderr=err
        )
    try:
        wait_until(lambda: b"can be matched" in output.read_bytes() or process.poll() is not None)
        assert process.poll() is None, log.read_text()
        yield Running(process, output, log)
    finally:
        process.terminate()
        process.wait(60)


def run(*arguments: str | bytes | Path) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "daemon", *arguments], capture_output=True, check=False, timeout=60
    )


def ended(process: subprocess.Popen[bytes], number: int) -> tuple[int, list[psutil.Process]]:
    """Send a signal; return the exit code, and which processes are left of its family."""
    family = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(number)
    code = process.wait(60)
    _, left = psutil.wait_procs(family, timeout=10)
    return code, left


def test_without_a_daemon_commands_open_the_state_themselves(music: Path, tmp_path: Path) -> None:
    clip = write_audio(tmp_path / "clip.mp3", play(1, PIECE_S)[5 * 8_000 : 13 * 8_000])
    empty = spectra("match", clip)
    assert (empty.exit_code, "the library is empty" in empty.output) == (1, True)

    tags = {"title": "So What", "artist": "Miles Davis"}
    write_audio(music / "piece.flac", play(1, PIECE_S), tags=tags)
    added = spectra("add", music)
    assert (added.exit_code, added.output) == (0, "1 audio file, 1 new, 0 changed, 0 failed\n")

    known = spectra("match", clip)
    assert known.exit_code == 0, known.output
    assert ("So What" in known.output, "Miles Davis" in known.output) == (True, True)
    results = json.loads(spectra("match", "--json", clip).stdout)
    assert [result["song_name"] for result in results] == ["So What"]

    absent = spectra("match", "--json", write_audio(tmp_path / "absent.wav", silence(5)))
    assert (absent.exit_code, json.loads(absent.stdout)) == (1, [])
    assert "nothing in the library explains" in spectra("match", tmp_path / "absent.wav").output
    (tmp_path / "text.mp3").write_text("no music")
    broken = spectra("match", tmp_path / "text.mp3")
    assert (broken.exit_code, "not audio" in broken.stderr) == (2, True)


def test_a_match_waits_for_the_index_that_another_hash_needs(
    music: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_audio(music / "piece.flac", play(1, PIECE_S))
    assert spectra("add", music).exit_code == 0
    monkeypatch.setenv("SPECTRA_ENGINE__HASH", "sha1")
    clip = write_audio(tmp_path / "clip.mp3", play(1, PIECE_S)[5 * 8_000 : 13 * 8_000])
    results = json.loads(spectra("match", "--json", clip).stdout)
    assert [result["song_name"] for result in results] == ["piece.flac"]


def test_adding_says_what_could_not_be_fingerprinted_each_time(music: Path) -> None:
    write_audio(music / "[red]piece.flac", play(1, 5.0))
    broken = music / "broken.mp3"
    broken.write_text("no music")
    for new in (2, 0):
        added = spectra("add", music)
        assert (added.exit_code, added.stdout.split(",")[1]) == (1, f" {new} new")
        assert (
            added.stderr
            == f"{broken}: not audio that can be decoded (Invalid data found when processing input)\n"
        )
    one = spectra("add", "--json", music / "[red]piece.flac")
    assert (one.exit_code, json.loads(one.stdout)["failed"]) == (0, [])
    status = spectra("status")
    assert (status.exit_code, "1 of 2 files indexed" in status.output) == (0, True)
    assert f"  {broken}: not audio" in status.output
    missing = spectra("add", music.parent / "nowhere" / "missing.mp3")
    assert (missing.exit_code, "no such file" in missing.stderr) == (1, True)
    (music / "cover.txt").write_text("no audio by its name")
    for path in (music / "cover.txt", music / "missing.mp3"):
        nothing = spectra("add", path)
        assert (nothing.exit_code, nothing.stderr) == (1, "there is no file with an audio file's name\n")


def test_status_and_reindex_answer_programs(music: Path) -> None:
    write_audio(music / "piece.flac", play(1, PIECE_S))
    assert spectra("add", music).exit_code == 0
    status = json.loads(spectra("status", "--json").stdout)
    assert (status["recordings"]["total"], status["health"]["status"]) == (1, "ok")
    reindexed = spectra("reindex", "--json")
    assert reindexed.exit_code == 0
    assert json.loads(reindexed.stdout)["postings"] == status["index"]["postings"] > 0
    assert spectra("reindex").stdout.startswith("1 recording, ")


def test_a_daemon_serves_commands_and_ends_by_sigterm_leaving_nothing(
    music: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_audio(music / "piece.flac", play(1, PIECE_S), tags={"title": "So What", "artist": "Miles Davis"})
    odd_folder = os.fsencode(tmp_path) + b"/b\xe4d"
    Path(os.fsdecode(odd_folder)).mkdir()
    odd = write_audio(tmp_path / "odd.flac", play(2, PIECE_S)).rename(os.fsdecode(odd_folder + b"/\xff.flac"))
    monkeypatch.delenv("DB_URL")
    # Where the user that runs PostgreSQL, when we are root, can get to; and too long for a socket's name.
    with tempfile.TemporaryDirectory(prefix="spectra-test-") as top:
        Path(top).chmod(0o711)
        state = Path(top) / ("long" * 25)
        state.mkdir(mode=0o711)
        monkeypatch.setenv("SPECTRA_STATE_DIR", str(state))
        with serving(tmp_path, "--music", music) as daemon:
            assert daemon.output.read_text().startswith("Spectra listens on http://127.0.0.1:")
            assert "1 recording from 1 file can be matched, 1 of them" in daemon.output.read_text()
            second = run("serve", "--music", music)
            assert (second.returncode, b"another Spectra uses" in second.stderr) == (2, True)
            assert b"Traceback" not in second.stderr

            added = run("add", odd_folder)
            assert (added.returncode, added.stdout) == (0, b"1 audio file, 1 new, 0 changed, 0 failed\n")
            matched = run("match", "--json", os.fsencode(odd))
            assert matched.returncode == 0, matched.stderr
            assert json.loads(matched.stdout)[0]["song_name"] == "\N{REPLACEMENT CHARACTER}.flac"
            assert run("status").returncode == 0
            assert ended(daemon.process, signal.SIGTERM) == (0, [])
        assert "Traceback" not in daemon.log.read_text()


def test_ctrl_c_ends_a_daemon_without_a_word_too_many(music: Path, tmp_path: Path) -> None:
    with serving(tmp_path, "--music", music, "--music", tmp_path / "not there yet") as daemon:
        assert ended(daemon.process, signal.SIGINT) == (0, [])
        log = daemon.log.read_text()
    assert ("Traceback" in log, "not there yet is not there (yet)" in log) == (False, True)


def test_every_command_explains_itself_with_an_example() -> None:
    whole = spectra("--help").output
    for command in COMMANDS:
        explained = spectra(command, "--help")
        assert (command in whole, explained.exit_code) == (True, 0)
        assert f"spectra {command}" in explained.output.partition("Example:")[2], command
    assert [command.name or command.callback.__name__ for command in cli.registered_commands] == COMMANDS
    assert spectra("--version").output == "0.1.0\n"


def test_options_are_shown_with_their_sources_and_without_secrets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DB_URL", "postgresql://anna:hunter2@db.example/spectra")
    file = tmp_path / "spectra.toml"
    file.write_text("[server]\nmax_upload_mb = 7\n")
    shown = spectra("config", "--config", file)
    options = {
        each["path"]: each for each in json.loads(spectra("config", "--json", "--config", file).stdout)
    }
    assert "hunter2" not in shown.output + str(options)
    assert (options["server.max_upload_mb"]["value"], options["database.url"]["value"]) == ("7", "********")
    assert str(file) in options["server.max_upload_mb"]["source"]
    (line,) = [each for each in shown.output.splitlines() if each.startswith("server.max_upload_mb ")]
    assert ("Largest upload" in line, str(file) in line) == (True, True)


@pytest.mark.parametrize("command", ["serve", "status", "config", "token"])
def test_an_unknown_option_ends_every_command_with_its_name(tmp_path: Path, command: str) -> None:
    file = tmp_path / "spectra.toml"
    file.write_text("[server]\nprot = 9\n")
    result = spectra(command, "--config", file)
    assert (result.exit_code, "server.port" in result.stderr, result.stdout) == (2, True, "")


def test_the_token_is_made_once(tmp_path: Path) -> None:
    first, second = spectra("token"), spectra("token")
    assert (first.exit_code, first.stdout) == (0, second.stdout)
    assert (tmp_path / "state" / "token").read_text().strip() == first.stdout.strip()


def test_a_state_folder_that_cant_be_used_is_said_in_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("SPECTRA_STATE_DIR", str(tmp_path / "file" / "state"))
    for command in ("token", "status"):
        result = spectra(command)
        assert (result.exit_code, str(tmp_path / "file") in result.stderr) == (2, True), result.output


def test_a_missing_clip_is_named(tmp_path: Path) -> None:
    missing = spectra("match", tmp_path / "missing.mp3")
    assert (missing.exit_code, "missing.mp3" in missing.output) == (2, True)
    odd = run("match", b"\xff.mp3")
    assert (odd.returncode, b"Traceback" in odd.stderr) == (2, False)


def test_a_database_that_does_not_answer_is_said_in_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DB_URL", "postgresql://spectra@127.0.0.1:1/spectra")
    result = spectra("status")
    assert (result.exit_code, "PostgreSQL does not answer" in result.stderr) == (2, True)
