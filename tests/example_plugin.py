"""The plugins of `plugins/example`, installed as a package of their own."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

_PACKAGE = Path(__file__).parent / "plugins" / "example"
_MODULES = ("spectra_example", "spectra_rude", "spectra_broken")


@pytest.fixture(scope="session")
def _installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    source, folder = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("installed")
    for file in _PACKAGE.iterdir():
        if file.is_file():
            (source / file.name).write_bytes(file.read_bytes())
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*command, "--target", str(folder), str(source)], check=True)
    return folder


@pytest.fixture
def example_plugins(_installed: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The entry points `example`, `rude`, `broken` and `notaplugin` are there."""
    monkeypatch.syspath_prepend(str(_installed))
    yield
    if "spectra_rude" in sys.modules:
        sys.modules["spectra_rude"].released.set()
    for thread in threading.enumerate():
        if thread.name.startswith("plugin "):
            thread.join(10)
            assert not thread.is_alive()
    for module in _MODULES:
        sys.modules.pop(module, None)
