"""The old file is made of the new one and a few stored bytes, exactly or not at all."""

import hashlib
import os
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from daemon.tag_errors import DeltaDamaged, DeltaTooLarge
from daemon.tag_regions import make_delta, read_head, rebuild

RANDOM = np.random.default_rng(5)
SOUND = RANDOM.bytes(300_000)


def delta_of(folder: Path, original: bytes, tagged: bytes, *, limit_bytes: int = 1 << 30) -> bytes:
    (folder / "original").write_bytes(original)
    (folder / "tagged").write_bytes(tagged)
    with (folder / "original").open("rb") as ours, (folder / "tagged").open("rb") as theirs:
        return make_delta(ours, theirs, limit_bytes=limit_bytes)


def rebuilt(folder: Path, delta: bytes, tagged: bytes) -> bytes:
    (folder / "tagged").write_bytes(tagged)
    with (folder / "tagged").open("rb") as file:
        return b"".join(rebuild(delta, file))


@pytest.mark.parametrize(
    ("original", "tagged", "most_bytes"),
    [
        (SOUND, SOUND, 150),
        (SOUND, b"head" * 500 + SOUND, 150),
        (SOUND, b"h" + SOUND + b"t", 150),
        (b"old tag" * 100 + SOUND, b"new and longer tag" * 300 + SOUND, 250),
        (b"old tag" * 100 + SOUND, SOUND + b"moved" * 100, 250),
        (SOUND[:100_000] + SOUND[200_000:], SOUND, 200),
        (SOUND[150_000:] + SOUND[:150_000], SOUND, 200),
        (b"", SOUND, 150),
        (b"x" * 100, b"", 250),
        (b"\0" * 200_000 + SOUND + b"\0" * 50_000, b"t" + b"\0" * 70_000 + SOUND, 4_000),
        (b"\0" * 1_000_000, b"\0" * 3_000, 4_000),
    ],
)
def test_only_what_is_new_is_stored(tmp_path: Path, original: bytes, tagged: bytes, most_bytes: int) -> None:
    delta = delta_of(tmp_path, original, tagged)
    assert rebuilt(tmp_path, delta, tagged) == original
    assert len(delta) <= most_bytes


def test_renumbered_pages_cost_little(tmp_path: Path) -> None:
    def pages(first: int) -> bytes:
        parts = [SOUND[start : start + 4_000] for start in range(0, len(SOUND), 4_000)]
        return b"".join(
            b"OggS"
            + (first + number).to_bytes(4, "little")
            + hashlib.md5(part + bytes([first])).digest()[:4]
            + part
            for number, part in enumerate(parts)
        )

    original, tagged = b"tags" + pages(2), b"tags" * 1_000 + pages(3)
    delta = delta_of(tmp_path, original, tagged)
    assert rebuilt(tmp_path, delta, tagged) == original
    assert len(delta) < 3_000


Edit = tuple[int, int, bytes]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    edits=st.lists(
        st.tuples(st.integers(0, 20_000), st.integers(0, 9_000), st.binary(max_size=3_000)), max_size=5
    ),
    alphabet=st.sampled_from([2, 256]),
)
def test_whatever_is_edited_returns(tmp_path: Path, edits: list[Edit], alphabet: int) -> None:
    original = np.random.default_rng(1).integers(0, alphabet, 20_000, np.uint8).tobytes()
    tagged = original
    for start, length, inserted in edits:
        tagged = tagged[:start] + inserted + tagged[start + length :]
    assert rebuilt(tmp_path, delta_of(tmp_path, original, tagged), tagged) == original
    assert rebuilt(tmp_path, delta_of(tmp_path, tagged, original), original) == tagged


def test_too_much_to_store_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DeltaTooLarge):
        delta_of(tmp_path, RANDOM.bytes(100_000), SOUND, limit_bytes=50_000)


def test_no_damage_goes_unseen(tmp_path: Path) -> None:
    tagged = b"tag" * 100 + SOUND
    delta = delta_of(tmp_path, b"old" + SOUND, tagged)
    for place in range(len(delta)):
        damaged = bytearray(delta)
        damaged[place] ^= 0x20
        with pytest.raises(DeltaDamaged):
            rebuilt(tmp_path, bytes(damaged), tagged)
    for length in (0, 10, len(delta) - 1):
        with pytest.raises(DeltaDamaged):
            read_head(delta[:length])


@pytest.mark.parametrize("other", [b"", SOUND, b"tag" * 100 + SOUND[:-1], b"tag" * 100 + SOUND[:-1] + b"x"])
def test_another_file_gives_no_original(tmp_path: Path, other: bytes) -> None:
    delta = delta_of(tmp_path, b"old" + SOUND, b"tag" * 100 + SOUND)
    with pytest.raises(DeltaDamaged):
        rebuilt(tmp_path, delta, other)


def test_a_file_that_changes_meanwhile_gives_no_delta(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pread = os.pread
    calls = []

    def changing(number: int, length: int, place: int) -> bytes:
        calls.append(place)
        read = pread(number, length, place)
        return read if len(calls) < 4 else read[::-1]

    monkeypatch.setattr(os, "pread", changing)
    with pytest.raises(DeltaDamaged):
        delta_of(tmp_path, b"old" + SOUND, b"tag" * 100 + SOUND)


def test_the_head_names_both_files(tmp_path: Path) -> None:
    head = read_head(delta_of(tmp_path, b"old", b"newer"))
    assert (head.original_bytes, head.tagged_bytes) == (3, 5)
    assert head.original_sha256 == hashlib.sha256(b"old").digest()
    assert head.tagged_sha256 == hashlib.sha256(b"newer").digest()


def test_pieces_are_bounded(tmp_path: Path) -> None:
    whole = RANDOM.bytes(3 << 20)
    delta = delta_of(tmp_path, whole, b"tag" + whole)
    with (tmp_path / "tagged").open("rb") as file:
        lengths = [len(piece) for piece in rebuild(delta, file)]
    assert max(lengths) <= 1 << 20
    assert all(before >= after for before, after in pairwise(lengths))
