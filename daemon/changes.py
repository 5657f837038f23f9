"""Tell what changed between the files on disk and those already known."""

from collections import defaultdict
from collections.abc import Iterable, Set
from dataclasses import dataclass, field, replace

from daemon.scan import FoundFile, Scan, is_below


@dataclass(frozen=True, slots=True)
class KnownFile:
    """A file as the database remembers it."""

    file_id: int
    path: bytes
    size_bytes: int
    mtime_ns: int
    inode: int
    device: int
    missing: bool


@dataclass(frozen=True, slots=True)
class Changes:
    """What to do to the known files so that they equal the found ones."""

    new: list[FoundFile] = field(default_factory=list)
    changed: list[tuple[KnownFile, FoundFile]] = field(default_factory=list)
    """Another size or mtime; the known file may have been missing."""
    moved: list[tuple[KnownFile, FoundFile]] = field(default_factory=list)
    """The same file under another path; the known file may have been missing."""
    returned: list[tuple[KnownFile, FoundFile]] = field(default_factory=list)
    """Was missing, is here again, unchanged."""
    renumbered: list[tuple[KnownFile, FoundFile]] = field(default_factory=list)
    """Unchanged but for inode or device (a reboot, a restored backup): only note the new numbers."""
    missing: list[KnownFile] = field(default_factory=list)


def diff(found: Scan, known: Iterable[KnownFile]) -> Changes:
    """Tell what changed; an offline scan changes nothing, an unreadable folder nothing below it."""
    changes = Changes()
    if found.offline is not None:
        return changes
    known_by_path = {file.path: file for file in known}
    arrived: list[FoundFile] = []
    for path, file in found.files.items():
        before = known_by_path.get(path)
        if before is None:
            arrived.append(file)
        elif (before.size_bytes, before.mtime_ns) != (file.size_bytes, file.mtime_ns):
            changes.changed.append((before, file))
        elif before.missing:
            changes.returned.append((before, file))
        elif (before.inode, before.device) != (file.inode, file.device):
            changes.renumbered.append((before, file))
    unreadable = frozenset(path for path, _ in found.unreadable)
    gone = [
        file
        for path, file in known_by_path.items()
        if path not in found.files
        and (found.scope is None or is_below(path, found.scope))
        and not is_below(path, unreadable)
    ]
    _pair_moves(gone, arrived, changes)
    return changes


def held_back(changes: Changes, *, paths: Set[bytes], file_ids: Set[int]) -> tuple[Changes, frozenset[bytes]]:
    """Leave out what a look can say nothing of.

    Parameters
    ----------
    paths : files that others are writing, or that another look has noted since this one began
    file_ids : files that we were writing meanwhile

    Returns
    -------
    What can be said, and the paths that are to be looked at again.
    """
    if not paths and not file_ids:
        return changes, frozenset()
    # Where a file that we write has left its path, whatever came may be that file.
    moves_ours = any(known.file_id in file_ids for known in changes.missing)
    held = {
        path
        for known, found in (*changes.changed, *changes.moved, *changes.returned, *changes.renumbered)
        if known.file_id in file_ids or not paths.isdisjoint((known.path, found.path))
        for path in (known.path, found.path)
    }
    held |= {known.path for known in changes.missing if known.file_id in file_ids or known.path in paths}
    held |= {found.path for found in changes.new if moves_ours or found.path in paths}
    return _without(changes, held), frozenset(held)


def _without(changes: Changes, held: Set[bytes]) -> Changes:
    def left(pairs: list[tuple[KnownFile, FoundFile]]) -> list[tuple[KnownFile, FoundFile]]:
        return [(known, found) for known, found in pairs if found.path not in held]

    return replace(
        changes,
        new=[found for found in changes.new if found.path not in held],
        changed=left(changes.changed),
        moved=left(changes.moved),
        returned=left(changes.returned),
        renumbered=left(changes.renumbered),
        missing=[known for known in changes.missing if known.path not in held],
    )


def _pair_moves(gone: list[KnownFile], arrived: list[FoundFile], changes: Changes) -> None:
    """Sort what went and what came into moved, new and missing. Only a path that is gone can have moved."""
    left: dict[tuple[int, int, int, int], list[KnownFile]] = defaultdict(list)
    # popped from the end: the present before the long missing, then by path, so that hard links pair in order
    for known in sorted(gone, key=lambda file: (file.missing, file.path), reverse=True):
        left[known.device, known.inode, known.size_bytes, known.mtime_ns].append(known)
    moved_ids: set[int] = set()
    for file in sorted(arrived, key=lambda file: file.path):
        candidates = left.get((file.device, file.inode, file.size_bytes, file.mtime_ns))
        if candidates and file.inode != 0:  # some network file systems have no inode numbers
            known = candidates.pop()
            moved_ids.add(known.file_id)
            changes.moved.append((known, file))
        else:
            changes.new.append(file)
    changes.missing.extend(file for file in gone if not file.missing and file.file_id not in moved_ids)
