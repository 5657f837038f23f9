"""`spectra audit`, as people and scripts meet it."""

import json
from pathlib import Path

import pytest
import synth
from command_line import set_options, spectra
from identifying import ONE, TWO, piece

from daemon import audit_run
from engine.errors import IndexDamaged


@pytest.fixture
def library(tmp_path: Path, music: Path, conninfo: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A state that has seen one named piece."""
    set_options(monkeypatch, tmp_path, DB_URL=conninfo)
    synth.write_audio(music / "one.flac", piece(1), tags=ONE)
    assert spectra("add", music).exit_code == 0
    return music


def test_a_library_in_which_all_is_well_exits_with_zero(library: Path) -> None:
    result = spectra("audit")
    assert (result.exit_code, result.stdout) == (
        0,
        "1 file, 1 recording: 0 sounds with several names, 0 groups of duplicates, 0 broken files\n",
    )


def test_what_is_found_is_told_by_kind(library: Path) -> None:
    synth.write_audio(library / "b [naima].mp3", piece(1), tags=TWO)
    (library / "notes.mp3").write_text("no music")
    spectra("add", library)
    result = spectra("audit")
    assert result.exit_code == 1, result.output
    text = result.stdout
    assert text.index("One sound, several names") < text.index("There several times") < text.index("Silent")
    lines = [line.split("  ") for line in text.splitlines()]
    told = {line[0].rpartition("/")[2]: [each.strip() for each in line if each] for line in lines}
    assert told["notes.mp3"][1:] == ["failed", told["notes.mp3"][2]]
    assert "not audio" in told["notes.mp3"][2]
    named, copy = (line for line in text.splitlines() if "copy of one.flac" in line)
    assert "Naima    John Coltrane  tagged file" in named
    assert ("b [naima].mp3" in copy, copy.split()[-5:-2]) == (True, ["mp3", "64", "8"])
    assert "0:25" in copy
    assert "1 sound with several names, 1 group of duplicates, 1 broken file" in text

    only = spectra("audit", "--kind", "broken")
    assert (only.exit_code, "notes.mp3" in only.stdout, "Naima" in only.stdout) == (1, True, False)
    answer = json.loads(spectra("audit", "--json", "--fresh", "--kind", "duplicates").stdout)
    assert [each["kind"] for each in answer["findings"]] == ["duplicates"]
    assert answer["report"]["counts"] == {"mislabelled": 1, "duplicates": 1, "broken": 1}


def test_a_kind_without_findings_exits_with_zero(library: Path) -> None:
    (library / "notes.mp3").write_text("no music")
    spectra("add", library)
    assert spectra("audit", "--kind", "duplicates").exit_code == 0


def test_an_audit_that_fails_says_why(library: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(*_: object) -> None:
        raise IndexDamaged("segment", "is torn")

    monkeypatch.setattr(audit_run.AuditRun, "work", fail)
    result = spectra("audit")
    assert result.exit_code == 2
    assert "without a report (index file segment: is torn)" in result.stderr


def test_an_unknown_kind_is_refused() -> None:
    assert spectra("audit", "--kind", "ugly").exit_code == 2
