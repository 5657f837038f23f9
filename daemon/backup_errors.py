"""What a backup, or bringing one back, can't do.

DaemonError
    BackupExists         the file is there already
    TargetUnusable       what is there is no file that could be replaced
    NothingToBackUp      there is no database of Spectra yet
    NoRoom               too little free space
    ClientMissing        no pg_dump or pg_restore that fits the server
    ClientFailed         one of them ended with an error
    OtherOwner           the state folder is in use by another user's Spectra
    ArchiveDamaged       the file is no backup of Spectra, or not whole
    ArchiveTooNew        a newer Spectra made it
    DatabaseNotEmpty     the configured database has something in it already
"""

from daemon.errors import DaemonError


class BackupExists(DaemonError):  # noqa: N818 - a fact, as in `FileNotFound`; so below
    """The file is there already."""

    def __init__(self, path: str) -> None:
        super().__init__(path)

    def __str__(self) -> str:
        return f"{self.args[0]} is there already: name another file, or replace it with --force"


class TargetUnusable(DaemonError):  # noqa: N818
    """What is there is no file that could be replaced."""

    def __init__(self, path: str) -> None:
        super().__init__(path)

    def __str__(self) -> str:
        return f"{self.args[0]} is no regular file: name another one"


class NothingToBackUp(DaemonError):  # noqa: N818
    """There is no database of Spectra yet."""

    def __init__(self, where: str) -> None:
        super().__init__(where)

    def __str__(self) -> str:
        return f"{self.args[0]} holds no database of Spectra (yet): check state_dir and database.url"


class NoRoom(DaemonError):  # noqa: N818
    """Too little free space."""

    def __init__(self, folder: str, needed_bytes: int, free_bytes: int) -> None:
        super().__init__(folder, needed_bytes, free_bytes)

    def __str__(self) -> str:
        folder, needed, free = self.args
        return (
            f"{folder} has {free // 1_000_000} MB free, up to {needed // 1_000_000} MB are needed: "
            "make room there; nothing was changed"
        )


class ClientMissing(DaemonError):  # noqa: N818
    """No pg_dump or pg_restore that fits the server."""

    def __init__(self, program: str, server_major: int, found: tuple[str, ...]) -> None:
        super().__init__(program, server_major, found)

    def __str__(self) -> str:
        program, server_major, found = self.args
        others = f"; those found are too old: {', '.join(found)}" if found else ""
        return (
            f"the server is PostgreSQL {server_major}, and there is no {program} of that version or newer"
            f"{others}. Install it (Debian: postgresql-client-{server_major}), so that it is found in PATH"
        )


class ClientFailed(DaemonError):  # noqa: N818
    """A program of PostgreSQL ended with an error."""

    def __init__(self, program: str, code: int, said: str) -> None:
        super().__init__(program, code, said)

    def __str__(self) -> str:
        program, code, said = self.args
        return f"{program} ended with code {code}; nothing was changed. It said:\n{said or '(nothing)'}"


class OtherOwner(DaemonError):  # noqa: N818
    """The state folder is in use by another user's Spectra."""

    def __init__(self, folder: str, user: str) -> None:
        super().__init__(folder, user)

    def __str__(self) -> str:
        folder, user = self.args
        return f"{folder} is user {user}'s: run this as that user (sudo -u {user} spectra ...)"


class ArchiveDamaged(DaemonError):  # noqa: N818
    """The file is no backup of Spectra, or not whole."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(path, reason)

    def __str__(self) -> str:
        return (
            f"{self.args[0]} is no whole backup of Spectra ({self.args[1]}): nothing was changed; use another"
        )


class ArchiveTooNew(DaemonError):  # noqa: N818
    """A newer Spectra made it."""

    def __init__(self, path: str, made_by: str, found: str, known: str) -> None:
        super().__init__(path, made_by, found, known)

    def __str__(self) -> str:
        path, made_by, found, known = self.args
        return (
            f"{path} was made by Spectra {made_by} and has {found}, this Spectra knows {known}: "
            f"nothing was changed; install Spectra {made_by} or newer, then restore"
        )


class DatabaseNotEmpty(DaemonError):  # noqa: N818
    """The configured database has something in it already."""

    def __init__(self, database: str) -> None:
        super().__init__(database)

    def __str__(self) -> str:
        return (
            f"the database {self.args[0]} has tables already, and nothing of yours is overwritten: make an "
            "empty one (createdb), name it in database.url, and restore again"
        )
