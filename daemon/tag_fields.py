"""The fields that are read from and written to tags, whatever the format."""

import hashlib
import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, Literal, cast

from daemon.tag_errors import CoverRefused
from daemon.unknown import NameField, is_name

Mode = Literal["fill", "overwrite", "exact"]
"""Only empty fields; every field that is given; every field, those that aren't given are removed."""

LONGEST_VALUE = 1_000
"""Characters of a text field: longer ones are mistakes, and would travel through every answer."""
MOST_ARTISTS = 1_000
LARGEST_COVER_BYTES = 2 << 20
_LARGEST_NUMBER = 65_535
"""What an MP4 holds."""
_DATE = re.compile(r"\d{4}(?:-(?:0[1-9]|1[0-2])(?:-(?:0[1-9]|[12]\d|3[01]))?)?")
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_CONTROL = dict.fromkeys((*range(0x20), *range(0x7F, 0xA0)), " ")
_NAMES: tuple[NameField, ...] = ("title", "artist", "album", "album_artist")
_NUMBERS = ("track", "track_total", "disc", "disc_total")


@dataclass(frozen=True, slots=True)
class Cover:
    """A front cover."""

    content: bytes = field(repr=False)
    mime: str


@dataclass(frozen=True, slots=True)
class TagFields:
    """What a file says, or is to say, of itself."""

    title: str | None = None
    artist: str | None = None
    """As it is shown: one text, whatever the number of artists."""
    artists: tuple[str, ...] = ()
    album: str | None = None
    album_artist: str | None = None
    track: int | None = None
    track_total: int | None = None
    disc: int | None = None
    disc_total: int | None = None
    date: str | None = None
    """YYYY, YYYY-MM or YYYY-MM-DD; as read, whatever the file has."""
    recording_mbid: str | None = None
    """MusicBrainz's id of the recording."""
    cover: Cover | None = None
    unreadable: frozenset[str] = frozenset()
    """Fields that hold something else than they should (a track `A1`): they are never filled."""

    def as_json(self) -> dict[str, object]:
        """Return what is there, for a journal; of the cover its digest only."""
        values = {name: value for name, value in asdict(self).items() if value}
        if self.cover:
            digest = hashlib.sha256(self.cover.content).hexdigest()
            size_bytes = len(self.cover.content)
            mime = clean_text(self.cover.mime) or ""  # a FLAC's may hold anything
            values["cover"] = {"mime": mime, "size_bytes": size_bytes, "sha256": digest}
        if self.unreadable:
            values["unreadable"] = sorted(self.unreadable)
        return values


def clean_text(value: object) -> str | None:
    """Return a text that every format and PostgreSQL can hold; None if nothing is left of it."""
    text = str(value).translate(_CONTROL).encode(errors="replace").decode()
    return text[:LONGEST_VALUE].strip() or None


def clean(given: TagFields) -> TagFields:
    """Return the fields as they may be written; those that can't be are left out.

    Raises
    ------
    CoverRefused : the cover is too large, or neither JPEG nor PNG
    """
    known: dict[str, Any] = {name: clean_text(getattr(given, name) or "") for name in _NAMES}
    known |= {
        name: value
        for name in _NUMBERS
        if (value := getattr(given, name)) is not None and 0 < value <= _LARGEST_NUMBER
    }
    return TagFields(
        **known,
        artists=clean_artists(given.artists),
        date=given.date if given.date and _DATE.fullmatch(given.date) else None,
        recording_mbid=given.recording_mbid.lower()
        if given.recording_mbid and _UUID.fullmatch(given.recording_mbid)
        else None,
        cover=_checked(given.cover),
    )


def clean_artists(values: Iterable[object]) -> tuple[str, ...]:
    """Return a list of artists without blanks and repetitions."""
    texts = (clean_text(value) for value in values)
    return tuple(dict.fromkeys(text for text in texts if text))[:MOST_ARTISTS]


def merged(old: TagFields, given: TagFields, file_name: str, mode: Mode) -> TagFields:
    """Return what a file should say, given what it says and what is known of it.

    `fill` takes a placeholder ("Track 01") for empty. What belongs to an album is filled only where the file
    names no other one, and the list of artists only where the artist is the same: a track number of one
    edition is wrong in another. A cover is embedded only where there is none (except by `exact`).

    Raises
    ------
    CoverRefused : as `clean`, if the cover would be written
    """
    if old.cover and mode != "exact":
        given = replace(given, cover=None)
    if mode == "exact":
        return _exactly(given)
    new = clean(_fitting(old, given, file_name) if mode == "fill" else given)
    changes: dict[str, Any] = {
        name: value
        for name in _names()
        if (value := getattr(new, name)) and (mode == "overwrite" or _is_open(old, name, file_name))
    }
    return replace(old, **changes, unreadable=old.unreadable - frozenset(changes))


def changed(old: TagFields, new: TagFields) -> frozenset[str]:
    """Return the names of the fields that differ; a number and its total are one."""
    return frozenset(
        name.removesuffix("_total") for name in _names() if getattr(old, name) != getattr(new, name)
    )


def numbers_of(value: object) -> tuple[int | None, int | None, bool]:
    """Return number and total of `3`, `3/12` or `/12`, and whether the text means something else."""
    number, _, total = str(value).strip().partition("/")
    parsed = [int(part) if part.strip().isdecimal() else None for part in (number, total)]
    is_odd = any(part.strip() and known is None for part, known in zip((number, total), parsed, strict=True))
    return parsed[0] or None, parsed[1] or None, is_odd


def _names() -> tuple[str, ...]:
    return tuple(each.name for each in fields(TagFields) if each.name != "unreadable")


def _checked(cover: Cover | None) -> Cover | None:
    if cover is None:
        return None
    if len(cover.content) > LARGEST_COVER_BYTES:
        size_mb, limit_mb = len(cover.content) / 1e6, LARGEST_COVER_BYTES / 1e6
        raise CoverRefused(f"{size_mb:.1f} MB, and {limit_mb:.1f} MB are allowed")
    for start, mime in ((b"\xff\xd8\xff", "image/jpeg"), (b"\x89PNG\r\n\x1a\n", "image/png")):
        if cover.content.startswith(start):
            return Cover(cover.content, mime)
    raise CoverRefused("neither JPEG nor PNG")


def _exactly(given: TagFields) -> TagFields:
    """Return the fields as a file had them, however odd."""
    return replace(
        clean(replace(given, cover=None)),
        cover=given.cover,
        date=clean_text(given.date or ""),
        recording_mbid=clean_text(given.recording_mbid or ""),
    )


def _fitting(old: TagFields, new: TagFields, file_name: str) -> TagFields:
    """Leave out what belongs to another album, artist or total than the file's."""
    if not _same_or_open(old, new, "album", file_name):
        new = TagFields(
            title=new.title,
            artist=new.artist,
            artists=new.artists,
            album=new.album,
            recording_mbid=new.recording_mbid,
        )
    if not _same_or_open(old, new, "artist", file_name):
        new = replace(new, artists=())
    if old.track not in (None, new.track):
        new = replace(new, track_total=None)
    if old.disc not in (None, new.disc):
        new = replace(new, disc_total=None)
    return new


def _same_or_open(old: TagFields, new: TagFields, name: NameField, file_name: str) -> bool:
    mine, theirs = getattr(old, name), getattr(new, name)
    if not is_name(name, mine, file_name):
        return True
    return theirs is not None and cast("str", mine).casefold() == theirs.casefold()


def _is_open(old: TagFields, name: str, file_name: str) -> bool:
    """Tell whether a field may be filled."""
    if name.removesuffix("_total") in old.unreadable:
        return False
    value = getattr(old, name)
    if name in _NAMES:
        return not is_name(name, value, file_name)
    if name == "artists":
        return not any(is_name("artist", each, file_name) for each in old.artists)
    return not value
