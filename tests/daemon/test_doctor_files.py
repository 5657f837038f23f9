"""The doctor on configuration, state folder, secrets and the clock."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from waiting import changed

from daemon import doctor_files
from daemon.config import Config, load_config
from daemon.doctor_clock import clock
from daemon.doctor_files import configuration, secrets, state_folder
from daemon.token_file import load_or_create_token

HAS_SECRET = '[database]\nurl = "postgresql://user:hush@nowhere/x"\n'
HAS_PLUGIN = '[plugins.navidrome]\npassword = "hush"\n'


def _written(tmp_path: Path, text: str, mode: int) -> Config:
    file = tmp_path / "spectra.toml"
    file.write_text(text)
    file.chmod(mode)
    return load_config(file, overrides={"state_dir": str(tmp_path / "state")})


@pytest.mark.parametrize("text", [HAS_SECRET, HAS_PLUGIN])
def test_a_password_that_every_user_can_read_is_told(tmp_path: Path, text: str) -> None:
    read, closing = configuration(_written(tmp_path, text, 0o644))
    assert (read.is_ok, str(tmp_path / "spectra.toml") in read.sentence) == (True, True)
    assert not closing.is_ok
    assert f"chmod o-rwx {tmp_path / 'spectra.toml'}" in closing.sentence
    assert "hush" not in read.sentence + closing.sentence


@pytest.mark.parametrize(("text", "mode"), [(HAS_SECRET, 0o640), ("[server]\nport = 9\n", 0o644)])
def test_a_configuration_without_secrets_for_others_is_well(tmp_path: Path, text: str, mode: int) -> None:
    assert all(each.is_ok for each in configuration(_written(tmp_path, text, mode)))


def test_a_system_wide_file_that_is_not_read_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    system_file = tmp_path / "system.toml"
    system_file.touch()
    monkeypatch.setattr(doctor_files, "SYSTEM_FILE", system_file)
    _, unread = configuration(_written(tmp_path, "[server]\nport = 9\n", 0o600))
    assert f"{system_file} exists too, and is not read" in unread.sentence


def test_a_state_folder_into_which_others_write_is_told(tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    (found,) = state_folder(tmp_path)
    assert (found.is_ok, f"chmod go-w {tmp_path}" in found.sentence) == (False, True)
    tmp_path.chmod(0o711)
    (found,) = state_folder(tmp_path)
    assert found.is_ok


def test_a_state_folder_of_somebody_else_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor_files.os, "geteuid", lambda: 4_711)
    monkeypatch.setattr(doctor_files.os, "access", lambda *_: False)
    (found,) = state_folder(tmp_path)
    assert (found.is_ok, "can't be written: run as its owner" in found.sentence) == (False, True)


def test_root_is_kept_from_the_state_of_a_service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor_files.os, "geteuid", lambda: 0)
    if os.getuid() == 0:
        os.chown(tmp_path, 4_711, 4_711)
        owner = "user 4711"
    else:
        owner = doctor_files._user(os.getuid())
    (found,) = state_folder(tmp_path)
    assert (found.is_ok, f"sudo -u {owner} spectra doctor" in found.sentence) == (False, True)


def test_a_state_folder_that_is_a_file_or_can_not_be_made_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    (found,) = state_folder(tmp_path / "file")
    assert (found.is_ok, "is no folder" in found.sentence) == (False, True)
    monkeypatch.setattr(doctor_files.os, "access", lambda *_: False)
    (found,) = state_folder(tmp_path / "new" / "state")
    assert (found.is_ok, f"can't be made in {tmp_path}" in found.sentence) == (False, True)


def test_a_token_that_others_can_read_is_told_and_left_as_it_is(config: Config) -> None:
    load_or_create_token(config.state_dir)
    token = config.state_dir / "token"
    assert all(each.is_ok for each in secrets(config))
    token.chmod(0o644)
    (found,) = secrets(config)
    assert not found.is_ok
    assert f"chmod 600 {token}, then `spectra token rotate`" in found.sentence
    assert token.stat().st_mode & 0o777 == 0o644


def test_cookies_that_are_missing_or_open_to_others_are_told(config: Config, tmp_path: Path) -> None:
    cookies, headers = tmp_path / "cookies", tmp_path / "headers"
    headers.touch()
    headers.chmod(0o604)
    first, second = secrets(changed(config, "youtube", cookies_file=cookies, headers_file=headers))
    assert f"others can read {headers}" in first.sentence
    assert "(youtube.cookies_file) is missing" in second.sentence
    assert not first.is_ok
    assert not second.is_ok


def test_a_clock_behind_what_spectra_wrote_is_told(config: Config) -> None:
    config.state_dir.mkdir()
    now = datetime.now(UTC)
    (found,) = clock(config, now)
    assert found.is_ok
    later = (now + timedelta(days=400)).timestamp()
    os.utime(config.state_dir, (later, later))
    (found,) = clock(config, now)
    assert (found.is_ok, "timedatectl set-ntp true" in found.sentence) == (False, True)
