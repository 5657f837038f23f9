"""Tell whether somebody writes a file at this moment: by a lease on it, where the kernel gives one.

It gives none, or one that says little, on file systems that other machines share (NFS, SMB), or that pass on
what another one holds (mergerfs and whatever else is FUSE): there a file must have been quiet for longer.
"""

import errno
import fcntl
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from daemon.file_safety import name_of, quiet_wait_s
from daemon.mounts import file_system_of, is_network_file_system
from daemon.tag_errors import InUse, NotQuiet

_BLIND_FACTOR = 5
"""Where nobody can tell whether a file is open elsewhere, it must have been quiet for so much longer."""


@contextmanager
def unwritten(path: Path, file: BinaryIO, *, now_s: float, quiet_s: float) -> Iterator[Callable[[], None]]:
    """Hold a lease on an open file: nobody has it open for writing, and who wants to must wait.

    Yields a check that nobody began to wait.

    Raises
    ------
    InUse : a process has it open for writing; the check: one wants to
    NotQuiet : nobody can tell, and it changed not long ago
    """
    number = file.fileno()
    file_system = _file_system(path)
    has_lease = _take_lease(path, number, file_system)

    def check() -> None:
        if has_lease and fcntl.fcntl(number, fcntl.F_GETLEASE) != fcntl.F_RDLCK:
            raise InUse(name_of(path))

    try:
        if not has_lease or is_network_file_system(file_system):
            wait_s = quiet_wait_s(os.fstat(number), now_s, quiet_s * _BLIND_FACTOR)
            if wait_s > 0:
                raise NotQuiet(name_of(path), wait_s, "nobody can tell whether it is open elsewhere")
        yield check
    finally:
        if has_lease:
            fcntl.fcntl(number, fcntl.F_SETLEASE, fcntl.F_UNLCK)


def _take_lease(path: Path, number: int, file_system: str) -> bool:
    try:
        # Not SIGIO, the default for who breaks a lease: it would end the process. This one is ignored.
        fcntl.fcntl(number, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(number, fcntl.F_SETLEASE, fcntl.F_RDLCK)
    except OSError as error:
        if error.errno in (errno.EAGAIN, errno.ETXTBSY) and not _asks_a_server(file_system):
            raise InUse(name_of(path)) from error
        return False
    return True


def _asks_a_server(file_system: str) -> bool:
    """Tell whether a lease may be refused just since the server has given none (NFSv4, SMB)."""
    return is_network_file_system(file_system) and not file_system.startswith("fuse")


def _file_system(path: Path) -> str:
    try:
        mountinfo = Path("/proc/self/mountinfo").read_bytes()
    except OSError:
        return ""
    return file_system_of(os.fsencode(path.parent.resolve()), mountinfo)
