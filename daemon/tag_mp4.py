"""Fields in MP4 (m4a, m4b, mp4)."""

# mutagen has types for some of its calls only:
# mypy: disallow-untyped-calls=False

from collections.abc import Set as AbstractSet
from typing import Any, BinaryIO

from mutagen.mp4 import MP4Cover, MP4FreeForm

from daemon.tag_fields import Cover, TagFields, changed, clean_artists, clean_text

_KEYS = {
    "title": "\u00a9nam",
    "artist": "\u00a9ART",
    "artists": "----:com.apple.iTunes:ARTISTS",
    "album": "\u00a9alb",
    "album_artist": "aART",
    "track": "trkn",
    "disc": "disk",
    "date": "\u00a9day",
    "recording_mbid": "----:com.apple.iTunes:MusicBrainz Track Id",
    "cover": "covr",
}
_FREE_FORM = ("artists", "recording_mbid")
_NUMBERED = ("track", "disc")
_MIMES = {MP4Cover.FORMAT_JPEG: "image/jpeg", MP4Cover.FORMAT_PNG: "image/png"}


def read(tagged: Any) -> TagFields:
    """Return the fields."""
    tags = tagged.tags or {}
    artist_list = tags.get(_KEYS["artist"], [])
    ids = _texts(tags, "recording_mbid")
    pairs = {name: (tags.get(_KEYS[name]) or [(0, 0)])[0] for name in _NUMBERED}
    covers = tags.get(_KEYS["cover"], [])
    return TagFields(
        title=_first(tags, "title"),
        artist=clean_text("; ".join(artist_list)),
        artists=clean_artists(_texts(tags, "artists") or (artist_list if len(artist_list) > 1 else [])),
        album=_first(tags, "album"),
        album_artist=_first(tags, "album_artist"),
        track=pairs["track"][0] or None,
        track_total=pairs["track"][1] or None,
        disc=pairs["disc"][0] or None,
        disc_total=pairs["disc"][1] or None,
        date=_first(tags, "date"),
        recording_mbid=clean_text(ids[0]) if ids else None,
        cover=Cover(bytes(covers[0]), _MIMES.get(covers[0].imageformat, "")) if covers else None,
    )


def write(tagged: Any, file: BinaryIO, old: TagFields, new: TagFields) -> None:
    """Set what differs between the two, nothing else, and save."""
    if tagged.tags is None:
        tagged.add_tags()
    for name in sorted(changed(old, new)):
        value = _value(name, new)
        if value:
            tagged.tags[_KEYS[name]] = value
        else:
            tagged.tags.pop(_KEYS[name], None)
    file.seek(0)
    tagged.save(file)


def others(tagged: Any, changes: AbstractSet[str]) -> list[str]:
    """Return the values of everything else than the changed fields, to compare."""
    left_out = {_KEYS[name] for name in changes}
    tags = tagged.tags or {}
    known = [f"{key}: {_plain(value)!r}" for key, value in tags.items() if key not in left_out]
    failed = getattr(tags, "_failed_atoms", {})  # those that mutagen can't parse, it writes back
    return sorted(known) + sorted(f"{key}: {value!r}" for key, value in failed.items())


def _value(name: str, new: TagFields) -> list[Any]:
    if name in _NUMBERED:
        pair = (getattr(new, name) or 0, getattr(new, f"{name}_total") or 0)
        return [pair] if any(pair) else []
    if name == "cover":
        if new.cover is None:
            return []
        is_png = new.cover.mime == "image/png"
        return [MP4Cover(new.cover.content, MP4Cover.FORMAT_PNG if is_png else MP4Cover.FORMAT_JPEG)]
    value = getattr(new, name)
    texts = value if isinstance(value, tuple) else (value,) if value else ()
    return [MP4FreeForm(text.encode()) if name in _FREE_FORM else text for text in texts]


def _first(tags: Any, name: str) -> str | None:
    return next((text for value in tags.get(_KEYS[name], ()) if (text := clean_text(value))), None)


def _texts(tags: Any, name: str) -> list[str]:
    return [bytes(value).decode(errors="replace") for value in tags.get(_KEYS[name], ())]


def _plain(value: Any) -> object:
    """Return what tells values apart: the representation of covers lacks their format."""
    if isinstance(value, list):
        return [
            (bytes(each), getattr(each, "imageformat", None)) if isinstance(each, bytes) else each
            for each in value
        ]
    return value
