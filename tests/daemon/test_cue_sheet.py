"""Track lists as CUE sheets."""

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.cue_sheet import MOST_TRACKS, Track, cue_sheet, tracks_of


def content(name: str, *spans: tuple[float, float, float], **facts: Any) -> dict[str, Any]:
    """Return a recording's part of an answer; spans are begin and end in the file, begin in the recording."""
    passages = [
        {"file_begin_s": begin_s, "file_end_s": end_s, "begin_s": place_s, "end_s": place_s + end_s - begin_s}
        for begin_s, end_s, place_s in spans
    ]
    return {"song_name": name, "artist": None, "alternative_to": None, "passages": passages} | facts


def titles(duration_s: float, *contents: dict[str, Any]) -> list[tuple[str, float]]:
    found = {"contents": list(contents), "duration_s": duration_s}
    return [(track.title, track.begin_s) for track in tracks_of(found)]


def test_a_sheet_is_as_players_expect_it() -> None:
    tracks = [Track(0, 61, "So What", "Miles Davis"), Track(61.52, 3_700, "Unknown", "")]
    assert cue_sheet(Path("/music/my mix.mp3"), tracks) == (
        'FILE "my mix.mp3" MP3\n'
        "  TRACK 01 AUDIO\n"
        '    TITLE "So What"\n'
        '    PERFORMER "Miles Davis"\n'
        "    INDEX 01 00:00:00\n"
        "  TRACK 02 AUDIO\n"
        '    TITLE "Unknown"\n'
        "    INDEX 01 01:01:39\n"
    )


def test_the_file_begins_with_an_index_even_if_its_first_track_does_not() -> None:
    lines = cue_sheet(Path("mix.flac"), [Track(5, 60, "A", "")]).splitlines()
    assert lines[0] == 'FILE "mix.flac" WAVE'
    assert lines[-2:] == ["    INDEX 00 00:00:00", "    INDEX 01 00:05:00"]


@pytest.mark.parametrize(
    ("name", "kind"),
    [("a.MP3", "MP3"), ("a.aiff", "AIFF"), ("a.wav", "WAVE"), ("a.ogg", "WAVE"), ("a", "WAVE")],
)
def test_the_file_type_is_one_of_the_formats(name: str, kind: str) -> None:
    assert cue_sheet(Path(name), []) == f'FILE "{name}" {kind}\n'


def test_quotes_and_control_characters_in_names_do_no_harm() -> None:
    sheet = cue_sheet(Path('a "mix"\n.mp3'), [Track(0, 60, 'The "Hit"\nTRACK 02 AUDIO', "\0P\N{BELL}\r")])
    assert sheet.splitlines()[0] == "FILE \"a 'mix' .mp3\" MP3"
    assert sheet.count("\n") == 5
    assert "TITLE \"The 'Hit' TRACK 02 AUDIO\"" in sheet


def test_a_sheet_ends_after_99_tracks() -> None:
    tracks = [Track(60 * number, 60 * number + 60, str(number), "") for number in range(120)]
    sheet = cue_sheet(Path("a.mp3"), tracks)
    assert re.findall(r"TRACK (\d+) AUDIO", sheet)[-1] == str(MOST_TRACKS) == "99"
    assert "INDEX 01 98:00:00" in sheet


@given(st.lists(st.floats(0, 40_000), max_size=20), st.text(max_size=20))
def test_times_ascend_whatever_the_tracks_are(begins_s: list[float], title: str) -> None:
    sheet = cue_sheet(
        Path("a.mp3"), [Track(begin_s, begin_s + 60, title, title) for begin_s in sorted(begins_s)]
    )
    times = [
        tuple(map(int, time)) for time in re.findall(r"^    INDEX 01 (\d\d+):(\d\d):(\d\d)$", sheet, re.M)
    ]
    assert len(times) == len(begins_s)
    assert times == sorted(set(times))
    assert all(seconds < 60 and frames < 75 for _, seconds, frames in times)
    assert {line.count('"') for line in sheet.splitlines()} <= {0, 2}


def test_passages_that_go_on_are_one_track_and_a_repeat_is_another() -> None:
    edit = content("edit", (0, 60, 0), (62, 120, 90))
    again = content("again", (120, 180, 0), (181, 240, 0))
    assert titles(240, edit, again) == [("edit", 0), ("again", 120), ("again", 181)]


def test_alternatives_and_jingles_are_no_tracks() -> None:
    assert titles(
        60,
        content("a", (0, 60, 0)),
        content("b", (0, 60, 0), alternative_to=1),
        content("jingle", (30, 35, 0)),
    ) == [("a", 0)]


def test_long_stretches_that_nothing_explains_are_tracks_called_unknown() -> None:
    assert titles(300, content("a", (30, 100, 0)), content("b", (110, 200, 0))) == [
        ("Unknown", 0), ("a", 30), ("b", 110), ("Unknown", 200),
    ]  # fmt: skip
    assert titles(300) == []


def test_tracks_come_in_the_files_order_though_recordings_interleave() -> None:
    once = content("a", (0, 60, 0), (120, 180, 0))
    assert titles(180, once, content("b", (58, 121, 0))) == [("a", 0), ("b", 58), ("a", 120)]
