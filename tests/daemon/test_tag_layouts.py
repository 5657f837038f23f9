"""Files put together in every way that writers have are tagged without loss, or left alone."""

import struct
import time
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pytest
from av.audio.frame import AudioFrame
from mutagen.ogg import OggPage
from tagged_files import JPEG, content, encoded

from daemon.audio_digest import _samples, audio_digest
from daemon.safe_write import commit, prepare, restore
from daemon.tag_errors import TagError
from daemon.tag_fields import Cover, TagFields
from daemon.tag_files import kind_of, read_fields

FIELDS = TagFields(
    title="A Song", artist="Somebody", artists=("Somebody", "\u05d0\u05d1"), cover=Cover(JPEG, "image/jpeg")
)
Chunks = list[tuple[bytes, bytes]]


def later() -> float:
    return time.time() + 3_600


def riff_chunks(whole: bytes) -> Chunks:
    place, found = 12, []
    while place + 8 <= len(whole):
        name, size = struct.unpack_from("<4sI", whole, place)
        found.append((name, whole[place + 8 : place + 8 + size]))
        place += 8 + size + size % 2
    return found


def riff(*chunks: tuple[bytes, bytes]) -> bytes:
    body = b"".join(
        name + struct.pack("<I", len(inner)) + inner + b"\0" * (len(inner) % 2) for name, inner in chunks
    )
    return b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WAVE" + body


def wav(layout: str) -> bytes:
    parts = dict(riff_chunks(encoded("wav")))
    form, sound = (b"fmt ", parts[b"fmt "]), (b"data", parts[b"data"])
    odd = (b"data", parts[b"data"] + b"\7")
    info = (b"LIST", b"INFO" + b"INAM\x08\0\0\0Track 1\0" + b"ICMT\x03\0\0\0odd\0")
    id3 = (b"id3 ", b"ID3\3\0\0\0\0\0\x14TIT2\0\0\0\x09\0\0\0Track 01\0")
    bext, cue = (b"bext", b"b" * 603), (b"cue ", b"c" * 28)
    return {
        "info first": riff(form, info, sound),
        "info last": riff(form, sound, info, cue),
        "odd sizes": riff(form, bext, odd, info),
        "id3 before the sound": riff(form, id3, sound, cue),
        "something behind": riff(form, sound) + b"TAG" + b"junk" * 300,
        "no padding": riff(form, odd)[:-1],
        "streamed": b"RIFF\xff\xff\xff\xffWAVE" + riff(form)[12:] + b"data\xff\xff\xff\xff" + sound[1],
        "cut off": riff(form, sound)[:-5_001],
    }[layout]


def pages(whole: bytes, serial: int) -> list[OggPage]:
    file, found = BytesIO(whole), []
    while file.tell() < len(whole):
        page = OggPage(file)
        page.serial = serial
        found.append(page)
    return found


def joined(*parts: OggPage) -> bytes:
    return b"".join(page.write() for page in parts)


def ogg(layout: str) -> bytes:
    one, two, opus = pages(encoded("ogg"), 1), pages(content("ogg"), 2), pages(encoded("opus"), 3)
    gap = pages(encoded("ogg"), 1)
    for page in gap[4:]:
        page.sequence += 3
    mixed = [page for pair in zip(one[1:], opus[1:], strict=False) for page in pair]
    return {
        "chained": joined(*one, *two),
        "chained, one number": joined(*one, *one),
        "chained, tagged first": joined(*two, *one),
        "multiplexed": joined(one[0], opus[0], *mixed),
        "pages missing": joined(*gap),
        "no end": joined(*one[:-1]),
        "junk behind": joined(*one) + b"junk" * 100,
        "cut off": joined(*one)[:-777],
    }[layout]


def atom(name: bytes, inner: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(inner), name) + inner


def moved(moov: bytes, by: int, *, wide: bool = False) -> bytes:
    """Return the atom with its chunk offsets moved, in 64 bits if they are to be wide."""
    table = moov.index(b"stco") - 4
    size, _, _, count = struct.unpack_from(">I4sII", moov, table)
    offsets = [each + by for each in struct.unpack_from(f">{count}I", moov, table + 16)]
    inner = struct.pack(f">II{count}{'Q' if wide else 'I'}", 0, count, *offsets)
    new = atom(b"co64" if wide else b"stco", inner)
    whole = bytearray(moov[:table] + new + moov[table + size :])
    for name in (b"moov", b"trak", b"mdia", b"minf", b"stbl"):
        place = whole.index(name) - 4
        struct.pack_into(">I", whole, place, struct.unpack_from(">I", whole, place)[0] + len(new) - size)
    return bytes(whole)


def m4a(layout: str) -> bytes:
    whole = encoded("m4a")
    first, movie = whole.index(b"mdat") - 4, whole.index(b"moov") - 4
    kind, sound, moov = whole[: whole.index(b"ftyp") - 4 + 28], whole[first:movie], whole[movie:]
    wide_bytes = len(moved(moov, 0, wide=True))

    def by(before_bytes: int) -> int:
        return len(kind) + before_bytes - first

    free = atom(b"free", bytes(5_000))
    other = atom(b"mdat", bytes(1_000))
    wide_sound = struct.pack(">I4sQ", 1, b"mdat", len(sound) + 8) + sound[8:]
    return {
        "64 bit, moov last": kind + sound + moved(moov, by(0), wide=True),
        "64 bit, moov first": kind + moved(moov, by(wide_bytes), wide=True) + sound,
        "moov first, free": kind + moved(moov, by(len(moov) + len(free))) + free + sound,
        "free around": kind + free + sound + free + moved(moov, by(len(free))),
        "between two": kind + other + moved(moov, by(len(other) + len(moov))) + sound + free,
        "large mdat": kind + wide_sound + moved(moov, by(8)),
        "mdat to the end": kind + moved(moov, by(len(moov))) + bytes(4) + sound[4:],
        "fragments": encoded("m4a", movflags="frag_keyframe+empty_moov"),
        "fragments, dash": encoded("m4a", movflags="dash+frag_keyframe+empty_moov"),
        "cut off": encoded("m4a", movflags="faststart")[:-3_000],
    }[layout]


def mp3(layout: str) -> bytes:
    sound, last = encoded("mp3"), content("mp3-v1")[-128:]
    lyrics = b"LYRICSBEGININD0000200LYR00010la la la l000042LYRICS200"
    return {
        "two tags": content("mp3")[: -len(sound)] + content("mp3-v23"),
        "junk in front": bytes(500) + sound,
        "ape and v1": content("mp3-ape") + last,
        "lyrics": sound + lyrics + last,
        "half a v1": sound + b"TAGxx",
        "tag behind": sound + b"ID3\4\0\x10\0\0\0\x0aTIT2\0\0\0\0\0\0" + b"3DI\4\0\x10\0\0\0\x0a",
    }[layout]


def flac(layout: str) -> bytes:
    behind = {"v1 behind": content("mp3-v1")[-128:], "junk behind": b"junk" * 200}
    return encoded("flac") + behind[layout]


LAYOUTS: dict[str, tuple[Callable[[str], bytes], tuple[str, ...], tuple[str, ...]]] = {
    "flac": (flac, ("v1 behind", "junk behind"), ()),
    "m4a": (
        m4a,
        (
            "64 bit, moov last",
            "64 bit, moov first",
            "moov first, free",
            "free around",
            "between two",
            "large mdat",
            "mdat to the end",
            "fragments",
            "fragments, dash",
            "cut off",
        ),
        (),
    ),
    "mp3": (mp3, ("two tags", "junk in front", "ape and v1", "lyrics", "half a v1", "tag behind"), ()),
    "ogg": (
        ogg,
        ("chained", "chained, one number", "chained, tagged first", "multiplexed", "pages missing", "no end"),
        ("junk behind", "cut off"),
    ),
    "wav": (
        wav,
        ("info first", "info last", "odd sizes", "id3 before the sound", "something behind"),
        ("no padding", "streamed", "cut off"),
    ),
}
"""How files are put together: those that are tagged, and those that are left alone."""


@pytest.mark.parametrize(
    ("suffix", "layout"), [(suffix, layout) for suffix in LAYOUTS for layout in LAYOUTS[suffix][1]]
)
def test_it_is_tagged_sounds_the_same_keeps_what_it_had_and_can_be_undone(
    tmp_path: Path, suffix: str, layout: str
) -> None:
    path = tmp_path / f"one.{suffix}"
    path.write_bytes(LAYOUTS[suffix][0](layout))
    original, sound = path.read_bytes(), audio_digest(path, path.name)
    made = prepare(path, FIELDS, mode="overwrite", clock=later)
    assert made is not None
    commit(made, clock=later)
    fields = read_fields(path, kind_of(path)).fields
    assert (fields.title, fields.artist, fields.artists) == (FIELDS.title, FIELDS.artist, FIELDS.artists)
    assert audio_digest(path, path.name) == sound
    if suffix == "wav":
        kept = [chunk for chunk in riff_chunks(original) if chunk[0] not in (b"id3 ", b"TAGj")]
        assert [chunk for chunk in riff_chunks(path.read_bytes()) if chunk in kept] == kept
    assert len(made.delta) < 1_000
    restore(path, made.delta)
    assert path.read_bytes() == original


@pytest.mark.parametrize(
    ("suffix", "layout"), [(suffix, layout) for suffix in LAYOUTS for layout in LAYOUTS[suffix][2]]
)
def test_what_can_t_be_tagged_safely_is_left_as_it_is(tmp_path: Path, suffix: str, layout: str) -> None:
    path = tmp_path / f"one.{suffix}"
    path.write_bytes(LAYOUTS[suffix][0](layout))
    original = path.read_bytes()
    with pytest.raises(TagError, match=rf"^one\.{suffix}: "):
        prepare(path, FIELDS, clock=later)
    assert path.read_bytes() == original
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("channels", [9, 37, 64])
def test_a_frame_of_many_channels_is_read_within_its_bounds(channels: int) -> None:
    frame = AudioFrame("fltp", f"{channels} channels", 1_000)
    assert len(_samples(frame)) == channels * 1_000 * 4


def test_planes_are_interleaved() -> None:
    frame = AudioFrame("s16p", "stereo", 2)
    for plane, samples in zip(frame.planes, ((1, 2), (3, 4)), strict=True):
        plane.update(struct.pack("<2h", *samples).ljust(plane.buffer_size, b"\0"))
    assert struct.unpack("<4h", _samples(frame)) == (1, 3, 2, 4)
