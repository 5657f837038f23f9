"""What several sources know of a sound, put together: the better one's word counts, field by field."""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from daemon.tag_fields import TagFields
from daemon.unknown import NameField, is_name

_ALBUM_FIELDS = ("album_artist", "track", "track_total", "disc", "disc_total", "date", "cover")
"""They belong to one album: of another edition they are wrong."""
_NAMES: tuple[NameField, ...] = ("title", "artist", "album", "album_artist")
_ASIDE = re.compile(r"\s*[(\[][^()\[\]]*[)\]]\s*$")
"""What editions add: `Lithium (Remastered 2011)`."""


class SourceKind(StrEnum):
    """How far a source is trusted, best first."""

    MUSICBRAINZ = "MusicBrainz-tagged file"
    TAGGED = "tagged file"
    ALBUM_AUDIO = "album audio"
    VIDEO = "video"


_RANKS = {kind: rank for rank, kind in enumerate(SourceKind)}


@dataclass(frozen=True, slots=True)
class TaggedFile:
    """A file whose tags are wanted, if it is still the one that was fingerprinted."""

    path: Path
    size_bytes: int
    mtime_ns: int


@dataclass(frozen=True, slots=True)
class Source:
    """Somebody who names a recording."""

    recording_id: int
    kind: SourceKind
    fields: TagFields
    file_id: int | None = None
    file: TaggedFile | None = None
    """None: not there, or no file."""
    has_our_cover: bool = False

    @property
    def rank(self) -> int:
        """Return how far it is trusted: 0 most."""
        return _RANKS[self.kind]


@dataclass(frozen=True, slots=True)
class Merged:
    """What sources that agree say together."""

    fields: TagFields
    origins: Mapping[str, Source]
    """Where each field comes from."""
    best: Source


def trusted_part(fields: TagFields, file_name: str) -> TagFields:
    """Return the fields without placeholders."""
    empty: dict[str, Any] = {
        name: None for name in _NAMES if not is_name(name, getattr(fields, name), file_name)
    }
    return replace(fields, **empty, unreadable=frozenset())


def without_guesses(fields: TagFields, guesses: Mapping[str, Any]) -> TagFields:
    """Return the fields without what we wrote, as far as it still is what we wrote; the name stays.

    Parameters
    ----------
    guesses : as `TagFields.as_json`, from JSON
    """
    nothing = TagFields()
    values = fields.as_json() | {"artists": list(fields.artists)}
    ours: dict[str, Any] = {
        name: getattr(nothing, name)
        for name in ("artists", "album", "recording_mbid", *_ALBUM_FIELDS)
        if name in guesses and values.get(name) == guesses[name]
    }
    return replace(fields, **ours)


def same_name(one: TagFields, other: TagFields) -> bool:
    """Tell whether two sources name the same: spelling, editions and guests aside."""
    titles, artists = (one.title, other.title), (one.artist, other.artist)
    one_title, other_title = map(_plain_title, titles)
    one_artist, other_artist = map(_words, artists)
    return (
        one_title == other_title != ""
        and bool(one_artist and other_artist)
        and (one_artist <= other_artist or other_artist <= one_artist)
    )


def agrees(own: TagFields, other: TagFields) -> bool:
    """Tell whether what a file says of itself, as far as it says it, is part of a name, or the name of it.

    `Artist - Title (Official Video)` as the title agrees; another title does not.
    """
    mine, theirs = _plain_title(own.title), _plain_title(other.title)
    if mine and not (theirs in _plain(own.title) or mine in theirs):
        return False
    my_words, their_words = _words(own.artist), _words(other.artist)
    return my_words <= their_words or their_words <= my_words


def grouped(sources: Sequence[Source]) -> list[list[Source]]:
    """Return the sources by the name they give, best first: several groups contradict each other."""
    groups: list[list[Source]] = []
    for source in sorted(sources, key=lambda each: each.rank):
        fitting = next((group for group in groups if same_name(group[0].fields, source.fields)), None)
        if fitting is None:
            groups.append([source])
        else:
            fitting.append(source)
    return groups


def merged(sources: Sequence[Source]) -> Merged:
    """Return what sources that agree say, the better one's word first.

    Parameters
    ----------
    sources : at least one, best first
    """
    best = sources[0]
    origins: dict[str, Source] = {}
    for name in ("title", "artist", "artists", "recording_mbid", "album"):
        for source in sources:
            if name == "artists" and _plain(source.fields.artist) != _plain(best.fields.artist):
                continue
            if getattr(source.fields, name):
                origins[name] = source
                break
    if "album" in origins:
        album = _plain(origins["album"].fields.album)
        same_album = [each for each in sources if _plain(each.fields.album) == album]
        for name in _ALBUM_FIELDS:
            owner = next((each for each in same_album if getattr(each.fields, name)), None)
            if owner is not None:
                origins[name] = owner
    for number, total in (("track", "track_total"), ("disc", "disc_total")):
        if total in origins and number in origins and origins[total] is not origins[number]:
            del origins[total]
    values: dict[str, Any] = {name: getattr(source.fields, name) for name, source in origins.items()}
    return Merged(TagFields(**values), origins, best)


def _plain_title(title: str | None) -> str:
    shortened = title or ""
    while (without := _ASIDE.sub("", shortened)) != shortened:
        shortened = without
    return _plain(shortened) or _plain(title)


def _plain(text: str | None) -> str:
    """Return a name without case, accents, signs and spaces; as it is if nothing else is in it."""
    folded = unicodedata.normalize("NFKD", (text or "").casefold())
    return "".join(each for each in folded if each.isalnum()) or folded.strip()


def _words(text: str | None) -> frozenset[str]:
    """Return a name's words, so that `Somebody` is found in `Somebody feat. Another`."""
    return frozenset(filter(None, map(_plain, (text or "").split())))
