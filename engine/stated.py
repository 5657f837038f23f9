"""What a file states of its sound: format, rates and length, from its headers; nothing is decoded."""

from dataclasses import dataclass
from pathlib import Path

from av.audio.stream import AudioStream
from av.container import InputContainer

from engine.audio import open_audio
from engine.errors import NotAudio

_LENGTH_IS_STATED = frozenset({"flac", "mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm", "aiff", "caf", "w64"})
"""FFmpeg's names of containers whose headers hold the length. Of others it is measured, or guessed from what
is there (Ogg's last page, the bit rate of bare MP3 and AAC): that tells nothing about what is missing."""
_MICROSECONDS = 1e-6


@dataclass(frozen=True, slots=True)
class StatedAudio:
    """What a file states; None where it doesn't."""

    codec: str
    is_lossless: bool
    bit_rate: int | None
    """Bits per second."""
    sample_rate_hz: int | None
    channels: int | None
    duration_s: float | None
    """Only where a header holds it."""


def read_stated(path: Path) -> StatedAudio:
    """Return what the file states of its first audio stream.

    Raises
    ------
    AudioError : the file is at fault
    OSError : the file can't be read
    """
    with open_audio(path) as (container, name):
        stream = container.streams.audio[0]
        context = stream.codec_context
        if context is None:
            raise NotAudio(name, "its codec is unknown")
        codec = context.codec
        return StatedAudio(
            codec=str(codec.canonical_name),
            is_lossless=bool(codec.lossless and not codec.lossy),
            bit_rate=int(stream.bit_rate or container.bit_rate or 0) or None,
            sample_rate_hz=int(stream.sample_rate or 0) or None,
            channels=int(context.layout.nb_channels) or None,
            duration_s=_stated_s(container, stream),
        )


def _stated_s(container: InputContainer, stream: AudioStream) -> float | None:
    if container.format.name not in _LENGTH_IS_STATED:
        return None
    if stream.duration is not None and stream.time_base is not None:
        return float(stream.duration * stream.time_base)
    # Of a film, that is the pictures' length.
    if container.duration is None or container.streams.video:
        return None
    return float(container.duration * _MICROSECONDS)
