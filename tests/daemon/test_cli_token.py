"""`spectra token`: the owner's, and those of programs."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from daemon.cli import cli
from daemon.scopes import Scope
from daemon.tokens import digest_of, read_tokens


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("SPECTRA_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "no-options"))
    return tmp_path / "state"


def _token(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["token", *arguments])


def test_a_program_gets_a_token_that_is_shown_once(state: Path) -> None:
    added = _token("add", "Navidrome on nas", "--scope", "match")
    assert added.exit_code == 0
    (kept,) = read_tokens(state)
    assert (kept.name, kept.scope) == ("Navidrome on nas", Scope.MATCH)
    assert digest_of(added.stdout.strip()) == kept.digest
    assert "only time" in added.stderr
    listed = _token("list")
    assert "Navidrome on nas" in listed.stdout
    assert "ask what something is" in listed.stdout
    assert added.stdout.strip() not in listed.output
    assert json.loads(_token("list", "--json").stdout) == [
        {"name": "Navidrome on nas", "scope": "match", "created": kept.created.isoformat()}
    ]


def test_a_removed_token_is_gone(state: Path) -> None:
    _token("add", "phone", "--scope", "read")
    assert _token("remove", "phone").exit_code == 0
    assert read_tokens(state) == ()
    again = _token("remove", "phone")
    assert (again.exit_code, "no token 'phone'" in again.stderr) == (2, True)


def test_rotation_shows_the_new_token_and_who_needs_it() -> None:
    first, rotated = _token(), _token("rotate")
    assert _token("show").stdout == rotated.stdout != first.stdout
    for word in ("browser", "Navidrome", "Jellyfin"):
        assert word in rotated.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["add", "x"],
        ["add", "x", "--scope", "all"],
        ["add", "--scope", "read"],
        ["remove"],
        ["list", "x"],
        ["rotate", "x"],
        ["--scope", "read"],
        ["rotate", "--scope", "read"],
        ["revoke"],
    ],
)
def test_what_makes_no_sense_changes_nothing(state: Path, arguments: list[str]) -> None:
    refused = _token(*arguments)
    assert refused.exit_code == 2
    assert "Invalid value" in refused.stderr
    assert not state.exists()
