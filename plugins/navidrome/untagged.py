"""Tell which entries the server shows without a proper title or artist."""

import re
from pathlib import PurePosixPath

from plugins.navidrome.replies import Entry

_NO_ARTIST = {"", "unknown", "unknown artist"}
_NO_ALBUM = {"", "unknown", "unknown album", "non-album tracks"}
_NO_TITLE = re.compile(r"|(?:audio ?)?track ?\d+|unknown(?: title)?|https?://\S+")


def is_unnamed(entry: Entry) -> bool:
    """Tell whether an entry should be looked up.

    Navidrome shows a file without tags by its base name, as [Unknown Artist] and [Unknown Album], supysonic
    by its file name, as [unknown] and [non-album tracks]. A title that is the file's name too, of a known
    album, is a title.
    """
    title = _bare(entry.title)
    if _bare(entry.artist) in _NO_ARTIST or _NO_TITLE.fullmatch(title):
        return True
    file = PurePosixPath(entry.path)
    return _bare(entry.album) in _NO_ALBUM and title in (_bare(file.name), _bare(file.stem))


def _bare(text: str) -> str:
    """Return a text for comparison: in one case, without the brackets of placeholders."""
    text = text.strip().casefold()
    return text[1:-1] if text[:1] + text[-1:] in ("[]", "<>", "()") else text
