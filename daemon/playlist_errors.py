"""Why a list or a track can't be had.

SourceError             what was wanted did not come
    NotYouTube          an address that Spectra does not ask
    Unavailable         this track or list, for good: gone, private, age_locked, region_locked, paid
    SourceBlocked       the source refuses everything for a while: a bot check, a rate limit
    SourceUnreachable   the network, or the source's servers
    SourceChanged       an answer that is not understood: time for newer yt-dlp and ytmusicapi
    BrokenDownload      what came is no whole, playable sound
    CookiesUnusable     the file of cookies is not there, not private, or not understood
    HeadersUnusable     the browser headers can't be read or trusted, or YouTube does not accept them
NoSuchPlaylist          it was removed, or never there
IsConfigured            a list of the configuration can't be removed otherwise
"""

from typing import Literal

from daemon.errors import DaemonError

Reason = Literal["gone", "private", "age_locked", "region_locked", "paid"]

_SENTENCES: dict[str, str] = {
    "gone": "it is gone",
    "private": "it is private: lists of your own need browser headers (youtube.headers_file)",
    "age_locked": "it is age-restricted: that needs cookies of a signed-in browser (youtube.cookies_file)",
    "region_locked": "it can't be played in this country",
    "paid": "it is for members or buyers only",
}


class SourceError(DaemonError):
    """What was wanted did not come."""


class NotYouTube(SourceError):  # noqa: N818 - a fact, as in `FileNotFound`; so below
    """An address that Spectra does not ask."""

    def __init__(self, url: str, hint: str = "") -> None:
        super().__init__(url, hint)

    def __str__(self) -> str:
        url, hint = self.args
        sentence = f"{url!r} is no list, album, artist or track of YouTube or YouTube Music"
        return f"{sentence}: {hint}" if hint else sentence


class Unavailable(SourceError):  # noqa: N818
    """This track or list can't be had, and trying again soon does not help."""

    def __init__(self, what: str, reason: Reason) -> None:
        super().__init__(what, reason)

    def __str__(self) -> str:
        what, reason = self.args
        return f"{what}: {_SENTENCES[reason]}"


class SourceBlocked(SourceError):  # noqa: N818
    """The source refuses everything for a while."""

    def __init__(self, detail: str, retry_after_s: float | None = None) -> None:
        super().__init__(detail, retry_after_s)

    def __str__(self) -> str:
        return f"YouTube refuses to answer for now ({self.args[0]}): everything from there waits"


class SourceUnreachable(SourceError):  # noqa: N818
    """The network is away, or the source's servers fail."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)

    def __str__(self) -> str:
        return f"YouTube can't be reached ({self.args[0]})"


class SourceChanged(SourceError):  # noqa: N818
    """An answer that is not understood."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)

    def __str__(self) -> str:
        return (
            f"YouTube's answer is not understood ({self.args[0]}): update with "
            "`pip install --upgrade 'yt-dlp[default,deno]' ytmusicapi`"
        )


class BrokenDownload(SourceError):  # noqa: N818
    """What came is no whole, playable sound, or too much of it."""

    def __init__(self, what: str, detail: str) -> None:
        super().__init__(what, detail)

    def __str__(self) -> str:
        return f"{self.args[0]}: {self.args[1]}"


class HeadersUnusable(SourceError):  # noqa: N818
    """The browser headers can't be read or trusted, or YouTube does not accept them."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(path, reason)

    def __str__(self) -> str:
        path, reason = self.args
        return (
            f"{path} (youtube.headers_file): {reason}. Make it anew from a signed-in browser with "
            "`ytmusicapi browser`, readable only by Spectra's user (chmod 600)"
        )


class CookiesUnusable(SourceError):  # noqa: N818
    """The file of cookies is not there, not private, or not understood."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(path, reason)

    def __str__(self) -> str:
        path, reason = self.args
        return (
            f"{path} (youtube.cookies_file): {reason}. Export it anew from a signed-in browser in Netscape's "
            "format, readable only by Spectra's user (chmod 600)"
        )


class NoSuchPlaylist(DaemonError):  # noqa: N818 - a fact
    """It was removed, or never there."""

    def __init__(self, playlist_id: int) -> None:
        super().__init__(playlist_id)

    def __str__(self) -> str:
        return f"there is no playlist {self.args[0]}; `spectra playlists` shows those that there are"


class IsConfigured(DaemonError):  # noqa: N818
    """A list of the configuration can't be removed otherwise."""

    def __init__(self, playlist_id: int) -> None:
        super().__init__(playlist_id)

    def __str__(self) -> str:
        return (
            f"playlist {self.args[0]} is in the configuration: take its [[playlists]] entry out there and "
            "restart Spectra"
        )
