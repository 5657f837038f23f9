"""The service: its unit, and the daemon as it runs under it, confined and watched."""

import asyncio
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import psutil
import pytest
from confined import allowed_calls
from synth import music as play
from synth import write_audio
from waiting import until

from daemon.client import Client
from daemon.state_folder import socket_address

REPOSITORY = Path(__file__).resolve().parents[2]
UNIT = REPOSITORY / "systemd" / "spectra.service"
DROP_IN = REPOSITORY / "systemd" / "music.conf.example"
WATCHDOG_S = 1.0
MOST_EXPOSED = 2.0

needs_systemd = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed"
)


def installed(folder: Path) -> Path:
    """Return a copy of the unit, with its drop-in, that starts a program that exists."""
    unit = folder / UNIT.name
    unit.write_text(UNIT.read_text("utf-8").replace("/opt/spectra/bin/spectra", sys.executable), "utf-8")
    drop_in = folder / f"{UNIT.name}.d" / "music.conf"
    drop_in.parent.mkdir()
    # Also what is commented out there must be right.
    drop_in.write_text(DROP_IN.read_text("utf-8").replace("#Bind", "Bind"), "utf-8")
    return unit


def analyze(*arguments: str | Path) -> str:
    """Return what systemd-analyze prints. It exits with 0 after most complaints: any is a failure here."""
    done = subprocess.run(
        ["systemd-analyze", *arguments],
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, "SYSTEMD_PAGER": ""},
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@needs_systemd
def test_systemd_has_nothing_to_say_against_the_unit(tmp_path: Path) -> None:
    unit = installed(tmp_path)
    analyze("verify", "--man=no", unit)
    unit.write_text(unit.read_text("utf-8") + "Nonsense=1\n", "utf-8")
    with pytest.raises(AssertionError, match="Unknown key"):
        analyze("verify", "--man=no", unit)


@needs_systemd
def test_the_service_is_little_exposed() -> None:
    said = analyze("security", "--offline=true", "--no-pager", UNIT)
    exposed = re.search(r"Overall exposure level for spectra.service: ([\d.]+)", said)
    assert exposed is not None
    assert float(exposed[1]) <= MOST_EXPOSED


@needs_systemd
def test_the_unit_lets_through_what_workers_need_and_little_else() -> None:
    allowed = allowed_calls(UNIT)
    assert {"setrlimit", "setpriority", "fchown", "renameat2", "execve"} <= allowed
    assert not {"mount", "ptrace", "bpf", "setuid", "chroot", "init_module", "kexec_load"} & allowed


class Manager:
    """The service manager's end of the socket."""

    def __init__(self, listening: socket.socket) -> None:
        self._listening = listening
        self.heard: list[str] = []

    async def next(self, word: str, within_s: float = 60.0) -> str:
        """Return the next message that holds this line's beginning. Raises TimeoutError."""
        async with asyncio.timeout(within_s):
            while True:
                message = (await asyncio.get_running_loop().sock_recv(self._listening, 4_096)).decode()
                self.heard.append(message)
                if any(line.startswith(word) for line in message.splitlines()):
                    return message

    def forget(self) -> None:
        """Drop what has come."""
        while True:
            try:
                self._listening.recv(4_096)
            except BlockingIOError:
                return


def as_nobody(folder: Path) -> list[str]:
    """Return what makes a command run as nobody, without capabilities; nothing where we are not root."""
    if os.geteuid() != 0:
        return []
    dropped = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", "--no-new-privs"]
    for kept in ("", ",+dac_read_search"):
        # Where the interpreter lies below a closed home folder, which a real service would not be given.
        sets = [f"--bounding-set=-all{kept}", f"--inh-caps=-all{kept}", f"--ambient-caps=-all{kept}"]
        command = [*dropped, *sets]
        # Through `env`: setpriv itself still has what it drops.
        seen = [*command, "env", sys.executable, "-c", "import daemon.serving"]
        if subprocess.run(seen, cwd=folder, env={"PYTHONPATH": str(REPOSITORY)}, check=False).returncode == 0:
            return command
    raise AssertionError("nobody can't run Python here")


@asynccontextmanager
async def service(folder: Path, port: int) -> AsyncIterator[tuple[Manager, psutil.Process]]:
    """Run the daemon in this folder as systemd would."""
    address = f"spectra-test-{os.getpid()}"
    environment = {
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "PYTHONPATH": str(REPOSITORY),
        "NOTIFY_SOCKET": f"@{address}",
        "WATCHDOG_USEC": f"{WATCHDOG_S * 1e6:.0f}",
        "STATE_DIRECTORY": str(folder / "state"),
        "CACHE_DIRECTORY": str(folder / "cache"),
    }
    launcher = [sys.executable, str(REPOSITORY / "tests" / "confined.py"), str(UNIT)]
    daemon = [sys.executable, "-P", "-m", "daemon", "serve", "--config", str(folder / "spectra.toml")]
    with (
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as listening,
        (folder / "log").open("wb") as log,
    ):
        listening.bind(f"\0{address}")
        process = subprocess.Popen(  # noqa: ASYNC220 - at once
            [*as_nobody(folder), *launcher, *daemon, "--port", str(port)],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
        try:
            yield Manager(listening), psutil.Process(process.pid)
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.terminate()
            code = await asyncio.to_thread(process.wait, 60)
            assert code == 0, (folder / "log").read_text()


def prepared(folder: Path) -> None:
    """Lay out what `make install` and systemd would: music, configuration, and the service's folders."""
    for name in ("music", "state", "cache"):
        (folder / name).mkdir(mode=0o700)
    write_audio(folder / "music" / "piece.mp3", play(1, 15.0))
    write_config(folder, level="info", limit="120/minute")
    if os.geteuid() == 0:
        for path in (*folder.iterdir(), folder / "music" / "piece.mp3"):
            shutil.chown(path, "nobody", "nogroup")


def write_config(folder: Path, *, level: str, limit: str) -> None:
    # Port 1 is not ours to take: what the command line says must win, after a reload too.
    (folder / "spectra.toml").write_text(
        f'[server]\nport = 1\n[library]\nroots = ["{folder / "music"}"]\nquiet_s = 0.1\n'
        f"[workers]\ningest = 1\n[tagging]\nquiet_s = 0\n"
        f'[logging]\nlevel = "{level}"\n[rate_limits]\ndefault = "{limit}"\n'
    )


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


async def statuses(port: int, count: int) -> list[int]:
    async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as http:
        return [(await http.get("/ping")).status for _ in range(count)]


@needs_systemd
async def test_the_confined_daemon_works_and_tells_the_service_manager(open_folder: Path) -> None:
    port = free_port()
    prepared(open_folder)
    async with service(open_folder, port) as (manager, process):
        await _starts(manager, process, port)
        await _learns_and_writes(open_folder)
        await _is_missed_when_it_hangs(manager, process)
        await _reloads(manager, process, open_folder, port)
        others = process.children(recursive=True)
        process.send_signal(signal.SIGTERM)
        await manager.next("STOPPING=1")
    log = (open_folder / "log").read_text()
    assert "INFO daemon.serving: listening" in log
    # The reload wants warnings only.
    assert "INFO daemon.serving: stopping" not in log
    await until(lambda: not any(each.is_running() and each.status() != "zombie" for each in others))


async def _starts(manager: Manager, process: psutil.Process, port: int) -> None:
    ready = await manager.next("READY=1")
    assert await statuses(port, 1) == [200]
    assert f"MAINPID={process.pid}" in ready
    # A first start, which makes a database, asks for time; nothing else came before.
    assert all(
        set(each.split("\n")) <= {"WATCHDOG=1", "EXTEND_TIMEOUT_USEC=60000000"} for each in manager.heard[:-1]
    )
    assert manager.heard[:-1]
    if os.geteuid() == 0:
        assert "nobody" in {each.username() for each in (process, *process.children())}
        assert "root" not in {each.username() for each in (process, *process.children(recursive=True))}


async def _learns_and_writes(folder: Path) -> None:
    """Fingerprint, match and tag a file: decoding, workers, PostgreSQL and the exchange of files work."""
    piece = folder / "music" / "piece.mp3"
    before = piece.stat()
    with socket_address(folder / "state") as path:
        async with aiohttp.ClientSession(connector=aiohttp.UnixConnector(path)) as session:
            client = Client(session)

            async def is_indexed() -> bool:
                return bool((await client.get("/status"))["index"]["recordings"])

            await until(is_indexed, within_s=60)
            assert (await client.match(piece)).results[0]["song_name"] == "piece.mp3"
            (file,) = (await client.get("/files"))["files"]
            await client.post(f"/files/{file['file_id']}/name", {"title": "Piece", "artist": "Somebody"})
            await until(lambda: piece.stat().st_ino != before.st_ino)
    after = piece.stat()
    assert (after.st_uid, after.st_gid, after.st_mode) == (before.st_uid, before.st_gid, before.st_mode)


async def _is_missed_when_it_hangs(manager: Manager, process: psutil.Process) -> None:
    for _ in range(2):
        await manager.next("WATCHDOG=1")
    process.suspend()
    await until(lambda: process.status() == psutil.STATUS_STOPPED)
    manager.forget()
    with pytest.raises(TimeoutError):
        await manager.next("WATCHDOG=1", within_s=2 * WATCHDOG_S)
    process.resume()
    await manager.next("WATCHDOG=1")


async def _reloads(manager: Manager, process: psutil.Process, folder: Path, port: int) -> None:
    write_config(folder, level="warning", limit="3/minute")
    process.send_signal(signal.SIGHUP)
    assert re.search(r"^MONOTONIC_USEC=\d+$", await manager.next("RELOADING=1"), re.MULTILINE)
    await manager.next("READY=1")
    assert await statuses(port, 4) == [200, 200, 200, 429]
    (folder / "spectra.toml").write_text("[server]\nprt = 1\n")
    process.send_signal(signal.SIGHUP)
    await manager.next("READY=1")
    log = (folder / "log").read_text()
    assert "changed in the configuration: rate_limits.default, logging.level" in log
    assert "server.prt: no such option" in log
    assert process.is_running()
