"""Why a decision about a file can't be carried out."""

from daemon.errors import DaemonError


class NoSuchFile(DaemonError):  # noqa: N818 - a fact, as in `FileNotFound`; so below
    """No file has this number."""

    def __init__(self, file_id: int) -> None:
        super().__init__(file_id)

    def __str__(self) -> str:
        return f"There is no file {self.args[0]}: `spectra review` and GET /files list the numbers."


class NothingProposed(DaemonError):  # noqa: N818
    """Nothing waits for a decision about this file."""

    def __init__(self, file_id: int) -> None:
        super().__init__(file_id)

    def __str__(self) -> str:
        return (
            f"Nothing is proposed for file {self.args[0]} (any more): look again whether it was tagged "
            "meanwhile (`spectra undo` takes that back), or name it by hand."
        )


class NoSuchCandidate(DaemonError):  # noqa: N818
    """The file's proposal has no such candidate, or several and none was chosen."""

    def __init__(self, file_id: int, recordings: tuple[int, ...]) -> None:
        super().__init__(file_id, recordings)

    def __str__(self) -> str:
        file_id, recordings = self.args
        return f"Choose one of the candidates of file {file_id}: {', '.join(map(str, recordings))}."


class NotWritten(DaemonError):  # noqa: N818
    """The file was not tagged."""

    def __init__(self, reason: str, retry_after_s: float | None = None) -> None:
        super().__init__(reason, retry_after_s)

    def __str__(self) -> str:
        return str(self.args[0])
