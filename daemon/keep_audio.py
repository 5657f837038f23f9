"""Keep a downloaded track as a file of the library: its sound as it is, tagged, under a name that fits."""

import errno
import filecmp
import logging
import os
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import count
from pathlib import Path

import av
from av.container import InputContainer
from av.error import FFmpegError

from daemon.file_names import is_ignored_name
from daemon.playlist_errors import BrokenDownload
from daemon.playlist_rows import Track
from daemon.staging import sync_folder, temporary_beside
from daemon.tag_errors import CoverRefused
from daemon.tag_fields import Cover, TagFields, merged
from daemon.tag_files import kind_of, read_fields, write_fields
from engine.audio import open_audio
from engine.errors import NoAudioStream, NotAudio

log = logging.getLogger(__name__)

_CONTAINERS = {
    "aac": ("ipod", ".m4a"),
    "alac": ("ipod", ".m4a"),
    "flac": ("flac", ".flac"),
    "mp3": ("mp3", ".mp3"),
    "opus": ("ogg", ".opus"),
    "vorbis": ("ogg", ".ogg"),
}
"""FFmpeg's muxer and a suffix, by what the sound is coded in: all can be tagged."""
_LONGEST_NAME_BYTES = 255
_ROOM_BYTES = 16
"""For the suffix and the number of a name that is taken."""
_FORBIDDEN = dict.fromkeys(map(ord, '/\\:*?"<>|'), "_") | dict.fromkeys((*range(0x20), 0x7F), "_")
"""What Windows, and a share for it, can't have in a name."""
_DEVICES = frozenset(
    {"con", "prn", "aux", "nul"} | {f"{name}{number}" for name in ("com", "lpt") for number in range(1, 10)}
)
_UNKNOWN_ARTIST = "Unknown Artist"
_NO_LINKS = frozenset({errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK})


def keep(
    downloaded: Path,
    into: Path,
    track: Track,
    cover: bytes | None,
    number: int | None = None,
    *,
    temporary_name: str | None = None,
) -> Path:
    """Put a copy of a downloaded track in the library; return where it is.

    `Artist/Album (Year)/NN Title.ext`, without an album `Artist/Title.ext`. No file is ever replaced: another
    one of that name makes it `Title (2)`; the same one, from a run that was cut off, is taken as it is.

    Parameters
    ----------
    into : an existing folder: a library that is not mounted is never made
    cover : JPEG or PNG; one that can't be embedded is left out
    number : the track's place on its album
    temporary_name : of the file while it is made, if a sweep of leftovers is to spare it

    Raises
    ------
    BrokenDownload : its sound is of a kind that can't be kept
    OSError : the disk fails; nothing is left behind but folders
    """
    if not into.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(into))
    try:
        with open_audio(downloaded) as (container, name):
            muxer, suffix = _container_of(container, name)
            folder, stem = _place(into, track, number)
            _make_folders(folder, into)
            with temporary_beside(folder / "any", temporary_name) as temporary:
                with _muxing(name):
                    _remux(container, temporary, muxer)
                _tag(temporary, _fields(track, cover, number))
                _finish(temporary, folder)
                return _named(temporary, folder, stem, suffix)
    except (NotAudio, NoAudioStream) as error:
        raise BrokenDownload(downloaded.name, f"it can't be kept ({error})") from error


def _container_of(container: InputContainer, name: str) -> tuple[str, str]:
    context = container.streams.audio[0].codec_context
    codec = context.codec.canonical_name if context else "unknown"
    if codec not in _CONTAINERS:
        raise BrokenDownload(name, f"it can't be kept: its sound is coded in {codec}")
    return _CONTAINERS[codec]


@contextmanager
def _muxing(name: str) -> Iterator[None]:
    """Tell the disk's faults from the file's."""
    try:
        yield
    except FFmpegError as error:
        if isinstance(error, OSError):
            raise OSError(error.errno, error.strerror) from error
        raise BrokenDownload(name, f"it can't be kept ({error})") from error


def _remux(source: InputContainer, target: Path, muxer: str) -> None:
    """Copy the first sound, packet by packet, into a container of its own."""
    stream = source.streams.audio[0]
    with av.open(str(target), "w", format=muxer, options={"fflags": "+bitexact"}) as container:
        copy = container.add_stream_from_template(stream)
        for packet in source.demux(stream):
            if packet.dts is None:  # the end, no packet
                continue
            packet.stream = copy
            container.mux(packet)


def _tag(path: Path, target: TagFields) -> None:
    kind = kind_of(path)
    found = read_fields(path, kind).own
    try:
        fields = merged(found, target, path.name, "overwrite")
    except CoverRefused as error:
        log.info("kept without its cover: %s", error)
        fields = merged(found, replace(target, cover=None), path.name, "overwrite")
    write_fields(path, kind, fields)


def _fields(track: Track, cover: bytes | None, number: int | None) -> TagFields:
    return TagFields(
        title=track.title,
        artist=", ".join(track.artists) or None,
        artists=track.artists,
        album=track.album,
        album_artist=track.artists[0] if track.album and track.artists else None,
        track=number,
        date=f"{track.year:04}" if track.year else None,
        cover=Cover(cover, "") if cover else None,
    )


def _place(into: Path, track: Track, number: int | None) -> tuple[Path, str]:
    """Return a track's folder, and its file's name without suffix."""
    folder = into / safe_name(track.artists[0] if track.artists else _UNKNOWN_ARTIST)
    if track.album is None:
        return folder, safe_name(track.title)
    album = f"{track.album} ({track.year})" if track.year else track.album
    return folder / safe_name(album), safe_name(f"{number:02} {track.title}" if number else track.title)


def safe_name(text: str) -> str:
    """Return a text as a file or folder name that every system takes, and no scan leaves out."""
    encodable = text.encode(errors="replace").decode()
    name = unicodedata.normalize("NFC", encodable).translate(_FORBIDDEN)
    name = name.encode()[: _LONGEST_NAME_BYTES - _ROOM_BYTES].decode(errors="ignore").strip().rstrip(". ")
    if name.startswith("."):
        name = f"_{name[1:]}"
    if not name or name.partition(".")[0].strip().lower() in _DEVICES or is_ignored_name(name.encode()):
        name = f"{name}_"
    return name


def _make_folders(folder: Path, into: Path) -> None:
    missing = [each for each in (folder, *folder.parents) if into in each.parents and not each.is_dir()]
    for each in reversed(missing):
        each.mkdir(exist_ok=True)
        sync_folder(each.parent)


def _finish(temporary: Path, folder: Path) -> None:
    """Open a copy to who may read its folder, and bring it to the disk."""
    with temporary.open("r+b") as file:
        os.fchmod(file.fileno(), folder.stat().st_mode & 0o666)
        os.fsync(file.fileno())


def _named(temporary: Path, folder: Path, stem: str, suffix: str) -> Path:
    """Give a finished copy its name, or the next one that is free."""
    for attempt in count(1):
        target = folder / (f"{stem} ({attempt}){suffix}" if attempt > 1 else f"{stem}{suffix}")
        try:
            _claim(temporary, target)
        except FileExistsError:
            if not target.is_file() or not filecmp.cmp(temporary, target, shallow=False):
                continue
            temporary.unlink()
        sync_folder(folder)
        return target
    raise AssertionError  # there are enough numbers


def _claim(temporary: Path, target: Path) -> None:
    """Rename, but never over a file. Raises FileExistsError."""
    try:
        os.link(temporary, target)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        # A file system without links: the name is taken first, and is empty until the rename.
        os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        try:
            temporary.replace(target)
        except OSError:
            target.unlink()
            raise
    else:
        temporary.unlink()
