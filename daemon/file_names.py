"""Tell from its name what may be music: not hidden, not half downloaded, of a known kind."""

# Paths are bytes here, and pathlib holds text only:
# ruff: noqa: PTH122

import os
from collections.abc import Set as AbstractSet

AUDIO_EXTENSIONS = frozenset(
    (  # noqa: SIM905 - one word a line would hide what is missing
        "aac ac3 aif aifc aiff alac amr ape au avi caf dff dsf dts eac3 flac flv m4a m4b m4r m4v mka mkv mov "
        "mp2 mp3 mp4 mpa mpc mpeg mpg oga ogg ogv ogx opus ra rm shn snd spx tak tta voc w64 wav wave weba "
        "webm wma wmv wv xwma"
    ).split()
)
"""What FFmpeg usually decodes to sound, video containers included: music videos carry music."""

_UNFINISHED = (b".part", b".partial", b".tmp", b".temp", b".ytdl", b".crdownload", b".download", b".!qb")
"""Downloads in progress: they get their own name when they are whole."""

_NOT_MUSIC = frozenset({b"@eadir", b"#recycle", b"$recycle.bin", b"lost+found", b"system volume information"})
"""Folders that storage boxes and file systems keep for themselves; a recycle bin holds deleted music."""


def is_ignored(path: bytes) -> bool:
    """Tell whether a relative path is hidden, unfinished or not music by a part of its name."""
    return path.startswith(b"/") or any(is_ignored_name(name) for name in path.split(b"/"))


def is_audio_name(name: bytes, extensions: AbstractSet[str]) -> bool:
    """Tell whether a path or name ends in one of these extensions (lower case, without the dot)."""
    return os.fsdecode(os.path.splitext(name)[1][1:].lower()) in extensions


def is_ignored_name(name: bytes) -> bool:
    """Tell the same of one name, without its path."""
    lowered = name.lower()
    return name.startswith(b".") or lowered.endswith(_UNFINISHED) or lowered in _NOT_MUSIC
