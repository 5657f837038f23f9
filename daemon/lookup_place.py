"""Find a file on disk that somebody else named: below the music folders, or not at all."""

import errno
import os
import stat
from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from pathlib import Path

from daemon.answering import OFFLINE_RETRY_S
from daemon.file_names import is_audio_name, is_ignored
from daemon.library import shown
from daemon.lookup_errors import LibraryOffline, NoFileThere, NotMusic, OutsideRoots
from daemon.lookup_rows import PlacedFile
from daemon.path_map import is_at_or_below
from daemon.scan import bigint, look_at_root

_NO_SUCH_FILE = {errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG, errno.ELOOP}


def find_file(
    asked: bytes, local: bytes, roots: Iterable[bytes], *, extensions: AbstractSet[str]
) -> PlacedFile:
    """Return the file at an absolute path; blocks on the disk, so run it in a thread.

    Nothing outside the roots is touched unless a link below them leads there, and nothing is told of it.

    Parameters
    ----------
    asked : the path as its sender spells it, for messages
    local : the path here, without `..`
    roots : the music folders, absolute

    Raises
    ------
    OutsideRoots, NotMusic, NoFileThere, LibraryOffline
    """
    real_roots = {root: os.path.realpath(root) for root in roots}
    if not any(is_at_or_below(local, each) for root in real_roots.items() for each in root):
        raise OutsideRoots(shown(asked), shown(local))
    if not is_audio_name(local, extensions):
        raise NotMusic(shown(asked))
    real = os.path.realpath(local)
    inside = [root for root, real_root in real_roots.items() if is_at_or_below(real, real_root)]
    if not inside:
        raise OutsideRoots(shown(asked), shown(local))
    # The innermost of those that it was named below: the library's own spelling.
    root = max(inside, key=lambda each: (is_at_or_below(local, each), len(each)))
    below = real[len(real_roots[root].rstrip(b"/")) + 1 :]
    if is_ignored(below) or not is_audio_name(below, extensions):
        raise NotMusic(shown(asked))
    place = root.rstrip(b"/") + b"/" + below
    status = _status(asked, place, root)
    if not stat.S_ISREG(status.st_mode):
        raise NoFileThere(shown(asked), shown(place), "is no file")
    return PlacedFile(place, status.st_size, bigint(status.st_mtime_ns))


def _status(asked: bytes, place: bytes, root: bytes) -> os.stat_result:
    """Return the status of a file, of a link itself. Raises NoFileThere, LibraryOffline."""
    try:
        return os.lstat(place)
    except OSError as error:
        if error.errno in (errno.EACCES, errno.EPERM):
            reason = "Spectra's user may not look at it"
            raise NoFileThere(shown(asked), shown(place), reason) from error
        if error.errno not in _NO_SUCH_FILE:
            raise LibraryOffline(error.strerror or str(error), OFFLINE_RETRY_S) from error
    offline = look_at_root(Path(os.fsdecode(root))).offline
    if offline is not None:
        raise LibraryOffline(offline, OFFLINE_RETRY_S)
    raise NoFileThere(shown(asked), shown(place), "there is no such file")
