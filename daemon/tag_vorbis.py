"""Fields in Vorbis comments: FLAC, and Vorbis, Opus, FLAC and Speex in Ogg."""

# mutagen has types for some of its calls only:
# mypy: disallow-untyped-calls=False

import base64
import binascii
from collections.abc import Set as AbstractSet
from typing import Any, BinaryIO

from mutagen.flac import FLAC, Picture, error

from daemon.tag_fields import Cover, TagFields, changed, clean_artists, clean_text, numbers_of

_PICTURE = "metadata_block_picture"
_FRONT_COVER = 3
_KEYS = {
    "title": ("title",),
    "artist": ("artist",),
    "artists": ("artists",),
    "album": ("album",),
    "album_artist": ("albumartist",),
    "track": ("tracknumber", "tracktotal", "totaltracks"),
    "disc": ("discnumber", "disctotal", "totaldiscs"),
    "date": ("date", "releasedate", "year"),
    "recording_mbid": ("musicbrainz_trackid",),
    "cover": (_PICTURE, "coverart", "coverartmime"),
}
"""Where a field may be found, first where it is written."""
_PADDING, _COMMENT, _PICTURE_BLOCK = 1, 4, 6


def read(tagged: Any) -> TagFields:
    """Return the fields."""
    comments = tagged.tags or {}
    artist_list = comments.get("artist", [])
    unreadable = set()
    pairs: dict[str, int | None] = {}
    for name in ("track", "disc"):
        number, total, is_odd = numbers_of(_first(comments, _KEYS[name][0]) or "")
        apart, _, is_total_odd = numbers_of(_first_of(comments, _KEYS[name][1:]) or "")
        if is_odd or is_total_odd:
            unreadable.add(name)
        pairs |= {name: number, f"{name}_total": total or apart}
    return TagFields(
        title=_first(comments, "title"),
        artist=clean_text("; ".join(artist_list)),
        artists=clean_artists(comments.get("artists", artist_list if len(artist_list) > 1 else [])),
        album=_first(comments, "album"),
        album_artist=_first(comments, "albumartist"),
        date=_first_of(comments, _KEYS["date"]),
        recording_mbid=_first(comments, "musicbrainz_trackid"),
        cover=_cover(tagged),
        unreadable=frozenset(unreadable),
        **pairs,
    )


def write(tagged: Any, file: BinaryIO, old: TagFields, new: TagFields) -> None:
    """Set what differs between the two, nothing else, and save."""
    if tagged.tags is None:
        tagged.add_tags()
    values: dict[str, list[object]] = {
        "title": [new.title],
        "artist": [new.artist],
        "artists": list(new.artists),
        "album": [new.album],
        "albumartist": [new.album_artist],
        "tracknumber": [new.track],
        "tracktotal": [new.track_total],
        "discnumber": [new.disc],
        "disctotal": [new.disc_total],
        "date": [new.date],
        "releasedate": [new.date],
        "musicbrainz_trackid": [new.recording_mbid],
    }
    changes = changed(old, new)
    for name in sorted(changes - {"cover"}):  # equal changes, equal bytes
        for key in _KEYS[name]:
            texts = [str(value) for value in values.get(key, ()) if value]
            if texts:
                tagged.tags[key.upper()] = texts
            elif key in tagged.tags:
                del tagged.tags[key]
    if "cover" in changes:
        _set_cover(tagged, new.cover)
    file.seek(0)
    tagged.save(file)


def others(tagged: Any, changes: AbstractSet[str]) -> list[str]:
    """Return the values of everything else than the changed fields, to compare."""
    left_out = {key for name in changes for key in _KEYS[name]}
    comments = [(key.lower(), value) for key, value in tagged.tags or () if key.lower() not in left_out]
    values = [repr(comment) for comment in sorted(comments)]
    if isinstance(tagged, FLAC):
        unlike = {_PADDING, _COMMENT} | ({_PICTURE_BLOCK} if "cover" in changes else set())
        blocks = [block for block in tagged.metadata_blocks if block.code not in unlike]
        values += [f"{block.code}: {block.write()!r}" for block in blocks]
    return values


def _first(comments: Any, key: str) -> str | None:
    return next((text for value in comments.get(key, ()) if (text := clean_text(value))), None)


def _first_of(comments: Any, keys: tuple[str, ...]) -> str | None:
    return next((text for key in keys if (text := _first(comments, key))), None)


def _cover(tagged: Any) -> Cover | None:
    pictures = list(getattr(tagged, "pictures", ()))
    comments = tagged.tags or {}
    for encoded in comments.get(_PICTURE, ()):
        try:
            pictures.append(Picture(base64.b64decode(encoded)))
        except (error, binascii.Error, ValueError):
            pictures.append(None)
    if not pictures and "coverart" in comments:  # an older custom
        pictures.append(None)
    if not pictures:
        return None
    best = min(pictures, key=lambda each: each is None or each.type != _FRONT_COVER)
    return Cover(best.data, best.mime) if best else Cover(b"", "")


def _set_cover(tagged: Any, cover: Cover | None) -> None:
    for key in _KEYS["cover"]:
        if key in tagged.tags:
            del tagged.tags[key]
    if isinstance(tagged, FLAC):
        tagged.clear_pictures()
    if cover is None:
        return
    picture = Picture()
    picture.type, picture.mime, picture.data = _FRONT_COVER, cover.mime, cover.content
    if isinstance(tagged, FLAC):
        tagged.add_picture(picture)
    else:
        tagged.tags[_PICTURE.upper()] = [base64.b64encode(picture.write()).decode()]
