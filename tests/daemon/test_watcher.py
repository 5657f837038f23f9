import asyncio
import errno
import os
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from watchdog.observers.inotify_c import InotifyConstants, InotifyEvent, InotifyFD, Mask, WatchDescriptor

from daemon import root_watch
from daemon.answering import Answering
from daemon.inotify_watch import InotifyWatch, _Inotify
from daemon.mounts import file_system_of, is_network_file_system
from daemon.settle import SettleQueue, Stamp
from daemon.watcher import RootStatus, Watcher

QUIET_S = 0.05
PATIENCE_S = 60.0


class Clock:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


class Disk:
    """A queue, its clock, and the stamps that a look would give."""

    def __init__(self, limit: int = 100) -> None:
        self.clock = Clock()
        self.queue = SettleQueue(quiet_s=2.0, limit=limit, clock=self.clock)
        self.stamps: dict[bytes, Stamp] = {}

    def after(self, passed_s: float) -> frozenset[bytes]:
        self.clock.now_s += passed_s
        return self.queue.settle({path: self.stamps.get(path) for path in self.queue.ripe()})


def test_a_path_settles_once_it_was_still_for_the_quiet_time() -> None:
    disk = Disk()
    disk.stamps[b"a"] = (5, 1)
    disk.queue.touch(b"a")
    assert disk.after(0.5) == frozenset()
    assert disk.after(1.9) == frozenset()
    assert disk.after(0.1) == {b"a"}
    assert len(disk.queue) == 0
    assert disk.queue.next_due_s() == float("inf")


def test_a_growing_file_waits_again() -> None:
    disk = Disk()
    disk.queue.touch(b"a")
    for size_bytes in range(5):
        disk.stamps[b"a"] = (size_bytes, 1)
        assert disk.after(2.0) == frozenset()
    assert disk.after(2.0) == {b"a"}


def test_a_new_mtime_waits_again() -> None:
    disk = Disk()
    disk.stamps[b"a"] = (5, 1)
    disk.queue.touch(b"a")
    disk.after(0.5)
    disk.stamps[b"a"] = (5, 2)
    assert disk.after(2.0) == frozenset()
    assert disk.after(2.0) == {b"a"}


def test_a_vanished_path_settles_as_gone() -> None:
    disk = Disk()
    disk.stamps[b"a"] = (5, 1)
    disk.queue.touch(b"a")
    disk.after(0.5)
    del disk.stamps[b"a"]
    assert disk.after(2.0) == frozenset()
    assert disk.after(2.0) == {b"a"}


def test_an_event_between_the_looks_starts_over() -> None:
    disk = Disk()
    disk.stamps[b"a"] = (5, 1)
    disk.queue.touch(b"a")
    disk.after(0.5)
    disk.clock.now_s += 1.9
    disk.queue.touch(b"a")
    assert disk.after(0.5) == frozenset()
    assert disk.after(2.0) == {b"a"}


def test_an_event_during_a_look_makes_the_look_void() -> None:
    disk = Disk()
    disk.queue.touch(b"a")
    disk.after(0.5)
    disk.clock.now_s += 2.0
    ripe = disk.queue.ripe()
    disk.queue.touch(b"a")
    assert disk.queue.settle(dict.fromkeys(ripe)) == frozenset()
    assert len(disk.queue) == 1


def test_paths_touched_together_settle_together() -> None:
    disk = Disk()
    disk.stamps[b"new"] = (5, 1)
    disk.queue.touch(b"old", b"new")
    disk.after(0.5)
    assert disk.after(2.0) == {b"old", b"new"}


def test_a_folder_waits_for_files_still_written_below_it() -> None:
    disk = Disk()
    disk.stamps = {b"album": (1, 1), b"album/cd/a": (0, 1)}
    disk.queue.touch(b"album", b"album/cd/a")
    disk.after(0.5)
    disk.stamps[b"album/cd/a"] = (5, 1)
    assert disk.after(2.0) == frozenset()
    assert disk.after(2.0) == {b"album", b"album/cd/a"}


def test_nothing_is_ripe_before_the_next_due_time() -> None:
    disk = Disk()
    disk.queue.touch(b"a")
    assert disk.queue.next_due_s() == 0.5
    disk.clock.now_s += 0.4
    disk.queue.touch(b"a")
    disk.clock.now_s += 0.1
    assert disk.queue.ripe() == []
    assert disk.queue.next_due_s() == pytest.approx(0.4)


def test_too_many_pending_paths_collapse_into_one_reconcile() -> None:
    disk = Disk(limit=3)
    for number in range(4):
        disk.queue.touch(b"%d" % number)
    assert (len(disk.queue), disk.queue.next_due_s()) == (0, float("inf"))
    assert disk.queue.take_collapse()
    assert not disk.queue.take_collapse()


MOUNTINFO = rb"""22 27 0:21 / /proc rw,relatime - proc proc rw
27 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
40 27 0:40 / /mnt/nas rw,relatime shared:2 - autofs systemd-1 rw
41 40 0:41 / /mnt/nas rw,relatime shared:3 - nfs4 nas:/music rw
42 27 8:1 / /mnt/my\040music\134x rw - cifs //nas/music rw
43 27 8:2 / /mnt/nas/local rw - btrfs /dev/sda rw
damaged line
44 27 - ext4
"""


@pytest.mark.parametrize(
    ("path", "file_system"),
    [
        (b"/home/music", "ext4"),
        (b"/", "ext4"),
        (b"/mnt/nas", "nfs4"),
        (b"/mnt/nas/pop", "nfs4"),
        (b"/mnt/nastier", "ext4"),
        (b"/mnt/nas/local/x", "btrfs"),
        (b"/mnt/my music\\x/a", "cifs"),
    ],
)
def test_the_innermost_and_latest_mount_holds_a_path(path: bytes, file_system: str) -> None:
    assert file_system_of(path, MOUNTINFO) == file_system


def test_without_mountinfo_the_file_system_is_unknown() -> None:
    assert file_system_of(b"/music", b"") == ""
    assert not is_network_file_system("")


@pytest.mark.parametrize(
    "name", ["nfs", "nfs4", "cifs", "smb3", "fuse.sshfs", "9p", "vboxsf", "drvfs", "virtiofs"]
)
def test_network_file_systems_are_known(name: str) -> None:
    assert is_network_file_system(name)


@pytest.mark.parametrize("name", ["ext4", "btrfs", "xfs", "zfs", "fuseblk", "tmpfs", "overlay", "ntfs3"])
def test_local_file_systems_are_watched(name: str) -> None:
    assert not is_network_file_system(name)


class Listener:
    """Takes a watcher's callbacks, and waits for them."""

    def __init__(self) -> None:
        self.settled: set[bytes] = set()
        self.reconciled: list[Path] = []
        self.failures_left = 0
        self._changed = asyncio.Condition()

    async def on_settled(self, root: Path, paths: frozenset[bytes]) -> None:
        if self.failures_left:
            self.failures_left -= 1
            raise ConnectionError("the database is away")
        async with self._changed:
            self.settled |= paths
            self._changed.notify_all()

    async def on_reconcile(self, root: Path) -> None:
        async with self._changed:
            self.reconciled.append(root)
            self._changed.notify_all()

    async def until(self, fact: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE_S), self._changed:
            await self._changed.wait_for(fact)

    async def until_settled(self, *paths: bytes) -> None:
        await self.until(lambda: self.settled >= set(paths))

    async def until_reconciled(self, times: int = 1) -> None:
        await self.until(lambda: len(self.reconciled) >= times)


@asynccontextmanager
async def watched(root: Path, **options: Any) -> AsyncIterator[tuple[Watcher, Listener]]:
    """Watch a root; entered once the first reconcile was asked for."""
    listener = Listener()
    options = {"quiet_s": QUIET_S, "retry_s": QUIET_S} | options
    watcher = Watcher([root], listener.on_settled, listener.on_reconcile, Answering(), **options)
    await watcher.start()
    try:
        await listener.until_reconciled()
        yield watcher, listener
    finally:
        await watcher.stop()


def state_of(watcher: Watcher) -> str:
    [status] = watcher.status()
    return status.state


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "music"
    (folder / "album").mkdir(parents=True)
    (folder / "album/old.mp3").write_bytes(b"old")
    return folder


async def test_a_written_file_settles(root: Path) -> None:
    async with watched(root) as (watcher, listener):
        assert watcher.status() == (RootStatus(root, "watching", None, 0),)
        (root / "album/new.mp3").write_bytes(b"new")
        (root / "album/cover.jpg").write_bytes(b"ignored")
        (root / "album/.new.mp3").write_bytes(b"ignored")
        await listener.until_settled(b"album/new.mp3")
        assert listener.settled == {b"album/new.mp3"}


async def test_a_deleted_file_settles_as_gone(root: Path) -> None:
    async with watched(root) as (_, listener):
        (root / "album/old.mp3").unlink()
        await listener.until_settled(b"album/old.mp3")


async def test_both_ends_of_a_rename_settle(root: Path) -> None:
    async with watched(root) as (_, listener):
        (root / "album/old.mp3").rename(root / "new.mp3")
        await listener.until_settled(b"album/old.mp3", b"new.mp3")


async def test_a_name_that_is_not_utf8_settles_with_its_bytes(root: Path) -> None:
    async with watched(root) as (_, listener):
        (root / os.fsdecode(b"caf\xe9.mp3")).write_bytes(b"new")
        await listener.until_settled(b"caf\xe9.mp3")


async def test_a_folder_moved_in_is_reported_and_watched(root: Path, tmp_path: Path) -> None:
    (tmp_path / "other/cd").mkdir(parents=True)
    (tmp_path / "other/cd/a.mp3").write_bytes(b"a")
    async with watched(root) as (_, listener):
        (tmp_path / "other").rename(root / "other")
        await listener.until_settled(b"other", b"other/cd/a.mp3")
        (root / "other/cd/b.mp3").write_bytes(b"b")
        await listener.until_settled(b"other/cd/b.mp3")


async def test_a_folder_moved_out_is_gone_and_no_longer_watched(root: Path, tmp_path: Path) -> None:
    async with watched(root) as (watcher, listener):
        (root / "album").rename(tmp_path / "album")
        await listener.until_settled(b"album")
        await listener.until_reconciled(2)
        listener.settled.clear()
        (tmp_path / "album/strange.mp3").write_bytes(b"strange")
        (root / "own.mp3").write_bytes(b"own")
        await listener.until_settled(b"own.mp3")
        assert listener.settled == {b"own.mp3"}
        assert state_of(watcher) == "watching"


async def test_a_root_that_is_a_link_is_watched(root: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(root)
    async with watched(link) as (_, listener):
        (root / "new.mp3").write_bytes(b"new")
        await listener.until_settled(b"new.mp3")


async def test_a_missing_root_is_offline_until_it_is_there(tmp_path: Path) -> None:
    root = tmp_path / "music"
    async with watched(root) as (watcher, listener):
        assert state_of(watcher) == "offline"
        assert watcher.reconcile_every_s(root) == 60.0
        root.mkdir()
        assert (await watcher.recheck(root)).state == "offline"
        (root / "first.mp3").write_bytes(b"first")
        await listener.until_settled(b"first.mp3")
        assert state_of(watcher) == "watching"
        assert watcher.reconcile_every_s(root) == 600.0


async def test_a_deleted_root_goes_offline_and_is_reconciled(root: Path) -> None:
    async with watched(root) as (watcher, listener):
        shutil.rmtree(root)
        await listener.until_reconciled(2)
        assert state_of(watcher) == "offline"


async def test_a_root_replaced_by_another_folder_is_watched_anew(root: Path, tmp_path: Path) -> None:
    async with watched(root) as (watcher, listener):
        root.rename(tmp_path / "away")
        root.mkdir()
        (root / "first.mp3").write_bytes(b"first")
        assert (await watcher.recheck(root)).state == "watching"
        (root / "second.mp3").write_bytes(b"second")
        await listener.until_settled(b"second.mp3")


async def test_a_recheck_of_a_healthy_root_keeps_its_watch(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with watched(root) as (watcher, listener):
        monkeypatch.setattr(InotifyWatch, "start", None)
        assert (await watcher.recheck(root)).state == "watching"
        (root / "new.mp3").write_bytes(b"new")
        await listener.until_settled(b"new.mp3")


async def test_a_network_file_system_is_polled(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(root_watch, "file_system_of", lambda path, mountinfo: "nfs4")
    async with watched(root) as (watcher, listener):
        [status] = watcher.status()
        assert (status.state, status.reason) == ("polling", "nfs4 tells nothing of distant changes")
        assert watcher.reconcile_every_s(root) == 60.0
        watcher.touch(root, [b"album/old.mp3", b".hidden.mp3"])
        assert watcher.status()[0].pending == 1
        await listener.until_settled(b"album/old.mp3")


@pytest.mark.parametrize("where", [b"music", b"album"])
async def test_too_few_watches_fail_with_the_way_out(
    root: Path, where: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_callback = InotifyFD.add_callback

    def limited(self: InotifyFD, path: bytes, *others: Any) -> WatchDescriptor:
        if path.endswith(where):
            raise OSError(errno.ENOSPC, "inotify watch limit reached")
        return add_callback(self, path, *others)

    monkeypatch.setattr(InotifyFD, "add_callback", limited)
    async with watched(root) as (watcher, _):
        [status] = watcher.status()
        assert status.state == "failed"
        assert "sysctl fs.inotify.max_user_watches=" in (status.reason or "")
        monkeypatch.undo()
        assert (await watcher.recheck(root)).state == "watching"


async def test_watches_running_out_later_fail_too(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with watched(root) as (watcher, listener):
        add_callback = InotifyFD.add_callback

        def limited(self: InotifyFD, path: bytes, *others: Any) -> WatchDescriptor:
            if path.endswith(b"one-too-many"):
                raise OSError(errno.ENOSPC, "inotify watch limit reached")
            return add_callback(self, path, *others)

        monkeypatch.setattr(InotifyFD, "add_callback", limited)
        (root / "one-too-many").mkdir()
        await listener.until_reconciled(2)
        assert state_of(watcher) == "failed"


async def test_too_few_inotify_instances_fail_with_the_way_out(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(cls: type[InotifyFD]) -> int:
        raise OSError(errno.EMFILE, "inotify instance limit reached")

    monkeypatch.setattr(InotifyFD, "_create_inotify_fd", classmethod(refuse))
    async with watched(root) as (watcher, _):
        [status] = watcher.status()
        assert status.state == "failed"
        assert "sysctl fs.inotify.max_user_instances=" in (status.reason or "")


@pytest.mark.parametrize("mask", [InotifyConstants.IN_Q_OVERFLOW, InotifyConstants.IN_UNMOUNT])
def test_lost_events_and_an_unmount_raise_doubts(mask: Mask) -> None:
    doubts: list[str] = []
    inotify = _Inotify(lambda: doubts.append("doubt"))
    inotify.start()
    try:
        inotify.handle_event(InotifyEvent(WatchDescriptor(-1), mask, 0, b""))
    finally:
        inotify.stop()
        inotify.join()
    assert doubts == ["doubt"]


async def test_an_error_inside_watchdog_sets_the_watch_up_anew(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    handle_event = InotifyFD.handle_event
    failures = [KeyError("a descriptor")]

    def failing(self: InotifyFD, event: InotifyEvent) -> None:
        if failures:
            raise failures.pop()
        handle_event(self, event)

    async with watched(root) as (watcher, listener):
        monkeypatch.setattr(InotifyFD, "handle_event", failing)
        (root / "lost.mp3").write_bytes(b"lost")
        await listener.until_reconciled(2)
        assert state_of(watcher) == "watching"
        (root / "new.mp3").write_bytes(b"new")
        await listener.until_settled(b"new.mp3")


async def test_more_events_than_may_be_pending_reconcile_the_root(root: Path) -> None:
    async with watched(root, pending_limit=3) as (_, listener):
        for number in range(9):
            (root / f"{number}.mp3").write_bytes(b"new")
        await listener.until_reconciled(2)


async def test_a_callback_that_raises_is_followed_by_a_reconcile(root: Path) -> None:
    async with watched(root) as (_, listener):
        listener.failures_left = 1
        (root / "new.mp3").write_bytes(b"new")
        await listener.until_reconciled(2)
        (root / "album/newer.mp3").write_bytes(b"newer")
        await listener.until_settled(b"album/newer.mp3")


async def test_a_stopped_watcher_reports_nothing_and_can_stop_again(root: Path) -> None:
    async with watched(root) as (watcher, listener):
        await watcher.stop()
        (root / "new.mp3").write_bytes(b"new")
        await watcher.stop()
        assert listener.settled == set()


async def test_stopping_during_the_start_leaves_no_threads(root: Path) -> None:
    never: Callable[..., Awaitable[None]] = Listener().on_settled
    watcher = Watcher([root], never, never, Answering(), quiet_s=QUIET_S)
    await watcher.start()
    await asyncio.wait(watcher._tasks, timeout=0)
    await watcher.stop()
    assert watcher._roots[root]._watch is None
