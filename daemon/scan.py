"""Find the audio files below a root."""

# Paths are bytes here, and pathlib holds text only:
# ruff: noqa: PTH114, PTH116, PTH118

import heapq
import os
import stat
from collections.abc import Callable, Iterable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path

from daemon.errors import DaemonError
from daemon.file_names import AUDIO_EXTENSIONS, is_audio_name, is_ignored, is_ignored_name


class ScanCancelled(DaemonError):  # noqa: N818 - a fact, as in `asyncio.CancelledError`
    """The caller gave the scan up: half a scan would look like missing files."""

    def __init__(self, root: str) -> None:
        super().__init__(root)

    def __str__(self) -> str:
        return f"looking through {self.args[0]} was stopped; nothing has changed, the next look starts anew"


@dataclass(frozen=True, slots=True)
class FoundFile:
    """An audio file on disk. Numbers are wrapped to signed 64 bits, as PostgreSQL's bigint holds them."""

    path: bytes
    """Relative to the root, as the file system spells it, '/' between folders."""
    size_bytes: int
    mtime_ns: int
    inode: int
    device: int


@dataclass(frozen=True, slots=True)
class Scan:
    """What a look at a root, or at a few paths below it, found."""

    files: dict[bytes, FoundFile]
    unreadable: tuple[tuple[bytes, str], ...] = ()
    """Folders and files that exist but could not be looked at, with the reason."""
    offline: str | None = None
    """Why nothing can be said about this root; then `files` is empty and means nothing."""
    scope: frozenset[bytes] | None = None
    """The paths looked at and below; None: the whole root."""


@dataclass(frozen=True, slots=True)
class RootLook:
    """The state of a root folder itself."""

    offline: str | None
    """Why its content can't be trusted; None: it is there and holds something."""
    identity: tuple[int, int] | None
    """(device, inode), None unless it is a folder that can be listed; an empty one is offline, but has it."""


def scan_root(
    root: Path,
    *,
    extensions: AbstractSet[str] = AUDIO_EXTENSIONS,
    cancelled: Callable[[], bool] = lambda: False,
) -> Scan:
    """Find every audio file below a root; blocks on the disk, so run it in a thread.

    Links that resolve inside the root are skipped: their target is found anyway. Others are followed, each
    real target once. A root that is missing, empty or goes away meanwhile gives an offline scan.

    Raises
    ------
    ScanCancelled when `cancelled`, asked before every folder, says so.
    """
    return _Walk(root, extensions, cancelled).run(frozenset({b""}), scope=None)


def scan_paths(
    root: Path,
    paths: Iterable[bytes],
    *,
    extensions: AbstractSet[str] = AUDIO_EXTENSIONS,
    cancelled: Callable[[], bool] = lambda: False,
) -> Scan:
    """Look at a few files and folders (with all below them) by the rules of `scan_root`.

    A path that is gone is in the scan's scope but not among its files, so that `diff` calls it, and all that
    was known below it, missing. Give `diff` every known file at or below these paths.
    """
    wanted = frozenset(path.rstrip(b"/") for path in paths if not is_ignored(path))
    outermost = frozenset(path for path in wanted if not path or not is_below(_parent(path), wanted))
    return _Walk(root, extensions, cancelled).run(outermost, scope=outermost)


def is_below(path: bytes, folders: AbstractSet[bytes]) -> bool:
    """Tell whether a relative path is one of these, or lies below one; b"" is the root."""
    while path not in folders:
        if not path:
            return False
        path = _parent(path)
    return True


def look_at_root(root: Path) -> RootLook:
    """Tell whether a root can be trusted. Hidden entries don't count: a bare mount point may hold some."""
    folder = os.fsencode(root)
    try:
        with os.scandir(folder) as entries:
            is_empty = all(is_ignored_name(entry.name) for entry in entries)
        status = os.stat(folder)
    except FileNotFoundError:
        return RootLook("the folder is missing", None)
    except NotADirectoryError:
        return RootLook("not a folder", None)
    except PermissionError:
        return RootLook("the folder may not be read; let the service's user list it", None)
    except OSError as error:
        return RootLook(f"the folder can't be read ({error.strerror})", None)
    offline = "the folder is empty; if it should hold music, is it mounted?" if is_empty else None
    return RootLook(offline, (status.st_dev, status.st_ino))


def _parent(path: bytes) -> bytes:
    return path.rpartition(b"/")[0]


def bigint(value: int) -> int:
    """Wrap to signed 64 bits: inode numbers use all 64, a damaged mtime even more."""
    return (value + 2**63) % 2**64 - 2**63


class _Walk:
    """One look at a root: folders still to list, links still to follow, what was found."""

    def __init__(self, root: Path, extensions: AbstractSet[str], cancelled: Callable[[], bool]) -> None:
        self._root = root
        self._root_bytes = os.fsencode(root)
        self._real_root = os.path.realpath(self._root_bytes)
        self._extensions = extensions
        self._cancelled = cancelled
        self._folders: list[tuple[bytes, bool]] = []
        """(path, whether it really lies outside the root)"""
        self._links: list[bytes] = []
        """A heap: followed last and in order, so that two links to one target always give the same path."""
        self._seen_outside: set[tuple[int, int]] = set()
        self._files: dict[bytes, FoundFile] = {}
        self._unreadable: list[tuple[bytes, str]] = []

    def run(self, starts: frozenset[bytes], *, scope: frozenset[bytes] | None) -> Scan:
        before = look_at_root(self._root)
        if before.offline is not None:
            return Scan({}, offline=before.offline, scope=scope)
        for path in sorted(starts):
            self._guarded(path, self._start)
        while self._folders or self._links:
            if self._cancelled():
                raise ScanCancelled(os.fsdecode(self._root_bytes))
            if self._folders:
                self._list_folder(*self._folders.pop())
            else:
                self._guarded(heapq.heappop(self._links), self._follow)
        # an unmount in the middle makes files look missing
        if look_at_root(self._root) != before:
            return Scan({}, offline="the folder went away while it was looked through", scope=scope)
        return Scan(self._files, tuple(self._unreadable), scope=scope)

    def _guarded(self, path: bytes, look: Callable[[bytes], None]) -> None:
        try:
            look(path)
        except (FileNotFoundError, NotADirectoryError):
            pass  # gone
        except OSError as error:
            self._unreadable.append((path, error.strerror or str(error)))

    def _start(self, path: bytes) -> None:
        """Look at one path that nobody listed. Raises OSError."""
        if not path:
            self._folders.append((path, False))
            return
        parent = os.path.realpath(self._absolute(_parent(path)))
        is_outside = not self._is_inside(parent)
        if not is_outside and parent != os.path.normpath(os.path.join(self._real_root, _parent(path))):
            return  # reached through a link
        status = os.lstat(self._absolute(path))
        if stat.S_ISLNK(status.st_mode):
            heapq.heappush(self._links, path)
        else:
            self._take(path, status, is_outside=is_outside)

    def _list_folder(self, folder: bytes, is_outside: bool) -> None:  # noqa: FBT001 - unpacked from the stack
        try:
            with os.scandir(self._absolute(folder)) as entries:
                for entry in entries:
                    if not is_ignored_name(entry.name):
                        self._sort_entry(entry, os.path.join(folder, entry.name), is_outside=is_outside)
        except (FileNotFoundError, NotADirectoryError):
            pass  # gone
        except OSError as error:
            self._unreadable.append((folder, error.strerror or str(error)))

    def _sort_entry(self, entry: os.DirEntry[bytes], path: bytes, *, is_outside: bool) -> None:
        try:
            if entry.is_symlink():
                heapq.heappush(self._links, path)
            elif not is_outside and entry.is_dir(follow_symlinks=False):
                self._folders.append((path, False))  # without a stat: most of the time of a scan
            elif is_outside or is_audio_name(entry.name, self._extensions):
                self._take(path, entry.stat(follow_symlinks=False), is_outside=is_outside)
        except FileNotFoundError:
            pass  # gone
        except OSError as error:
            self._unreadable.append((path, error.strerror or str(error)))

    def _follow(self, path: bytes) -> None:
        """Follow a link that leads outside. Raises OSError; a broken or circular one is no error."""
        target = os.path.realpath(self._absolute(path))
        if os.path.islink(target) or self._is_inside(target):
            return
        self._take(path, os.stat(target), is_outside=True)

    def _take(self, path: bytes, status: os.stat_result, *, is_outside: bool) -> None:
        is_folder = stat.S_ISDIR(status.st_mode)
        if not is_folder and not (
            stat.S_ISREG(status.st_mode) and is_audio_name(path, self._extensions)
        ):  # pipes, sockets and devices would block or never end
            return
        if is_outside:
            identity = (status.st_dev, status.st_ino)
            if identity in self._seen_outside:
                return
            self._seen_outside.add(identity)
        if is_folder:
            self._folders.append((path, is_outside))
            return
        self._files[path] = FoundFile(
            path,
            status.st_size,
            bigint(status.st_mtime_ns),
            bigint(status.st_ino),
            bigint(status.st_dev),
        )

    def _absolute(self, path: bytes) -> bytes:
        return os.path.join(self._root_bytes, path)

    def _is_inside(self, real_path: bytes) -> bool:
        return real_path == self._real_root or real_path.startswith(self._real_root.rstrip(b"/") + b"/")
