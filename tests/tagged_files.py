"""Files with tags of every kind, to be tagged: `make` writes one, `VARIANTS` names all."""

import functools
import struct
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import av
import mutagen
import numpy as np
from av.audio.frame import AudioFrame
from mutagen.apev2 import APEv2
from mutagen.flac import FLAC, Picture
from mutagen.id3 import APIC, COMM, ID3, POPM, RVA2, TALB, TCON, TENC, TIT2, TPE1, TXXX, TYER, USLT
from mutagen.mp4 import MP4FreeForm
from synth import music, png

JPEG = b"\xff\xd8\xff\xe0" + bytes(range(256)) * 20
_CODECS = {
    "aiff": "pcm_s16be",
    "flac": "flac",
    "m4a": "aac",
    "mp3": "libmp3lame",
    "ogg": "vorbis",
    "opus": "libopus",
    "wav": "pcm_s16le",
}
_FORMATS = {"m4a": "ipod", "opus": "ogg"}


@functools.lru_cache(maxsize=64)
def encoded(suffix: str, *, tags: tuple[tuple[str, str], ...] = (), movflags: str = "") -> bytes:
    """Return two seconds of stereo as a file of this kind, without tags but these."""
    options = {"movflags": movflags} if movflags else {}
    if suffix == "mp3":
        options = {"id3v2_version": "0", "write_id3v1": "0"}
    with TemporaryDirectory() as folder:
        path = Path(folder, f"one.{suffix}")
        _encode(path, suffix, dict(tags), options)
        return path.read_bytes()


def _encode(path: Path, suffix: str, tags: dict[str, str], options: dict[str, str]) -> None:
    with av.open(str(path), "w", format=_FORMATS.get(suffix, suffix), options=options) as container:
        container.metadata.update(tags)
        stream: Any = container.add_stream(_CODECS[suffix], rate=48_000, layout="stereo")
        if suffix == "ogg":
            stream.options = {"strict": "experimental"}
        sound = np.stack([music(1, 2.0), music(2, 2.0)])
        for start in range(0, sound.shape[1], 960):
            block = np.ascontiguousarray(np.repeat(sound[:, start : start + 960], 6, axis=1))
            frame = AudioFrame.from_ndarray(block, format="fltp", layout="stereo")
            frame.rate, frame.pts = 48_000, start * 6
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def make(folder: Path, variant: str) -> Path:
    """Write a file of this variant and return where it is."""
    suffix = variant.partition("-")[0]
    path = folder / f"{variant}.{suffix}"
    path.write_bytes(content(variant))
    return path


@functools.lru_cache(maxsize=64)
def content(variant: str) -> bytes:
    """Return the bytes of a file of this variant."""
    suffix = variant.partition("-")[0]
    if variant == "m4a-front":
        return encoded(suffix, movflags="faststart")
    if variant in ("wav-info", "aiff-text"):
        return encoded(suffix, tags=(("title", "Track 01"), ("artist", "Somebody"), ("comment", "kept")))
    whole = encoded(suffix)
    change = VARIANTS[variant]
    if change is None:
        return whole
    with TemporaryDirectory() as folder:
        path = Path(folder, f"one.{suffix}")
        path.write_bytes(whole)
        change(path)
        return path.read_bytes()


def _id3(path: Path, *, version: int = 4) -> None:
    file: Any = mutagen.File(path)
    if file.tags is None:
        file.add_tags()
    tags = file.tags
    for frame in (
        TIT2(encoding=1, text="Track 01"),
        TPE1(encoding=1, text="Unknown Artist"),
        TCON(encoding=0, text="(17)Rock"),
        COMM(encoding=1, lang="eng", desc="note", text="kept \u05d0\u05d1"),
        USLT(encoding=1, lang="eng", desc="", text="la\nla"),
        POPM(email="somebody@example.org", rating=128, count=33),
        TXXX(encoding=0, desc="replaygain_track_gain", text="-6.5 dB"),
        TENC(encoding=0, text="an encoder"),
    ):
        tags.add(frame)
    if version == 4:
        tags.add(RVA2(desc="track", channel=1, gain=-3.0, peak=0.5))
    else:
        tags.add(TYER(encoding=0, text="1999"))
    tags.unknown_frames.append(b"XYZW" + struct.pack(">IH", 20, 0) + b"an unknown frame 123")
    tags._unknown_v2_version = version
    tags.save(path, v2_version=version, v23_sep=None)


def _id3_v22(path: Path) -> None:
    frames = b"".join(
        name + struct.pack(">I", len(text) + 1)[1:] + b"\0" + text
        for name, text in ((b"TT2", b"Track 01"), (b"TCO", b"(17)"), (b"TYE", b"1999"))
    )
    frames += b"COM" + struct.pack(">I", 13)[1:] + b"\0engnote\0kept" + b"\0" * 50
    size = bytes((len(frames) >> 7 & 0x7F, len(frames) & 0x7F))
    path.write_bytes(b"ID3\2\0\0\0\0" + size + frames + path.read_bytes())


def _id3_v1(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"TAG" + b"Track 01".ljust(30, b"\0") + b"Somebody".ljust(30, b"\0"))
        file.write(b"An Album".ljust(30, b"\0") + b"1999" + b"a comment".ljust(28, b"\0") + b"\0\7\21")


def _ape(path: Path) -> None:
    tags: Any = APEv2()
    tags["Title"], tags["Artist"], tags["MP3GAIN_MINMAX"] = "Track 01", "Somebody", "089,179"
    tags.save(path)


def _flac(path: Path) -> None:
    file = FLAC(path)
    file["TITLE"] = ["Track 01"]
    file["COMMENT"] = ["one", "two"]
    file["REPLAYGAIN_TRACK_GAIN"] = "-6.5 dB"
    file["LYRICS"] = "la\nla"
    file.save()


def _flac_picture(path: Path) -> None:
    file = FLAC(path)
    picture = Picture()
    picture.type, picture.mime, picture.data = 4, "image/png", png()
    file.add_picture(picture)
    file.save()


def _flac_padding(path: Path) -> None:
    file = FLAC(path)
    file["TITLE"] = "Track 01"
    file.save(padding=lambda _: 600_000)


def _flac_id3(path: Path) -> None:
    flac = path.read_bytes()
    path.write_bytes(b"")
    tags = ID3()
    tags.add(TIT2(encoding=3, text="in front"))
    tags.save(path)
    path.write_bytes(path.read_bytes() + flac)


def _ogg(path: Path) -> None:
    file: Any = mutagen.File(path)
    file["TITLE"], file["COMMENT"], file["R128_TRACK_GAIN"] = ["Track 01"], ["one", "two"], ["-123"]
    file.save()


def _ogg_big(path: Path) -> None:
    file: Any = mutagen.File(path)
    file["LYRICS"] = ["la " * 100_000]
    file.save()


def _m4a(path: Path) -> None:
    file: Any = mutagen.File(path)
    file["\xa9nam"], file["\xa9cmt"], file["tmpo"], file["cpil"] = ["Track 01"], ["kept"], [120], True
    file["----:com.apple.iTunes:iTunNORM"] = [MP4FreeForm(b" 00000A")]
    file.save()


def _ten_megabyte_cover(path: Path) -> None:
    file: Any = mutagen.File(path)
    file.add_tags()
    file.tags.add(
        APIC(
            encoding=0,
            mime="image/jpeg",
            type=3,
            desc="",
            data=JPEG + np.random.default_rng(1).bytes(10_000_000),
        )
    )
    file.tags.add(TALB(encoding=3, text="An Album"))
    file.save()


def _junk_tail(path: Path) -> None:
    path.write_bytes(path.read_bytes() + np.random.default_rng(3).bytes(5_000))


def _truncated(path: Path) -> None:
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) * 2 // 3])


VARIANTS: dict[str, Callable[[Path], None] | None] = {
    "aiff": None,
    "aiff-id3": _id3,
    "aiff-text": None,
    "flac": _flac,
    "flac-id3": _flac_id3,
    "flac-padding": _flac_padding,
    "flac-picture": _flac_picture,
    "flac-truncated": _truncated,
    "flac-untagged": None,
    "m4a": _m4a,
    "m4a-front": None,
    "m4a-untagged": None,
    "mp3": _id3,
    "mp3-ape": _ape,
    "mp3-cover": _ten_megabyte_cover,
    "mp3-junk": _junk_tail,
    "mp3-truncated": _truncated,
    "mp3-untagged": None,
    "mp3-v1": _id3_v1,
    "mp3-v22": _id3_v22,
    "mp3-v23": functools.partial(_id3, version=3),
    "ogg": _ogg,
    "ogg-big": _ogg_big,
    "ogg-untagged": None,
    "opus": _ogg,
    "opus-untagged": None,
    "wav": None,
    "wav-id3": _id3,
    "wav-info": None,
}
