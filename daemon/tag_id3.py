"""Fields in ID3: MP3, and chunks of WAV and AIFF. A tag of version 2.3 stays one."""

# mutagen has types for some of its calls only:
# mypy: disallow-untyped-calls=False

from collections.abc import Set as AbstractSet
from typing import Any, BinaryIO

from mutagen.id3 import (
    APIC,
    TALB,
    TDAT,
    TDRC,
    TDRL,
    TIT2,
    TPE1,
    TPE2,
    TPOS,
    TRCK,
    TXXX,
    TYER,
    UFID,
    Encoding,
    Frames,
    Frames_2_2,
    ID3JunkFrameError,
    PictureType,
    TextFrame,
)

from daemon.tag_fields import Cover, TagFields, changed, clean_artists, clean_text, numbers_of

_OWNER = "http://musicbrainz.org"
_ARTISTS = "TXXX:ARTISTS"
_RELEASED = "TXXX:RELEASEDATE"
_TEXTS = {"title": TIT2, "artist": TPE1, "album": TALB, "album_artist": TPE2}
_NUMBERS = {"track": TRCK, "disc": TPOS}
_KEYS = {
    "title": ("TIT2",),
    "artist": ("TPE1",),
    "artists": (_ARTISTS,),
    "album": ("TALB",),
    "album_artist": ("TPE2",),
    "track": ("TRCK",),
    "disc": ("TPOS",),
    "date": ("TDRC", "TDRL", "TYER", "TDAT", _RELEASED),
    "recording_mbid": (f"UFID:{_OWNER}",),
    "cover": ("APIC",),
}
_V22, _V23 = (2, 2), (2, 3)
_V1_BYTES = 256
"""An ID3v1 tag has 128 at the end; mutagen looks a little further, and so may write there."""


class _Kept:
    """A kind of frame of which those that don't parse count as unknown, and so are written back as they were.

    mutagen drops them otherwise.
    """

    def __init__(self, frame: Any) -> None:
        self._frame = frame

    def __call__(self, **values: Any) -> Any:
        return self._frame(**values)

    def _fromData(self, header: Any, flags: int, content: bytes) -> Any:  # noqa: N802 - mutagen's name
        try:
            return self._frame._fromData(header, flags, content)
        except ID3JunkFrameError as error:
            raise NotImplementedError from error


LOAD_ARGUMENTS: dict[str, Any] = {
    "translate": False,
    "known_frames": {name: _Kept(frame) for name, frame in {**Frames, **Frames_2_2}.items()},
}
"""Frames of older versions stay as they are: translated, some would be lost."""


def read(tagged: Any) -> TagFields:
    """Return the fields."""
    tags = tagged.tags if tagged.tags is not None else {}
    artist_list = _texts(tags, "TPE1")
    unreadable = set()
    pairs: dict[str, int | None] = {}
    for name, frame in _NUMBERS.items():
        number, total, is_odd = numbers_of(_first(tags, frame.__name__) or "")
        if is_odd:
            unreadable.add(name)
        pairs |= {name: number, f"{name}_total": total}
    return TagFields(
        title=_first(tags, "TIT2"),
        artist=clean_text("; ".join(artist_list)),
        artists=clean_artists(_texts(tags, _ARTISTS) or (artist_list if len(artist_list) > 1 else [])),
        album=_first(tags, "TALB"),
        album_artist=_first(tags, "TPE2"),
        date=_date(tags),
        recording_mbid=_recording_mbid(tags),
        cover=_cover(tags),
        unreadable=frozenset(unreadable),
        **pairs,
    )


def write(tagged: Any, file: BinaryIO, old: TagFields, new: TagFields) -> None:
    """Set what differs between the two, nothing else, and save."""
    if tagged.tags is None:
        tagged.add_tags()
    tags = tagged.tags
    is_v23 = tags.version[:2] in (_V22, _V23)  # 2.2 can't be written, and 2.3 is the nearest
    for name in sorted(changed(old, new)):
        for key in _KEYS[name]:
            tags.delall(key) if name == "cover" else tags.pop(key, None)
        for frame in _frames(name, new, is_v23=is_v23):
            tags.add(frame)
    save = {"v2_version": 3 if is_v23 else 4, "v23_sep": None}
    file.seek(0)
    if type(tagged).__name__ == "MP3":
        _save_head(tags, file, save)
    else:
        tags.save(file, **save)


def others(tagged: Any, changes: AbstractSet[str]) -> list[str]:
    """Return the values of everything else than the changed fields, to compare."""
    if tagged.tags is None:
        return []
    left_out = {key for name in changes for key in _KEYS[name]}
    frames = [
        (key, _values(frame))
        for key, frame in tagged.tags.items()
        if key not in left_out and frame.FrameID not in left_out and not _is_empty(frame)
    ]
    return [repr(frame) for frame in sorted(frames)] + sorted(map(repr, tagged.tags.unknown_frames))


def _frames(name: str, new: TagFields, *, is_v23: bool) -> list[Any]:
    """Return the frames that say a field; none if it is empty."""
    encoding = Encoding.UTF16 if is_v23 else Encoding.UTF8
    if name in _NUMBERS:
        number, total = getattr(new, name), getattr(new, f"{name}_total")
        text = f"{number or ''}/{total}" if total else str(number or "")
        return [_NUMBERS[name](encoding=Encoding.LATIN1, text=text)] if text else []
    value = getattr(new, name)
    if not value:
        return []
    if name == "date":
        return _date_frames(value, is_v23=is_v23)
    return [_frame(name, value, encoding)]


def _frame(name: str, value: Any, encoding: int) -> Any:
    match name:
        case "artists":
            return TXXX(encoding=encoding, desc="ARTISTS", text=list(value))
        case "recording_mbid":
            return UFID(owner=_OWNER, data=value.encode())
        case "cover":
            front = PictureType.COVER_FRONT
            return APIC(encoding=Encoding.LATIN1, mime=value.mime, type=front, data=value.content)
    return _TEXTS[name](encoding=encoding, text=[value])


def _date_frames(date: str, *, is_v23: bool) -> list[Any]:
    """Return the pair of dates; 2.3 has frames for year and day of the year, and none for a release."""
    if not is_v23:
        return [TDRC(encoding=Encoding.LATIN1, text=date), TDRL(encoding=Encoding.LATIN1, text=date)]
    year, *rest = date.split("-")
    frames = [
        TYER(encoding=Encoding.LATIN1, text=year),
        TXXX(encoding=Encoding.LATIN1, desc="RELEASEDATE", text=[date]),
    ]
    return [*frames, TDAT(encoding=Encoding.LATIN1, text=rest[1] + rest[0])] if len(rest) > 1 else frames


def _save_head(tags: Any, file: BinaryIO, save: dict[str, Any]) -> None:
    """Save the tag at the head; what lies behind the sound stays as it was.

    mutagen would write an ID3v1 tag anew, without its comment, and cut off what it takes for a damaged one.
    """
    size_bytes = file.seek(0, 2)
    file.seek(max(0, size_bytes - _V1_BYTES))
    tail = file.read()
    file.seek(0)
    head = file.read(10)
    before_bytes = _head_bytes(head)
    file.seek(0)
    tags.save(file, **save)
    file.seek(0)
    grown_bytes = _head_bytes(file.read(10)) - before_bytes
    file.truncate(size_bytes + grown_bytes)
    kept_bytes = max(0, min(len(tail), size_bytes - before_bytes))
    file.seek(size_bytes + grown_bytes - kept_bytes)
    file.write(tail[len(tail) - kept_bytes :])


def _head_bytes(header: bytes) -> int:
    """Return the size of the tag whose first ten bytes these are."""
    if len(header) < 10 or not header.startswith(b"ID3"):
        return 0
    size_bytes = 0
    for byte in header[6:10]:
        size_bytes = size_bytes << 7 | byte & 0x7F
    return size_bytes + 10


def _first(tags: Any, key: str) -> str | None:
    return next((text for value in _texts(tags, key) if (text := clean_text(value))), None)


def _texts(tags: Any, key: str) -> list[str]:
    return [str(value) for value in getattr(tags.get(key), "text", ())]


def _date(tags: Any) -> str | None:
    for key in ("TDRC", "TDRL"):
        if date := _first(tags, key):
            return date
    year, day, released = (_first(tags, key) for key in ("TYER", "TDAT", _RELEASED))
    if year and day and len(day) == 4 and day.isdecimal():
        year = f"{year}-{day[2:]}-{day[:2]}"
    return released if released and released.startswith(year or "") else year


def _recording_mbid(tags: Any) -> str | None:
    frame = tags.get(f"UFID:{_OWNER}")
    return clean_text(frame.data.decode(errors="replace")) if frame else None


def _cover(tags: Any) -> Cover | None:
    pictures = [frame for frame in tags.values() if frame.FrameID == "APIC"]
    if not pictures:
        return None
    best = min(pictures, key=lambda each: each.type != PictureType.COVER_FRONT)
    return Cover(best.data, best.mime)


def _values(frame: Any) -> list[tuple[str, str]]:
    """Return what a frame holds, but for the encoding of its text: 2.3 knows fewer than files have."""
    specs = [*frame._framespec, *frame._optionalspec]
    names = [spec.name for spec in specs if spec.name != "encoding"]
    return [(name, repr(getattr(frame, name, None))) for name in names]


def _is_empty(frame: Any) -> bool:
    """Tell whether a frame is a text without text, which is not written again."""
    return isinstance(frame, TextFrame) and not str(frame)
