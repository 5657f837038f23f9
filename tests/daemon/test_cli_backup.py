"""`spectra backup` and `spectra restore`, as people and scripts meet them."""

import asyncio
import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from command_line import set_options, spectra
from waiting import wait_until

from daemon.config import Config, load_config
from daemon.database_server import database_server
from daemon.db import migrate
from daemon.postgres_process import find_servers
from daemon.restore_folder import RESTORING
from daemon.state_folder import hold_state_folder, prepare_state_folder

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def settings(open_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An embedded database, and no other options."""
    set_options(
        monkeypatch,
        open_folder,
        COLUMNS="400",
        PYTHONPATH=str(REPOSITORY),
        XDG_CONFIG_HOME=str(open_folder / "options"),
    )
    monkeypatch.chdir(open_folder)


def make_database() -> None:
    """Make an embedded database, as the first start does."""

    async def made(config: Config) -> None:
        prepare_state_folder(config.state_dir)
        with hold_state_folder(config.state_dir):
            async with database_server(config) as conninfo:
                await migrate(conninfo)

    asyncio.run(made(load_config()))


def test_a_backup_says_what_is_in_it_and_a_restore_what_is_where(open_folder: Path) -> None:
    nothing = spectra("backup", "spectra.tar")
    assert (nothing.exit_code, "no database of Spectra (yet)" in nothing.stderr) == (2, True)

    options = open_folder / "options/spectra/spectra.toml"
    options.parent.mkdir(parents=True)
    options.write_text("[logging]\nlevel = 'error'\n")
    make_database()
    done = spectra("backup", "spectra.tar")
    assert done.exit_code == 0, done.output
    for words in (
        "the database (schema",
        f"with {options}",
        "without the access tokens",
        "Not in it: the music",
    ):
        assert words in done.stdout
    again = spectra("backup", "spectra.tar")
    assert (again.exit_code, "replace it with --force" in again.stderr) == (2, True)
    forced = spectra("backup", "spectra.tar", "--force", "--with-secrets", "--json")
    assert json.loads(forced.stdout)["has_secrets"]

    options.write_text("[logging]\nlevel = 'warning'\n")
    restored = spectra("restore", "spectra.tar")
    assert restored.exit_code == 0, restored.output
    assert "restored 0 recordings (schema" in restored.stdout
    assert "the database of before is kept in" in restored.stdout
    assert f"written: {options}.restored" in restored.stdout
    facts = json.loads(spectra("restore", "spectra.tar", "--json").stdout)
    assert (facts["recordings"], Path(facts["kept"]).is_dir()) == (0, True)
    assert len(list((open_folder / "state").glob("postgres-before-*"))) == 2

    (open_folder / "spectra.tar").write_bytes(b"half")
    damaged = spectra("restore", "spectra.tar")
    assert (damaged.exit_code, "no whole backup of Spectra" in damaged.stderr) == (2, True)
    missing = spectra("restore", "nowhere.tar")
    assert (missing.exit_code, "nowhere.tar" in missing.stderr) == (2, True)


def test_a_restore_that_is_killed_changed_nothing_and_the_next_one_says_so(open_folder: Path) -> None:
    make_database()
    assert spectra("backup", "spectra.tar").exit_code == 0
    state = open_folder / "state"
    password = (state / "postgres/password").read_bytes()
    servers = state / RESTORING / "data"
    process = subprocess.Popen(
        [sys.executable, "-m", "daemon", "restore", "spectra.tar"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    wait_until(lambda: servers.exists() and find_servers(servers))
    process.send_signal(signal.SIGKILL)
    process.wait(60)
    assert (state / "postgres/password").read_bytes() == password
    left = {psutil.Process(pid) for pid in find_servers(servers)}
    assert left

    listed = subprocess.run(
        [sys.executable, "-m", "daemon", "restore", "spectra.tar"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert listed.returncode == 0, listed.stderr
    assert "was interrupted and changed nothing" in listed.stderr
    assert not any(each.is_running() and each.status() != psutil.STATUS_ZOMBIE for each in left)
    assert (state / "postgres/password").read_bytes() != password
    assert not (state / RESTORING).exists()
    shutil.rmtree(state)
