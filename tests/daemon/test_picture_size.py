"""How large a picture says it is."""

import io

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from synth import png

from daemon.picture_size import picture_size


def jpeg(width: int, height: int) -> bytes:
    """Return a real JPEG."""
    buffer = io.BytesIO()
    grey = np.full((height, width, 3), 128, np.uint8)
    with av.open(buffer, "w", format="image2pipe") as container:
        stream = container.add_stream("mjpeg", rate=1, width=width, height=height, pix_fmt="yuvj420p")
        container.mux(
            stream.encode(av.VideoFrame.from_ndarray(grey, format="rgb24").reformat(format="yuvj420p"))
        )
        container.mux(stream.encode(None))
    return buffer.getvalue()


@pytest.mark.parametrize("size_px", [(544, 544), (480, 360), (64, 1_200)])
def test_a_jpegs_size_is_found(size_px: tuple[int, int]) -> None:
    assert picture_size(jpeg(*size_px)) == size_px


def test_a_jpegs_size_is_found_behind_whatever_cameras_write_first() -> None:
    content = jpeg(480, 360)
    exif = b"\xff\xe1" + (60_000).to_bytes(2) + b"\xff\xc0" + b"\0" * 59_996
    assert picture_size(content[:2] + exif + b"\xff\xff\x01" + content[2:]) == (480, 360)


def test_a_pngs_size_is_found() -> None:
    assert picture_size(png()) == (64, 64)
    assert picture_size(png()[:16] + (70_000).to_bytes(4) + png()[20:]) == (70_000, 64)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<html>",
        b"RIFF\0\0\0\0WEBP",
        b"\xff\xd8\xff",
        b"\xff\xd8\xff\xe0" + bytes(range(256)) * 20,
        b"\xff\xd8\xff\xda" + bytes(2_000),
        b"\x89PNG\r\n\x1a\n",
        b"\x89PNG\r\n\x1a\n\0\0\0\rIDAT" + bytes(20),
    ],
)
def test_what_has_no_such_head_has_no_size(content: bytes) -> None:
    assert picture_size(content) is None


@given(st.sampled_from([b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b""]), st.binary(max_size=300))
def test_any_bytes_are_judged(start: bytes, rest: bytes) -> None:
    picture_size(start + rest)


@given(st.integers(0, 700))
def test_half_a_head_is_no_picture_and_no_error(length: int) -> None:
    assert picture_size(jpeg(64, 64)[:length]) in (None, (64, 64))
