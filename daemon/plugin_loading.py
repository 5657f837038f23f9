"""Find the plugins that are installed, and check their sections of the configuration."""

import difflib
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from pydantic import BaseModel, ValidationError

from daemon.config import MASK, Config, OptionValue
from daemon.plugin_errors import PluginUnusable
from plugins.api import Plugin

log = logging.getLogger(__name__)

GROUP = "spectra.plugins"


@dataclass(frozen=True, slots=True)
class Loaded:
    """A plugin with its options, ready to connect."""

    plugin: Plugin[Any]
    options: BaseModel


def installed() -> dict[str, EntryPoint]:
    """Return the entry points by name; none of their code runs."""
    return {each.name: each for each in entry_points(group=GROUP)}


def load(name: str, section: Mapping[str, object]) -> Loaded:
    """Import a plugin and check its options.

    Raises
    ------
    PluginUnusable : the sentence says what to do
    whatever importing it raises
    """
    known = installed()
    if name not in known:
        nearest = difflib.get_close_matches(name, known, n=1)
        hint = f": did you mean [plugins.{nearest[0]}]?" if nearest else ""
        raise PluginUnusable(f"no plugin of this name is installed{hint or ' (' + _listed(known) + ' are)'}")
    plugin = known[name].load()
    if not isinstance(plugin, Plugin):
        raise PluginUnusable(f"its entry point {known[name].value} is no plugins.api.Plugin")
    try:
        return Loaded(plugin, plugin.options.model_validate(dict(section)))
    except ValidationError as error:
        problems = [
            _problem(name, each["loc"], each["type"], each["msg"], plugin.options)
            # Without the values: secrets are among them.
            for each in error.errors(include_input=False, include_url=False)
        ]
        # Not chained: the original shows values.
        raise PluginUnusable("; ".join(problems)) from None


def describe_plugins(config: Config) -> list[OptionValue]:
    """Return the plugins' options; secrets are masked, and everything of one that can't be loaded."""
    return [
        option
        for name, section in config.plugins.items()
        for option in _described(f"plugins.{name}", _options(name, section), section, config.sources)
    ]


def _options(name: str, section: Mapping[str, object]) -> BaseModel | None:
    try:
        return load(name, section).options
    except Exception:
        log.warning("plugin %s can't be loaded; `spectra plugins` says why", name, exc_info=True)
        return None


def _described(
    parent: str, options: BaseModel | None, section: Mapping[str, object], sources: Mapping[str, str]
) -> list[OptionValue]:
    if options is None:
        given = dict.fromkeys(section, (MASK, ""))
    else:
        fields = type(options).model_fields
        # A SecretStr shows itself masked.
        given = {
            option: (str(getattr(options, option)), fields[option].description or "") for option in fields
        }
    return [
        OptionValue(f"{parent}.{option}", value, sources.get(f"{parent}.{option}", "default"), description)
        for option, (value, description) in given.items()
    ]


def _problem(
    name: str, where: tuple[int | str, ...], kind: str, message: str, options: type[BaseModel]
) -> str:
    option = ".".join(["plugins", name, *map(str, where)])
    if kind == "missing":
        return f"{option} is missing in the configuration"
    if kind == "extra_forbidden":
        nearest = difflib.get_close_matches(str(where[-1]), options.model_fields, n=1)
        return f"{option}: no such option" + (f"; did you mean {nearest[0]}?" if nearest else "")
    return f"{option}: {message.removeprefix('Value error, ')}"


def _listed(known: Mapping[str, object]) -> str:
    return ", ".join(sorted(known))
