"""Read a file's tags, and tell whether they can be trusted as its name."""

import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import mutagen

from daemon import tag_files
from daemon.tag_errors import NotTaggable
from daemon.tag_fields import clean_text
from daemon.unknown import Naming, naming

# mutagen's easy interface first, then what ASF calls it: for that it has none.
_TITLE = ("title",)
_ARTIST = ("artist", "Author")
_ALBUM = ("album", "WM/AlbumTitle")


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
        fields = tag_files.read_fields(path, tag_files.kind_of(path)).fields
    except NotTaggable:
        return _judged(path, *_read_only_kind(path))
    return _judged(path, fields.title, fields.artist, fields.album)


def _judged(path: Path, title: str | None, artist: str | None, album: str | None) -> FileTags:
    tags = FileTags(title, artist, album)
    name = os.fsencode(path.name).decode(errors="replace")
    return FileTags(title, artist, album, is_trusted=naming(tags, name) is not Naming.UNKNOWN)


def _read_only_kind(path: Path) -> tuple[str | None, str | None, str | None]:
    """Return title, artist and album of a kind that is read, but not written, such as WMA."""
    try:
        with path.open("rb") as file:
            tagged = mutagen.File(file, easy=True)
    except (OSError, MemoryError):
        raise
    except Exception as error:  # parsers of damaged files stumble in every way there is
        if isinstance(error.__cause__, OSError):
            raise error.__cause__ from error
        return None, None, None
    if tagged is None or not tagged.tags:
        return None, None, None
    title, artist, album = (_field(tagged.tags, keys) for keys in (_TITLE, _ARTIST, _ALBUM))
    return title, artist, album


def _field(tags: Any, keys: tuple[str, ...]) -> str | None:
    return next((value for key in keys if (value := _first(_values(tags, key)))), None)


def _first(values: Any) -> str | None:
    return clean_text(values[0] if isinstance(values, list) and values else values or "")


def _values(tags: Any, key: str) -> Any:
    try:
        values = tags.get(key)
    except (KeyError, ValueError):  # not a key of this format
        return None
    return getattr(values, "text", values)  # ID3 frames, of kinds that are read only
