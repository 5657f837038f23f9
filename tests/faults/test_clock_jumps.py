"""A clock that jumps by years stops nothing, and nothing makes up for years that never were."""

from collections import Counter
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from apscheduler.schedulers import base
from waiting import until

from daemon import scheduler
from daemon.file_safety import quiet_wait_s

YEAR = timedelta(days=365)


class Turned(datetime):
    """The time, wrong by `by`."""

    by = timedelta()

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
        """Return the wrong time."""
        return datetime.now(tz) + cls.by


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> type[Turned]:
    """What APScheduler and we take for the time; right at first."""
    monkeypatch.setattr(Turned, "by", timedelta())
    monkeypatch.setattr(base, "datetime", Turned)
    monkeypatch.setattr(scheduler, "datetime", Turned)
    for name in ("_LOOK_FOR_DUE_S", "_EXPIRE_EVERY_S", "_RECOVER_EVERY_S"):
        monkeypatch.setattr(scheduler, name, 0.05)
    return Turned


class Done(Counter[str]):
    """Counts what is done by its name; takes the place of any service."""

    def doing(self, name: str) -> Any:
        async def do(*_: object) -> None:
            self[name] += 1

        return do

    def services(self) -> dict[str, Any]:
        names = {"matches": "expire", "lookups": "expire", "tagging": "recover"}
        made: dict[str, Any] = {
            each: SimpleNamespace(**{name: self.doing(each)}) for each, name in names.items()
        }
        jobs = SimpleNamespace(recover=self.doing("jobs"), defer_due=self.doing("due"))
        return {**made, "jobs": jobs, "scans": None, "watcher": None, "task_lifetime_s": 60.0}


@pytest.mark.parametrize("jump", [timedelta(hours=1), -timedelta(hours=1), -YEAR])
async def test_what_is_done_now_and_then_goes_on(clock: type[Turned], jump: timedelta) -> None:
    done = Done()
    async with scheduler.run_schedule(**done.services()):
        await until(lambda: len(done) == 5)
        clock.by = jump
        before = dict(done)
        await until(lambda: all(done[name] > count + 2 for name, count in before.items()), within_s=10)


async def test_what_a_jump_skipped_is_not_made_up_for(clock: type[Turned]) -> None:
    every = scheduler._Every(10.0)
    now = datetime(2027, 1, 1, tzinfo=UTC)
    assert every.get_next_fire_time(now - YEAR, now) == now + timedelta(seconds=10)


def test_a_file_of_a_clock_that_was_years_ahead_may_be_written(tmp_path: Path) -> None:
    path = tmp_path / "a.mp3"
    path.touch()
    status = path.stat()  # its ctime can't be chosen, the present can
    created_s = status.st_ctime_ns / 1e9
    assert quiet_wait_s(status, created_s - YEAR.total_seconds(), 60.0) <= 0
    assert quiet_wait_s(status, created_s - 10, 60.0) == pytest.approx(70.0, abs=0.1)
    assert quiet_wait_s(status, created_s + 10, 60.0) == pytest.approx(50.0, abs=0.1)
    assert quiet_wait_s(status, created_s + 61, 60.0) <= 0
