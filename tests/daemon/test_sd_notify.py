"""What the service manager is told, over a real socket."""

import asyncio
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from waiting import until

from daemon.sd_notify import Notifier

ABSTRACT = f"@spectra-test-{os.getpid()}"


@pytest.fixture(params=["path", "abstract"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return str(tmp_path / "notify") if request.param == "path" else ABSTRACT


@pytest.fixture
def manager(address: str) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as listening:
        listening.bind(address.replace("@", "\0", 1))
        yield listening


def heard(manager: socket.socket) -> list[str]:
    messages = []
    while True:
        try:
            messages.append(manager.recv(4_096).decode())
        except BlockingIOError:
            return messages


def test_a_service_says_that_it_is_ready_reloads_and_ends(address: str, manager: socket.socket) -> None:
    notifier = Notifier(address)
    notifier.ready("All\nis  well.")
    notifier.status("3 recordings")
    notifier.reloading("Again.")
    notifier.stopping("Ending.")
    ready, status, reloading, stopping = heard(manager)
    assert ready == f"READY=1\nMAINPID={os.getpid()}\nSTATUS=All is well."
    assert status == "STATUS=3 recordings"
    first, now_usec, _ = reloading.split("\n")
    assert (first, now_usec.partition("=")[0]) == ("RELOADING=1", "MONOTONIC_USEC")
    assert stopping == "STOPPING=1\nSTATUS=Ending."


def test_without_a_watchdog_no_sign_of_life_is_given_but_time_is_asked_for_until_ready(
    address: str, manager: socket.socket
) -> None:
    notifier = Notifier(address)
    notifier.beat()
    notifier.ready("")
    notifier.beat()
    assert heard(manager)[::2] == ["EXTEND_TIMEOUT_USEC=60000000"]


def test_a_start_that_hangs_for_hours_gets_no_more_time(address: str, manager: socket.socket) -> None:
    now_s = 100.0
    notifier = Notifier(address, watchdog_s=60, clock=lambda: now_s)
    now_s += 3_599
    notifier.beat()
    now_s += 2
    notifier.beat()
    assert heard(manager) == ["WATCHDOG=1\nEXTEND_TIMEOUT_USEC=60000000", "WATCHDOG=1"]
    notifier.reloading("")
    notifier.beat()
    assert "EXTEND_TIMEOUT_USEC=60000000" in heard(manager)[-1]


async def test_signs_of_life_come_from_the_event_loop(address: str, manager: socket.socket) -> None:
    notifier = Notifier(address, watchdog_s=0.1)
    assert notifier.beat_s == 0.05
    got: list[str] = []
    async with notifier.alive():
        notifier.ready("")

        def lives() -> bool:
            got.extend(heard(manager))
            return got.count("WATCHDOG=1") >= 3

        await until(lives)
    assert not [task for task in asyncio.all_tasks() if task.get_name() == "signs of life"]


@pytest.mark.parametrize(
    ("variables", "watchdog"),
    [
        ({"WATCHDOG_USEC": "3000000", "WATCHDOG_PID": str(os.getpid())}, 1.5),
        ({"WATCHDOG_USEC": "3000000"}, 1.5),
        ({"WATCHDOG_USEC": "3000000", "WATCHDOG_PID": "1"}, 10),
        ({"WATCHDOG_USEC": "0"}, 10),
        ({"WATCHDOG_USEC": "soon"}, 10),
        ({}, 10),
    ],
)
def test_only_our_own_watchdog_is_fed(variables: dict[str, str], watchdog: float) -> None:
    environment = {**variables, "NOTIFY_SOCKET": "@x", "PATH": "/bin"}
    notifier = Notifier.from_environment(environment)
    assert (notifier.is_heard, notifier.beat_s) == (True, watchdog)
    # What we start is not asked, and must not answer.
    assert environment == {"PATH": "/bin"}


@pytest.mark.parametrize(
    "address", ["/nowhere/at/all", "@nobody-listens", "relative", "@" + "x" * 200, "a\0b"]
)
def test_a_manager_that_can_not_be_told_is_logged_once(
    address: str, caplog: pytest.LogCaptureFixture
) -> None:
    notifier = Notifier(address, watchdog_s=1)
    notifier.ready("")
    notifier.beat()
    assert [record.levelname for record in caplog.records] == ["WARNING"]


def test_nobody_is_told_without_a_manager(caplog: pytest.LogCaptureFixture) -> None:
    notifier = Notifier.from_environment({"NOTIFY_SOCKET": ""})
    notifier.ready("")
    notifier.beat()
    assert not notifier.is_heard
    assert not caplog.records


def test_what_was_not_heard_is_said_again(tmp_path: Path) -> None:
    address = tmp_path / "notify"
    notifier = Notifier(str(address), watchdog_s=1)
    notifier.ready("Answering.")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as late:
        late.bind(str(address))
        notifier.beat()
        notifier.beat()
        assert [message.split("\n")[0] for message in heard(late)] == ["READY=1", "WATCHDOG=1", "WATCHDOG=1"]


def test_a_manager_that_does_not_read_holds_nothing_up(address: str, manager: socket.socket) -> None:
    notifier = Notifier(address, watchdog_s=1)
    for _ in range(1_000):
        notifier.beat()
    assert 0 < len(heard(manager)) < 1_000
