"""Why a file's tags are not written: each reason is an error of its own, and says what to do.

TagError                       nothing was changed
    NotTaggable                a kind of file, or a damage, that tags can't be written to
    CoverRefused               the picture is too large, or no picture
    FileRefused                the file must not be replaced as things are
        LinkRefused            a symbolic link, or one name of several
        ReadOnly               the file, its folder or the file system is read-only
        NoSpace                too little free space for the copy
        AttributesNotKept      owner, group, mode, ACL or extended attributes would be lost
        InUse                  a process has the file open for writing
        NotQuiet               it changed a moment ago
        FileChanged            it is not the file that was looked at
    VerificationFailed         the tagged copy is not what it should be
    DeltaTooLarge              the way back would take too much to store
    DeltaDamaged               stored bytes of a way back do not check out
    EditedSince                an undo meets a file that is not what was written
"""

from daemon.errors import DaemonError


class TagError(DaemonError):
    """A file's tags were not written; the file is as it was."""


class NotTaggable(TagError):  # noqa: N818 - a fact, as in `FileNotFound`; so below
    """A kind of file, or a damage, that tags can't be written to."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(name, reason)

    def __str__(self) -> str:
        return f"{self.args[0]}: its tags can't be written ({self.args[1]}); the file is left as it is"


class CoverRefused(TagError):  # noqa: N818
    """The picture is too large, or no picture that players know."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)

    def __str__(self) -> str:
        return f"the cover can't be embedded ({self.args[0]}): give another one, or none"


class FileRefused(TagError):  # noqa: N818
    """The file must not be replaced as things are."""


class LinkRefused(FileRefused):
    """A symbolic link, or one name of several."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(name, reason)

    def __str__(self) -> str:
        return f"{self.args[0]}: {self.args[1]}"


class ReadOnly(FileRefused):
    """The file, its folder or its file system is read-only."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(name, reason)

    def __str__(self) -> str:
        return (
            f"{self.args[0]}: read-only ({self.args[1]}); make it writable for Spectra's user, then try again"
        )


class NoSpace(FileRefused):
    """Too little free space for the copy that is tagged."""

    def __init__(self, name: str, needed_bytes: int, free_bytes: int) -> None:
        super().__init__(name, needed_bytes, free_bytes)

    def __str__(self) -> str:
        name, needed_bytes, free_bytes = self.args
        return (
            f"{name}: tagging makes a copy first, which needs {needed_bytes // 1_000_000 + 1} MB, "
            f"and its file system has {free_bytes // 1_000_000} MB left: free some space, then try again"
        )


class AttributesNotKept(FileRefused):
    """Owner, group, mode, ACL or extended attributes would be lost."""

    def __init__(self, name: str, what: str, reason: str) -> None:
        super().__init__(name, what, reason)

    def __str__(self) -> str:
        name, what, reason = self.args
        return (
            f"{name}: its {what} can't be kept ({reason}), so nothing was written; "
            "run Spectra as the music's owner, as a member of its group"
        )


class InUse(FileRefused):
    """A process has the file open for writing."""

    def __init__(self, name: str) -> None:
        super().__init__(name)

    def __str__(self) -> str:
        return (
            f"{self.args[0]}: another program has it open for writing (a download, a torrent, an editor); "
            "it can be tagged when that is done"
        )


class NotQuiet(FileRefused):
    """The file changed a moment ago: whoever writes it may not be done."""

    def __init__(self, name: str, wait_s: float, because: str = "") -> None:
        super().__init__(name, wait_s, because)

    def __str__(self) -> str:
        name, wait_s, because = self.args
        return f"{name}: changed a moment ago{because and f', and {because}'}; try again in {wait_s:.0f} s"


class FileChanged(FileRefused):
    """The file is not the one that was looked at."""

    def __init__(self, name: str, what: str) -> None:
        super().__init__(name, what)

    def __str__(self) -> str:
        return f"{self.args[0]}: {self.args[1]} while it was being tagged; nothing was written, try again"


class VerificationFailed(TagError):  # noqa: N818
    """The tagged copy is not what it should be; it was thrown away."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(name, reason)

    def __str__(self) -> str:
        return f"{self.args[0]}: a tagged copy failed its check ({self.args[1]}); the file is left as it is"


class DeltaTooLarge(TagError):  # noqa: N818
    """The way back from the tagged file would take too much to store."""

    def __init__(self, limit_bytes: int) -> None:
        super().__init__(limit_bytes)

    def __str__(self) -> str:
        return (
            f"more than {self.args[0] >> 20} MiB would have to be stored to undo this, so nothing was "
            "written; remove oversized pictures from the file's tags, then try again"
        )


class DeltaDamaged(TagError):  # noqa: N818
    """The stored bytes of a way back do not check out."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)

    def __str__(self) -> str:
        return f"what was stored to undo this is damaged ({self.args[0]}): restore the database from a backup"


class EditedSince(TagError):  # noqa: N818
    """An undo meets a file that is not what was written."""

    def __init__(self, name: str) -> None:
        super().__init__(name)

    def __str__(self) -> str:
        return f"{self.args[0]}: was changed since Spectra wrote it, so its old bytes can't be restored"
