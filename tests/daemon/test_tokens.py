"""Tokens with names: their file, and what the running daemon makes of it."""

import json
import os
import pickle
import stat
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon import private_file
from daemon.errors import TokenUnusable
from daemon.keyring import NO_KEYS, Key, Keyring, Keys
from daemon.scopes import Scope
from daemon.token_errors import BadTokenName, NoSuchToken, TokenNameTaken, TokensUnusable, TooManyTokens
from daemon.token_file import load_or_create_token, rotate_token
from daemon.tokens import MOST_TOKENS, add_token, digest_of, read_tokens, remove_token

OWNER = "correct-horse-battery-staple"


def _file(folder: Path) -> Path:
    return folder / "tokens.json"


def test_only_a_tokens_digest_is_kept(tmp_path: Path) -> None:
    token = add_token(tmp_path, "phone", Scope.MATCH, now=lambda: datetime(2026, 11, 22, tzinfo=UTC))
    (kept,) = read_tokens(tmp_path)
    assert (kept.name, kept.scope, kept.digest) == ("phone", Scope.MATCH, digest_of(token))
    assert kept.created == datetime(2026, 11, 22, tzinfo=UTC)
    assert len(token) == 43
    assert token not in _file(tmp_path).read_text()
    assert kept.digest.hex() not in repr(kept)
    assert stat.S_IMODE(_file(tmp_path).stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["tokens.json"]


def test_a_removed_token_leaves_the_others(tmp_path: Path) -> None:
    for name in ("one", "two", "three"):
        add_token(tmp_path, name, Scope.READ)
    remove_token(tmp_path, "two")
    assert [each.name for each in read_tokens(tmp_path)] == ["one", "three"]
    with pytest.raises(NoSuchToken, match="no token 'two'"):
        remove_token(tmp_path, "two")


def test_names_are_taken_once_and_there_is_an_end(tmp_path: Path) -> None:
    add_token(tmp_path, "phone", Scope.READ)
    with pytest.raises(TokenNameTaken, match="already"):
        add_token(tmp_path, "phone", Scope.WRITE)
    assert read_tokens(tmp_path)[0].scope is Scope.READ
    for number in range(MOST_TOKENS - 1):
        add_token(tmp_path, f"{number}", Scope.READ)
    with pytest.raises(TooManyTokens, match="100 tokens already"):
        add_token(tmp_path, "more", Scope.READ)
    assert len(read_tokens(tmp_path)) == MOST_TOKENS


@pytest.mark.parametrize("name", ["", " x", "a\nb", "\x1b[31m", "x" * 65, "\xfc", "-rf", "a/b"])
def test_a_name_is_a_plain_line(tmp_path: Path, name: str) -> None:
    with pytest.raises(BadTokenName):
        add_token(tmp_path, name, Scope.READ)
    assert not _file(tmp_path).exists()


def test_changes_at_the_same_time_are_all_kept(tmp_path: Path) -> None:
    names = [f"t{number}" for number in range(12)]
    with ThreadPoolExecutor(6) as threads:
        list(threads.map(lambda name: add_token(tmp_path, name, Scope.READ), names))
    assert sorted(each.name for each in read_tokens(tmp_path)) == sorted(names)


def test_a_full_disk_leaves_the_tokens_as_they_were(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add_token(tmp_path, "phone", Scope.READ)
    owner = load_or_create_token(tmp_path)

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(TokensUnusable, match="No space left"):
            add_token(tmp_path, "tablet", Scope.READ)
        with pytest.raises(TokensUnusable, match="No space left"):
            remove_token(tmp_path, "phone")
        with pytest.raises(TokenUnusable, match="No space left"):
            rotate_token(tmp_path)
    assert [each.name for each in read_tokens(tmp_path)] == ["phone"]
    assert load_or_create_token(tmp_path) == owner
    assert sorted(path.name for path in tmp_path.iterdir()) == ["token", "tokens.json"]


def test_what_root_writes_belongs_to_the_state_folders_owner(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`sudo spectra token rotate` must not lock the daemon out."""
    given_to: list[tuple[int, int]] = []
    monkeypatch.setattr(private_file.os, "geteuid", lambda: 0)
    monkeypatch.setattr(private_file.os, "fchown", lambda _, user, group: given_to.append((user, group)))
    add_token(tmp_path, "phone", Scope.READ)
    rotate_token(tmp_path)
    owner = tmp_path.stat()
    assert given_to == [(owner.st_uid, owner.st_gid)] * 2


ENTRY = {"name": "a", "scope": "read", "sha256": "00" * 32, "created": "2026-11-22T00:00:00+00:00"}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[" * 50_000,
        b"\xff",
        b"[]",
        b"{}",
        b'{"version": 2, "tokens": []}',
        b'{"version": 1, "tokens": 7}',
        *(
            json.dumps({"version": 1, "tokens": tokens}).encode()
            for tokens in (
                [ENTRY | {"scope": "admin"}],
                [ENTRY | {"sha256": ""}],
                [ENTRY | {"sha256": "zz"}],
                [ENTRY | {"created": "yesterday"}],
                [ENTRY | {"name": "\x1b[2J"}],
                [ENTRY, ENTRY],
                [{}],
                [None],
                [ENTRY | {"name": f"n{number}"} for number in range(101)],
            )
        ),
    ],
)
def test_a_damaged_file_opens_nothing_and_is_left_alone(tmp_path: Path, content: bytes) -> None:
    _file(tmp_path).write_bytes(content)
    _file(tmp_path).chmod(0o600)
    for use in (
        lambda: read_tokens(tmp_path),
        lambda: add_token(tmp_path, "x", Scope.READ),
        lambda: Keyring(tmp_path).load(),
    ):
        with pytest.raises(TokensUnusable, match="does not hold tokens"):
            use()
    assert _file(tmp_path).read_bytes() == content


def test_a_rotated_token_is_another_whatever_the_file_was(tmp_path: Path) -> None:
    first = load_or_create_token(tmp_path)
    second = rotate_token(tmp_path)
    assert first != second == load_or_create_token(tmp_path)
    (tmp_path / "token").write_bytes(b"damaged")
    assert rotate_token(tmp_path) == load_or_create_token(tmp_path)
    assert stat.S_IMODE((tmp_path / "token").stat().st_mode) == 0o600


def test_changes_count_at_the_next_question(tmp_path: Path) -> None:
    keyring = Keyring(tmp_path)
    owner = keyring.load().owner
    assert keyring.load().find(owner) == Key(None, Scope.WRITE, digest_of(owner))
    phone = add_token(tmp_path, "phone", Scope.MATCH)
    assert keyring.load().find(phone) == Key("phone", Scope.MATCH, digest_of(phone))
    remove_token(tmp_path, "phone")
    assert keyring.load().find(phone) is None
    rotated = rotate_token(tmp_path)
    keys = keyring.load()
    assert (keys.find(owner), keys.owner) == (None, rotated)
    (tmp_path / "token").unlink()
    assert keyring.load().find(rotated) is None
    _file(tmp_path).write_bytes(b"{}")
    with pytest.raises(TokensUnusable):
        keyring.load()
    _file(tmp_path).unlink()
    assert len(keyring.load().keys) == 1


def test_unchanged_files_are_not_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keyring = Keyring(tmp_path)
    keyring.load()
    keys = keyring.load()  # the first found no file yet
    monkeypatch.setattr("daemon.keyring.load_or_create_token", None)
    assert keyring.load() is keys


@given(st.text())
def test_nobody_elses_token_is_found(given: str) -> None:
    assert Keys.of(OWNER).find(given) is None
    assert NO_KEYS.find(given) is None
    assert NO_KEYS.of_session(given) is None


def test_keys_do_not_show_what_they_are() -> None:
    keys = Keys.of(OWNER)
    assert OWNER not in repr(keys)
    assert digest_of(OWNER).hex() not in repr(keys)
    assert repr(digest_of(OWNER)) not in repr(keys)


@pytest.mark.parametrize(
    "error",
    [
        TokensUnusable("/state/tokens.json", "is gone"),
        BadTokenName("\n"),
        TokenNameTaken("x"),
        TooManyTokens(100),
        NoSuchToken("x"),
    ],
)
def test_errors_survive_pickling(error: Exception) -> None:
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), str(again)) == (type(error), str(error))
