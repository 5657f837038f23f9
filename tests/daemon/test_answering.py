"""Folders that keep who asks them waiting: one thread asks each, and every asker waits as long as it may."""

import asyncio
import threading
from pathlib import Path

import pytest
from waiting import until

from daemon import answering
from daemon.answering import Answering, FolderHangs
from daemon.scan import RootLook, look_at_root

ROOT = b"/far"


@pytest.fixture
def hanging(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> "Hanging":
    """Return a folder that does not answer until it is told to."""
    folder = Hanging(tmp_path)
    monkeypatch.setattr(answering, "look_at_root", folder.look)
    return folder


class Hanging:
    """Holds up who looks at it."""

    def __init__(self, there: Path) -> None:
        self.asked = 0
        self.goes_on = threading.Event()
        self._there = there

    def look(self, root: Path) -> RootLook:
        assert root == Path("/far")
        self.asked += 1
        self.goes_on.wait()
        return look_at_root(self._there)


async def test_who_may_not_wait_long_is_told_while_others_wait_and_one_thread_asks(hanging: Hanging) -> None:
    answers = Answering()
    patient = asyncio.create_task(answers.look(ROOT))
    try:
        with pytest.raises(FolderHangs, match=r"^/far: it does not answer"):
            await answers.look(ROOT, within_s=0.05)
        assert not await answers.answers(ROOT, within_s=0.05)
        assert (patient.done(), hanging.asked) == (False, 1)
    finally:
        hanging.goes_on.set()
    await patient
    assert await answers.answers(ROOT, within_s=5)
    assert hanging.asked == 2


async def test_what_needs_a_folder_ends_when_it_hangs(
    hanging: Hanging, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answering, "_ASK_AGAIN_S", 0.01)
    answers = Answering()

    async def work(is_done: asyncio.Event) -> None:
        async with answers.needed(ROOT):
            hanging.goes_on.clear()
            await is_done.wait()

    hanging.goes_on.set()
    try:
        with monkeypatch.context() as impatient:
            impatient.setattr(answering, "ANSWER_S", 0.1)
            with pytest.raises(FolderHangs):
                await work(asyncio.Event())
            with pytest.raises(FolderHangs):  # at once: it is known
                await work(asyncio.Event())
        hanging.goes_on.set()
        await until(lambda: answers.answers(ROOT))
        done = asyncio.Event()
        done.set()
        await work(done)
    finally:
        hanging.goes_on.set()


async def test_what_takes_too_long_by_itself_is_not_the_folders_fault(hanging: Hanging) -> None:
    hanging.goes_on.set()

    async def work() -> None:
        async with Answering().needed(ROOT):
            raise TimeoutError("its own")

    with pytest.raises(TimeoutError, match="its own"):
        await work()
