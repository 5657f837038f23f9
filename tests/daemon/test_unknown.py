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
    "title",
    [
        "Track 1 (2)", "Track 01 (1)", "Track 1-2", "01 Track 01 (2)", "Track 01.mp3", "Track01.wav",
        "track_01(1)", "Track No. 1", "Track #1", "Track #05", "Unknown Artist - Track 01",
        "Unknown Artist - Track", "Unknown Artist - Unknown Title", "01 Unknown Artist - Track 1",
        "Unknown - Unknown", "Unknown Album - Track 3", "01. Unknown", "01 - Unknown Artist",
        "New Recording", "New Recording 5", "Recording (3)", "Recording_2023_05_01", "Voice Memo",
        "Voice Memo 12", "Voice 20210503", "Voice_230514_1", "Sprachmemo 3", "Neue Aufnahme 7",
        "Aufnahme 12", "Nouvel enregistrement 3", "Nuova registrazione 2", "Nueva grabaci\xf3n 4",
        "AUD-20190501-WA0003", "REC_0012", "REC001", "VID_20200101_120000", "PTT-20200101-WA0001",
        "20210503_142233", "2021-05-03 14.22.33", "Audio 1", "Untitled", "Untitled (3)", "Untitled 01",
        "untitled", "Title", "No Title", "???", "?", "...", "???????", "!!!", "[Untitled]", "(untitled)",
        "None", "Null", "undefined", "-", "_", ".", "00", "01", "001", "007", "Spur 5", "Unknown Song",
        "Unknown", "Unknown 2", "Unknown #5", "No Tracks", "Unbekannt",
        "\u041d\u0435\u0438\u0437\u0432\u0435\u0441\u0442\u0435\u043d",
        "\u0414\u043e\u0440\u043e\u0436\u043a\u0430 12", "\u8f68\u9053 1", "\u66f2\u76ee 01",
        "\u30c8\u30e9\u30c3\u30af1", "\u30c8\u30e9\u30c3\u30af 01", "\u30bf\u30a4\u30c8\u30eb\u306a\u3057",
        "\u7121\u984c", "\u65e0\u6807\u9898", "\uc81c\ubaa9 \uc5c6\uc74c", "\u672a\u77e5\u6807\u9898",
        "Sans titre", "Ohne Titel", "Sin t\xedtulo", "Senza titolo", "Sem t\xedtulo",
        "\u0411\u0435\u0437 \u043d\u0430\u0437\u0432\u0430\u043d\u0438\u044f", "Zonder titel",
        "Bez n\xe1zvu", "Bez tytu\u0142u", "http://www.djpool.com", "djcity.com", "\u200b", "\u200e",
        "\xa0", "\ufeff", "\u202a\u202c", "\ufffd\ufffd\ufffd\ufffd\ufffd", "\u2022", "\xbf", "~", "*", "#",
        "<Unknown>", "{unknown}", "unknown.mp3", "Unknown - 01", "Track - 01", "Audio Track", "CD Track 3",
        "CD1 Track 03", "Disc 1 Track 3", "Disc 2 - Track 05", "Default Title", "<no title>", "(no title)",
        "(none)",
    ],
)  # fmt: skip
def test_what_programs_and_telephones_write_is_no_title(title: str) -> None:
    assert not is_name("title", title, FILE)


@pytest.mark.parametrize(
    "title",
    [
        "Track One", "Track Ten", "Miles Davis - So What (Official Video)", "So What [Official Audio]",
        "Untitled 08 | 09.06.2014.", "Untitled 03 | 05.28.2013.", "Untitled Unmastered", "4'33\"", "1979",
        "22", "7", "Intro", "Outro", "Interlude", "Skit", "Hidden Track", "Bonus Track", "Ghost Track",
        "Title Track", "[silence]", "Silence", "asdf", "test", "A", "I", "O", "0", "1", "100", "17", "212",
        "Track & Field", "On the Right Track", "Track 10 Ways", "Soundtrack", "Backtrack", "Trackmaster",
        "Fast Track 2", "Piste noire", "Titel und Thesen", "Song 2", "Song 1", "Song", "The Unknown",
        "Unknown Caller", "Unknown Legend", "Into the Unknown", "Unknown (To You)", "No Artist Here",
        "No Title (Remix)", "Unbekannt verzogen", "www.djpool.net - Song", "promo only", "ANJUNADEEP",
        "Sandstorm (DJ City Intro - Clean)", "8A - 128 - Levels", "\u2665", "\u262e", "\u2605", "\u2192",
        "\u221e", "\u221a", "\u2606\u2606\u2606", "Side A", "Chapter 1", "Kapitel 12", "Part 1", "Teil 3",
        "No. 5", "Op. 10", "I. Allegro", "1. Satz", "\u2116 5", "\u2163", "\xbd", "\xbc", "\xb2", "Default",
        "No Name", "Noname",
    ],
)  # fmt: skip
def test_odd_titles_are_titles(title: str) -> None:
    assert is_name("title", title, FILE)


@pytest.mark.parametrize(
    "artist",
    [
        "Various Artists", "VA", "V/A", "V.A", "V.A.", "N/A", "None", "???", "?", "Unknown artist",
        "UNKNOWN ARTIST", "<Unknown Artist>", "[unknown]", "Unknown Artist (2)", "Unknown Composer",
        "Unknown Performer", "Unknown Band", "Unknown Singer", "Artist Unknown", "Unbekannt",
        "Unbekannte K\xfcnstler",
        ("\u041d\u0435\u0438\u0437\u0432\u0435\u0441\u0442\u043d\u044b\u0439"
        " \u0438\u0441\u043f\u043e\u043b\u043d\u0438\u0442\u0435\u043b\u044c"),
        "\u043d\u0435\u0438\u0437\u0432\u0435\u0441\u0442\u0435\u043d",
        "\uc54c \uc218 \uc5c6\ub294 \uc74c\uc545\uac00", "\uc54c \uc218 \uc5c6\uc74c",
        "\u4e0d\u660e\u306a\u30a2\u30fc\u30c6\u30a3\u30b9\u30c8", "\u4e0d\u660e", "\u672a\u77e5",
        "\u672a\u77e5\u85dd\u4eba", "\u672a\u77e5\u6f14\u5531\u8005", "\u7fa4\u661f", "VVAA", "AA.VV.",
        "Aa.Vv", "Diverse Artister", "Blandade artister", "Verschillende artiesten", "Artistes vari\xe9s",
        "Artistes Divers", "Varios Artistas", "Artisti Vari",
        ("\u0420\u0430\u0437\u043d\u044b\u0435"
        " \u0438\u0441\u043f\u043e\u043b\u043d\u0438\u0442\u0435\u043b\u0438"),
        "Multiple Artists", "Track", "No Artist", "Null", "Undefined", "www.beatport.com", "deviantart.com",
        "Tycho.com", "\u200b", "\u2013", "__", "Sin artista", "Sans artiste", "Sem artista",
        "Kein K\xfcnstler", "Track 01", "(Unknown)", "Unknown;Unknown", "Unknown/Unknown",
        "Unknown, Unknown Artist",
    ],
)  # fmt: skip
def test_what_programs_write_for_nobody_is_no_artist(artist: str) -> None:
    assert not is_name("artist", artist, FILE)


@pytest.mark.parametrize(
    "artist",
    [
        "Unknown Mortal Orchestra", "Various", "Va Va Voom", "The The", "!!!", "N.A.S.A.", "NaS",
        "None More Black", "The Nones", "? and the Mysterians", "?uestlove", "Unknown T", "Unknown Brain",
        "The Artist", "Anonymous", "Anonymous 4", "Traditional", "Mixed", "Sampler", "Compilation",
        "Soundtrack", "OST", "311", "808", "1000mods", "5", "0", "22-20s", "Tracks", "Title Fight", "CD",
        "iPhone", "Microsoft", "admin", "X", "M", "\xd8", "+/-", "(((O)))", "\u2206",
        "\u28ce\u2847\ua27a\u10da\u0f3d\u0b87", "\u2020\u2020\u2020", "\u2020\u2020\u2020 (Crosses)",
        "*NSYNC", "A$AP Rocky", "Ke$ha", "P!nk", "deadmau5", "will.i.am", "M.I.A.", "L.A.", "Dr. Dre",
        "No Doubt", "No Name", "Noname", "Nobody", "The Undefined", "Untitled", "Unsigned", "Beatport",
        "DJ Pool", "last.fm", "\xa1Forward, Russia!", "\u2026And You Will Know Us", "Unknown Prophets",
        "The Unknowns", "Unknown Hinson",
    ],
)  # fmt: skip
def test_odd_artists_are_artists(artist: str) -> None:
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


@pytest.mark.parametrize(
    "text",
    [
        "track " * 5_000, "0" * 100_000, "- " * 50_000, "unknown " * 20_000, "a" + " " * 100_000 + "b",
        "unknown" + "-" * 50_000 + "x", "voice" + " 1" * 50_000 + "x", "unknown, " * 20_000,
    ],
)  # fmt: skip
def test_long_texts_are_decided_quickly(text: str) -> None:
    is_name("title", text, FILE)
