"""Tell who holds a file's lock without taking it: a daemon that just starts must not meet the doctor's."""

from pathlib import Path

LOCKS = Path("/proc/locks")


def lock_holder(path: Path, *, locks: Path = LOCKS) -> int | None:
    """Return the process that holds a flock on a file, None if none does. Raises OSError but for no file.

    The number is 0 for a process that this container doesn't see. Format: proc_locks(5).
    """
    try:
        inode = path.stat().st_ino
    except FileNotFoundError:
        return None
    for line in locks.read_text().splitlines():
        columns = line.split()
        # A line of who waits has an arrow there. Numbers of devices differ from stat's on btrfs and overlays.
        if len(columns) >= 6 and columns[1] == "FLOCK" and columns[5].rpartition(":")[2] == str(inode):
            return max(0, int(columns[4]))
    return None
