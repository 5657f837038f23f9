"""What counts as a name, and what as a placeholder."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.filetags import FileTags
from daemon.unknown import NameField, Naming, is_name, naming

FILE = "some file.mp3"


@pytest.mark.parametrize(
    "title",
    [
        None,
        "",
        " \t",
        "-",
        "???",
        "\u2026",
        "07",
        "012",
        "1-03 Track 03",
        "01 - Track 1",
        "Track 01",
        "track07",
        "Track_07",
        "TRACK 1 of 12",
        "Track 3/12",
        "Track",
        "AudioTrack 03",
        "Audio Track 03",
        "Titel 3",
        "Piste 4",
        "Pista 10",
        "Faixa 2",
        "Traccia 8",
        "\u0414\u043e\u0440\u043e\u0436\u043a\u0430 5",
        "\u0422\u0440\u0435\u043a 5",
        "\u97f3\u8f68 3",
        "\u30c8\u30e9\u30c3\u30af 3",
        "\ud2b8\ub799 3",
        "Unknown",
        "<unknown>",
        "[unknown]",
        "Unknown Title",
        "Unknown Track 3",
        "Unknown (2)",
        "Unbekannter Titel",
        "Titre inconnu",
        "T\u00edtulo desconocido",
        "\u041d\u0435\u0438\u0437\u0432\u0435\u0441\u0442\u043d\u043e",
        "Untitled",
        "untitled-3",
        "Untitled 2",
        "Untitled Track",
        "Title",
        "No Title",
        "n/a",
        "N/A",
        "None",
        "null",
        "New Recording 12",
        "Voice 003",
        "https://example.org/a",
        "www.example.org",
        "somewhere.com",
        "some file.mp3",
        "SOME FILE.MP3",
        "another file.flac",
    ],
)
def test_a_placeholder_is_no_title(title: str | None) -> None:
    assert not is_name("title", title, FILE)


@pytest.mark.parametrize(
    "title",
    [
        "1979",
        "1999",
        "22",
        "7",
        "99 Luftballons",
        "99 Problems",
        "Artist",
        "Audio",
        "Heart-Shaped Box",
        "No",
        "None But the Brave",
        "None of Us",
        "Recording in Progress",
        "Some File",
        "Song 2",
        "Spur der Steine",
        "Track and Field",
        "Track of My Tears",
        "Unknown Pleasures",
        "Unknown Artist Blues",
        "Untitled #1",
        "Untitled #1 (Vaka)",
        "Untitled (How Does It Feel)",
        "Various",
        "will.i.am",
        "\u00f7",
        "\u2665",
        "\U0001f525",
        "\u05e9\u05dc\u05d5\u05dd",
        "\u672a\u77e5\u7684\u4e16\u754c",
    ],
)
def test_what_only_looks_like_a_placeholder_is_a_title(title: str) -> None:
    assert is_name("title", title, FILE)


@pytest.mark.parametrize(
    ("title", "file_name", "expected"),
    [
        ("Lithium", "Lithium.mp3", True),
        ("99 Problems", "99 Problems.mp3", True),
        ("1979", "1979.flac", True),
        ("01 - Lithium", "01 - Lithium.mp3", False),
        ("01 Lithium", "01 Lithium.mp3", False),
        ("03. Lithium", "03. Lithium.mp3", False),
        ("my_recording", "my_recording.mp3", False),
        ("lithium.mp3", "01.mp3", False),
        ("Lithium.MP3", "lithium.mp3", False),
    ],
)
def test_a_files_own_name_is_a_title_only_where_it_reads_like_one(
    title: str, file_name: str, *, expected: bool
) -> None:
    assert is_name("title", title, file_name) is expected


@pytest.mark.parametrize(
    "artist",
    [
        None,
        " ",
        "Unknown",
        "Unknown Artist",
        "unknown artists",
        "[unknown]",
        "unbekannter K\u00fcnstler",
        "Unbekannter Interpret",
        "Artiste inconnu",
        "Artista desconocido",
        "Artista sconosciuto",
        "Onbekende artiest",
        "\u041d\u0435\u0438\u0437\u0432\u0435\u0441\u0442\u043d\u044b\u0439",
        "\u043d\u0435\u0438\u0437\u0432\u0435\u0441\u0442\u0435\u043d \u0430\u0440\u0442\u0438\u0441\u0442",
        "\u672a\u77e5\u827a\u672f\u5bb6",
        "\u4e0d\u660e\u306a\u30a2\u30fc\u30c6\u30a3\u30b9\u30c8",
        "\uc54c \uc218 \uc5c6\ub294 \uc544\ud2f0\uc2a4\ud2b8",
        "No Artist",
        "Various Artists",
        "V.A.",
        "VA",
        "Verschiedene Interpreten",
        "Varios Artistas",
        "Track 01",
        "n/a",
        "https://example.org",
    ],
)
def test_a_placeholder_is_no_artist(artist: str | None) -> None:
    assert not is_name("artist", artist, FILE)


@pytest.mark.parametrize(
    "artist",
    [
        "Unknown Mortal Orchestra",
        "The Unknown",
        "Artist",
        "Various",
        "Various Cruelties",
        "311",
        "2Pac",
        "!!!a",
        "Vangelis",
        "Track Shadow",
        "None More Black",
        "will.i.am",
        "Title Fight",
    ],
)
def test_what_only_looks_like_a_placeholder_is_an_artist(artist: str) -> None:
    assert is_name("artist", artist, FILE)


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        ("album_artist", "Various Artists", True),
        ("album_artist", "Unknown Artist", False),
        ("album", "Untitled", True),
        ("album", "Unknown Album", False),
        ("album", "Unbekanntes Album", False),
        ("album", "Album inconnu", False),
        ("album", "Unknown Pleasures", True),
        ("album", "Track 01", True),
    ],
)
def test_fields_have_placeholders_of_their_own(field: NameField, value: str, *, expected: bool) -> None:
    assert is_name(field, value, FILE) is expected


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        (FileTags(), Naming.UNKNOWN),
        (FileTags("Lithium", None, "Nevermind"), Naming.UNKNOWN),
        (FileTags("Track 01", "Nirvana", "Nevermind"), Naming.UNKNOWN),
        (FileTags("Lithium", "Nirvana"), Naming.INCOMPLETE),
        (FileTags("Lithium", "Nirvana", "Unknown Album"), Naming.INCOMPLETE),
        (FileTags("Lithium", "Nirvana", "Nevermind"), Naming.NAMED),
    ],
)
def test_title_and_artist_make_a_name_and_the_album_completes_it(tags: FileTags, expected: Naming) -> None:
    assert naming(tags, FILE) is expected


@given(st.text(max_size=1_000), st.text(max_size=50))
def test_any_text_is_decided(text: str, file_name: str) -> None:
    for field in ("title", "artist", "album", "album_artist"):
        assert is_name(field, text, file_name) in (True, False)


@pytest.mark.parametrize("text", ["track " * 5_000, "0" * 100_000, "- " * 50_000, "unknown " * 20_000])
def test_long_texts_are_decided_quickly(text: str) -> None:
    is_name("title", text, FILE)
