"""`spectra review` and `spectra name`, as people and scripts meet them."""

import json
from pathlib import Path

import pytest
import synth
from command_line import set_options, spectra
from identifying import NOTHING, ONE, names, piece, said


@pytest.fixture
def library(tmp_path: Path, music: Path, conninfo: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A state that has seen a named piece, two copies of it without names, and something else."""
    set_options(monkeypatch, tmp_path, DB_URL=conninfo, SPECTRA_TAGGING__QUIET_S="0")
    synth.write_audio(music / "one.flac", piece(1), tags=ONE)
    synth.write_audio(music / "a [1].mp3", piece(1))
    synth.write_audio(music / "b.opus", piece(1))
    synth.write_audio(music / "other.mp3", piece(2))
    return music


def waiting() -> dict[str, int]:
    """Return the numbers of the files that wait, by name."""
    listed = json.loads(spectra("review", "--json").stdout)
    return {Path(each["path"]).name: each["file_id"] for each in listed}


def test_what_waits_is_listed_rejected_and_accepted(library: Path) -> None:
    assert (spectra("review").exit_code, spectra("review").stdout) == (1, "Nothing waits for you.\n")
    assert spectra("add", library).exit_code == 0
    numbers = waiting()
    assert set(numbers) == {"a [1].mp3", "b.opus"}
    listed = spectra("review")
    assert (listed.exit_code, listed.stdout.count("So What")) == (0, 2)
    assert "a [1].mp3" in listed.stdout
    assert "accept --all` tags the 2 identified" in listed.stdout

    assert spectra("review", "reject", str(numbers["b.opus"])).exit_code == 0
    accepted = spectra("review", "accept", str(numbers["a [1].mp3"]))
    assert (accepted.exit_code, "tagged" in accepted.stdout) == (0, True), accepted.output
    assert (said(library / "a [1].mp3"), said(library / "b.opus")) == (names(ONE), NOTHING)
    assert waiting() == {}
    again = spectra("review", "accept", str(numbers["b.opus"]))
    assert (again.exit_code, "Nothing is proposed" in again.stderr) == (1, True)
    back = spectra("review", "reconsider", str(numbers["b.opus"]))
    assert (back.exit_code, "rejected were So What - Miles Davis" in back.stdout) == (0, True), back.output
    assert set(waiting()) == {"b.opus"}


def test_one_command_accepts_all_and_says_what_could_not_be_written(library: Path, tmp_path: Path) -> None:
    (tmp_path / "twin.opus").hardlink_to(library / "b.opus")
    assert spectra("add", library).exit_code == 0
    assert len(waiting()) == 2
    accepted = spectra("review", "accept", "--all", "--above", "0.4")
    assert (accepted.exit_code, accepted.stdout) == (1, "1 file tagged\n")
    assert "b.opus" in accepted.stderr
    assert (said(library / "a [1].mp3"), said(library / "b.opus")) == (names(ONE), NOTHING)


def test_a_file_is_named_by_its_path_or_number(library: Path) -> None:
    assert spectra("add", library).exit_code == 0
    other = library / "other.mp3"
    named = spectra("name", other, "--title", "Naima", "--artist", "John Coltrane", "--track", "6")
    assert (named.exit_code, said(other)[:2]) == (0, ("Naima", "John Coltrane")), named.output
    again = spectra("name", other, "--title", "Naima", "--artist", "John Coltrane", "--json")
    assert json.loads(again.stdout)["change"] is None
    number = json.loads(again.stdout)["file_id"]
    renamed = spectra("name", str(number), "--title", "Naima", "--artist", "Coltrane")
    assert (renamed.exit_code, said(other)[1]) == (0, "Coltrane")
    unknown = spectra("name", library / "nothing.mp3", "--title", "A", "--artist", "B")
    assert (unknown.exit_code, "not in the library" in unknown.stderr) == (1, True)


@pytest.mark.parametrize(
    "arguments",
    [
        ("shuffle",), ("list", "1"), ("accept",), ("accept", "1", "--all"), ("reject",),
        ("reject", "--all"), ("reconsider",), ("reconsider", "1", "--candidate", "3"),
        ("doubtful", "1"), ("doubtful", "--all"), ("undo",), ("undo", "1", "--all"),
        ("undo", "1", "--candidate", "3"),
        ("accept", "1", "2", "--candidate", "3"), ("accept", "--all", "--above", "2"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused_before_anything_is_done(arguments: tuple[str, ...]) -> None:
    assert spectra("review", *arguments).exit_code == 2
