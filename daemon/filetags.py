"""Read a file's tags, and tell whether they can be trusted as its name."""

import os
import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import mutagen

_LONGEST_VALUE = 1_000
"""Characters kept of a tag: longer ones are mistakes, and would travel through every answer."""
_PLACEHOLDER = re.compile(
    r"""\W* (?:
        (?: unknown | unbekannte[rs]? | inconnu | no )
        \W* (?: artist | k\u00fcnstler | album | title | track ) s?
      | unknown | untitled (?: \W* (?: track | title ) )? | various (?: \W* artists? )?
      | (?: audio )? \W* (?: track | titel | piste | pista ) \W* \d*
      | (?: 0\d )?
      | n/a | none | null | title | artist
    ) \W*""",
    re.IGNORECASE | re.VERBOSE,
)
# mutagen's easy interface first, then what ID3 in AIFF or WAV, and ASF, call it: for those it has none.
_TITLE = ("title", "TIT2")
_ARTIST = ("artist", "TPE1", "Author")
_ALBUM = ("album", "TALB", "WM/AlbumTitle")
_ADDRESS = re.compile(r"(?:https?://|www\.)\S+", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class FileTags:
    """What a file says of itself."""

    title: str | None = None
    artist: str | None = None
    album: str | None = None
    is_trusted: bool = False
    """Title and artist are there and mean something: the file can name other files."""

    def as_json(self) -> dict[str, object]:
        """Return the tags as stored."""
        return {**asdict(self), "trusted": self.is_trusted}


def read_tags(path: Path) -> FileTags:
    """Return the file's tags; none where there are none, or where they can't be read.

    Raises
    ------
    OSError : the file can't be read
    """
    try:
        with path.open("rb") as file:
            tagged = mutagen.File(file, easy=True)
    except (OSError, MemoryError):
        raise
    except Exception as error:  # parsers of damaged files stumble in every way there is
        if isinstance(error.__cause__, OSError):
            raise error.__cause__ from error
        return FileTags()
    if tagged is None or not tagged.tags:
        return FileTags()
    title, artist, album = (_field(tagged.tags, keys) for keys in (_TITLE, _ARTIST, _ALBUM))
    return FileTags(title, artist, album, is_trusted=_is_name(title, path) and _is_name(artist, path))


def _field(tags: Any, keys: tuple[str, ...]) -> str | None:
    return next((value for key in keys if (value := _first(_values(tags, key)))), None)


def _first(values: Any) -> str | None:
    text = str(values[0] if isinstance(values, list) and values else values or "")
    # NUL has no place in PostgreSQL's text, lone surrogates none in UTF-8.
    cleaned = text.replace("\0", " ").encode(errors="replace").decode().strip()
    return cleaned[:_LONGEST_VALUE] or None


def _values(tags: Any, key: str) -> Any:
    try:
        values = tags.get(key)
    except (KeyError, ValueError):  # not a key of this format
        return None
    return getattr(values, "text", values)  # ID3 frames


def _is_name(value: str | None, path: Path) -> bool:
    if value is None or _PLACEHOLDER.fullmatch(value) or _ADDRESS.fullmatch(value):
        return False
    return value.casefold() != os.fsencode(path.name).decode(errors="replace").casefold()
