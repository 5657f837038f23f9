"""Tell which items Jellyfin shows without a proper title or artist."""

import re
from pathlib import PurePath, PurePosixPath, PureWindowsPath

from plugins.jellyfin.payloads import Entry

_PLACEHOLDER = re.compile(
    r"""\W* (?: (?: audio )? \W* track (?: \W* \d{1,3} )? | unknown (?: \W+ (?: artist | title | track ) )?
    | untitled | artist | title | various \W+ artists )? \W*""",
    re.IGNORECASE | re.VERBOSE,
)
"""Also what has no letter and no digit. Spectra knows more of them; it looks at the file itself."""
_LIKE_A_FILE = re.compile(r"\d{1,3}\s*[-_.)] | 0\d+\s | [^ ]*_", re.VERBOSE)
"""`01 - Lithium`, `my_recording`."""


def is_unnamed(entry: Entry) -> bool:
    """Tell whether title or artist are missing, or stand for nothing.

    Without a title tag Jellyfin shows the file's name. Well-kept files are called as their title too: then
    they have an album, and don't look like a file's name.
    """
    if all(_PLACEHOLDER.fullmatch(artist) for artist in entry.artists or ()):
        return True
    name = (entry.name or "").strip()
    if _PLACEHOLDER.fullmatch(name):
        return True
    file = _pure(entry.path or "")
    if name == file.name:
        return True
    return name == file.stem.strip() and (not entry.album or _LIKE_A_FILE.match(name) is not None)


def _pure(path: str) -> PurePath:
    return PurePosixPath(path) if path.startswith("/") else PureWindowsPath(path)
