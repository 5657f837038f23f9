"""Several sources of one sound: who is believed, field by field."""

from dataclasses import replace

import pytest

from daemon.sources import (
    Source,
    SourceKind,
    agrees,
    grouped,
    merged,
    same_name,
    trusted_part,
    without_guesses,
)
from daemon.tag_fields import Cover, TagFields

BASE = TagFields(title="So What", artist="Miles Davis", album="Kind of Blue")
MBID = "00000000-0000-0000-0000-000000000001"


def source(number: int, fields: TagFields, kind: SourceKind = SourceKind.TAGGED) -> Source:
    return Source(number, kind, fields)


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        (("So What", "Miles Davis"), ("so what", "MILES DAVIS"), True),
        (("So What (Remastered 1997)", "Miles Davis"), ("So What", "Miles Davis"), True),
        (("Jóga", "Björk"), ("Joga", "Bjork"), True),
        (("Airbag", "Radiohead"), ("Airbag", "Radiohead feat. Nobody"), True),
        (("(I Can't Get No) Satisfaction", "X"), ("I Can't Get No Satisfaction", "X"), True),
        (("(Sic)", "Slipknot"), ("[sic]", "Slipknot"), True),
        (("東京", "椎名"), ("東京", "椎名"), True),
        (("So What", "Miles Davis"), ("So What", "Pink"), False),
        (("So What", "Miles Davis"), ("All Blues", "Miles Davis"), False),
        (("Thunder", "U2"), ("Thunder", "U2000"), False),
        (("東京", "椎名"), ("大阪", "椎名"), False),
        ((None, "Miles Davis"), (None, "Miles Davis"), False),
        (("So What", None), ("So What", None), False),
        (("!!!", "!!!"), ("!!!", "!!!"), True),
    ],
)
def test_names_are_compared_without_spelling_editions_and_guests(
    one: tuple[str | None, str | None], other: tuple[str | None, str | None], is_same: bool
) -> None:
    fields = [TagFields(title=title, artist=artist) for title, artist in (one, other)]
    assert same_name(*fields) is same_name(*reversed(fields)) is is_same


def test_the_better_source_wins_field_by_field_and_every_field_says_whose_it_is() -> None:
    video = source(1, replace(BASE, title="so what", album=None), SourceKind.VIDEO)
    tagged = source(2, replace(BASE, date="1959"))
    best = source(3, replace(BASE, album=None, recording_mbid=MBID), SourceKind.MUSICBRAINZ)
    [group] = grouped([video, tagged, best])
    assert group == [best, tagged, video]
    named = merged(group)
    assert named.fields == replace(BASE, date="1959", recording_mbid=MBID)
    assert {name: each.recording_id for name, each in named.origins.items()} == {
        "title": 3, "artist": 3, "recording_mbid": 3, "album": 2, "date": 2,
    }  # fmt: skip
    assert named.best == best


def test_what_belongs_to_another_album_is_not_mixed_in() -> None:
    album = source(1, BASE)
    compilation = source(
        2,
        TagFields(
            title="So What", artist="Miles Davis", album="Jazz Hits", track=17, date="2003",
            album_artist="Various Artists", cover=Cover(b"x", "image/png"),
        ),
    )  # fmt: skip
    assert merged([album, compilation]).fields == BASE
    same = source(3, replace(BASE, album="KIND OF BLUE", track=1, track_total=5))
    assert merged([album, compilation, same]).fields == replace(BASE, track=1, track_total=5)


def test_a_total_comes_with_its_number_or_not_at_all() -> None:
    one, other = source(1, replace(BASE, track=1)), source(2, replace(BASE, track=3, track_total=9))
    assert merged([one, other]).fields == replace(BASE, track=1)
    only_total = source(3, replace(BASE, track_total=9))
    assert merged([only_total]).fields == replace(BASE, track_total=9)


def test_the_list_of_artists_is_that_of_the_artist() -> None:
    one = source(1, BASE)
    other = source(2, replace(BASE, artist="Miles Davis Sextet", artists=("Miles Davis", "Others")))
    same = source(3, replace(BASE, artists=("Miles Davis",)))
    assert merged([one, other]).fields.artists == ()
    assert merged([one, other, same]).fields.artists == ("Miles Davis",)


def test_sources_that_contradict_each_other_are_groups_best_first() -> None:
    other = TagFields(title="Naima", artist="John Coltrane")
    groups = grouped([source(1, other), source(2, BASE, SourceKind.MUSICBRAINZ), source(3, other)])
    assert [[each.recording_id for each in group] for group in groups] == [[2], [1, 3]]


@pytest.mark.parametrize(
    ("title", "artist", "expected"),
    [
        (None, None, True),
        ("So What", None, True),
        ("SO WHAT (live)", None, True),
        ("Miles Davis - So What (Official Video)", None, True),
        (None, "Davis", True),
        (None, "Miles Davis feat. John Coltrane", True),
        ("All Blues", None, False),
        (None, "Pink", False),
        ("So What", "Pink", False),
    ],
)
def test_what_a_file_says_itself_agrees_with_a_name_or_contradicts_it(
    title: str | None, artist: str | None, *, expected: bool
) -> None:
    assert agrees(TagFields(title=title, artist=artist), BASE) is expected


def test_what_we_wrote_is_told_apart_as_long_as_it_is_there() -> None:
    theirs = replace(BASE, artists=("Miles Davis",), track=1, date="1959", recording_mbid=MBID)
    ours = {
        "title": "So What",
        "album": "Kind of Blue",
        "artists": ["Miles Davis"],
        "track": 1,
        "date": "1960",
    }
    left = TagFields(title="So What", artist="Miles Davis", date="1959", recording_mbid=MBID)
    assert without_guesses(theirs, ours) == left
    assert without_guesses(left, ours) == left
    assert without_guesses(theirs, {}) == theirs


def test_placeholders_are_no_fields() -> None:
    fields = TagFields(title="So What", artist="Miles Davis", album="Unknown Album", album_artist="n/a")
    assert trusted_part(fields, "01.mp3") == TagFields(title="So What", artist="Miles Davis")
