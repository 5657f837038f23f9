"""A function runs in a process of its own; nothing of it is left, however it ends."""

import asyncio
import os
import pickle
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
import side_tasks
from waiting import until, wait_until

from daemon.errors import WorkerDied
from daemon.playlist_errors import SourceBlocked
from daemon.side_process import MOST_BYTES, TookTooLong, TookTooMuch, WorkFailed, run_aside

pytestmark = pytest.mark.usefixtures("unblocked")

LONG_S = 120.0
EATING = "const kept = []; while (true) kept.push(new Uint8Array(1e6).fill(1))"
PARENT = """
import asyncio, sys
from pathlib import Path
import side_tasks
from daemon.side_process import run_aside
asyncio.run(run_aside(side_tasks.start_helper_and_wait, Path(sys.argv[1]), within_s=600.0))
"""


def is_alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def noted_pids(noted: Path) -> list[int]:
    return [int(pid) for pid in noted.read_text().split()]


def our_children() -> list[int]:
    """Return what `run_aside` started, also what nobody waited for; other tests have children, too."""
    return [child.pid for child in psutil.Process().children() if _is_side_process(child)]


def _is_side_process(child: psutil.Process) -> bool:
    try:
        return child.status() == psutil.STATUS_ZOMBIE or "side_worker" in " ".join(child.cmdline())
    except psutil.NoSuchProcess:
        return False


def open_files() -> list[Path]:
    return list(Path("/proc/self/fd").iterdir())


async def test_a_value_comes_back() -> None:
    assert await run_aside(side_tasks.add, 2, 3, within_s=LONG_S) == 5


async def test_a_value_may_be_larger_than_a_pipe() -> None:
    assert len(await run_aside(side_tasks.megabytes, 3, within_s=LONG_S)) == 3_000_000


async def test_the_process_is_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPECTRA_TOKEN", "secret")
    told = await run_aside(side_tasks.whereabouts, within_s=LONG_S, nice=7)
    assert told["pid"] == told["group"] == told["session"] != os.getpid()
    assert told["nice"] == os.nice(0) + 7
    assert told["secret"] is None
    assert told["home"] == os.environ.get("HOME")
    assert told["stdin"] == ""
    assert told["pid"] not in our_children()


async def test_what_the_function_prints_is_no_answer(capfd: pytest.CaptureFixture[str]) -> None:
    assert await run_aside(side_tasks.print_a_lot, within_s=LONG_S) == "printed"
    printed = capfd.readouterr()
    assert "xxx" in printed.err
    assert "yyy" in printed.err
    assert not printed.out


async def test_an_error_of_ours_comes_back_with_its_facts() -> None:
    with pytest.raises(SourceBlocked) as raised:
        await run_aside(side_tasks.block, within_s=LONG_S)
    assert raised.value.args == ("too many", 120.0)


async def test_another_error_comes_back_with_where_it_was_raised() -> None:
    with pytest.raises(ZeroDivisionError, match="a bit rate of 0") as raised:
        await run_aside(side_tasks.stumble, within_s=LONG_S)
    assert "in stumble" in "".join(raised.value.__notes__)


async def test_an_error_that_cant_come_back_is_told() -> None:
    with pytest.raises(WorkFailed, match="StubbornError: one"):
        await run_aside(side_tasks.raise_stubborn, within_s=LONG_S)


async def test_a_value_that_cant_come_back_is_told() -> None:
    with pytest.raises(WorkFailed, match="return a lock failed: TextIOWrapper") as raised:
        await run_aside(side_tasks.return_a_lock, within_s=LONG_S)
    assert str(pickle.loads(pickle.dumps(raised.value))) == str(raised.value)


async def test_a_function_that_leaves_is_a_death() -> None:
    with pytest.raises(WorkerDied, match="leave"):
        await run_aside(side_tasks.leave, within_s=LONG_S)


async def test_a_killed_process_is_a_death(tmp_path: Path) -> None:
    noted = tmp_path / "pids"
    with pytest.raises(WorkerDied, match="start helper and die"):
        await run_aside(side_tasks.start_helper_and_die, noted, within_s=LONG_S)
    await until(lambda: not any(map(is_alive, noted_pids(noted))))


async def test_what_the_function_started_ends_with_it(tmp_path: Path) -> None:
    helper = await run_aside(side_tasks.start_helper, tmp_path / "pids", within_s=LONG_S)
    await until(lambda: not is_alive(helper))


async def test_a_function_has_its_time(tmp_path: Path) -> None:
    with pytest.raises(TookTooLong, match=r"start helper and wait was not done within 1\.5 s") as raised:
        await run_aside(side_tasks.start_helper_and_wait, tmp_path / "pids", within_s=1.5)
    assert str(pickle.loads(pickle.dumps(raised.value))) == str(raised.value)
    assert not our_children()
    pids = noted_pids(tmp_path / "pids") if (tmp_path / "pids").exists() else []
    await until(lambda: not any(map(is_alive, pids)))


async def test_a_function_and_what_it_started_share_their_memory(tmp_path: Path) -> None:
    noted = tmp_path / "pids"
    with pytest.raises(TookTooMuch, match="fill memory took more than 250 MB of memory") as raised:
        # Neither of the two alone takes so much.
        await run_aside(side_tasks.fill_memory, 150, noted, within_s=LONG_S, most_bytes=250_000_000)
    assert str(pickle.loads(pickle.dumps(raised.value))) == str(raised.value)
    assert not our_children()
    await until(lambda: not any(map(is_alive, noted_pids(noted))))


async def test_the_kernel_takes_a_side_process_first() -> None:
    assert await run_aside(side_tasks.oom_score, within_s=LONG_S) == 1_000


async def test_a_javascript_runtime_fits_into_the_memory() -> None:
    # It reserves gigabytes of addresses that it never uses.
    text = await run_aside(side_tasks.run_javascript, "console.log(6 * 7)", within_s=LONG_S)
    assert text == "42"
    with pytest.raises(TookTooMuch):
        await run_aside(side_tasks.run_javascript, EATING, within_s=LONG_S, most_bytes=MOST_BYTES // 4)


async def test_a_cancelled_wait_ends_everything_that_was_started(tmp_path: Path) -> None:
    noted = tmp_path / "pids"
    task = asyncio.create_task(run_aside(side_tasks.start_helper_and_wait, noted, within_s=LONG_S))
    await until(noted.is_file)
    task.cancel()
    await asyncio.sleep(0)
    task.cancel()  # while the process is being ended
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not our_children()
    await until(lambda: not any(map(is_alive, noted_pids(noted))))


async def test_a_wait_can_be_cancelled_at_any_moment() -> None:
    for turns in range(12):
        task = asyncio.create_task(run_aside(side_tasks.add, 1, 1, within_s=LONG_S))
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    await until(lambda: not our_children())


async def test_nothing_stays_open() -> None:
    await run_aside(side_tasks.add, 1, 1, within_s=LONG_S)  # the event loop's own
    before = len(open_files())
    for _ in range(3):
        await run_aside(side_tasks.add, 1, 1, within_s=LONG_S)
        with pytest.raises(WorkerDied):
            await run_aside(side_tasks.die, within_s=LONG_S)
    assert len(open_files()) == before


def test_all_ends_when_the_waiting_process_is_killed(tmp_path: Path) -> None:
    noted = tmp_path / "pids"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    parent = subprocess.Popen([sys.executable, "-c", PARENT, str(noted)], env=environment)
    try:
        wait_until(noted.is_file)
        assert all(map(is_alive, noted_pids(noted)))
        parent.send_signal(signal.SIGKILL)
        wait_until(lambda: not any(map(is_alive, noted_pids(noted))))
    finally:
        parent.kill()
        parent.wait()
