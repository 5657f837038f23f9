"""Check that a file holds the whole of a sound."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from av.audio.stream import AudioStream
from av.container import InputContainer
from av.error import FFmpegError
from av.packet import Packet

from daemon.playlist_errors import BrokenDownload
from engine.audio import open_audio
from engine.errors import NoAudioStream, NotAudio

_MICROSECONDS_PER_S = 1e6
_TELLS_DURATION = ("mov,mp4", "matroska,webm")
"""Containers with a duration in their head; those of others are guesses from the size."""
_TOLERATED_SHARE = 0.02
"""Of the expected duration."""


def whole_duration_s(
    path: Path, *, what: str, expected_s: float | None, tolerance_s: float, longest_s: float
) -> float:
    """Decode a file to its end; return how long it is.

    Raises
    ------
    BrokenDownload : it is no sound, too long, or not as long as it should be, by its own head or `expected_s`
    OSError : the file can't be read
    """
    try:
        with open_audio(path) as (container, _):
            head_s = _head_s(container)
            decoded_s = _decoded_s(container, what, longest_s)
    except (NotAudio, NoAudioStream) as error:
        raise BrokenDownload(what, f"no sound came ({error})") from error
    if not decoded_s:
        raise BrokenDownload(what, "nothing in what came decodes")
    for wanted_s in (expected_s, head_s):
        if wanted_s and abs(decoded_s - wanted_s) > tolerance_s + _TOLERATED_SHARE * wanted_s:
            raise BrokenDownload(what, f"{decoded_s:.0f} s came of {wanted_s:.0f} s")
    return decoded_s


def _head_s(container: InputContainer) -> float | None:
    if container.duration is None or not container.format.name.startswith(_TELLS_DURATION):
        return None
    return float(container.duration / _MICROSECONDS_PER_S)


def _decoded_s(container: InputContainer, what: str, longest_s: float) -> float:
    stream = container.streams.audio[0]
    if stream.codec_context is None:
        raise BrokenDownload(what, "its codec is unknown")
    decoded_s = 0.0
    for packet in _packets(container):
        with suppress(FFmpegError):  # it is missed in the duration
            decoded_s += sum(frame.samples / frame.sample_rate for frame in packet.decode())
        if decoded_s > longest_s:
            raise BrokenDownload(what, f"too long: more than {longest_s:.0f} s")
    return decoded_s


def _packets(container: InputContainer) -> "Iterator[Packet[AudioStream]]":
    with suppress(FFmpegError):  # cut off: that is missed too
        yield from container.demux(container.streams.audio[0])
