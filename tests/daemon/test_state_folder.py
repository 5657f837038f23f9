"""The state folder belongs to one process at a time, and its socket fits anywhere."""

import os
import socket
import stat
from pathlib import Path

import pytest

from daemon.errors import StateInUse
from daemon.state_folder import hold_state_folder, prepare_state_folder, socket_address


def test_a_new_folder_is_closed_to_others(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "state"
    prepare_state_folder(folder)
    # As root, PostgreSQL's own user must get through to its folder.
    assert stat.S_IMODE(folder.stat().st_mode) == (0o711 if os.geteuid() == 0 else 0o700)


def test_a_folder_that_is_there_keeps_its_mode(tmp_path: Path) -> None:
    tmp_path.chmod(0o750)
    prepare_state_folder(tmp_path)
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o750


def test_a_second_one_is_refused_until_the_first_is_gone(tmp_path: Path) -> None:
    with (
        hold_state_folder(tmp_path),
        pytest.raises(StateInUse, match="stop it first"),
        hold_state_folder(tmp_path),
    ):
        pass
    with hold_state_folder(tmp_path):
        pass


def test_a_lock_left_behind_by_a_crash_holds_nobody(tmp_path: Path) -> None:
    child = os.fork()
    if child == 0:
        context = hold_state_folder(tmp_path)
        context.__enter__()
        os._exit(0)
    os.waitpid(child, 0)
    with hold_state_folder(tmp_path):
        pass


@pytest.mark.parametrize("depth", [1, 12])
def test_a_socket_fits_however_long_its_path_is(tmp_path: Path, depth: int) -> None:
    folder = tmp_path.joinpath(*["a folder name"] * depth)
    folder.mkdir(parents=True)
    with socket.socket(socket.AF_UNIX) as server, socket.socket(socket.AF_UNIX) as client:
        with socket_address(folder) as address:
            server.bind(address)
        server.listen()
        assert (folder / "spectra.sock").is_socket()
        with socket_address(folder) as address:
            client.connect(address)
