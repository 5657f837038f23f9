"""The daemon's part of the error tree.

DaemonError                    the service cannot do what was asked
    PostgresError              the embedded PostgreSQL can't be used as things are (postgres_errors)
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


class ConfigError(DaemonError):
    """Options are unknown, or have values that aren't allowed; one sentence for each."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__(problems)

    def __str__(self) -> str:
        return "\n".join(self.args[0])


class TokenUnusable(DaemonError):  # noqa: N818 - a fact, as in `FileNotFound`; so below
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
