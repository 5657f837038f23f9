"""Whatever stands in the configuration, it loads, or a `ConfigError` says which option is wrong."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from fuzzing import damaged, fuzzed, json_values
from hypothesis import given
from hypothesis import strategies as st

from daemon import config_sources
from daemon.config import Config, describe, load_config, options
from daemon.errors import ConfigError

SAMPLE = (Path(__file__).parents[2] / "config" / "spectra.toml").read_bytes()
NAMES = sorted(options())
LIKELY = [
    "",
    "0",
    "-1",
    "1e9",
    "nan",
    "inf",
    "true",
    "/",
    "/music",
    "~",
    "30/minute",
    "6h",
    "[",
    '["a"]',
    "[::1",
    "::1/0",
    '["/\\ud800"]',
    '["/a\\u0000"]',
]


@pytest.fixture(autouse=True)
def nothing_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let this machine's own configuration and environment be none."""
    for name in os.environ:
        if name.upper().startswith("SPECTRA_") or name == "DB_URL":
            monkeypatch.delenv(name)
    monkeypatch.setattr(config_sources, "SYSTEM_FILE", tmp_path / "none.toml")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("SPECTRA_STATE_DIR", str(tmp_path))
    monkeypatch.chdir(tmp_path)


def problems_of(error: ConfigError) -> str:
    """Return what is said, which a terminal and a log must be able to show."""
    said = str(error)
    assert said.encode(errors="surrogateescape")
    return said


def whole_characters(value: Any) -> Any:
    """Return what a command line or a TOML file can say: no half characters."""
    return json.loads(json.dumps(value, ensure_ascii=False).encode(errors="replace"))


def loaded_or_refused(
    file: Path | None = None, *, overrides: Mapping[str, Any] | None = None
) -> Config | ConfigError:
    try:
        return load_config(file, overrides=overrides)
    except ConfigError as error:
        return error


def check_loads_or_names(name: str, given: Mapping[str, Any]) -> None:
    loaded = loaded_or_refused(overrides=given)
    if isinstance(loaded, ConfigError):
        assert name in problems_of(loaded)
    else:
        assert {each.path for each in describe(loaded)} == set(NAMES)


@fuzzed(300)
@given(name=st.sampled_from(NAMES), value=json_values() | st.sampled_from(LIKELY))
def test_any_value_of_an_option_loads_or_is_refused_by_its_name(name: str, value: Any) -> None:
    check_loads_or_names(name.partition(".")[0], {name: whole_characters(value)})


_VARIABLE = st.text(st.characters(blacklist_characters="\0"), max_size=40) | st.sampled_from(LIKELY)


@fuzzed(200)
@given(
    name=st.sampled_from([*NAMES, "plugins.navidrome", "plugins.navidrome.url", "no.such", "server", ""]),
    text=_VARIABLE | json_values().map(json.dumps),
)
def test_any_variable_loads_or_is_refused_by_its_name(name: str, text: str) -> None:
    variable = "SPECTRA_" + name.upper().replace(".", "__")
    value = os.fsdecode(text.encode(errors="replace"))
    with patch.dict(os.environ, {variable: value}):
        check_loads_or_names(name.partition(".")[0], {})


@fuzzed(100)
@given(text=_VARIABLE)
def test_any_database_address_loads_or_is_refused_without_being_shown(text: str) -> None:
    with patch.dict(os.environ, {"DB_URL": os.fsdecode(text.encode(errors="replace"))}):
        check_loads_or_names("database.url", {})


@fuzzed(150)
@given(st.data())
def test_a_damaged_file_loads_or_is_refused_by_its_name(tmp_path: Path, data: st.DataObject) -> None:
    enabled = SAMPLE.replace(b"\n# ", b"\n")
    file = tmp_path / "damaged.toml"
    file.write_bytes(data.draw(st.composite(damaged)(data.draw(st.sampled_from([SAMPLE, enabled])))))
    loaded = loaded_or_refused(file)
    if isinstance(loaded, ConfigError):
        assert str(file) in problems_of(loaded)


@fuzzed(20)
@given(depth=st.integers(1, 5_000), brackets=st.sampled_from([("[", "]"), ("{a = ", "}")]))
def test_a_file_of_tables_in_tables_is_refused_by_its_name(
    tmp_path: Path, depth: int, brackets: tuple[str, str]
) -> None:
    file = tmp_path / "deep.toml"
    file.write_text("server = " + brackets[0] * depth + "1" + brackets[1] * depth)
    with pytest.raises(ConfigError, match=r"server|deep\.toml"):
        load_config(file)


@pytest.mark.parametrize("text", ['["/\\ud800"]', '["/a", {"\\ud800": 1}]', "[" * 100_000])
def test_a_list_of_what_no_path_can_be_is_refused_by_its_variable(text: str) -> None:
    with patch.dict(os.environ, {"SPECTRA_LIBRARY__ROOTS": text}), pytest.raises(ConfigError) as raised:
        load_config()
    assert "SPECTRA_LIBRARY__ROOTS" in problems_of(raised.value)
