"""A real Subsonic server, supysonic, in an environment and processes of its own (its licence is the AGPL)."""

import ctypes
import fcntl
import hashlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from waiting import wait_until

ROOT = Path(__file__).resolve().parents[1]
REQUIREMENTS = Path(__file__).with_name("supysonic_requirements.txt")
USERS = {"admin": "secret", "guest": "guest"}
FOLDER = "Music"
"""The name of its only music folder."""
_CONFIG = """
[base]
database_uri = sqlite:///{folder}/supysonic.db
[webapp]
cache_dir = {folder}/cache
log_file = {folder}/web.log
[daemon]
socket = {folder}/socket
run_watcher = no
log_file = {folder}/daemon.log
"""


@dataclass(frozen=True, slots=True)
class Supysonic:
    """A running server with an empty music folder and two users, one of them an administrator."""

    url: str
    music: Path

    def ask(self, method: str, **parameters: object) -> dict[str, Any]:
        """Return its reply to the administrator."""
        common = {"u": "admin", "p": USERS["admin"], "v": "1.12.0", "c": "test", "f": "json"}
        body = urlencode(common | parameters).encode()
        with urllib.request.urlopen(f"{self.url}/rest/{method}", body, timeout=30) as response:
            reply: dict[str, Any] = json.load(response)["subsonic-response"]
        assert reply["status"] == "ok", reply
        return reply

    def scan(self) -> None:
        """Have it look at its music, and wait until it has."""
        self.ask("startScan")
        wait_until(lambda: not self.ask("getScanStatus")["scanStatus"]["scanning"])

    def entry(self, item_id: str) -> dict[str, Any]:
        """Return what it shows of a file."""
        return dict(self.ask("getSong", id=item_id)["song"])


@contextmanager
def running_supysonic() -> Iterator[Supysonic]:
    """Yield a server, and end it. Skips the test where it can't be installed."""
    programs = installed()
    # A socket's path must be short, which pytest's folders aren't.
    with tempfile.TemporaryDirectory(prefix="spectra-supysonic-") as name, ExitStack() as stack:
        folder = Path(name)
        music = folder / "music"
        music.mkdir()
        (folder / "supysonic.conf").write_text(_CONFIG.format(folder=folder))
        for user, password in USERS.items():
            _run(folder, programs, "user", "add", user, "-p", password)
        _run(folder, programs, "user", "setroles", "admin", "--admin")
        _run(folder, programs, "folder", "add", FOLDER, str(music))
        stack.enter_context(_process(folder, str(programs / "supysonic-daemon")))
        wait_until((folder / "socket").exists)
        port = _free_port()
        server = (str(programs / "supysonic-server"), "-S", "waitress", "-h", "127.0.0.1", "-p", str(port))
        stack.enter_context(_process(folder, *server))
        wait_until(lambda: _answers(port))
        yield Supysonic(f"http://127.0.0.1:{port}", music)


def installed() -> Path:
    """Return the folder of its programs, after installing them if this was not done yet."""
    digest = hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()[:12]
    environment = ROOT / "build" / f"supysonic-{sys.version_info.major}.{sys.version_info.minor}-{digest}"
    environment.parent.mkdir(exist_ok=True)
    mark = environment / ".installed"
    with environment.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # of several test processes, one installs
        if not mark.exists():
            shutil.rmtree(environment, ignore_errors=True)
            subprocess.run([sys.executable, "-m", "venv", environment], check=True)
            pip = [environment / "bin" / "python", "-m", "pip", "install", "--quiet", "--no-deps"]
            done = subprocess.run(
                [*pip, "--requirement", REQUIREMENTS], capture_output=True, text=True, check=False
            )
            if done.returncode:
                pytest.skip(f"supysonic can't be installed: {done.stderr.strip()[-300:]}")
            mark.touch()
    return environment / "bin"


def _environment(folder: Path) -> dict[str, str]:
    return {"HOME": str(folder), "PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"}


def _run(folder: Path, programs: Path, *arguments: str) -> None:
    done = subprocess.run(
        [programs / "supysonic-cli", *arguments],
        cwd=folder,
        env=_environment(folder),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@contextmanager
def _process(folder: Path, *command: str) -> Iterator[None]:
    with (folder / "output.log").open("ab") as output:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=_environment(folder),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            preexec_fn=_end_with_parent,  # noqa: PLW1509 - no thread of ours holds a lock it needs
        )
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _end_with_parent() -> None:
    """Have the kernel end this process with the tests, however they end."""
    pr_set_pdeathsig = 1
    ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGKILL)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/rest/ping?f=json", timeout=5):
            return True
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
