"""`make install` into a folder that stands for the whole system, and `make uninstall`."""

import os
import pwd
import shutil
import stat
import subprocess
import sys
import sysconfig
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
UNIT, DROP_IN = (
    Path("etc/systemd/system/spectra.service"),
    Path("etc/systemd/system/spectra.service.d/music.conf"),
)
CONFIG, COMMAND = Path("etc/spectra/spectra.toml"), Path("usr/local/bin/spectra")
PROGRAMS = Path("opt/my programs")
OWNER = "daemon" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
STRANGE = 'My "Music" 100% a:b\\c|&$x'

FAKE_PYTHON = """#!/bin/sh
case "$1 $2" in
"-m venv") for last; do :; done; mkdir -p "$last/bin"; cp "$0" "$last/bin/python" ;;
"-m pip") exit "${PIP_FAILS:-0}" ;;
esac
"""
"""Makes an environment without anything in it, at once."""


@pytest.fixture
def system(open_folder: Path) -> Path:
    """A folder that stands for /, with a space in its name."""
    return open_folder / "the system"


@pytest.fixture
def music(open_folder: Path) -> Path:
    """A music folder of somebody's, with a name that needs care."""
    folder = open_folder / STRANGE
    folder.mkdir()
    if os.geteuid() == 0:
        shutil.chown(folder, OWNER)
    return folder


@pytest.fixture
def fake_python(tmp_path: Path) -> Path:
    path = tmp_path / "python"
    path.write_text(FAKE_PYTHON)
    path.chmod(0o755)
    return path


def make(
    target: str, system: Path, python: Path | str, **variables: str | Path
) -> subprocess.CompletedProcess[str]:
    assert system.is_absolute()
    given = {"DESTDIR": system, "PREFIX": f"/{PROGRAMS}", "PYTHON": python} | variables
    return subprocess.run(
        ["make", "--no-print-directory", target, *(f"{name}={value}" for name, value in given.items())],
        cwd=REPOSITORY,
        env={**os.environ, "PYTHONPATH": sysconfig.get_path("purelib")},
        capture_output=True,
        text=True,
        check=False,
    )


def installed(system: Path, python: Path | str, **variables: str | Path) -> str:
    """Return what is printed by an installation that must work."""
    done = make("install", system, python, **variables)
    assert done.returncode == 0, done.stderr
    return done.stdout


def options(path: Path) -> dict[str, str]:
    lines = path.read_text("utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))


def test_what_is_installed_runs_without_the_sources(system: Path, music: Path) -> None:
    # From what is installed already: nothing is fetched, nothing else is built.
    arguments = "--no-deps --no-build-isolation --no-index"
    said = installed(system, sys._base_executable, MUSIC=music, PIP_ARGS=arguments)  # type: ignore[attr-defined]
    assert "systemctl enable --now spectra" in said
    programs = system / PROGRAMS
    # The copy finds its own packages before those that stand in for its dependencies.
    (own,) = programs.glob("lib/python*/site-packages")
    shown = subprocess.run(
        [
            programs / "bin" / "python",
            "-P",
            "-c",
            "import daemon, sys; print(daemon.__file__); import daemon.serving",
        ],
        cwd="/",
        env={"PYTHONPATH": f"{own}:{sysconfig.get_path('purelib')}"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert shown.stdout.strip() == str(own / "daemon" / "__init__.py")
    for needed in (
        "daemon/openapi.json",
        "daemon/sql/migrations",
        "daemon/web",
        "plugins/navidrome",
        "engine",
    ):
        assert (own / needed).exists(), needed
    command = (programs / "bin" / "spectra").read_text()
    assert f"/{PROGRAMS}/bin/python" in command
    assert str(system) not in command
    assert not [
        path for path in (programs / "bin").iterdir() if path.is_file() and b"the system" in path.read_bytes()
    ]


def test_the_service_runs_as_the_owner_of_the_music(system: Path, music: Path, fake_python: Path) -> None:
    installed(system, fake_python, MUSIC=music)
    unit = options(system / UNIT)
    assert (unit["User"], unit["Group"]) == (OWNER, _group_of(music))
    assert unit["ExecStart"].startswith(f'"/{PROGRAMS}/bin/spectra" serve')
    assert tomllib.loads((system / CONFIG).read_text("utf-8"))["library"]["roots"] == [str(music)]
    status = (system / CONFIG).stat()
    assert (pwd.getpwuid(status.st_uid).pw_name, stat.S_IMODE(status.st_mode)) == (OWNER, 0o600)
    # Below /tmp and /home the service sees nothing else. systemd 252 was seen to read this as that very path.
    expected = str(music).replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    assert options(system / DROP_IN) == {"BindPaths": f'"-{expected}"'}


def _group_of(folder: Path) -> str:
    group = folder.group()
    if group != "root":
        return group
    return subprocess.run(["id", "-gn", OWNER], capture_output=True, text=True, check=True).stdout.strip()


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
def test_systemd_has_nothing_to_say_against_what_is_installed(
    system: Path, music: Path, fake_python: Path
) -> None:
    installed(system, fake_python, MUSIC=music)
    program = system / PROGRAMS / "bin" / "spectra"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    unit = (system / UNIT).read_text("utf-8").replace(f"/{PROGRAMS}/", f"{system / PROGRAMS}/")
    (system / UNIT).write_text(unit, "utf-8")
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", system / UNIT], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_an_update_keeps_what_the_owner_changed(system: Path, music: Path, fake_python: Path) -> None:
    installed(system, fake_python, MUSIC=music)
    for kept in (CONFIG, DROP_IN):
        (system / kept).write_text("# mine\n")
    (system / UNIT).write_text((system / UNIT).read_text().replace("WatchdogSec", "#WatchdogSec"))
    said = installed(system, fake_python)
    assert [(system / kept).read_text() for kept in (CONFIG, DROP_IN)] == ["# mine\n", "# mine\n"]
    assert said.count("Kept ") == 2
    assert options(system / UNIT)["WatchdogSec"] == "60s"
    assert options(system / UNIT)["User"] == OWNER


def test_uninstalling_leaves_what_is_known_and_the_configuration(
    system: Path, music: Path, fake_python: Path
) -> None:
    installed(system, fake_python, MUSIC=music)
    state, own = system / "var/lib/spectra", system / UNIT.with_name("spectra.service.d") / "own.conf"
    state.mkdir(parents=True)
    (system / "var/cache/spectra").mkdir(parents=True)
    own.write_text("[Service]\n")
    said = make("uninstall", system, fake_python)
    assert said.returncode == 0, said.stderr
    assert "/var/lib/spectra" in said.stdout
    assert "/etc/spectra" in said.stdout
    left = {path.relative_to(system) for path in system.rglob("*") if path.is_file()}
    assert left == {CONFIG, own.relative_to(system)}
    assert state.is_dir()
    assert not (system / "var/cache/spectra").exists()
    # Twice is no error.
    assert make("uninstall", system, fake_python).returncode == 0


@pytest.fixture
def roots_music(open_folder: Path) -> Iterator[Path]:
    if os.geteuid() != 0:
        pytest.skip("only root can give a folder to root")
    folder = open_folder / "of root"
    folder.mkdir()
    return folder


def test_music_of_root_needs_a_user_to_be_named(system: Path, roots_music: Path, fake_python: Path) -> None:
    refused = make("install", system, fake_python, MUSIC=roots_music)
    assert (refused.returncode, list(system.iterdir())) == (2, [])
    assert "belongs to root, and Spectra does not run as root" in refused.stderr
    installed(system, fake_python, MUSIC=roots_music, RUN_AS=OWNER)
    assert options(system / UNIT)["User"] == OWNER


def test_nothing_is_installed_over_what_is_not_ours(system: Path, music: Path, fake_python: Path) -> None:
    theirs = system / PROGRAMS / "bin" / "theirs"
    theirs.parent.mkdir(parents=True)
    theirs.touch()
    refused = make("install", system, fake_python, MUSIC=music)
    assert refused.returncode == 2
    assert "holds something else" in refused.stderr
    assert make("uninstall", system, fake_python).returncode == 0
    assert theirs.exists()


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        ({}, "say where the music is"),
        ({"MUSIC": "/nowhere/at/all"}, "is no folder"),
        ({"MUSIC": "/"}, "can not be /"),
        ({"MUSIC": "/usr", "PREFIX": "opt"}, "PREFIX must be a plain path"),
        ({"MUSIC": "/usr", "PREFIX": "/a|b"}, "PREFIX must be a plain path"),
    ],
)
def test_what_cant_be_installed_is_refused_with_a_sentence(
    system: Path, fake_python: Path, variables: dict[str, str], sentence: str
) -> None:
    refused = make("install", system, fake_python, **variables)
    assert refused.returncode == 2
    assert f"make install: {sentence}" in refused.stderr or sentence in refused.stderr
    assert not [path for path in system.rglob("*") if path.is_file()]


def test_a_download_that_fails_leaves_no_service(system: Path, music: Path, fake_python: Path) -> None:
    failing = fake_python.with_name("failing")
    failing.write_text(FAKE_PYTHON.replace("${PIP_FAILS:-0}", "1"))
    failing.chmod(0o755)
    assert make("install", system, failing, MUSIC=music).returncode == 2
    assert not (system / UNIT).exists()
    # What is half there is no hindrance to the next attempt.
    shutil.rmtree(system / PROGRAMS / "bin")
    installed(system, fake_python, MUSIC=music)


def test_commands_run_as_the_services_user_on_the_services_state(
    system: Path, music: Path, fake_python: Path, open_folder: Path
) -> None:
    installed(system, fake_python, MUSIC=music)
    stub = open_folder / "stub"
    stub.write_text('#!/bin/sh\nid -un; echo "$STATE_DIRECTORY $SPECTRA_CONFIG"; pwd; printf "%s\\n" "$@"\n')
    stub.chmod(0o755)
    config = open_folder / "spectra.toml"
    config.touch()
    command = open_folder / "spectra"
    command.write_text((system / COMMAND).read_text().replace(f"/{PROGRAMS}/bin/spectra", str(stub)))
    closed = open_folder / "closed"
    closed.mkdir(mode=0o700)
    shown = subprocess.run(
        ["sh", command, "match", "a  b.mp3", "*"],
        cwd=closed,
        env={"PATH": os.environ["PATH"], "SPECTRA_CONFIG": str(config)},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    place = "/" if os.geteuid() == 0 else str(closed)
    assert shown == [OWNER, f"/var/lib/spectra {config}", place, "match", "a  b.mp3", "*"]
    assert os.access(system / COMMAND, os.X_OK)
