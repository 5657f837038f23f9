"""Tell which options differ between two configurations. Names only: values may be secrets."""

from collections.abc import Mapping
from operator import attrgetter

from daemon.config import Config, options


def changed_options(former: Config, wanted: Config) -> list[str]:
    """Return the dotted paths of the options whose values differ, those of plugins last."""
    own = [path for path in options() if attrgetter(path)(former) != attrgetter(path)(wanted)]
    plugins = _flat(former.plugins), _flat(wanted.plugins)
    paths = sorted(plugins[0].keys() | plugins[1].keys())
    return own + [path for path in paths if plugins[0].get(path, ...) != plugins[1].get(path, ...)]


def _flat(sections: Mapping[str, object], parent: str = "plugins") -> dict[str, object]:
    """Return what nested sections hold by dotted path; a section itself counts too, for it may be empty."""
    found: dict[str, object] = {}
    for name, value in sections.items():
        path = f"{parent}.{name}"
        if isinstance(value, Mapping):
            found[path] = None
            found |= _flat(value, path)
        else:
            found[path] = value
    return found
