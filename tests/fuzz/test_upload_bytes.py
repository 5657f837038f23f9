"""Uploads of any bytes, in any pieces, over a real socket: answered or cut off, and nothing is left."""

import io
import select
import socket
import zlib
from contextlib import suppress

from fuzzing import TIMES, damaged, fuzzed
from hypothesis import given
from hypothesis import strategies as st
from ingesting import clip_of
from real_daemon import RealDaemon
from synth import music as play
from synth import random_peaks
from waiting import wait_until

from engine.codec import encode
from engine.settings import FINGERPRINT_VERSION

CLIP = clip_of(play(0, 12.0), 3, 1)
BOUNDARY = "a boundary'()+_,-./:=?"
_ANSWER_S = 90.0
_QUIET_S = 0.1
_GOOD = (
    (
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="title"\r\n\r\nabc\r\n'
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="clip.wav"\r\n'
        "Content-Type: audio/wav\r\n\r\n"
    ).encode()
    + CLIP
    + f"\r\n--{BOUNDARY}--\r\n".encode()
)
_STATUSES = {200, 202, 400, 408, 413, 415, 422}


def answered(daemon: RealDaemon, pieces: list[bytes], *, is_whole: bool = True) -> int | None:
    """Send the pieces one by one; return the status, None if the daemon just closes.

    Whoever ends its side takes back what it asked for: only what is not whole is ended so, when all is quiet.
    """
    with socket.create_connection(daemon.host_and_port, timeout=_ANSWER_S) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        received = io.BytesIO()
        try:
            for piece in pieces:
                connection.sendall(piece)
            if not is_whole:
                select.select([connection], [], [], _QUIET_S)
                with suppress(OSError):  # it has gone first
                    connection.shutdown(socket.SHUT_WR)
            while more := connection.recv(65_536):
                received.write(more)
        except ConnectionError:
            pass  # refused before all was sent
    head = received.getvalue().partition(b"\r\n")[0].split(b" ")
    return int(head[1]) if len(head) > 1 else None


def head_of(path: str, content_type: str, length: int | None) -> bytes:
    size = "Transfer-Encoding: chunked" if length is None else f"Content-Length: {length}"
    lines = (
        f"POST {path} HTTP/1.1",
        "Host: localhost",
        f"Content-Type: {content_type}",
        size,
        "Connection: close",
    )
    return "\r\n".join(lines).encode() + b"\r\n\r\n"


def cut(draw: st.DrawFn, content: bytes) -> list[bytes]:
    places = sorted(draw(st.lists(st.integers(0, len(content)), max_size=8)))
    return [content[begin:end] for begin, end in zip([0, *places], [*places, len(content)], strict=True)]


def in_chunks(pieces: list[bytes], *, size: str) -> bytes:
    """Return the pieces in the chunked encoding; `size` formats their lengths."""
    return b"".join(
        format(len(piece), size).encode() + b"\r\n" + piece + b"\r\n" for piece in pieces if piece
    )


def nothing_is_left(daemon: RealDaemon) -> None:
    wait_until(lambda: not list(daemon.spool.iterdir()))
    daemon.assert_well()


@fuzzed(25)
@given(data=st.data(), is_chunked=st.booleans())
def test_a_form_in_any_pieces_is_taken(daemon: RealDaemon, data: st.DataObject, is_chunked: bool) -> None:
    content_type = f'multipart/form-data; boundary="{BOUNDARY}"'
    pieces = data.draw(st.composite(cut)(_GOOD))
    length = None if is_chunked else len(_GOOD)
    if is_chunked:
        pieces = data.draw(st.composite(cut)(in_chunks(pieces, size="X") + b"0\r\n\r\n"))
    assert answered(daemon, [head_of("/match_file", content_type, length), *pieces]) == 202


@fuzzed(60)
@given(data=st.data())
def test_a_damaged_form_is_refused_or_taken(daemon: RealDaemon, data: st.DataObject) -> None:
    boundary = data.draw(
        st.sampled_from([f'"{BOUNDARY}"', "x", '""', "", "é", "a" * 80, f'"{BOUNDARY}'])
    ).encode()
    body = data.draw(st.composite(damaged)(_GOOD))
    length = data.draw(st.sampled_from([None, len(body), len(body) + 100, max(0, len(body) - 100), 2**40]))
    head = head_of("/match_file", "multipart/form-data; boundary=BOUNDARY", length).replace(
        b"BOUNDARY", boundary
    )
    if length is None:
        # aiohttp tells nobody of a size that is none: such a request ends when no more of its body comes.
        patiently = [b"-1\r\n", b"G\r\n"] if TIMES > 1 else []
        body = in_chunks([body], size="x") + data.draw(st.sampled_from([b"0\r\n\r\n", b"", *patiently]))
    status = answered(daemon, [head, *data.draw(st.composite(cut)(body))], is_whole=False)
    assert status is None or status in _STATUSES


@fuzzed(40)
@given(
    name=st.binary(max_size=30),
    count=st.sampled_from([1, 10, 200]),
    size_bytes=st.sampled_from([1, 1_000, 9_000, 100_000]),
    is_closed=st.booleans(),
)
def test_a_part_of_any_head_is_refused_or_taken(
    daemon: RealDaemon, name: bytes, count: int, size_bytes: int, is_closed: bool
) -> None:
    header = b"X-" + name + b": " + b"v" * (size_bytes // count)
    head = b"\r\n".join([header] * count + [b'Content-Disposition: form-data; name="file"'])
    body = b"--x\r\n" + head + b"\r\n\r\n" + CLIP + (b"\r\n--x--\r\n" if is_closed else b"")
    status = answered(daemon, [head_of("/match_file", "multipart/form-data; boundary=x", len(body)), body])
    assert status is None or status in _STATUSES


@fuzzed(25)
@given(data=st.data())
def test_a_body_of_any_bytes_is_taken_as_a_clip_or_refused(daemon: RealDaemon, data: st.DataObject) -> None:
    body = data.draw(st.composite(damaged)(CLIP) | st.binary(max_size=300))
    status = answered(daemon, [head_of("/match_file", "audio/wav", len(body)), body])
    assert status == (202 if body else 400)


@fuzzed(12)
@given(data=st.data(), planes=st.binary(max_size=40), count=st.integers(0, 40), is_forged=st.booleans())
def test_a_constellation_of_any_bytes_is_matched_or_refused(
    daemon: RealDaemon, data: st.DataObject, planes: bytes, count: int, is_forged: bool
) -> None:
    if is_forged:
        inner = zlib.compress(planes)
        head = b"SPC1" + (500).to_bytes(4, "little") + count.to_bytes(4, "little")
        checksum = zlib.crc32(inner, zlib.crc32(head + bytes(4)))
        body = head + checksum.to_bytes(4, "little") + inner
    else:
        body = data.draw(st.composite(damaged)(encode(random_peaks(1))))
    path = f"/match_constellation?fingerprint_version={FINGERPRINT_VERSION}"
    assert answered(daemon, [head_of(path, "application/octet-stream", len(body)), body]) in _STATUSES


def test_nothing_of_all_uploads_is_left(daemon: RealDaemon) -> None:
    before = daemon.measure()
    for _ in range(3):
        answered(daemon, [head_of("/match_file", "audio/wav", 10**6), CLIP], is_whole=False)
    nothing_is_left(daemon)
    assert daemon.measure().files <= before.files + 4
