"""Which tracks of a list are taken, and what they are called then."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.playlist_rows import ListKind, Track, TrackKind
from daemon.track_choice import (
    REFUSED_WORDS,
    ChoiceRules,
    length_trouble,
    named,
    refusal,
    refused_word,
)

RULES = ChoiceRules(REFUSED_WORDS, longest_s=3_600.0)
PLAIN = "abcdefghijklmnopqrstuvwxyz '"


def track(title: str, *, kind: TrackKind = "video", duration_s: float | None = 200.0) -> Track:
    return Track("x" * 11, title, ("Some Band",), duration_s=duration_s, kind=kind)


@pytest.mark.parametrize(
    ("title", "word"),
    [
        ("Imagine (Live)", "live"),
        ("Imagine [LIVE at Wembley]", "live at"),
        ("Imagine live at Wembley", "live at"),
        ("Imagine - Live", "live"),
        ("Imagine \N{EN DASH} Remix", "remix"),
        ("Imagine | Karaoke", "karaoke"),
        ("Imagine|Karaoke", "karaoke"),
        ("Imagine (Acoustic Cover by Someone)", "cover"),
        ("Imagine \N{FULLWIDTH LEFT PARENTHESIS}Live\N{FULLWIDTH RIGHT PARENTHESIS}", "live"),
        ("Imagine (live", "live"),
        ("Imagine (Sped-Up)", "sped up"),
        ("Imagine sped up", "sped up"),
        ("Imagine (slowed + reverb)", "slowed"),
        ("Imagine Lyric Video", "lyric video"),
        ("Imagine (8D Audio)", "8d"),
        ("Imagine (Some Remixed Thing)", "remixed"),
        ("Imagine (L\N{LATIN CAPITAL LETTER I WITH DOT ABOVE}VE)", "live"),
        ("Imagine (R\N{LATIN SMALL LETTER E WITH ACUTE}mix)", "remix"),
        ("Imagine (Re\N{COMBINING ACUTE ACCENT}mix)", "remix"),
    ],
)
def test_versions_are_refused_by_whole_words(title: str, word: str) -> None:
    found = refused_word(title, REFUSED_WORDS)
    assert found is not None
    assert word in (found, *REFUSED_WORDS)
    assert word.split(maxsplit=1)[0] in found


@pytest.mark.parametrize(
    "title",
    [
        "Alive",
        "Alive (Stay Alive)",
        "Discover",
        "Oliver - Undercover",
        "Oliver (Deliverance)",
        "Live and Let Die",
        "Live Forever",
        "Long Live",
        "Cover Me",
        "Remix to Ignition",
        "Believe (Remastered 2011)",
        "Recovery [2010]",
        "Re-Live",
        "",
        "(((",
    ],
)
def test_names_that_only_contain_such_words_pass(title: str) -> None:
    assert refused_word(title, REFUSED_WORDS) is None


@given(st.text(PLAIN), st.sampled_from([word for word in REFUSED_WORDS if " " not in word]))
def test_one_word_in_a_plain_title_never_counts_and_in_brackets_always_does(title: str, word: str) -> None:
    assert refused_word(f"{title} {word}", [word]) is None
    assert refused_word(f"{title} (in {word}, here)", [word]) == word


@given(st.text(max_size=60))
def test_any_title_is_judged(title: str) -> None:
    refused_word(title, REFUSED_WORDS)
    named(track(title))


@pytest.mark.parametrize(
    ("word", "refused", "taken"),
    [
        # Hindi, with vowel signs that are marks: a letter more is another word.
        ("\u0932\u093e\u0907\u0935", "X (\u0932\u093e\u0907\u0935)", "X (\u0932\u0947\u0907\u0935)"),
        # Japanese: "live", and "life", which lacks a voicing mark.
        ("\u30e9\u30a4\u30d6", "X (\u30e9\u30a4\u30d6)", "X (\u30e9\u30a4\u30d5)"),
        # Turkish, whose capital I is that of the dotless i; Russian; Spanish.
        ("canl\u0131", "X (CANLI)", "X (CANLILAR)"),
        (
            "\u043a\u0430\u0432\u0435\u0440",
            "X (\u041a\u0410\u0412\u0415\u0420)",
            "X (\u043a\u0430\u0432\u0435\u0440\u044b)",
        ),
        ("ac\u00fastico", "X (Acustico)", "X (Acusticos)"),
    ],
)
def test_words_are_whole_in_every_script(word: str, refused: str, taken: str) -> None:
    assert refused_word(refused, [word]) == word
    assert refused_word(taken, [word]) is None


@pytest.mark.parametrize("artist", ["OasisVEVO", "Oasis - Topic", "Oasis Official", "oasis"])
def test_a_channels_name_is_its_artists(artist: str) -> None:
    listed = Track("x", "Oasis - Live Forever (Official Video)", (artist,), duration_s=200.0)
    assert refusal(listed, "playlist", RULES) is None
    assert named(listed).title == "Live Forever"
    assert refusal(Track("x", "Blur - Live", (artist,)), "playlist", RULES) is not None


def test_a_channels_name_may_lack_its_artists_spaces() -> None:
    listed = Track("x", "Arctic Monkeys - Live (Wire)", ("ArcticMonkeysVEVO",))
    assert refusal(listed, "playlist", RULES) is None


@pytest.mark.parametrize("band", ["!!!", "\u2020\u2020\u2020", "\u2206"])
def test_a_band_may_be_called_by_signs(band: str) -> None:
    assert refusal(Track("x", "Heart", (band,), duration_s=200.0), "playlist", RULES) is None


def test_the_artists_name_before_a_title_is_no_title() -> None:
    assert refusal(track("Some Band - Live Forever"), "playlist", RULES) is None
    assert named(track("Some Band - Live Forever (Official Video)")).title == "Live Forever"


@pytest.mark.parametrize("kind", ["album", "track"])
def test_what_is_asked_for_by_name_is_taken_whatever_it_is_called(kind: ListKind) -> None:
    assert refusal(track("Imagine (Live)"), kind, RULES) is None
    assert refusal(track("Imagine (Live)"), "playlist", RULES) == "its title says 'live' (youtube.refuse)"


def test_the_words_are_the_owners() -> None:
    rules = ChoiceRules(("demo", "", "!"), longest_s=3_600.0)
    assert refusal(track("Imagine (Live)"), "playlist", rules) is None
    assert refusal(track("Imagine (Demo)"), "playlist", rules) == "its title says 'demo' (youtube.refuse)"


@pytest.mark.parametrize(
    ("duration_s", "is_taken"), [(None, True), (3_600.0, True), (3_601.0, False), (19.0, False)]
)
def test_what_is_too_long_or_too_short_is_refused(duration_s: float | None, is_taken: bool) -> None:
    assert (refusal(track("Imagine", duration_s=duration_s), "playlist", RULES) is None) == is_taken


@pytest.mark.parametrize(
    "nameless", [Track("x", " ", ("Some Band",)), Track("x", "Imagine"), Track("x", "Imagine", ("  ",))]
)
def test_what_has_no_name_can_name_nothing(nameless: Track) -> None:
    assert "does not say" in (refusal(nameless, "track", RULES) or "")


@pytest.mark.parametrize(
    ("listed_s", "played_s", "is_whole"),
    [
        (200.0, 209.0, True),
        (200.0, 191.0, True),
        (200.0, 180.0, False),
        (200.0, 230.0, False),
        (1_000.0, 960.0, True),
        (1_000.0, 940.0, False),
        (None, 30.0, True),
    ],
)
def test_a_sound_must_be_as_long_as_its_list_says(
    listed_s: float | None, played_s: float, is_whole: bool
) -> None:
    assert (length_trouble(listed_s, played_s) is None) == is_whole


@pytest.mark.parametrize(
    ("title", "kind", "name"),
    [
        ("Imagine (Official Music Video)", "video", "Imagine"),
        ("Imagine [Official Audio] (HD)", "video", "Imagine"),
        ("Imagine (Remastered) [4K]", "video", "Imagine (Remastered)"),
        ("Somebody Else - Imagine", "video", "Somebody Else - Imagine"),
        ("(Official Video)", "video", "(Official Video)"),
        ("Some Band - Imagine (Official Video)", "album audio", "Some Band - Imagine (Official Video)"),
    ],
)
def test_a_videos_advertising_is_no_part_of_its_title(title: str, kind: TrackKind, name: str) -> None:
    assert named(track(title, kind=kind)).title == name
