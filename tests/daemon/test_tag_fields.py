"""Fields go where media servers look for them, only into what is empty, and into every format alike."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import mutagen
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mutagen.id3 import ID3, TPOS, TRCK, TXXX
from tagged_files import JPEG, VARIANTS, make

from daemon.tag_errors import CoverRefused, NotTaggable
from daemon.tag_fields import LARGEST_COVER_BYTES, Cover, Mode, TagFields, changed, clean, merged
from daemon.tag_files import kind_of, read_fields, read_others, write_fields

MBID = "0f00aa11-1122-4455-8899-aabbccddeeff"
FULL = TagFields(
    title="A Song \U0001f3b5",
    artist="Somebody feat. \u05d0\u05d1\u05d2",
    artists=("Somebody", "\u05d0\u05d1\u05d2"),
    album="An Album",
    album_artist="Various Artists",
    track=3,
    track_total=12,
    disc=1,
    disc_total=2,
    date="2020-05-01",
    recording_mbid=MBID,
    cover=Cover(JPEG, "image/jpeg"),
)
FORMATS = ("aiff", "flac-untagged", "m4a-untagged", "mp3-untagged", "ogg-untagged", "opus-untagged", "wav")


def wrote(path: Path, fields: TagFields, *, mode: Mode = "fill") -> TagFields:
    """Tag a file in place, and return what it then says."""
    kind = kind_of(path)
    write_fields(path, kind, merged(read_fields(path, kind).fields, fields, path.name, mode))
    return read_fields(path, kind).fields


def raw(path: Path) -> dict[str, Any]:
    """Return a file's tags under the format's own names, ID3 frames as text."""
    tags: Any = mutagen.File(path).tags  # type: ignore[attr-defined]
    return {key: getattr(value, "text", value) for key, value in dict(tags).items()}


@pytest.mark.parametrize("variant", FORMATS)
def test_every_field_returns_from_every_format(tmp_path: Path, variant: str) -> None:
    assert wrote(make(tmp_path, variant), FULL) == FULL


@pytest.mark.parametrize("variant", ["mp3-untagged", "wav", "aiff"])
def test_id3_frames_are_those_that_servers_read(tmp_path: Path, variant: str) -> None:
    path = make(tmp_path, variant)
    wrote(path, FULL)
    tags = mutagen.File(path).tags  # type: ignore[attr-defined]
    assert tags.version == (2, 4, 0)
    texts = ("TIT2", "TPE1", "TALB", "TPE2", "TXXX:ARTISTS", "TRCK", "TPOS", "TDRC", "TDRL")
    assert [[str(text) for text in tags[key].text] for key in texts] == [
        [FULL.title],
        [FULL.artist],
        [FULL.album],
        [FULL.album_artist],
        list(FULL.artists),
        ["3/12"],
        ["1/2"],
        ["2020-05-01"],
        ["2020-05-01"],
    ]
    assert tags["UFID:http://musicbrainz.org"].data == MBID.encode()
    assert (tags["APIC:"].type, tags["APIC:"].mime, tags["APIC:"].data) == (3, "image/jpeg", JPEG)


@pytest.mark.parametrize("variant", ["flac-untagged", "ogg-untagged", "opus-untagged"])
def test_vorbis_comments_are_those_that_servers_read(tmp_path: Path, variant: str) -> None:
    path = make(tmp_path, variant)
    wrote(path, FULL)
    found = {
        key: value for key, value in raw(path).items() if key not in ("encoder", "metadata_block_picture")
    }
    assert found == {
        "title": [FULL.title],
        "artist": [FULL.artist],
        "artists": list(FULL.artists),
        "album": [FULL.album],
        "albumartist": [FULL.album_artist],
        "tracknumber": ["3"],
        "tracktotal": ["12"],
        "discnumber": ["1"],
        "disctotal": ["2"],
        "date": ["2020-05-01"],
        "releasedate": ["2020-05-01"],
        "musicbrainz_trackid": [MBID],
    }


def test_mp4_atoms_are_those_that_servers_read(tmp_path: Path) -> None:
    path = make(tmp_path, "m4a-untagged")
    wrote(path, FULL)
    found = {key: value for key, value in raw(path).items() if key not in ("covr", "\xa9too")}
    assert found == {
        "\xa9nam": [FULL.title],
        "\xa9ART": [FULL.artist],
        "\xa9alb": [FULL.album],
        "aART": [FULL.album_artist],
        "trkn": [(3, 12)],
        "disk": [(1, 2)],
        "\xa9day": ["2020-05-01"],
        "----:com.apple.iTunes:ARTISTS": [artist.encode() for artist in FULL.artists],
        "----:com.apple.iTunes:MusicBrainz Track Id": [MBID.encode()],
    }


def test_id3_2_3_stays_2_3_with_its_own_frames_for_dates(tmp_path: Path) -> None:
    path = make(tmp_path, "mp3-v23")
    wrote(path, FULL, mode="overwrite")
    tags = ID3(path, translate=False)
    assert tags.version == (2, 3, 0)
    assert [str(tags[key]) for key in ("TYER", "TDAT", "TXXX:RELEASEDATE")] == ["2020", "0105", "2020-05-01"]
    assert not {"TDRC", "TDRL"} & set(tags)


@pytest.mark.parametrize("variant", ["mp3-v22", "mp3-v23", *FORMATS])
@pytest.mark.parametrize("date", ["2020", "2020-05", "2020-05-01"])
def test_a_date_keeps_its_precision(tmp_path: Path, variant: str, date: str) -> None:
    assert wrote(make(tmp_path, variant), TagFields(date=date), mode="overwrite").date == date


@pytest.mark.parametrize("variant", sorted(set(VARIANTS) - {"mp3-cover"}))
def test_nothing_else_changes(tmp_path: Path, variant: str) -> None:
    path = make(tmp_path, variant)
    kind = kind_of(path)
    before = read_fields(path, kind)
    target = merged(before.fields, FULL, path.name, "overwrite")
    changes = changed(before.own, target)
    others = read_others(path, kind, changes)
    write_fields(path, kind, target)
    assert read_others(path, kind, changes) == others
    assert not changed(read_fields(path, kind).fields, target)


def test_other_values_of_a_changed_key_are_told_apart(tmp_path: Path) -> None:
    path = make(tmp_path, "flac")
    kind = kind_of(path)
    before = read_others(path, kind, frozenset())
    file = mutagen.File(path)
    file["COMMENT"] = ["one", "three"]  # type: ignore[index]
    file.save()  # type: ignore[attr-defined]
    assert read_others(path, kind, frozenset()) != before


@pytest.mark.parametrize(
    ("old", "expected"),
    [
        (TagFields(), FULL),
        (TagFields(title="Track 01", artist="Unknown Artist", album="Unknown Album"), FULL),
        (TagFields(title="Mine"), replace(FULL, title="Mine")),
        (TagFields(artist="Somebody else"), replace(FULL, artist="Somebody else", artists=())),
        (TagFields(artists=("Unknown Artist",)), FULL),
        (TagFields(track=3), FULL),
        (TagFields(track=4), replace(FULL, track=4, track_total=None)),
        (TagFields(disc=2, track=3, track_total=9), replace(FULL, disc=2, disc_total=None, track_total=9)),
        (TagFields(unreadable=frozenset({"track"})), replace(FULL, track=None, track_total=None)),
        (TagFields(date="1999"), replace(FULL, date="1999")),
        (TagFields(cover=Cover(b"x", "")), replace(FULL, cover=Cover(b"x", ""))),
        (
            TagFields(album="Greatest Hits"),
            TagFields(
                title=FULL.title,
                artist=FULL.artist,
                artists=FULL.artists,
                album="Greatest Hits",
                recording_mbid=MBID,
            ),
        ),
        (TagFields(album="an album"), replace(FULL, album="an album")),
    ],
)
def test_only_what_is_empty_is_filled(old: TagFields, expected: TagFields) -> None:
    assert replace(merged(old, FULL, "one.mp3", "fill"), unreadable=frozenset()) == expected


def test_overwriting_replaces_what_is_given_but_no_cover() -> None:
    old = replace(FULL, title="Mine", date="1999", cover=Cover(b"x", ""), unreadable=frozenset({"disc"}))
    new = merged(old, TagFields(title="Yours", disc=2, cover=FULL.cover), "one.mp3", "overwrite")
    assert new == replace(FULL, title="Yours", date="1999", disc=2, cover=Cover(b"x", ""))


@pytest.mark.parametrize("variant", ["mp3-v23", *FORMATS])
def test_exactly_what_is_given_removes_what_is_not(tmp_path: Path, variant: str) -> None:
    path = make(tmp_path, variant)
    before = read_fields(path, kind_of(path)).fields
    wrote(path, FULL, mode="overwrite")
    assert wrote(path, before, mode="exact") == before


def test_a_cover_is_neither_huge_nor_something_else() -> None:
    for content in (JPEG[:4] + b"\0" * LARGEST_COVER_BYTES, b"<svg/>", b""):
        with pytest.raises(CoverRefused):
            clean(TagFields(cover=Cover(content, "image/jpeg")))


def test_a_covers_type_is_what_its_bytes_say() -> None:
    assert clean(TagFields(cover=Cover(JPEG, "image/png"))).cover == Cover(JPEG, "image/jpeg")


def test_a_cover_that_would_not_be_written_is_not_looked_at() -> None:
    old = TagFields(cover=Cover(JPEG, "image/jpeg"))
    assert merged(old, TagFields(cover=Cover(b"", "")), "one.mp3", "overwrite") == old


@pytest.mark.parametrize("variant", FORMATS)
def test_a_thousand_artists_fit(tmp_path: Path, variant: str) -> None:
    artists = tuple(f"Artist {number}" for number in range(1_000))
    assert wrote(make(tmp_path, variant), TagFields(artists=artists)).artists == artists


@given(st.text(), st.lists(st.text(), max_size=3), st.text(), st.integers())
def test_cleaned_fields_can_be_written_and_stored(
    text: str, artists: list[str], date: str, number: int
) -> None:
    cleaned = clean(
        TagFields(
            title=f"{text}\0\ud800", artists=tuple(artists), date=date, recording_mbid=date, track=number
        )
    )
    for value in (cleaned.title or "", *cleaned.artists):
        assert "\0" not in value
        assert len(value.encode()) <= 4_000
    assert cleaned.track is None or 0 < cleaned.track < 65_536
    assert clean(cleaned) == cleaned


def test_several_artists_are_read_as_a_list_and_as_one_text(tmp_path: Path) -> None:
    path = make(tmp_path, "flac-untagged")
    file: Any = mutagen.File(path)
    file["ARTIST"] = ["One", "Two"]
    file.save()
    fields = read_fields(path, kind_of(path)).fields
    assert (fields.artist, fields.artists) == ("One; Two", ("One", "Two"))


def test_a_track_that_is_no_number_is_left_alone(tmp_path: Path) -> None:
    path = make(tmp_path, "mp3")
    tags = ID3(path)
    tags.add(TRCK(encoding=3, text="A1"))
    tags.add(TPOS(encoding=3, text="1/"))
    tags.save(path)
    found = wrote(path, FULL)
    assert (found.track, found.unreadable, found.disc, found.disc_total) == (None, {"track"}, 1, 2)
    assert str(ID3(path)["TRCK"]) == "A1"


@pytest.mark.parametrize(
    ("variant", "artist"), [("mp3-ape", "Somebody"), ("mp3-v1", "Somebody"), ("wav-info", "Somebody")]
)
def test_older_tags_count_and_are_not_hidden_by_new_ones(tmp_path: Path, variant: str, artist: str) -> None:
    path = make(tmp_path, variant)
    tail = path.read_bytes()[-128:]
    found = wrote(path, TagFields(title="A Song", artist="Another"))
    assert (found.title, found.artist) == ("A Song", artist)
    own = read_fields(path, kind_of(path)).own
    assert (own.title, own.artist) == ("A Song", artist)
    if variant != "wav-info":
        assert path.read_bytes()[-128:] == tail


def test_an_empty_ape_or_text_frame_is_no_trouble(tmp_path: Path) -> None:
    path = make(tmp_path, "mp3")
    tags = ID3(path)
    tags.add(TXXX(encoding=3, desc="nothing", text=""))
    tags.save(path)
    assert wrote(path, FULL).title == FULL.title


@pytest.mark.parametrize("content", [b"", b"\0" * 500, b"ID3\4\0\0\x7f\x7f\x7f\x7f", b"RIFF\0\0\0\0WAVE"])
def test_what_is_no_audio_is_not_taggable(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "one.mp3"
    path.write_bytes(content)
    with pytest.raises(NotTaggable):
        kind_of(path)


@pytest.mark.parametrize("version", [3, 4])
def test_frames_that_do_not_parse_are_kept(tmp_path: Path, version: int) -> None:
    path = make(tmp_path, "mp3-untagged")
    junk = b"APIC" + bytes((0, 0, 0, 3, 0, 0)) + b"\0xy"
    title = b"TIT2" + bytes((0, 0, 0, 9, 0, 0)) + b"\0Track 01"
    head = b"ID3" + bytes((version, 0, 0, 0, 0, 0, len(junk + title)))
    path.write_bytes(head + junk + title + path.read_bytes())
    assert wrote(path, FULL).title == FULL.title
    assert junk in path.read_bytes()[:10_000]


def test_a_journal_gets_the_covers_digest_only() -> None:
    found = FULL.as_json()
    assert found["title"] == FULL.title
    assert isinstance(found["cover"], dict)
    assert found["cover"]["size_bytes"] == len(JPEG)
    assert "disc" not in TagFields(title="x").as_json()
