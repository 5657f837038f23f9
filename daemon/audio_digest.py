"""Digest the sound of a file, so that two files can be told to sound exactly the same."""

import hashlib
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.container import InputContainer
from av.error import FFmpegError

from daemon.tag_errors import NotTaggable

_OPTIONS = {"protocol_whitelist": "none"}
"""Playlists and session descriptions name files and addresses: nothing but the file is opened."""


def audio_digest(path: Path, name: str) -> bytes:
    """Return the MD5 of all that is heard (and seen: of videos the packets), in its native sample format.

    Every audio stream counts, every channel, sample by sample; embedded covers don't. `name` helps to tell
    formats apart. Packets that do not decode are skipped, as players do.

    Raises
    ------
    NotTaggable : no sound in it can be decoded, so that nothing could be compared
    OSError : the file can't be read
    """
    with path.open("rb") as file:
        try:
            container = av.open(_Named(file, name), "r", options=_OPTIONS, metadata_errors="replace")
        except (FFmpegError, ValueError) as error:
            raise NotTaggable(name, f"its sound can't be decoded: {error}") from error
        with container:
            try:
                digests = _digests(container)
            except ValueError as error:  # a frame that is shorter than it says
                raise NotTaggable(name, f"its sound can't be compared: {error}") from error
    if not any(samples for samples, _ in digests):
        raise NotTaggable(name, "no sound in it can be decoded")
    whole = hashlib.md5(usedforsecurity=False)
    for _, digest in digests:
        whole.update(digest)
    return whole.digest()


class _Named:
    """A file by another name; FFmpeg seeks to places before the start of damaged ones."""

    def __init__(self, file: Any, name: str) -> None:
        self.name = name
        self.read = file.read
        self.tell = file.tell
        self._file = file
        self._size_bytes = os.fstat(file.fileno()).st_size

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._file.tell(), os.SEEK_END: self._size_bytes}[whence]
        return int(self._file.seek(max(0, start + offset)))


def _digests(container: InputContainer) -> list[tuple[int, bytes]]:
    """Return (samples, MD5) of each stream that counts."""
    streams = [stream for stream in container.streams if _counts(stream)]
    samples = dict.fromkeys((stream.index for stream in streams), 0)
    hashes = {index: hashlib.md5(usedforsecurity=False) for index in samples}
    for stream in streams:
        if stream.type == "audio":
            stream.codec_context.thread_count = 1
    for packet in _packets(container, streams):
        index = packet.stream.index
        if packet.stream.type != "audio":
            hashes[index].update(bytes(packet))
            continue
        with suppress(FFmpegError):
            for frame in packet.decode():
                hashes[index].update(_samples(frame))
                samples[index] += frame.samples
    return [(samples[index], hashes[index].digest()) for index in samples]


def _counts(stream: Any) -> bool:
    is_cover = stream.disposition & av.stream.Disposition.attached_pic
    return stream.type in ("audio", "video") and stream.codec_context is not None and not is_cover


def _packets(container: InputContainer, streams: list[Any]) -> Iterator[Any]:
    with suppress(FFmpegError):  # cut off or damaged: what came before is sound
        yield from container.demux(streams)


def _samples(frame: AudioFrame) -> bytes:
    """Return the samples interleaved, so that it doesn't matter how a container cuts them."""
    channels, sample_bytes = frame.layout.nb_channels, frame.format.bytes
    if not frame.format.is_planar:
        return bytes(frame.planes[0])[: frame.samples * channels * sample_bytes]
    # Damage makes frames of many channels, of which PyAV lists more planes than there are.
    planes = [
        np.frombuffer(bytes(plane), np.uint8, frame.samples * sample_bytes)
        for plane in frame.planes[:channels]
    ]
    return np.stack([plane.reshape(-1, sample_bytes) for plane in planes], axis=1).tobytes()
