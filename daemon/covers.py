"""Find the picture of a file: in its tags, else beside it. Runs in a worker, as all that parses tags."""

# Paths are bytes here, and pathlib holds text only:
# ruff: noqa: PTH118, PTH120, PTH208

import os
import struct
from dataclasses import dataclass, field, replace
from pathlib import Path

from daemon.media_files import MediaFile, NotServed, inner_path, open_media
from daemon.picture_size import picture_size
from daemon.tag_errors import NotTaggable
from daemon.tag_files import kind_of, read_fields

_LARGEST_BYTES = 8 << 20
"""Larger ones are scans for printing; a page shows a hundred."""
_MOST_PIXELS = 50_000_000
"""200 MB once a browser has decoded it; a scan of a sleeve at 600 dpi has 8 million."""
_STARTS = (
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
)
_GIF_HEAD = struct.Struct("<6xHH")
_WEBP_BYTES = 30
_14_BITS = 0x3FFF
_NAMES = (b"cover", b"folder", b"front", b"album")
_SUFFIXES = (b".jpg", b".jpeg", b".png", b".webp", b".gif")
_BESIDE = {
    name + suffix: rank for rank, (name, suffix) in enumerate((n, s) for n in _NAMES for s in _SUFFIXES)
}
"""What people and programs call an album's picture, in lower case, best first."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture that browsers show, and that can't do anything else."""

    content: bytes = field(repr=False)
    content_type: str


def as_picture(content: bytes) -> Picture | None:
    """Return a picture by what it is, whatever it is called.

    None if it is no JPEG, PNG, GIF or WebP, or has so many pixels that showing it fills a memory.
    """
    if len(content) > _LARGEST_BYTES or _pixels(content) > _MOST_PIXELS:
        return None
    for start, content_type in _STARTS:
        if content.startswith(start):
            return Picture(content, content_type)
    if content.startswith(b"RIFF") and content[8:12] == b"WEBP":
        return Picture(content, "image/webp")
    return None


def _pixels(content: bytes) -> int:
    """Return how many pixels a picture's head claims; 0 if that is nowhere to be read."""
    if (size_px := picture_size(content)) is not None:
        width, height = size_px
    elif content.startswith(b"GIF8") and len(content) >= _GIF_HEAD.size:
        width, height = _GIF_HEAD.unpack_from(content)
    elif content.startswith(b"RIFF") and len(content) >= _WEBP_BYTES:
        width, height = _webp_size(content)
    else:
        width = height = 0
    return width * height


def _webp_size(content: bytes) -> tuple[int, int]:
    """Return the size in the first chunk (RFC 9649): lossy, lossless, or extended."""
    kind = content[12:16]
    if kind == b"VP8X":
        return 1 + int.from_bytes(content[24:27], "little"), 1 + int.from_bytes(content[27:30], "little")
    if kind == b"VP8L":
        bits = int.from_bytes(content[21:25], "little")
        return 1 + (bits & _14_BITS), 1 + (bits >> 14 & _14_BITS)
    low, high = content[26:28], content[28:30]
    return int.from_bytes(low, "little") & _14_BITS, int.from_bytes(high, "little") & _14_BITS


def read_cover(media: MediaFile) -> Picture | None:
    """Return the front cover in a file's tags, else the picture of its folder; None if there is neither."""
    try:
        path = inner_path(media)
    except (NotServed, OSError):
        return None
    return _embedded(Path(os.fsdecode(path))) or _beside(media)


def _embedded(path: Path) -> Picture | None:
    try:
        cover = read_fields(path, kind_of(path)).fields.cover
    except (OSError, NotTaggable):
        return None
    return None if cover is None else as_picture(cover.content)


def _beside(media: MediaFile) -> Picture | None:
    """Return the picture beside the name by which the file is known."""
    folder = os.path.dirname(media.path)
    try:
        names = [name for name in os.listdir(os.path.join(media.root, folder)) if name.lower() in _BESIDE]
    except OSError:
        return None
    for name in sorted(names, key=lambda each: (_BESIDE[each.lower()], each)):
        try:
            opened = open_media(replace(media, path=os.path.join(folder, name)))
        except NotServed:
            continue
        with opened.file as file:
            picture = as_picture(file.read(_LARGEST_BYTES + 1))
        if picture is not None:
            return picture
    return None
