"""Count what is in a music folder, for a limited time: what the doctor compares with the machine's limits."""

import os
import stat
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from daemon.file_names import is_audio_name, is_ignored_name
from daemon.mounts import file_system_of, is_network_file_system

COUNT_S = 4.0
"""100,000 files take 1.2 s on a local disk."""
_MOUNTS = Path("/proc/self/mountinfo")


@dataclass(frozen=True, slots=True)
class Folders:
    """What was counted below one root."""

    folders: int
    files: int
    largest_bytes: int
    """Of the audio files."""
    in_future: int
    """Audio files that will be changed tomorrow or later, by their dates."""
    is_whole: bool
    """False: the time was over; there is more."""


def count(
    root: Path,
    extensions: frozenset[str],
    now_s: float,
    *,
    within_s: float = COUNT_S,
    clock: Callable[[], float] = time.monotonic,
) -> Folders:
    """Count folders and audio files below a root, without following links. Unreadable folders are skipped.

    Parameters
    ----------
    now_s : the time, in seconds since 1970
    """
    due_s, tomorrow_s = clock() + within_s, now_s + 86_400
    waiting, folders, sizes, in_future = [os.fsencode(root)], 0, [0], 0
    while waiting and clock() < due_s:
        folders += 1
        try:
            with os.scandir(waiting.pop()) as entries:
                for entry in entries:
                    if is_ignored_name(entry.name):
                        continue
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
                    elif is_audio_name(entry.name, extensions):
                        status = entry.stat(follow_symlinks=False)
                        if stat.S_ISREG(status.st_mode):
                            sizes.append(status.st_size)
                            in_future += status.st_mtime > tomorrow_s
        except OSError:
            continue
    return Folders(folders + len(waiting), len(sizes) - 1, max(sizes), in_future, is_whole=not waiting)


def network_file_system(folder: Path) -> str | None:
    """Return the type of the network file system that holds a folder; None of a local one. Raises OSError."""
    try:
        mountinfo = _MOUNTS.read_bytes()
    except OSError:  # a hardened container
        return None
    kind = file_system_of(os.path.realpath(os.fsencode(folder)), mountinfo)
    return kind if is_network_file_system(kind) else None
