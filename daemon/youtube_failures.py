"""Tell from what yt-dlp raises what became of a track.

yt-dlp's errors are texts, its own and YouTube's; below some lies an HTTP status or an errno.
"""

import errno
import re
from collections.abc import Callable, Iterator, Sequence

from daemon.playlist_errors import (
    BrokenDownload,
    Reason,
    SourceBlocked,
    SourceChanged,
    SourceError,
    SourceUnreachable,
    Unavailable,
)

_LONGEST_DETAIL = 200
"""Characters: the sentence that says what is wrong comes first."""
_HOUR_S = 3_600.0
_DISK_FAULTS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS})
_WRITING = re.compile(r"unable to (?:write data|open for writing)", re.IGNORECASE)
"""Other codes mean the disk here, and the network elsewhere: a firewall's refusal is EPERM."""
_MEDIA = re.compile(r"unable to download video data", re.IGNORECASE)
_VAGUE = re.compile(
    r"Failed to extract any player response|Requested format is not available|No video formats found",
    re.IGNORECASE,
)
"""Why is said by the warnings before."""
_NOISE = re.compile(
    r"^(?:ERROR:|\r|\[download\]|\[[\w:+-]+\]|\s)*|; please report this issue.*|\(caused by .*"
    r"|\.? Use --cookies.*|\.? Use --list-formats.*|\nYou might want to use a VPN.*",
    re.DOTALL,
)


def _unavailable(reason: Reason) -> Callable[[str, str], SourceError]:
    return lambda what, _: Unavailable(what, reason)


def _blocked_for_an_hour(_: str, detail: str) -> SourceError:
    return SourceBlocked(detail, _HOUR_S)


def _not_yet(what: str, _: str) -> SourceError:
    return BrokenDownload(what, "it is a live stream, or not out yet")


def _broken_off(what: str, detail: str) -> SourceError:
    return BrokenDownload(what, f"it broke off ({detail.removeprefix(f'{what}: ')})")


_TEXTS: tuple[tuple[str, Callable[[str, str], SourceError]], ...] = (
    (r"rate-limited by YouTube|content isn.t available, try again later", _blocked_for_an_hour),
    (r"not a bot|captcha|IP is likely being blocked|: Please sign in\b", lambda _, text: SourceBlocked(text)),
    (r"HTTP Error 429|Too Many Requests", lambda _, text: SourceBlocked(text)),
    (r"members-only|channel's members|Music Premium|requires payment|DRM protect", _unavailable("paid")),
    (r"video is private|Private video", _unavailable("private")),
    (r"confirm your age|age-restricted|inappropriate for some users", _unavailable("age_locked")),
    (r"in your (?:country|region)|from your location|geo.restrict", _unavailable("region_locked")),
    (r"live event will begin|Premieres? in|live stream|processing this video", _not_yet),
    (r"Video unavailable|no longer available|(?:been|was) removed", _unavailable("gone")),
    (r"isn.t available anymore|does not exist|video is (?:not |un)available", _unavailable("gone")),
    (r"account .*(?:terminated|closed)|Incomplete YouTube ID|Invalid URL", _unavailable("gone")),
    (r"more expected|Downloaded \d+ bytes, expected|content too short|any data blocks", _broken_off),
    (
        r"timed out|Failed to resolve|Connection (?:refused|reset|aborted)",
        lambda _, text: SourceUnreachable(text),
    ),
    (r"(?:Transport|Proxy|SSL)Error|HTTP Error 5\d\d", lambda _, text: SourceUnreachable(text)),
)
"""The first that fits: a rate limit is told as "Video unavailable" too."""
_CHANGES = re.compile(
    r"Unable to extract|Failed to (?:extract|parse|decrypt)|Requested format is not available|Only images"
    r"|challenge|signature|Cannot identify player|No video formats found|please report this issue"
    r"|No suitable extractor|Unsupported URL",
    re.IGNORECASE,
)


def failure_of(what: str, error: Exception, warnings: Sequence[str] = ()) -> SourceError | OSError:
    """Return why a download failed: as an OSError where the fault is the disk's.

    Parameters
    ----------
    what : the track, for the sentence
    warnings : what yt-dlp warned of before
    """
    text = str(error)
    causes = list(_causes(error))
    for cause in causes:
        if isinstance(cause, OSError) and (cause.errno in _DISK_FAULTS or _WRITING.search(text)):
            return OSError(cause.errno, cause.strerror or str(cause))
    told = "\n".join([text, *warnings]) if _VAGUE.search(text) else text
    return (
        _refusal(what, causes)
        or _of_text(what, told, detail_of(text))
        or _of_network(what, text, causes)
        or _of_the_rest(what, error, told)
    )


def detail_of(text: str) -> str:
    """Return what a message says, without prefixes, and advice on options that aren't ours."""
    return " ".join(_NOISE.sub("", text).split())[:_LONGEST_DETAIL]


def _refusal(what: str, causes: Sequence[BaseException]) -> SourceError | None:
    """Return what needs no text, and is told wrongly by some."""
    # here and below: yt-dlp takes half a second to import, and only a side process needs it
    from yt_dlp.networking.exceptions import HTTPError
    from yt_dlp.utils import GeoRestrictedError

    for cause in causes:
        if isinstance(cause, GeoRestrictedError):
            return Unavailable(what, "region_locked")
        if isinstance(cause, HTTPError) and cause.status == 429:
            after = cause.response.get_header("Retry-After") or ""
            return SourceBlocked(str(cause), float(after) if after.isdecimal() else None)
    return None


def _of_text(what: str, told: str, detail: str) -> SourceError | None:
    return next(
        (make(what, detail) for pattern, make in _TEXTS if re.search(pattern, told, re.IGNORECASE)), None
    )


def _of_network(what: str, text: str, causes: Sequence[BaseException]) -> SourceError | None:
    from yt_dlp.networking.exceptions import HTTPError, TransportError

    for cause in causes:
        if isinstance(cause, HTTPError):
            if _MEDIA.search(text):  # an address that ran out, a missing PO token, ...: other tracks may come
                return BrokenDownload(what, f"its sound is refused ({cause})")
            return Unavailable(what, "gone") if cause.status in (404, 410) else SourceBlocked(str(cause))
        if isinstance(cause, TransportError):
            return SourceUnreachable(detail_of(str(cause)))
    return None


def _of_the_rest(what: str, error: Exception, told: str) -> SourceError:
    from yt_dlp.utils import YoutubeDLError

    detail = detail_of(str(error))
    if isinstance(error, YoutubeDLError) and not _CHANGES.search(told):
        # a sentence of YouTube's that is new to us, about this track
        return BrokenDownload(what, detail.removeprefix(f"{what}: "))
    return SourceChanged(detail or type(error).__name__)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and what it came from, also where yt-dlp keeps that in fields."""
    pending: list[BaseException] = [error]
    seen: set[int] = set()
    while pending:
        each = pending.pop(0)
        if id(each) in seen:
            continue
        seen.add(id(each))
        yield each
        kept = (getattr(each, "exc_info", None) or (None, None))[1]
        causes = (kept, getattr(each, "cause", None), each.__cause__, each.__context__)
        pending += [cause for cause in causes if isinstance(cause, BaseException)]
