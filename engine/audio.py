"""Decode a file to mono float32 blocks: the engine's only disk access besides segments."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.error import FFmpegError
from av.packet import Packet

from engine.errors import NoAudioStream, NotAudio, TooLong
from engine.model import Samples
from engine.settings import Settings

_OPTIONS = {"protocol_whitelist": "none"}
"""Playlists and session descriptions name files and addresses, which a file that was sent must not open."""
_TOLERATED_BAD_PACKETS = 1_000
"""Before the first sound; a stream of nothing else is not audio."""
_LOUDEST = 1e12
"""Float files hold anything; the power of this still fits float32."""


def decode(path: Path, settings: Settings) -> Iterator[Samples]:
    """Yield the file's sound as blocks of mono samples at `settings.sample_rate_hz`.

    Packets that do not decode are skipped, as players do (junk behind the last frame, a damaged middle), and
    where a container breaks off, its sound ends.

    Raises
    ------
    NotAudio, NoAudioStream, TooLong : the file is at fault
    OSError : the file can't be read
    """
    with open_audio(path) as (container, name):
        yield from _limited(_blocks(container, name, settings.sample_rate_hz), name, settings)


def load(path: Path, settings: Settings) -> Samples:
    """Return the whole file's sound [shape=(samples,)]; for clips, which are short. Errors as `decode`."""
    blocks = list(decode(path, settings))
    return np.concatenate(blocks) if blocks else np.zeros(0, np.float32)


@contextmanager
def open_audio(path: Path) -> Iterator[tuple[InputContainer, str]]:
    """Yield the container, which has an audio stream, and the file's name; nothing else is opened for it.

    Raises
    ------
    NotAudio, NoAudioStream : the file is at fault
    OSError : the file can't be read
    """
    name = os.fsencode(path.name).decode(errors="replace")
    with path.open("rb") as file:
        try:
            container = av.open(_Source(file, name), "r", options=_OPTIONS, metadata_errors="replace")
        except (FFmpegError, ValueError) as error:
            raise NotAudio(name, _reason(error)) from error
        with container:
            if not container.streams.audio:
                raise NoAudioStream(name)
            yield container, name


class _Source:
    """A file as FFmpeg may use it.

    In damaged files it seeks to places before the start: that is no fault of the disk, so no OSError.
    """

    def __init__(self, file: BinaryIO, name: str) -> None:
        self.name = name  # its suffix helps to tell formats apart
        self.read = file.read
        self.tell = file.tell
        self._file = file

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        try:
            return self._file.seek(offset, whence)
        except OSError as error:
            if error.errno != errno.EINVAL:
                raise
            return -errno.EINVAL


def _blocks(container: InputContainer, name: str, rate_hz: int) -> Iterator[Samples]:
    """Yield the sound of the first audio stream, resampled; its format may change in mid-stream."""
    resampler = None
    resampled_format = None
    reason = "nothing in it decodes"
    for frame in _frames(container, name):
        frame_format = (frame.format.name, frame.layout.name, frame.sample_rate)
        if resampler is None or frame_format != resampled_format:
            yield from _flushed(resampler)
            resampler = AudioResampler(format="flt", layout="mono", rate=rate_hz)
        try:
            resampled = resampler.resample(frame)
        except (FFmpegError, ValueError) as error:  # 300 channels, 2 GHz: the file's, or damage
            reason = f"{_reason(error)}: {frame.layout.name}, {frame.sample_rate} Hz"
            resampler = None
            continue
        resampled_format = frame_format
        yield from map(_mono, resampled)
    if resampled_format is None:
        raise NotAudio(name, reason)
    yield from _flushed(resampler)


def _frames(container: InputContainer, name: str) -> Iterator[AudioFrame]:
    stream = container.streams.audio[0]
    if stream.codec_context is None:
        raise NotAudio(name, "its codec is unknown")
    stream.codec_context.thread_count = 1  # a worker process per core is faster than threads in one
    decoded_any = False
    bad_packets = 0
    for packet in _packets(container):
        try:
            frames = packet.decode()
        except FFmpegError as error:  # decoders have codes of their own beside "invalid data"
            bad_packets += 1
            if not decoded_any and bad_packets > _TOLERATED_BAD_PACKETS:
                raise NotAudio(name, _reason(error)) from error
            continue
        decoded_any = decoded_any or bool(frames)
        yield from frames


def _packets(container: InputContainer) -> "Iterator[Packet[AudioStream]]":
    with suppress(FFmpegError):  # cut off or damaged; what came before is sound
        yield from container.demux(container.streams.audio[0])


def _flushed(resampler: AudioResampler | None) -> Iterator[Samples]:
    if resampler is None:
        return
    with suppress(FFmpegError):  # a fraction of a frame is lost at most
        yield from map(_mono, resampler.resample(None))


def _mono(frame: AudioFrame) -> Samples:
    samples: Samples = frame.to_ndarray()[0]
    return samples


def _limited(blocks: Iterator[Samples], name: str, settings: Settings) -> Iterator[Samples]:
    limit_samples = int(settings.longest_decoded_s * settings.sample_rate_hz)
    decoded = 0
    for block in blocks:
        decoded += len(block)
        if decoded > limit_samples:
            raise TooLong(name, settings.longest_decoded_s)
        bounded = np.clip(block, -_LOUDEST, _LOUDEST)
        yield np.nan_to_num(bounded, copy=False)


def _reason(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error or type(error).__name__)
