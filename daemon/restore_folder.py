"""Put a restored embedded database in the place of the present one, so that a death leaves one or the other.

    postgres/                   the database in use
    postgres-restoring/         being restored; the file `restoring` in it says how far it is
    postgres-before-DATE-TIME/  what was in use before a restore; kept until its owner removes it

The present folder moves aside, then the restored one takes its name. A death between the two leaves no
`postgres/`, and a restored folder that says that it is complete: whoever opens the database next completes
the swap.
"""

import logging
import os
import shutil
from datetime import datetime
from pathlib import Path
from typing import Final

from daemon.postgres_folder import PostgresFolder
from daemon.postgres_process import stop_servers

POSTGRES: Final = "postgres"
RESTORING: Final = "postgres-restoring"
BEFORE: Final = "postgres-before-"
_MARK: Final = "restoring"
_COMPLETE: Final = b"complete\n"

log = logging.getLogger(__name__)


def settle(state: Path) -> None:
    """Complete or remove what a restore left that died; the state folder is held. Raises OSError."""
    restoring, used = state / RESTORING, state / POSTGRES
    for kept in sorted(state.glob(f"{BEFORE}*")):
        log.info("the database of before a restore is still kept: remove %s when it is not needed", kept)
    if not restoring.exists():
        return
    stop_servers(PostgresFolder(restoring.resolve()).data)
    if not os.path.lexists(used) and _is_complete(restoring):
        restoring.rename(used)
        _forget_mark(used)
        sync(state)
        log.warning("an earlier `spectra restore` was interrupted: its database is in place now")
        return
    shutil.rmtree(restoring)
    log.warning("an earlier `spectra restore` was interrupted and changed nothing: what it left is removed")


def begin(state: Path) -> Path:
    """Return the folder to restore into, empty but for its mark. Raises OSError."""
    folder = state / RESTORING
    folder.mkdir(mode=0o700)
    (folder / _MARK).write_bytes(b"")
    return folder


def swap(state: Path, now: datetime) -> Path | None:
    """Put what was restored in place; return where the former database is kept, if there was one.

    No server runs on the restored one any more. Raises ServerSurvives, OSError.
    """
    restoring, used = state / RESTORING, state / POSTGRES
    kept = None
    if os.path.lexists(used):
        stop_servers(PostgresFolder(used.resolve()).data)  # of a daemon that was killed
        kept = _free_name(state / f"{BEFORE}{now:%Y%m%d-%H%M%S}")
    _mark_complete(restoring)
    if kept is not None:
        used.rename(kept)
    restoring.rename(used)
    sync(state)
    _forget_mark(used)
    return kept


def sync(folder: Path) -> None:
    """Make renames in the folder survive a power cut. Raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _is_complete(folder: Path) -> bool:
    try:
        return (folder / _MARK).read_bytes() == _COMPLETE
    except FileNotFoundError:
        return False


def _mark_complete(folder: Path) -> None:
    with (folder / _MARK).open("wb") as mark:
        mark.write(_COMPLETE)
        mark.flush()
        os.fsync(mark.fileno())
    sync(folder)


def _forget_mark(folder: Path) -> None:
    (folder / _MARK).unlink(missing_ok=True)


def _free_name(wanted: Path) -> Path:
    number, path = 1, wanted
    while os.path.lexists(path):
        number += 1
        path = wanted.with_name(f"{wanted.name}-{number}")
    return path
