"""Write what a mix contains as a CUE sheet (as CDRWIN's manual defines it)."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_FRAMES_PER_S = 75
MOST_TRACKS = 99
_SHORTEST_TRACK_S = 10.0
"""Less is a sample or a jingle: it has no line in a track list."""
_SHORTEST_GAP_S = 20.0
"""Unknown music this long is a track of its own; shorter is how one track becomes the next."""
_SAME_TRACK_S = 30.0
"""A recording that is heard again so soon, and further on, is the same track with a cut in between."""
_BACK_S = 5.0
"""Further on, to what two passages may overlap in the recording."""
_FILE_TYPES = {".mp3": "MP3", ".aif": "AIFF", ".aiff": "AIFF"}
"""All that players decode themselves is called WAVE."""
_UNKNOWN = "Unknown"


@dataclass(frozen=True, slots=True)
class Track:
    """A line of the track list."""

    begin_s: float
    end_s: float
    title: str
    performer: str


def tracks_of(found: Mapping[str, Any]) -> list[Track]:
    """Return what plays in a file, in order, from the answer of POST /match_constellation.

    What one recording plays in several passages is one track while it goes on; of recordings that explain
    the same stretch only the first is listed; long stretches that nothing explains are tracks called Unknown.
    """
    known = [
        track
        for each in found["contents"]
        if each["alternative_to"] is None
        for track in _appearances(each)
        if track.end_s - track.begin_s >= _SHORTEST_TRACK_S
    ]
    tracks: list[Track] = []
    heard_s = 0.0
    for track in sorted(known, key=lambda each: (each.begin_s, each.end_s)):
        if track.begin_s - heard_s >= _SHORTEST_GAP_S:
            tracks.append(Track(heard_s, track.begin_s, _UNKNOWN, ""))
        tracks.append(track)
        heard_s = max(heard_s, track.end_s)
    if tracks and found["duration_s"] - heard_s >= _SHORTEST_GAP_S:
        tracks.append(Track(heard_s, found["duration_s"], _UNKNOWN, ""))
    return tracks


def cue_sheet(file: Path, tracks: Sequence[Track]) -> str:
    """Return the sheet; of more than 99 tracks, which is the format's limit, the first."""
    kind = _FILE_TYPES.get(file.suffix.lower(), "WAVE")
    name = os.fsencode(file.name).decode(errors="replace")
    lines = [f"FILE {_quoted(name)} {kind}"]
    last_frames = -1
    for number, track in enumerate(tracks[:MOST_TRACKS], 1):
        # The format wants the first index of a file at its beginning, and every other one behind the last.
        frames = max(round(track.begin_s * _FRAMES_PER_S), last_frames + 1)
        lines.append(f"  TRACK {number:02d} AUDIO")
        lines.append(f"    TITLE {_quoted(track.title)}")
        if track.performer:
            lines.append(f"    PERFORMER {_quoted(track.performer)}")
        if number == 1 and frames:
            lines.append("    INDEX 00 00:00:00")
        lines.append(f"    INDEX 01 {_clock(frames)}")
        last_frames = frames
    return "\n".join(lines) + "\n"


def _appearances(content: Mapping[str, Any]) -> list[Track]:
    """Return when a recording is heard: passages that follow each other in both are one appearance."""
    tracks: list[Track] = []
    place_s = 0.0
    for passage in content["passages"]:
        begin_s, end_s = float(passage["file_begin_s"]), float(passage["file_end_s"])
        is_near = bool(tracks) and begin_s - tracks[-1].end_s <= _SAME_TRACK_S
        if is_near and passage["begin_s"] >= place_s - _BACK_S:
            begin_s = tracks.pop().begin_s
        tracks.append(Track(begin_s, end_s, str(content["song_name"]), str(content["artist"] or "")))
        place_s = float(passage["end_s"])
    return tracks


def _quoted(text: str) -> str:
    """Return a string of the format, which knows no escapes."""
    printable = "".join(character if character.isprintable() else " " for character in text)
    return '"' + printable.replace('"', "'") + '"'


def _clock(frames: int) -> str:
    seconds, rest = divmod(frames, _FRAMES_PER_S)
    minutes, seconds = divmod(seconds, 60)
    return f"{minutes:02d}:{seconds:02d}:{rest:02d}"
