"""Read older kinds of tags that stand beside the main ones, so that what they say counts.

APEv2 behind an MP3, the LIST INFO chunk of a WAV, the text chunks of an AIFF. They are never written.
"""

# mutagen has types for some of its calls only:
# mypy: disallow-untyped-calls=False

import struct
from collections.abc import Iterator
from typing import Any, BinaryIO

from mutagen.aiff import AIFF
from mutagen.apev2 import APENoHeaderError, APEv2
from mutagen.mp3 import MP3
from mutagen.wave import WAVE

from daemon.tag_fields import TagFields, clean_text, numbers_of

_INFO = {b"INAM": "title", b"IART": "artist", b"IPRD": "album", b"ICRD": "date", b"ITRK": "track"}
_AIFF_TEXTS = {b"NAME": "title", b"AUTH": "artist"}
_APE = {
    "Title": "title",
    "Artist": "artist",
    "Album": "album",
    "Album Artist": "album_artist",
    "Year": "date",
}
_MOST_CHUNKS = 1_000
_LONGEST_TEXT_BYTES = 16_384
_LONGEST_LIST_BYTES = 1 << 20


def read(file: BinaryIO, mutagen_type: type[Any]) -> TagFields:
    """Return what older tags in an open file say; nothing where there are none."""
    if mutagen_type is MP3:
        return _ape(file)
    if mutagen_type is WAVE:
        return _fields({_INFO[name]: text for name, text in _info_texts(file)})
    if mutagen_type is AIFF:
        chunks = _chunks(file, 12, ">")
        found = {
            name: _text(file.read(min(size, _LONGEST_TEXT_BYTES)))
            for name, size in chunks
            if name in _AIFF_TEXTS
        }
        return _fields({_AIFF_TEXTS[name]: text for name, text in found.items()})
    return TagFields()


def _ape(file: BinaryIO) -> TagFields:
    file.seek(0)
    try:
        items = APEv2(file)
    except APENoHeaderError:
        return TagFields()
    texts = {name: str(items[key]) for key, name in _APE.items() if key in items}
    return _fields({**texts, "track": str(items.get("Track", ""))})


def _fields(texts: dict[str, str]) -> TagFields:
    values: dict[str, Any] = {name: clean_text(text) for name, text in texts.items() if name != "track"}
    return TagFields(**values, track=numbers_of(texts.get("track", ""))[0])


def _info_texts(file: BinaryIO) -> Iterator[tuple[bytes, str]]:
    for name, size_bytes in _chunks(file, 12, "<"):
        content = file.read(min(size_bytes, _LONGEST_LIST_BYTES)) if name == b"LIST" else b""
        if not content.startswith(b"INFO"):
            continue
        place = 4
        while place + 8 <= len(content):
            key, length = struct.unpack_from("<4sI", content, place)
            if key in _INFO:
                yield key, _text(content[place + 8 : place + 8 + length])
            place += 8 + length + length % 2


def _chunks(file: BinaryIO, start: int, order: str) -> Iterator[tuple[bytes, int]]:
    """Yield name and size of each chunk, the file standing at its content."""
    for _ in range(_MOST_CHUNKS):
        file.seek(start)
        header = file.read(8)
        if len(header) < 8:
            return
        name, size_bytes = struct.unpack(f"{order}4sI", header)
        yield name, size_bytes
        start += 8 + size_bytes + size_bytes % 2


def _text(content: bytes) -> str:
    content = content.partition(b"\0")[0]
    try:
        return content.decode()
    except UnicodeDecodeError:
        return content.decode("cp1252", errors="replace")
