"""Open a file's tags by the format they are in."""

import errno
import os
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

import mutagen
from mutagen.aiff import AIFF
from mutagen.flac import FLAC
from mutagen.mp3 import MP3
from mutagen.mp4 import MP4
from mutagen.oggflac import OggFLAC
from mutagen.oggopus import OggOpus
from mutagen.oggspeex import OggSpeex
from mutagen.oggvorbis import OggVorbis
from mutagen.wave import WAVE

from daemon import tag_id3, tag_legacy, tag_mp4, tag_vorbis
from daemon.tag_errors import NotTaggable, TagError
from daemon.tag_fields import TagFields
from daemon.tag_format import TagFormat

_FORMATS: dict[type[Any], TagFormat] = {
    AIFF: tag_id3,
    MP3: tag_id3,
    WAVE: tag_id3,
    MP4: tag_mp4,
    FLAC: tag_vorbis,
    OggFLAC: tag_vorbis,
    OggOpus: tag_vorbis,
    OggSpeex: tag_vorbis,
    OggVorbis: tag_vorbis,
}
_DISK_FAULTS = frozenset(
    {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS, errno.EACCES, errno.EPERM, errno.ESTALE}
)
"""Others are the file's: damage makes mutagen seek to places before the start."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of file whose tags can be written."""

    mutagen_type: type[Any]

    @property
    def format(self) -> TagFormat:
        """Return how its tags are kept."""
        return _FORMATS[self.mutagen_type]


@dataclass(frozen=True, slots=True)
class Tags:
    """What is read of a file."""

    fields: TagFields
    """What it says, older kinds of tags included where the main one is silent."""
    own: TagFields
    """What its main tags say."""


def kind_of(path: Path) -> Kind:
    """Return the kind of a file.

    Raises
    ------
    NotTaggable : tags of this kind, or of this file, can't be written
    OSError : the file can't be read
    """
    name = _name(path)
    with path.open("rb") as file, _parsing(name):
        tagged = mutagen.File(file)
    if tagged is None:
        raise NotTaggable(name, "no format that can be tagged: MP3, FLAC, Ogg, Opus, M4A, WAV and AIFF can")
    if type(tagged) not in _FORMATS:
        raise NotTaggable(
            name, f"{type(tagged).__name__} is read only: MP3, FLAC, Ogg, Opus, M4A, WAV and AIFF can"
        )
    return Kind(type(tagged))


def read_fields(path: Path, kind: Kind) -> Tags:
    """Return what a file says. Errors as `kind_of`."""
    with path.open("rb") as file, _parsing(_name(path)):
        own = kind.format.read(_opened(file, kind))
        return Tags(_with_older(own, file, kind), own)


def read_others(path: Path, kind: Kind, without: AbstractSet[str]) -> list[str]:
    """Return the values of everything else than these fields, to compare. Errors as `kind_of`."""
    with path.open("rb") as file, _parsing(_name(path)):
        return kind.format.others(_opened(file, kind), without)


def write_fields(path: Path, kind: Kind, target: TagFields) -> None:
    """Make a file say this, in place: of a copy. Errors as `kind_of`."""
    with path.open("r+b") as file, _parsing(_name(path)):
        tagged = _opened(file, kind)
        kind.format.write(tagged, file, kind.format.read(tagged), target)


def _opened(file: BinaryIO, kind: Kind) -> Any:
    arguments = tag_id3.LOAD_ARGUMENTS if kind.format is tag_id3 else {}
    return kind.mutagen_type(file, **arguments)


def _with_older(own: TagFields, file: BinaryIO, kind: Kind) -> TagFields:
    older = tag_legacy.read(file, kind.mutagen_type)
    gaps = {
        name: value
        for name in ("title", "artist", "album", "album_artist", "track", "date")
        if (value := getattr(older, name)) and not getattr(own, name) and name not in own.unreadable
    }
    return replace(own, **gaps)


@contextmanager
def _parsing(name: str) -> Iterator[None]:
    """Tell a disk's faults from a file's: parsers of damaged files stumble in every way there is."""
    try:
        yield
    except (MemoryError, TagError):
        raise
    except Exception as error:
        for cause in (error, error.__cause__, error.__context__):
            if isinstance(cause, OSError) and cause.errno in _DISK_FAULTS:
                raise cause from None
        raise NotTaggable(name, f"damaged: {error or type(error).__name__}") from error


def _name(path: Path) -> str:
    return os.fsencode(path.name).decode(errors="replace")
