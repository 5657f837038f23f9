"""Tasks of clips: each ends once, and is forgotten in time."""

from collections.abc import AsyncIterator
from uuid import uuid4

import pytest

from daemon.db import open_database
from daemon.match_task_store import MatchTaskStore


@pytest.fixture
async def tasks(conninfo: str) -> AsyncIterator[MatchTaskStore]:
    """The tasks of the test's database."""
    async with open_database(conninfo, pool_max=2) as database:
        yield MatchTaskStore(database)


async def test_reasons_may_quote_anything(tasks: MatchTaskStore) -> None:
    task_id = uuid4()
    await tasks.add(task_id)
    await tasks.finish(task_id, error="a\0b\udce9c")
    task = await tasks.task(task_id)
    assert task is not None
    assert task.error == "a\ufffdb?c"


async def test_a_task_ends_once(tasks: MatchTaskStore) -> None:
    done, interrupted = uuid4(), uuid4()
    await tasks.add(done)
    await tasks.add(interrupted)
    await tasks.finish(done, result=[{"song_id": 1}])
    await tasks.finish(done, error="too late")
    await tasks.interrupt()
    task = await tasks.task(done)
    assert task is not None
    assert (task.status, task.result, task.error) == ("success", [{"song_id": 1}], None)
    task = await tasks.task(interrupted)
    assert task is not None
    assert task.status == "fail"
    assert task.error is not None
    assert task.error.startswith("interrupted: ")


async def test_finished_tasks_expire_and_pending_ones_do_not(tasks: MatchTaskStore) -> None:
    done, waiting = uuid4(), uuid4()
    await tasks.add(done)
    await tasks.add(waiting)
    await tasks.finish(done, result=[])
    await tasks.expire(3_600)
    assert await tasks.task(done)
    await tasks.expire(0)
    assert await tasks.task(done) is None
    assert await tasks.task(waiting)
