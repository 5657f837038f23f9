"""Wherever a restore dies, one of both databases is in place afterwards, and the former one is never lost."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from daemon import restore_folder
from daemon.restore_folder import begin, settle, swap

NOW = datetime(2026, 11, 22, 20, 30, tzinfo=UTC)


class Died(BaseException):
    """The process is gone."""


@pytest.fixture
def state(tmp_path: Path) -> Path:
    used = tmp_path / "postgres"
    used.mkdir()
    (used / "which").write_text("old")
    return tmp_path


def restored(state: Path) -> Path:
    folder = begin(state)
    (folder / "which").write_text("new")
    return folder


def which(folder: Path) -> str:
    return (folder / "which").read_text()


def test_the_restored_one_is_in_place_and_the_former_one_beside(state: Path) -> None:
    restored(state)
    former = swap(state, NOW)
    assert former == state / "postgres-before-20261122-203000"
    assert (which(state / "postgres"), which(former)) == ("new", "old")
    assert {path.name for path in state.iterdir()} == {"postgres", former.name}
    restored(state)
    second = swap(state, NOW)
    assert second is not None
    assert second.name == "postgres-before-20261122-203000-2"
    assert which(former) == "old"


def test_without_a_former_one_nothing_is_kept(tmp_path: Path) -> None:
    restored(tmp_path)
    assert swap(tmp_path, NOW) is None
    assert which(tmp_path / "postgres") == "new"


def dying(monkeypatch: pytest.MonkeyPatch, step: int) -> Callable[[], int]:
    """Have the process die before its step-th change to the file system, counted from 0."""
    changes = iter(range(1_000))
    last = [0]

    def before(real: Callable[..., object]) -> Callable[..., object]:
        def change(*arguments: object) -> object:
            last[0] = next(changes)
            if last[0] == step:
                raise Died
            return real(*arguments)

        return change

    monkeypatch.setattr(Path, "rename", before(Path.rename))
    for name in ("_mark_complete", "_forget_mark", "sync"):
        monkeypatch.setattr(restore_folder, name, before(getattr(restore_folder, name)))
    return lambda: last[0]


@pytest.mark.parametrize("has_former", [True, False])
@pytest.mark.parametrize("step", range(7))
def test_a_death_at_any_step_leaves_one_of_both(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int, has_former: bool
) -> None:
    if has_former:
        (tmp_path / "postgres").mkdir()
        (tmp_path / "postgres/which").write_text("old")
    restored(tmp_path)
    died = False
    with monkeypatch.context() as patched:
        reached = dying(patched, step)
        try:
            swap(tmp_path, NOW)
        except Died:
            died = True
    assert died == (reached() == step)
    settle(tmp_path)
    there = {which(path) for path in tmp_path.iterdir()}
    used = tmp_path / "postgres"
    if has_former:
        assert "old" in there
        assert used.exists()
    elif step > 0:  # marked as complete, or in place already
        assert which(used) == "new"
    assert not (tmp_path / "postgres-restoring").exists()
    settle(tmp_path)
    assert {which(path) for path in tmp_path.iterdir()} == there


def test_what_is_left_is_said(state: Path, caplog: pytest.LogCaptureFixture) -> None:
    restored(state)
    settle(state)
    assert "changed nothing: what it left is removed" in caplog.text
    assert which(state / "postgres") == "old"
    restored(state)
    with caplog.at_level("INFO"):
        swap(state, NOW)
        settle(state)
    assert f"remove {state}/postgres-before-20261122-203000 when it is not needed" in caplog.text
