"""The folder of an embedded PostgreSQL: what lies in it, who owns it, how it comes into being.

    lock            held (flock) by the daemon that owns the server
    password        of the role `spectra`; 0600, ours
    data/           PostgreSQL's own, 0700, the server user's
    log/            one file per weekday, 0700, the server user's
    socket/         or a link to a folder below /run or /tmp, see postgres_socket
    startup.log     what the server says before it logs to log/
    binaries-*/     see postgres_binaries
    unfinished-*/   what a killed initdb or copy left

Under root the folder itself stays root's, and the server's user may only pass through: whoever else runs as
`nobody` must not be able to put links in root's way.
"""

import fcntl
import logging
import os
import re
import secrets
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from daemon.postgres_binaries import MAJOR
from daemon.postgres_errors import FolderInUse, FolderUnusable, OtherMajor, ServerFailed
from daemon.postgres_user import ServerUser, run

ROLE: Final = "spectra"
_UNFINISHED_PREFIX: Final = "unfinished-data-"
_REMEDY: Final = "bring a backup back (spectra restore FILE), which keeps the folder aside, or move it away"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PostgresFolder:
    """The places in the folder, which is absolute and free of links."""

    path: Path

    @property
    def data(self) -> Path:
        """Return the data folder."""
        return self.path / "data"

    @property
    def password(self) -> Path:
        """Return the password file."""
        return self.path / "password"

    @property
    def log(self) -> Path:
        """Return the folder of the server's logs."""
        return self.path / "log"

    @property
    def socket(self) -> Path:
        """Return the socket's folder, or the link to it."""
        return self.path / "socket"

    @property
    def startup_log(self) -> Path:
        """Return the file for what the server says first."""
        return self.path / "startup.log"


def lock(folder: PostgresFolder) -> int:
    """Take the folder for this process; return the descriptor that holds the lock until it is closed.

    flock, not lockf: initdb inherits it, so that one that outlives a killed daemon still counts as owner.
    Raises FolderInUse, OSError.
    """
    held = os.open(folder.path / "lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.ftruncate(held, 0)
        os.pwrite(held, str(os.getpid()).encode(), 0)
    except BlockingIOError:
        owner = os.pread(held, 20, 0).decode("ascii", "replace")
        os.close(held)
        raise FolderInUse(str(folder.path), owner or "unknown") from None
    except OSError:
        os.close(held)
        raise
    return held


def check_version(folder: PostgresFolder) -> None:
    """Refuse data that our programs can't read. Raises OtherMajor, FolderUnusable."""
    if not folder.data.exists():
        return
    stamp = folder.data / "PG_VERSION"
    if not stamp.is_file():
        reason = f"{folder.data} exists, but holds no database (no PG_VERSION): {_REMEDY}"
        raise FolderUnusable(str(folder.path), reason)
    found = stamp.read_text("ascii", "replace")[:20].strip()
    if re.fullmatch(r"\d+(\.\d+)?", found) is None:
        reason = f"{stamp} is damaged, it names no version of PostgreSQL ({found!r}): {_REMEDY}"
        raise FolderUnusable(str(folder.path), reason)
    if found != str(MAJOR):
        raise OtherMajor(str(folder.path), found, MAJOR)


def claim(folder: PostgresFolder, user: ServerUser | None) -> None:
    """Give every part its owner and mode, as they should be even after a restore or a change of user."""
    if user is None:
        folder.path.chmod(0o700)
    else:
        os.chown(folder.path, 0, user.gid)
        folder.path.chmod(0o710)
    folder.log.mkdir(exist_ok=True)
    for part in (folder.data.resolve(), folder.log):  # data may be a link to another disk
        if part.exists():
            give(part, user)
            part.chmod(0o700)


def create_data(folder: PostgresFolder, programs: Path, user: ServerUser | None, held_lock: int) -> None:
    """Have a cluster and its password, made now if there is none.

    A killed initdb leaves nothing that looks like data: it works beside, its result is renamed when whole.
    The password is on disk before the data is, so no cluster exists whose password is lost.
    Raises ServerFailed, OSError.
    """
    for left in folder.path.glob(f"{_UNFINISHED_PREFIX}*"):
        shutil.rmtree(left)
    if folder.data.exists():
        if not folder.password.exists():
            _reset_password(folder, programs, user)
        return
    unfinished = Path(tempfile.mkdtemp(prefix=_UNFINISHED_PREFIX, dir=folder.path))
    try:
        password = secrets.token_urlsafe(32)
        password_file = unfinished / "password"
        password_file.write_text(password + "\n")
        give(unfinished, user)
        _initdb(unfinished / "data", password_file, programs, user, held_lock)
        _write_whole(folder.password, password)
        (unfinished / "data").rename(folder.data)
        _sync(folder.path)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    _log.info("created a PostgreSQL %d database in %s", MAJOR, folder.data)


def _initdb(data: Path, password_file: Path, programs: Path, user: ServerUser | None, held_lock: int) -> None:
    command: list[str | Path] = [
        programs / "initdb",
        f"--pgdata={data}",
        f"--username={ROLE}",
        f"--pwfile={password_file}",
        "--auth=scram-sha-256",
        "--encoding=UTF8",
        "--locale=C",
        "--locale-provider=builtin",
        "--builtin-locale=C.UTF-8",
        "--data-checksums",
        "--no-instructions",
    ]
    code, said = run(command, user, pass_fds=(held_lock,))
    if code:
        raise ServerFailed("initdb", f"ended with code {code}", said[-2000:])


def _reset_password(folder: PostgresFolder, programs: Path, user: ServerUser | None) -> None:
    """Set a new password through the single-user mode: the old one is lost, but we own the data."""
    password = secrets.token_urlsafe(32)
    command: list[str | Path] = [programs / "postgres", "--single", "-D", folder.data, "postgres"]
    code, said = run(command, user, typed=f"ALTER ROLE {ROLE} PASSWORD '{password}';\n")
    if code:
        raise ServerFailed("postgres --single", f"ended with code {code}", said[-2000:])
    _write_whole(folder.password, password)
    _log.warning("%s was missing: the role %s has a new password", folder.password, ROLE)


def give(path: Path, user: ServerUser | None) -> None:
    """Give a folder and all in it to the server's user; the folder last, so that half a change is seen."""
    if user is None or path.lstat().st_uid == user.uid:
        return
    for _, folders, files, place_fd in os.fwalk(path):
        for name in (*folders, *files):
            os.chown(name, user.uid, user.gid, dir_fd=place_fd, follow_symlinks=False)
    os.chown(path, user.uid, user.gid, follow_symlinks=False)


def _write_whole(path: Path, text: str) -> None:
    unfinished, name = tempfile.mkstemp(prefix="unfinished-", dir=path.parent)
    try:
        with os.fdopen(unfinished, "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(name).rename(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    _sync(path.parent)


def _sync(folder: Path) -> None:
    """Make renames in the folder survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
