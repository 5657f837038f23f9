"""Many untagged files, cheaply: a few real clips, each cut a little otherwise between its packets."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import av
import numpy as np

from engine.audio import load
from engine.settings import Settings
from tests.bench.corpus import encoded

CLIP_S = 36.0
_MOST_CUT_PACKETS = 24
"""At each end, of 26 ms: still a copy of the whole clip."""
_SILENT = 1e-3
_UNNAMED_EACH = 10
"""One clip in ten has no reference."""


@dataclass(frozen=True, slots=True)
class Clip:
    """A stretch of real music."""

    title: str
    is_known: bool
    """There is a reference of it, in another encoding."""
    packets: Sequence[bytes]


def make_clips(corpus: Path, cache: Path, references: Path) -> list[Clip]:
    """Cut stretches that do not overlap: clips out of mp3 files, and their references out of opus files."""
    clips: list[Clip] = []
    for mp3, opus in zip(encoded(corpus, cache, "mp3"), encoded(corpus, cache, "opus"), strict=True):
        packets = _packets(mp3)
        for begin_s in _audible(mp3):
            clip = Clip(
                title=f"The Clip with the Number {len(clips):03}",
                is_known=len(clips) % _UNNAMED_EACH != 0,
                packets=[data for at_s, data in packets if begin_s <= at_s < begin_s + CLIP_S],
            )
            if clip.is_known:
                _write_reference(opus, begin_s, references / f"{len(clips):03}.opus", clip.title)
            clips.append(clip)
    return clips


def write_untagged(clips: Sequence[Clip], count: int, folder: Path) -> dict[str, Clip]:
    """Write so many different mp3 files without tags; return their names and what they are."""
    cuts = sorted(product(range(_MOST_CUT_PACKETS), repeat=2), key=sum)
    if count > len(clips) * len(cuts):
        raise ValueError(f"of {len(clips)} clips no more than {len(clips) * len(cuts)} files can be made")
    made = {}
    for number in range(count):
        clip = clips[number % len(clips)]
        before, behind = cuts[number // len(clips)]
        name = f"track {number:06}.mp3"
        (folder / name).write_bytes(b"".join(clip.packets[before : len(clip.packets) - behind]))
        made[name] = clip
    return made


def _audible(path: Path) -> Iterator[float]:
    """Yield where in seconds the stretches of a file begin in which something can be heard."""
    settings = Settings()
    samples = load(path, settings)
    length = round(CLIP_S * settings.sample_rate_hz)
    for begin in range(0, len(samples) - length + 1, length):
        if np.sqrt(np.mean(samples[begin : begin + length] ** 2)) > _SILENT:
            yield begin / settings.sample_rate_hz


def _packets(path: Path) -> list[tuple[float, bytes]]:
    """Return times in seconds and bytes: of mp3, packets one after another are a file."""
    with av.open(str(path)) as container:
        packets = container.demux(audio=0)
        return [(float(each.pts * each.time_base), bytes(each)) for each in packets if each.pts is not None]


def _write_reference(path: Path, begin_s: float, target: Path, title: str) -> None:
    with av.open(str(path)) as given, av.open(str(target), "w") as made:
        made.metadata.update({"title": title, "artist": "Bench", "album": "Clips"})
        stream = made.add_stream_from_template(given.streams.audio[0])
        first: int | None = None
        for packet in given.demux(audio=0):
            if packet.pts is None or not begin_s <= packet.pts * packet.time_base < begin_s + CLIP_S:
                continue
            first = packet.pts if first is None else first
            packet.pts = packet.dts = packet.pts - first
            packet.stream = stream
            made.mux(packet)
