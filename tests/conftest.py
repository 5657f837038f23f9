"""What tests share: a real PostgreSQL with a fresh database each, and a configuration that uses it."""

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from itertools import count
from pathlib import Path

import psycopg
import pytest
from blockbuster import BlockingError, blockbuster_ctx
from fake_youtube import Clock, FakeYouTube, install, stop_clock
from psycopg import sql
from psycopg.conninfo import make_conninfo

from daemon import postgres_process
from daemon.config import Config, load_config
from daemon.db import migrate
from daemon.embedded_postgres import EmbeddedPostgres
from daemon.errors import DaemonError
from daemon.services import Services, open_services

TEMPLATE = "spectra_template"
_numbers = count()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--strict-skips", action="store_true", help="A skipped test is a failure (CI).")


def pytest_terminal_summary(terminalreporter, exitstatus, config) -> None:  # type: ignore[no-untyped-def]
    skipped = terminalreporter.stats.get("skipped", [])
    if config.getoption("--strict-skips") and skipped:
        terminalreporter.write_line(f"{len(skipped)} skipped tests count as failures here", red=True)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if session.config.getoption("--strict-skips") and reporter and reporter.stats.get("skipped"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """A PostgreSQL for this test process; yields how to connect to it."""
    # Not below pytest's own folder: that is closed to the user PostgreSQL runs as when we are root.
    with tempfile.TemporaryDirectory(prefix="spectra-test-") as folder:
        Path(folder).chmod(0o711)
        server = EmbeddedPostgres(Path(folder) / "postgres")
        with pytest.MonkeyPatch.context() as patch:
            # Nothing of it outlives the tests, and a database is made and dropped sooner.
            patch.setitem(postgres_process.SETTINGS, "fsync", "off")
            conninfo = asyncio.run(server.start())
        try:
            _execute(conninfo, "CREATE DATABASE {}", TEMPLATE)
            asyncio.run(migrate(make_conninfo(conninfo, dbname=TEMPLATE)))
            yield conninfo
        finally:
            asyncio.run(server.stop())


@pytest.fixture
def conninfo(postgres_server: str) -> Iterator[str]:
    """A fresh database of the current schema."""
    name = f"spectra_test_{next(_numbers)}"
    # Nothing is synced here, so that copying files is quicker than writing their blocks to the log.
    _execute(postgres_server, "CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY", name, TEMPLATE)
    yield make_conninfo(postgres_server, dbname=name)
    _execute(postgres_server, "DROP DATABASE {} WITH (FORCE)", name)


@pytest.fixture
def music(tmp_path: Path) -> Path:
    """An empty music folder."""
    folder = tmp_path / "music"
    folder.mkdir()
    return folder


@pytest.fixture
def config(tmp_path: Path, music: Path, conninfo: str) -> Config:
    """A small, quick configuration: one worker of each kind, the test's database, the test's music folder."""
    return load_config(
        overrides={
            "state_dir": str(tmp_path / "state"),
            "database.url": conninfo,
            "library.roots": [str(music)],
            "library.quiet_s": 0.1,
            "workers.ingest": 1,
            "workers.match": 1,
            "server.port": 0,
            "youtube.pause_s": 0.0,
            "rate_limits.match": "10000/minute",
            "rate_limits.task_status": "100000/minute",
            "rate_limits.default": "100000/minute",
        }
    )


@pytest.fixture
def unblocked(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """The event loop must not wait for the disk or for another process."""
    with blockbuster_ctx(["daemon", "engine"]):
        yield
    # Loops that go on after any error have logged it.
    blocked = [record for record in caplog.get_records("call") if record.exc_info]
    assert not [each for each in blocked if each.exc_info and isinstance(each.exc_info[1], BlockingError)]


@pytest.fixture
async def services(config: Config, unblocked: None) -> AsyncIterator[Services]:
    """All services on the test's database and folders, without a watcher."""
    async with open_services(config, must_not_stop, watch=False) as opened:
        yield opened


def must_not_stop(reason: DaemonError) -> None:
    """Fail: the services say that they can't go on."""
    raise AssertionError(reason)


def _execute(conninfo: str, statement: str, *names: str) -> None:
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))  # type: ignore[arg-type]


@pytest.fixture
def youtube(monkeypatch: pytest.MonkeyPatch) -> FakeYouTube:
    """A YouTube of the test's own."""
    return install(monkeypatch)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The playlists' clock, which stands until the test moves it."""
    return stop_clock(monkeypatch)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """Yield a folder every user can pass through: pytest's own are closed to the server's user."""
    path = Path(tempfile.mkdtemp(prefix="spectra-test-"))
    path.chmod(0o711)
    yield path
    shutil.rmtree(path)


@pytest.fixture
async def server(open_folder: Path) -> AsyncIterator[EmbeddedPostgres]:
    """Yield a PostgreSQL of the test's own, not started."""
    server = EmbeddedPostgres(open_folder / "server")
    yield server
    await server.stop()
