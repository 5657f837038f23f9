"""Load the configuration: merge its sources, check it, and say what is wrong in the owner's words."""

import difflib
import os
import reprlib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path
from typing import Any, get_args, get_origin

from pydantic import BaseModel, SecretStr, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from daemon.config_options import (
    Config,
    Database,
    Engine,
    Library,
    Logging,
    RateLimits,
    Server,
    Tagging,
    Workers,
    default_state_dir,
)
from daemon.config_sources import (
    CONFIG_PATH,
    Given,
    Layer,
    flatten,
    read_dotenv,
    read_environment,
    read_file,
)
from daemon.errors import ConfigError

__all__ = [
    "Config",
    "Database",
    "Engine",
    "Library",
    "Logging",
    "OptionValue",
    "RateLimits",
    "Server",
    "Tagging",
    "Workers",
    "default_state_dir",
    "describe",
    "load_config",
    "options",
]

MASK = "********"
_PLUGINS = "plugins"
"""The section whose options are declared by plugins."""


@dataclass(frozen=True, slots=True)
class OptionValue:
    """One option as it is in force, for people to read."""

    path: str
    value: str
    source: str
    description: str


def load_config(path: Path | None = None, *, overrides: Mapping[str, object] | None = None) -> Config:
    """Return the configuration, the strongest source of each option winning.

    From strong to weak: `overrides` (the command line; nested or by dotted path, None for "not given"), the
    environment (SPECTRA_SERVER__PORT, DB_URL), `.env` in the working folder, the TOML file, the defaults.
    The file is `path`, else SPECTRA_CONFIG, else $XDG_CONFIG_HOME/spectra/spectra.toml, else
    /etc/spectra/spectra.toml.

    Raises
    ------
    ConfigError
        A source can't be read, an option is unknown, or a value isn't allowed: all problems at once.
    """
    environment = read_environment(Config, _is_list)
    dotenv = read_dotenv(Config, _is_list)
    named = _named_file(path, environment.pop(CONFIG_PATH, None) or dotenv.pop(CONFIG_PATH, None))
    dotenv.pop(CONFIG_PATH, None)
    given = {
        name: value
        for name, value in flatten(overrides or {}, "command line").items()
        if value.value is not None
    }
    merged: Layer = read_file(named) | dotenv | environment | given
    return _checked(merged)


def options() -> dict[str, FieldInfo]:
    """Return every option by its dotted path, in the order of the sections."""
    return dict(_walk(Config))


def describe(config: Config) -> list[OptionValue]:
    """Return every option with its value in force, secrets masked, and where that comes from."""
    return [
        OptionValue(
            path=path,
            value=_masked(attrgetter(path)(config), field),
            source=config.sources.get(path, "default"),
            description=field.description or "",
        )
        for path, field in options().items()
    ]


def _walk(model: type[BaseModel], parent: str = "") -> Iterator[tuple[str, FieldInfo]]:
    for name, field in model.model_fields.items():
        if name == _PLUGINS:
            continue
        section = field.annotation
        if isinstance(section, type) and issubclass(section, BaseModel):
            yield from _walk(section, f"{parent}{name}.")
        else:
            yield f"{parent}{name}", field


def _is_list(path: str) -> bool:
    field = options().get(path)
    if field is None:
        return False
    return _is_of(field, tuple)


def _is_of(field: FieldInfo, kind: type) -> bool:
    """Return whether the field's values, unless None, are of that type."""
    alternatives = (field.annotation, *get_args(field.annotation))
    return any(kind in (alternative, get_origin(alternative)) for alternative in alternatives)


def _named_file(path: Path | None, variable: Given | None) -> Path | None:
    if path is not None:
        return path
    return Path(str(variable.value)).expanduser() if variable is not None else None


def _checked(merged: Layer) -> Config:
    known = options()
    problems = [
        _unknown(name, value.source, known)
        for name, value in merged.items()
        if name not in known and not _is_of_plugin(name)
    ]
    nested: dict[str, Any] = {_PLUGINS: _of_plugins(merged)}
    for name, value in merged.items():
        if name in known:
            section, _, option = name.rpartition(".")
            table = nested.setdefault(section, {}) if section else nested
            table[option] = value.value
    try:
        config = Config(**nested)
    except ValidationError as error:
        problems += [_not_allowed(detail, merged) for detail in error.errors()]
        # Not chained: the original shows values, secrets among them.
        raise ConfigError(tuple(problems)) from None
    if problems:
        raise ConfigError(tuple(problems))
    return config.with_sources({name: value.source for name, value in merged.items()})


def _is_of_plugin(name: str) -> bool:
    return name.startswith(f"{_PLUGINS}.")


def _of_plugins(merged: Layer) -> dict[str, Any]:
    """Return the sections of the plugins by name, as nested as they were given. Raises ConfigError."""
    sections: dict[str, Any] = {}
    for name, value in merged.items():
        if not _is_of_plugin(name):
            continue
        _, *parents, option = name.split(".")
        table = sections
        for parent in parents:
            table = table.setdefault(parent, {})
            if not isinstance(table, dict):
                raise ConfigError(
                    (f"{name}: stands in a section that is also given a value ({value.source})",)
                )
        if parents:
            table[option] = value.value
        elif value.value == {}:  # all defaults
            table.setdefault(option, {})
        else:
            raise ConfigError((f"{name}: is a section, not an option ({value.source})",))
    return sections


def _unknown(name: str, source: str, known: Collection[str]) -> str:
    """Return the sentence for an option that doesn't exist, with the name that was probably meant."""
    if any(option.startswith(f"{name}.") for option in known):
        return f"{name}: is a section, not an option ({source})"
    nearest = difflib.get_close_matches(name, known, n=1)
    if not nearest:
        # The section may be missing or wrong: then the last word tells.
        last_words = {option.rpartition(".")[2]: option for option in known}
        nearest = [
            last_words[word] for word in difflib.get_close_matches(name.rpartition(".")[2], last_words, n=1)
        ]
    hint = f"; did you mean {nearest[0]}?" if nearest else ""
    return f"{name}: no such option{hint} ({source})"


def _not_allowed(detail: ErrorDetails, merged: Layer) -> str:
    """Return the sentence for a value that failed its check: path, value, what is allowed, source."""
    names = [str(part) for part in detail["loc"]]
    name = next((path for length in (2, 1) if (path := ".".join(names[:length])) in merged), ".".join(names))
    allowed = detail["msg"].removeprefix("Value error, ").replace("Input should be", "must be")
    allowed = allowed.replace("a valid tuple", "a list")
    field = options().get(name)
    shown = MASK if field is not None and _is_secret(field) else reprlib.repr(detail["input"])
    source = f" ({merged[name].source})" if name in merged else ""
    return f"{name}: {shown} is not allowed: {allowed}{source}"


def _is_secret(field: FieldInfo) -> bool:
    """Tell whether values are masked wherever people read: in the log, too."""
    return _is_of(field, SecretStr) or not field.repr


def _masked(value: object, field: FieldInfo) -> str:
    return MASK if value and _is_secret(field) else _shown(value)


def _shown(value: object) -> str:
    match value:
        case None:
            return "(none)"
        case SecretStr():
            return MASK
        case bool():
            return str(value).lower()
        case tuple():
            return ", ".join(_shown(part) for part in value) or "(none)"
        case Path():
            # File names need not be UTF-8, terminals are.
            return os.fsencode(value).decode(errors="replace")
        case _:
            return str(value)
