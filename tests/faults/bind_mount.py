"""A folder behind FUSE, as mergerfs, sshfs and rclone are: slow, hanging, gone or back as a test wishes."""

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from disks import unmount
from waiting import wait_until


class BindMount:
    """One folder shown at another place by a process of its own; use `bind_mount`."""

    def __init__(self, source: Path, place: Path, *options: str) -> None:
        self.source = source
        self.place = place
        self._command = ["bindfs", "-f", *options, str(source), str(place)]
        self._process: subprocess.Popen[bytes] | None = None

    def mount(self) -> None:
        """Show the folder, and return once it is there; skip where that is refused."""
        unmount(self.place)  # what `die` has left
        self._process = subprocess.Popen(self._command, stderr=subprocess.PIPE)
        wait_until(lambda: self._is_mounted() or self._has_ended())
        if self._has_ended():
            assert self._process.stderr is not None
            pytest.skip(f"nothing can be mounted here: {self._process.stderr.read().decode().strip()}")

    def hang(self) -> None:
        """Have whoever asks wait from now on; what the kernel remembers it may still answer."""
        self._signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """Answer again, also who waits."""
        self._signal(signal.SIGCONT)

    def die(self) -> None:
        """Leave a mount that nobody serves: ENOTCONN to whoever asks."""
        self._signal(signal.SIGKILL)
        assert self._process is not None
        assert self._process.stderr is not None
        self._process.wait()
        self._process.stderr.close()

    def unmount(self) -> None:
        """Leave nothing of it."""
        self.go_on()
        unmount(self.place)
        self.die()

    def _is_mounted(self) -> bool:
        # Not by asking the place itself: it may hang.
        mounts = Path("/proc/self/mountinfo").read_text()
        return any(line.split()[4] == str(self.place) for line in mounts.splitlines())

    def _has_ended(self) -> bool:
        return self._process is None or self._process.poll() is not None

    def _signal(self, number: signal.Signals) -> None:
        if not self._has_ended():
            assert self._process is not None
            self._process.send_signal(number)


@contextmanager
def bind_mount(source: Path, place: Path, *options: str) -> Iterator[BindMount]:
    """Show a folder through FUSE while the context lasts; both are made. Skip where that can't be done.

    Parameters
    ----------
    options : of bindfs(1): `--read-rate=300k`
    """
    if os.geteuid() != 0 or not Path("/dev/fuse").exists() or shutil.which("bindfs") is None:
        pytest.skip("no FUSE mount can be made here: it takes root, /dev/fuse and `apt install bindfs`")
    for folder in (source, place):
        folder.mkdir(exist_ok=True)
    bound = BindMount(source, place, *options)
    try:
        bound.mount()
        yield bound
    finally:
        bound.unmount()
