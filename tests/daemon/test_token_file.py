"""The access token's file: made once, private, never replaced."""

import os
import pickle
import stat
from pathlib import Path

import pytest

from daemon.errors import TokenUnusable
from daemon.token_file import load_or_create_token


def _names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def test_the_token_is_made_once_and_private(tmp_path: Path) -> None:
    state_dir = tmp_path / "new" / "state"
    token = load_or_create_token(state_dir)
    assert len(token) == 43
    assert load_or_create_token(state_dir) == token
    assert _names(state_dir) == ["token"]
    assert stat.S_IMODE((state_dir / "token").stat().st_mode) == 0o600
    assert load_or_create_token(tmp_path) != token


def test_the_faster_process_decides_the_token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    faster = "f" * 43
    link = os.link

    def link_after_the_other(source: Path, target: Path) -> None:
        target.write_text(faster)
        target.chmod(0o600)
        link(source, target)

    monkeypatch.setattr(os, "link", link_after_the_other)
    assert load_or_create_token(tmp_path) == faster
    assert _names(tmp_path) == ["token"]


def test_a_full_disk_leaves_no_half_token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(TokenUnusable, match="No space left"):
            load_or_create_token(tmp_path)
    assert _names(tmp_path) == []
    assert load_or_create_token(tmp_path)


def test_a_token_that_others_can_read_is_made_private(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    token = load_or_create_token(tmp_path)
    (tmp_path / "token").chmod(0o644)
    assert load_or_create_token(tmp_path) == token
    assert stat.S_IMODE((tmp_path / "token").stat().st_mode) == 0o600
    assert "was readable by others" in caplog.text


@pytest.mark.parametrize("content", [b"", b"short\n", b"\xff" * 40, b"two words that are long", b"x" * 5_000])
def test_a_damaged_token_is_never_replaced(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "token"
    path.write_bytes(content)
    with pytest.raises(TokenUnusable, match="does not hold a token"):
        load_or_create_token(tmp_path)
    assert path.read_bytes() == content


def test_only_a_regular_file_can_be_the_token(tmp_path: Path) -> None:
    path = tmp_path / "token"
    os.mkfifo(path)
    with pytest.raises(TokenUnusable, match="not a regular file"):
        load_or_create_token(tmp_path)
    path.unlink()
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(TokenUnusable):
        load_or_create_token(tmp_path)
    path.unlink()
    path.mkdir()
    with pytest.raises(TokenUnusable):
        load_or_create_token(tmp_path)


def test_the_error_survives_pickling() -> None:
    error = pickle.loads(pickle.dumps(TokenUnusable("/state/token", "is gone")))
    assert str(error).startswith("/state/token: is gone. ")
