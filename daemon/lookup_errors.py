"""Why a file can't be looked up.

LookupRefused       nothing was looked up
    BadPath         no path of this kind can be looked up
    OutsideRoots    it lies outside the music folders
    NotMusic        its name is no audio file's
    NoFileThere     there is no such file
    SizeDiffers     it is not the file that the media server knows
    LibraryOffline  its folder can't be looked at for the moment
    TooManyLookups  too many wait already
"""

from daemon.errors import DaemonError


class LookupRefused(DaemonError):  # noqa: N818 - a fact, as in `FileNotFound`; so below
    """Nothing was looked up."""


class BadPath(LookupRefused):
    """No path of this kind can be looked up; the reason says what to configure."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(path, reason)

    def __str__(self) -> str:
        return f"{self.args[0]!r} {self.args[1]}."


class OutsideRoots(LookupRefused):
    """A path lies outside the music folders, or resolves to such a place; whether it exists is not told."""

    def __init__(self, path: str, local: str | None) -> None:
        """`local` is None for a path that climbs out by `..`."""
        super().__init__(path, local)

    def __str__(self) -> str:
        path, local = self.args
        if local is None:
            return f"{path!r} holds `..`: send the path without."
        return (
            f"{path!r} is {local!r} here, outside of the music folders: set [[path_map]] (server = the media "
            "server's folder, local = the same folder here), or add the folder to library.roots."
        )


class NotMusic(LookupRefused):
    """A name that the library leaves out."""

    def __init__(self, path: str) -> None:
        super().__init__(path)

    def __str__(self) -> str:
        return (
            f"{self.args[0]!r} is no audio file by its name, or hidden, or unfinished: Spectra leaves it out "
            "(library.extensions)."
        )


class NoFileThere(LookupRefused):
    """There is no such file in the music folder."""

    def __init__(self, path: str, local: str, reason: str) -> None:
        super().__init__(path, local, reason)

    def __str__(self) -> str:
        path, local, reason = self.args
        return (
            f"{path!r} is {local!r} here, and {reason}: if the file is elsewhere on this machine, set "
            "[[path_map]] (server = the media server's folder, local = the same folder here)."
        )


class SizeDiffers(LookupRefused):
    """The file is not the one that the media server knows."""

    def __init__(self, path: str, told_bytes: int, found_bytes: int) -> None:
        super().__init__(path, told_bytes, found_bytes)

    def __str__(self) -> str:
        path, told_bytes, found_bytes = self.args
        return (
            f"{path!r} has {found_bytes} bytes, not {told_bytes}: let the media server scan it again; if "
            "that does not help, [[path_map]] leads to another folder."
        )


class LibraryOffline(LookupRefused):
    """The music folder can't be looked at for the moment."""

    def __init__(self, reason: str, retry_after_s: int) -> None:
        super().__init__(reason, retry_after_s)

    def __str__(self) -> str:
        return f"The music folder is offline ({self.args[0]}): try again in {self.args[1]} s."


class TooManyLookups(LookupRefused):
    """Too many look-ups wait already."""

    def __init__(self, retry_after_s: int) -> None:
        super().__init__(retry_after_s)

    def __str__(self) -> str:
        return f"Too many look-ups are waiting: try again in {self.args[0]} s."
