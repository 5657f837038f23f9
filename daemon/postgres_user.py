"""Who PostgreSQL's programs run as: it refuses to be root."""

import os
import pwd
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from daemon.postgres_errors import NoServerUser

PREFERRED_USERS: Final = ("spectra", "postgres", "nobody")

ENVIRONMENT: Final = {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}
"""Nothing of ours: PGDATA and its like would redirect the server. Messages in C are the same everywhere."""

_FIRST_CLOSED: Final = 'for path in "$@"; do test -x "$path" || { printf %s "$path"; exit 1; }; done'


@dataclass(frozen=True, slots=True)
class ServerUser:
    """The unprivileged user that takes root's place."""

    name: str
    uid: int
    gid: int


def choose_user(run_as: str | None) -> ServerUser | None:
    """Return the user for the server: `run_as`, else the first that exists of `PREFERRED_USERS`.

    None when we are not root: then it is ourselves, and there is no choice.
    Raises NoServerUser.
    """
    if os.geteuid() != 0:
        return None
    names = PREFERRED_USERS if run_as is None else (run_as,)
    for name in names:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        if entry.pw_uid != 0:
            return ServerUser(name, entry.pw_uid, entry.pw_gid)
    raise NoServerUser(names)


def spawn(
    command: Sequence[str | Path],
    user: ServerUser | None,
    *,
    folder: Path = Path("/"),
    output: int | IO[bytes] = subprocess.PIPE,
    keyboard: int = subprocess.DEVNULL,
    pass_fds: Sequence[int] = (),
) -> subprocess.Popen[bytes]:
    """Start a program as the server's user, out of reach of a Ctrl-C in our terminal."""
    return subprocess.Popen(  # noqa: S603 - our own programs, no shell, arguments from us
        command,
        user=user.uid if user else None,
        group=user.gid if user else None,
        extra_groups=[] if user else None,
        cwd=folder,
        env=ENVIRONMENT,
        umask=0o077,
        stdin=keyboard,
        stdout=output,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        pass_fds=pass_fds,
    )


def run(
    command: Sequence[str | Path],
    user: ServerUser | None,
    *,
    typed: str = "",
    pass_fds: Sequence[int] = (),
) -> tuple[int, str]:
    """Run a program to its end as the server's user; return its exit code and what it said."""
    with spawn(command, user, keyboard=subprocess.PIPE, pass_fds=pass_fds) as process:
        said, _ = process.communicate(typed.encode())
    return process.returncode, os.fsdecode(said).strip()


def first_closed(target: Path, user: ServerUser) -> Path | None:
    """Return the first folder on the way to `target` (included) that the user can't enter, or None.

    Asked of the operating system as that user, for mode bits alone miss ACLs and `noexec` mounts.
    """
    ways = [*reversed(target.parents), target]
    code, closed_at = run(["/bin/sh", "-c", _FIRST_CLOSED, "sh", *ways], user)
    return Path(closed_at) if code else None
