"""Read options from where they may be given: the environment, `.env`, a TOML file."""

import json
import os
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from pydantic_settings import BaseSettings, DotEnvSettingsSource, EnvSettingsSource

from daemon.errors import ConfigError

PREFIX = "spectra_"
"""Of every variable, in any case; `__` parts section from option."""
CONFIG_PATH = "config"
"""SPECTRA_CONFIG names the file: in variables only, not an option."""
DOTENV = Path(".env")
FILE_NAME = "spectra.toml"
SYSTEM_FILE = Path("/etc/spectra") / FILE_NAME


@dataclass(frozen=True, slots=True)
class Given:
    """A value as its source states it, not yet checked, with the source for messages."""

    value: object = field(repr=False)
    source: str


Layer: TypeAlias = dict[str, Given]
"""Values by dotted path ("server.port")."""


def flatten(nested: Mapping[str, object], source: str, parents: tuple[str, ...] = ()) -> Layer:
    """Return what nested tables hold, by dotted path."""
    layer: Layer = {}
    for key, value in nested.items():
        path = (*parents, key)
        if isinstance(value, Mapping) and (value or not _is_plugin(path)):
            layer |= flatten(value, source, path)
        else:
            layer[".".join(path)] = Given(value, source)
    return layer


def _is_plugin(path: tuple[str, ...]) -> bool:
    """Tell whether this is a plugin's section: even an empty one turns it on."""
    return len(path) == 2 and path[0] == "plugins"


def read_environment(settings: type[BaseSettings], is_list: Callable[[str], bool]) -> Layer:
    """Return the options among the environment's variables. Empty ones count as not set."""
    variables = EnvSettingsSource(settings, env_ignore_empty=True).env_vars
    return _from_variables(variables, "environment", is_list)


def read_dotenv(settings: type[BaseSettings], is_list: Callable[[str], bool]) -> Layer:
    """Return the options in the working folder's `.env`, nothing when there is none."""
    try:
        variables = DotEnvSettingsSource(settings, env_file=DOTENV, env_ignore_empty=True).env_vars
    except (OSError, UnicodeError) as error:
        raise ConfigError((f"{DOTENV.absolute()}: can't be read ({error})",)) from error
    return _from_variables(variables, str(DOTENV), is_list)


def read_file(path: Path | None) -> Layer:
    """Return the options in this TOML file, or in the first usual one that exists."""
    if path is not None:
        layer = _read_toml(path)
        if layer is None:
            raise ConfigError((f"{path}: there is no such configuration file",))
        return layer
    users = user_folder("XDG_CONFIG_HOME", ".config")
    usual = [users / FILE_NAME] if users is not None else []
    for candidate in (*usual, SYSTEM_FILE):
        layer = _read_toml(candidate)
        if layer is not None:
            return layer
    return {}


def user_folder(variable: str, below_home: str) -> Path | None:
    """Return Spectra's folder in one of the user's base folders (XDG Base Directory Specification).

    None when the user has no home folder.
    """
    base = Path(os.environ.get(variable, ""))
    # The specification: a relative path is invalid and ignored.
    if base.is_absolute():
        return base / "spectra"
    try:
        return Path.home() / below_home / "spectra"
    except RuntimeError:
        return None


def _read_toml(path: Path) -> Layer | None:
    try:
        with path.open("rb") as file:
            return flatten(tomllib.load(file), str(path))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise ConfigError((f"{path}: can't be read ({error.strerror})",)) from error
    except (tomllib.TOMLDecodeError, UnicodeError, RecursionError) as error:
        raise ConfigError((f"{path}: is not valid TOML ({error})",)) from error


def _from_variables(
    variables: Mapping[str, str | None], source: str, is_list: Callable[[str], bool]
) -> Layer:
    layer: Layer = {}
    if url := variables.get("db_url"):
        layer["database.url"] = Given(url, f"{source}: DB_URL")
    for name, text in variables.items():
        if not name.startswith(PREFIX) or not text:
            continue
        path = name.removeprefix(PREFIX).replace("__", ".")
        value = _listed(text) if is_list(path) else text
        layer[path] = Given(value, f"{source}: {name.upper()}")
    return layer


def _listed(text: str) -> object:
    """Return a variable's list: separated by commas, or JSON for values that contain some."""
    if text.lstrip().startswith("["):
        try:
            values = json.loads(text)
            # Half characters, which only JSON's escapes can give, are in no path and can't be shown.
            json.dumps(values, ensure_ascii=False).encode(errors="surrogateescape")
        except (ValueError, RecursionError):
            # Kept as it is: the check refuses it and names the variable.
            return text
        return values
    return [part.strip() for part in text.split(",") if part.strip()]
