"""The plugin, built and compiled once, in a Navidrome of each test's own, with a daemon to ask."""

import fcntl
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import extism
import pytest
from navidrome_daemon import TOKEN, LookupDaemon, lookup_daemon
from navidrome_functions import Item
from navidrome_host import NavidromeHost, compile_plugin

from plugins.navidrome.wasm import build

Navidrome = Callable[..., NavidromeHost]


@pytest.fixture(scope="session")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """spectra.ndp, as `make navidrome-plugin` builds it."""
    build.CACHE.mkdir(parents=True, exist_ok=True)
    # Test processes start together: one compiles, the others find the result in Go's cache.
    with (build.CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        built = tmp_path_factory.mktemp("navidrome") / "spectra.ndp"
        build.build(built)
    return built


@pytest.fixture(scope="session")
def wasm(package: Path) -> bytes:
    with zipfile.ZipFile(package) as archive:
        return archive.read("plugin.wasm")


@pytest.fixture(scope="session")
def compiled(wasm: bytes) -> extism.extism.CompiledPlugin:
    return compile_plugin(wasm)


@pytest.fixture(scope="session")
def log_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where all plugins of this process log to: the runtime has one log."""
    path = tmp_path_factory.mktemp("log") / "navidrome.log"
    extism.set_log_file(str(path), "debug")
    return path


@pytest.fixture
def daemon() -> Iterator[LookupDaemon]:
    with lookup_daemon() as served:
        yield served


@pytest.fixture
def navidrome(compiled: extism.extism.CompiledPlugin, log_file: Path, daemon: LookupDaemon) -> Navidrome:
    """Make a Navidrome with these items, whose plugin is set up to ask the daemon."""

    def make(*items: Item, **settings: str) -> NavidromeHost:
        usual = {"daemon_url": daemon.url, "token": TOKEN}
        return NavidromeHost(plugin=compiled, items=list(items), settings=usual | settings, log_file=log_file)

    return make
