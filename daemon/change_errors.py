"""Why a change is not made, or not undone, beyond what is wrong with the file itself.

TagError                       nothing was changed
    FileBusy                   another write to this file is under way
    FileNotReady               the file is not what was fingerprinted, or not there
    NameRejected               a person said meanwhile that the file is not that recording
    NotUndoable                the change is not in force, or its file is not there
"""

from daemon.tag_errors import TagError


class FileBusy(TagError):  # noqa: N818 - a fact, as in `FileNotFound`; so below
    """Another write to this file is under way."""

    def __init__(self, name: str) -> None:
        super().__init__(name)

    def __str__(self) -> str:
        return f"{self.args[0]}: Spectra is writing it at this moment; try again when that is done"


class FileNotReady(TagError):  # noqa: N818
    """The file is not what was fingerprinted, or not there: what is known of it may be wrong."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(name, reason)

    def __str__(self) -> str:
        return f"{self.args[0]}: {self.args[1]}; nothing was written"


class NameRejected(TagError):  # noqa: N818
    """A person said meanwhile that the file is not that recording."""

    def __init__(self, name: str) -> None:
        super().__init__(name)

    def __str__(self) -> str:
        return f"{self.args[0]}: this name was rejected for its sound; nothing was written"


class NotUndoable(TagError):  # noqa: N818
    """The change is not in force, or its file is not there."""

    def __init__(self, change_id: int, reason: str) -> None:
        super().__init__(change_id, reason)

    def __str__(self) -> str:
        return f"change {self.args[0]} can't be undone: {self.args[1]}"
