"""Which part of a file is asked for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.byte_range import ByteRange, Unsatisfiable, wanted_range


@pytest.mark.parametrize(
    ("header", "wanted"),
    [
        ("bytes=0-0", (0, 1)),
        ("bytes=10-19", (10, 20)),
        ("bytes=90-", (90, 100)),
        ("bytes=90-1000", (90, 100)),
        ("bytes=-10", (90, 100)),
        ("bytes=-1000", (0, 100)),
        ("BYTES=1-2 ", (1, 3)),
    ],
)
def test_one_range_is_understood(header: str, wanted: tuple[int, int]) -> None:
    assert wanted_range(header, 100) == ByteRange(*wanted)


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "bytes=",
        "bytes=-",
        "bytes=5-4",
        "bytes=0-1,5-6",
        "lines=1-2",
        "bytes=a-b",
        "bytes=²-3",
        "bytes=-1-2",
    ],
)
def test_what_makes_no_sense_or_is_several_asks_for_all(header: str | None) -> None:
    assert wanted_range(header, 100) is None


@pytest.mark.parametrize("header", ["bytes=100-", "bytes=100-200", "bytes=-0"])
def test_what_is_not_there_can_not_be_given(header: str) -> None:
    with pytest.raises(Unsatisfiable):
        wanted_range(header, 100)


@given(st.text() | st.from_regex(r"bytes=\d{0,30}-\d{0,30}", fullmatch=True), st.integers(0, 2**63))
def test_a_range_is_never_empty_and_never_beyond_the_end(header: str, size_bytes: int) -> None:
    try:
        part = wanted_range(header, size_bytes)
    except Unsatisfiable:
        return
    assert part is None or 0 <= part.start < part.end <= size_bytes
