"""Imports go one way: engine <- daemon -> plugins.api <- plugins.*."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
NOT_FOR_THE_ENGINE = {"asyncio", "psycopg", "psycopg_pool", "aiohttp", "time", "random", "procrastinate"}
"""No clock, no chance, no waiting, no SQL, no HTTP."""
MODULES = [
    path.relative_to(ROOT)
    for package in ("engine", "daemon", "plugins")
    for path in (ROOT / package).rglob("*.py")
]


def imported(source: str, module: Path) -> Iterator[str]:
    """Yield the full names of what a module imports, also inside functions; `from a import b` is a.b."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            package = module.parts[: -node.level] if node.level else ()
            origin = ".".join([*package, *([node.module] if node.module else [])])
            yield from (f"{origin}.{alias.name}" for alias in node.names)


def is_of(name: str, package: str) -> bool:
    return name == package or name.startswith(f"{package}.")


def forbidden(module: Path, name: str) -> bool:
    """Tell whether this module must not import that."""
    layer = module.parts[0]
    if layer == "engine":
        return name.partition(".")[0] in {"daemon", "plugins", *NOT_FOR_THE_ENGINE}
    if layer == "plugins":
        if is_of(name, "plugins"):
            own_package = ".".join(module.parts[:2])
            return not (is_of(name, "plugins.api") or (len(module.parts) > 2 and is_of(name, own_package)))
        return is_of(name, "daemon") or is_of(name, "engine")
    if is_of(name, "plugins"):
        return not is_of(name, "plugins.api") and module != Path("daemon/plugin_host.py")
    return False


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_a_module_imports_only_what_its_layer_may(module):
    wrong = [name for name in imported((ROOT / module).read_text(), module) if forbidden(module, name)]
    assert not wrong, f"{module} must not import {', '.join(wrong)}"


@pytest.mark.parametrize(
    ("module", "heavy"),
    [
        pytest.param("daemon.__main__", {"rich", "typer"}, id="what workers begin with"),
        pytest.param(
            "daemon.cli",
            {"aiohttp", "av", "mutagen", "numpy", "procrastinate", "psycopg", "pydantic", "scipy", "yt_dlp"},
            id="help",
        ),
    ],
)
def test_what_is_heavy_is_not_imported_for(module, heavy):
    asking = f"import sys, {module}; print(*{{name.partition('.')[0] for name in sys.modules}})"
    said = subprocess.run(
        [sys.executable, "-c", asking], cwd=ROOT, capture_output=True, check=True, text=True
    )
    found = set(said.stdout.split())
    assert "daemon" in found
    assert not heavy & found


def test_all_three_layers_are_looked_at():
    assert {module.parts[0] for module in MODULES} == {"engine", "daemon", "plugins"}


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("engine/a.py", "import daemon.config"),
        ("engine/a.py", "from plugins import api"),
        ("engine/a.py", "def f():\n    import asyncio"),
        ("engine/a.py", "from time import monotonic"),
        ("engine/a.py", "from ..daemon import config"),
        ("plugins/jellyfin/a.py", "from daemon.errors import DaemonError"),
        ("plugins/jellyfin/a.py", "from engine.model import Match"),
        ("plugins/jellyfin/a.py", "import plugins.navidrome"),
        ("plugins/api.py", "import plugins.jellyfin"),
        ("daemon/a.py", "from plugins.jellyfin import Plugin"),
        ("daemon/a.py", "from plugins import jellyfin"),
    ],
)
def test_a_wrong_import_is_noticed(module, source):
    assert any(forbidden(Path(module), name) for name in imported(source, Path(module)))


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("engine/a.py", "import numpy\nfrom engine.model import Match"),
        (
            "plugins/jellyfin/a.py",
            "from plugins.api import Plugin\nfrom plugins.jellyfin import client\nimport time",
        ),
        ("plugins/jellyfin/a.py", "from plugins import api\nfrom .client import Client"),
        ("daemon/a.py", "import asyncio\nfrom engine.model import Match\nfrom plugins.api import Plugin"),
        ("daemon/plugin_host.py", "import plugins.jellyfin"),
    ],
)
def test_a_right_import_is_allowed(module, source):
    assert not any(forbidden(Path(module), name) for name in imported(source, Path(module)))
