"""Damaged music files are read as far as they can be, and written whole or not at all."""

import resource
import time
from pathlib import Path

import pytest
from fuzzing import damaged, fuzzed
from hypothesis import given
from hypothesis import strategies as st
from tagged_files import VARIANTS, content

from daemon.filetags import FileTags, read_tags
from daemon.safe_write import prepare, restore
from daemon.staging import commit
from daemon.tag_errors import TagError
from daemon.tag_fields import TagFields
from daemon.tag_files import kind_of, read_fields
from engine.errors import AudioError

_SMALL = sorted(VARIANTS.keys() - {"mp3-cover", "flac-padding", "ogg-big"})
"""Megabytes of the same are not where damage matters."""
_GROWN_KB = 300_000
NAMED = TagFields(title="A Title", artist="Somebody", album="An Album", track=3, date="1999")


def later() -> float:
    """Tell a time at which every file has been quiet for long."""
    return time.time() + 3_600


@pytest.fixture(scope="module", params=_SMALL)
def variant(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def bounded() -> int:
    """Return the largest memory so far in kB, to be compared with that afterwards."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def test_tags_of_a_damaged_file_are_read_or_none(variant: str, tmp_path: Path, bounded: int) -> None:
    whole = content(variant)
    path = tmp_path / f"damaged.{variant.partition('-')[0]}"

    @fuzzed(12)
    @given(st.data())
    def read(data: st.DataObject) -> None:
        path.write_bytes(data.draw(st.composite(damaged)(whole)))
        tags = read_tags(path)
        assert isinstance(tags, FileTags)
        for text in (tags.title, tags.artist, tags.album):
            assert text is None or (text.encode() and "\0" not in text)

    read()
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss <= bounded + _GROWN_KB


def test_a_damaged_file_is_named_and_put_back_byte_for_byte_or_not_touched(
    variant: str, tmp_path: Path
) -> None:
    whole = content(variant)
    path = tmp_path / f"damaged.{variant.partition('-')[0]}"

    @fuzzed(6)
    @given(st.data())
    def write(data: st.DataObject) -> None:
        before = data.draw(st.composite(damaged)(whole))
        path.write_bytes(before)
        try:
            staged = prepare(path, NAMED, mode="overwrite", clock=later)
        except (TagError, AudioError):
            staged = None
        assert path.read_bytes() == before
        if staged is None:
            assert list(tmp_path.iterdir()) == [path]
            return
        commit(staged, clock=later)
        found = read_fields(path, kind_of(path)).own
        assert (found.title, found.artist, found.album) == (NAMED.title, NAMED.artist, NAMED.album)
        restore(path, staged.delta, clock=later)
        assert path.read_bytes() == before

    write()
    assert list(tmp_path.iterdir()) == [path]
