"""Read from a JPEG's or a PNG's head how many pixels it has; nothing is decoded."""

import struct

_PNG = b"\x89PNG\r\n\x1a\n"
_PNG_HEAD = struct.Struct(">4x4sII")
"""Of the first chunk (W3C PNG, 11.2.1): its length, IHDR, width, height."""
_JPEG = b"\xff\xd8\xff"
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
"""Markers of JPEG's frame heads (ITU T.81, B.1.1.3); the three others in their row are tables."""
_ALONE = frozenset({0x01, *range(0xD0, 0xD8)})
"""Markers without a length."""
_SCAN = 0xDA
_FRAME_HEAD = struct.Struct(">xxxHH")
"""Length and precision, height, width."""


def picture_size(content: bytes) -> tuple[int, int] | None:
    """Return width and height in pixels; None if it is neither JPEG nor PNG, or its head is damaged."""
    if content.startswith(_PNG):
        return _png_size(content)
    return _jpeg_size(content) if content.startswith(_JPEG) else None


def _png_size(content: bytes) -> tuple[int, int] | None:
    if len(content) < len(_PNG) + _PNG_HEAD.size:
        return None
    kind, width, height = _PNG_HEAD.unpack_from(content, len(_PNG))
    return (width, height) if kind == b"IHDR" else None


def _jpeg_size(content: bytes) -> tuple[int, int] | None:
    at = 2
    while at + 4 + _FRAME_HEAD.size <= len(content) and content[at] == 0xFF:
        marker = content[at + 1]
        if marker in _FRAMES:
            height, width = _FRAME_HEAD.unpack_from(content, at + 2)
            return width, height
        if marker == _SCAN:
            return None
        if marker == 0xFF:  # padding
            at += 1
        elif marker in _ALONE:
            at += 2
        else:
            at += 2 + int.from_bytes(content[at + 2 : at + 4])
    return None
