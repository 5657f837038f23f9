"""Files made to harm whoever opens them: small ones that claim to be, or unpack to, far too much."""

import struct
import zlib
from pathlib import Path

import av
import numpy as np
import psutil
import pytest
from mutagen.flac import FLAC, Picture

from daemon.covers import as_picture, read_cover
from daemon.media_files import MediaFile
from daemon.tag_errors import NotTaggable
from daemon.tag_files import kind_of, read_fields
from daemon.worker_jobs import fingerprint_file, shortlist_clip
from daemon.workers import WorkerLimits, WorkerPool
from engine.errors import AudioError, TooLong
from engine.settings import Settings

RATE_HZ = 8_000
SHORT = Settings(longest_decoded_s=60.0)
UNKNOWN_LENGTH = 0xFFFF_FFFF


def _silence(path: Path, minutes: int) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("flac", rate=RATE_HZ)
        stream.layout = "mono"
        samples = np.zeros((1, 60 * RATE_HZ), np.int16)
        for minute in range(minutes):
            frame = av.AudioFrame.from_ndarray(samples, format="s16", layout="mono")
            frame.sample_rate, frame.pts = RATE_HZ, minute * 60 * RATE_HZ
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def _au(channels: int, rate_hz: int) -> bytes:
    return b".snd" + struct.pack(">IIIII", 24, UNKNOWN_LENGTH, 3, rate_hz, channels) + bytes(400_000)


def _wav(channels: int, rate_hz: int) -> bytes:
    form = struct.pack("<HHIIHH", 1, channels, rate_hz, rate_hz, 2, 16)
    head = b"RIFF" + struct.pack("<I", 400_036) + b"WAVEfmt " + struct.pack("<I", len(form)) + form
    return head + b"data" + struct.pack("<I", 400_000) + bytes(400_000)


def _nested(depth: int) -> bytes:
    """Return an MP4 of boxes within boxes."""
    boxes = b"".join(struct.pack(">I4s", 8 * (depth - at), b"moov") for at in range(depth))
    return struct.pack(">I4s4sI4s", 20, b"ftyp", b"M4A ", 0, b"M4A ") + boxes


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def _png(side_px: int) -> bytes:
    """Return a white square: an eighth of a byte a pixel, packed a thousandfold."""
    packed = zlib.compressobj(9)
    rows = b"".join(packed.compress(bytes(1 + side_px // 8)) for _ in range(side_px)) + packed.flush()
    head = struct.pack(">IIBBBBB", side_px, side_px, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", head) + _chunk(b"IDAT", rows) + _chunk(b"IEND", b"")


@pytest.fixture(scope="module")
def bomb() -> bytes:
    """900 million pixels in 110 kB."""
    content = _png(30_000)
    assert len(content) < 120_000
    return content


def test_sound_that_unpacks_too_long_is_given_up_at_the_limit(tmp_path: Path) -> None:
    path = _silence(tmp_path / "silence.flac", 3)
    assert path.stat().st_size < 100_000
    for work in (lambda: fingerprint_file(path, SHORT), lambda: shortlist_clip(path, tmp_path, SHORT)):
        with pytest.raises(TooLong):
            work()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.au", _au(100_000, 44_100)),
        ("a.au", _au(2**31 - 1, 2**31 - 1)),
        ("a.au", _au(1, 1_000_000_000)),
        ("a.wav", _wav(65_535, 44_100)),
        ("a.wav", _wav(255, 192_000)),
        ("a.wav", _wav(1, 4_000_000_000)),
        ("a.m4a", _nested(12)),
        ("a.m4a", _nested(100_000)),
    ],
)
async def test_heads_that_claim_too_much_are_refused_within_small_limits(
    tmp_path: Path, name: str, content: bytes
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    pool = WorkerPool(
        "match", 1, WorkerLimits(memory_bytes=300_000_000, cpu_s_per_job=10, jobs_per_worker=10)
    )
    await pool.start()
    try:
        worker = pool.pids()
        with pytest.raises(AudioError):
            await pool.run(fingerprint_file, path, Settings())
        assert pool.pids() == worker  # and it did not die of it
    finally:
        await pool.stop()


def test_boxes_within_boxes_are_damaged_tags(tmp_path: Path) -> None:
    path = tmp_path / "a.m4a"
    path.write_bytes(_nested(100_000))
    with pytest.raises(NotTaggable, match="damaged"):
        read_fields(path, kind_of(path))


def test_a_cover_is_decoded_by_nobody(tmp_path: Path, bomb: bytes) -> None:
    path = _silence(tmp_path / "a.flac", 1)
    tags, picture = FLAC(path), Picture()
    picture.data, picture.mime, picture.type = bomb, "image/png", 3
    tags.add_picture(picture)
    tags.save()
    before = psutil.Process().memory_info().rss
    with pytest.raises(AudioError):  # it is silent, which is found out after decoding
        fingerprint_file(path, Settings())
    assert read_fields(path, kind_of(path)).fields.cover is not None
    assert psutil.Process().memory_info().rss - before < 100_000_000
    media = MediaFile(bytes(tmp_path), path.name.encode(), None)
    assert read_cover(media) is None  # nor by a browser


@pytest.mark.parametrize(
    "content",
    [
        b"GIF89a" + struct.pack("<HH", 60_000, 60_000) + bytes(20),
        b"RIFF" + bytes(4) + b"WEBPVP8X" + bytes(8) + b"\xff\xff\x00\xff\xff\x00",
        b"RIFF" + bytes(4) + b"WEBPVP8L" + bytes(4) + b"\x2f" + b"\xff\xff\xff\x0f" + bytes(6),
        b"RIFF" + bytes(4) + b"WEBPVP8 " + bytes(4) + bytes(3) + b"\x9d\x01\x2a" + b"\xff\x3f\xff\x3f",
        b"\xff\xd8\xff\xc0\x00\x11\x08" + struct.pack(">HH", 60_000, 60_000) + bytes(20),
    ],
)
def test_pictures_that_claim_too_much_are_not_passed_on(content: bytes) -> None:
    assert as_picture(content) is None


@pytest.mark.parametrize(
    "content",
    [
        b"GIF89a" + struct.pack("<HH", 600, 600) + bytes(20),
        b"RIFF" + bytes(4) + b"WEBPVP8X" + bytes(8) + b"\xff\x0f\x00\xff\x0f\x00",
        b"RIFF" + bytes(4) + b"WEBPVP8 " + bytes(4) + bytes(3) + b"\x9d\x01\x2a" + b"\x00\x04\x00\x04",
        _png(3_000),
    ],
)
def test_pictures_of_usual_size_are(content: bytes) -> None:
    assert as_picture(content) is not None
