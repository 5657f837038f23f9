"""`spectra match`: what a clip is, or what a whole file contains."""

from pathlib import Path
from typing import Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from daemon.cli_output import err, out, print_json, print_matches, print_table
from daemon.client import Client, Matched
from daemon.cue_sheet import MOST_TRACKS, cue_sheet, tracks_of
from engine.settings import Settings


async def match_clip(client: Client, file: Path, *, as_json: bool) -> bool:
    """Say what a clip is, and tell whether it is known. Raises RequestFailed, OSError."""
    with err.status("listening"):
        matched = await client.match(file)
    await show_matches(client, matched, as_json=as_json)
    return bool(matched.results)


async def show_matches(client: Client, matched: Matched, *, as_json: bool) -> None:
    """Print what a clip is, or that it is not known."""
    if as_json:
        print_json(matched.results)
    elif matched.results:
        print_matches(matched.results)
        if matched.is_ambiguous:
            out.print(escape(f"Ambiguous: {matched.reason}."))
    else:
        await _say_unknown(out, client, "nothing in the library explains this clip.")


async def match_whole(client: Client, file: Path, settings: Settings, *, as_json: bool, as_cue: bool) -> bool:
    """Say which recordings a file contains, and tell whether there are any.

    The file is decoded here, and only its constellation is sent: half a megabyte for an hour.

    Raises
    ------
    AudioError : the file is no audio, or too long
    RequestFailed, OSError
    """
    from daemon.local_sound import constellation_of

    constellation = await constellation_of(file, settings, err)
    with err.status("matching"):
        found = await client.match_whole(constellation)
    if as_json:
        print_json(found)
    elif as_cue and found["contents"]:
        _print_cue(file, found)
    elif found["contents"]:
        _print_contents(found)
        out.print(escape(f"{found['outcome'].capitalize()}: {found['reason']}."))
    else:
        await _say_unknown(err if as_cue else out, client, "no recording of the library is in this file.")
    return bool(found["contents"])


async def _say_unknown(console: Console, client: Client, why: str) -> None:
    if (await client.get("/status"))["recordings"]["total"]:
        console.print(f"Not known: {why}")
    else:
        console.print("Not known: the library is empty. Fill it by spectra serve --music, or spectra add.")


def _print_cue(file: Path, found: dict[str, Any]) -> None:
    tracks = tracks_of(found)
    if len(tracks) > MOST_TRACKS:
        err.print(f"a CUE sheet holds {MOST_TRACKS} tracks, the file has {len(tracks)}: the rest is left out")
    typer.echo(cue_sheet(file, tracks), nl=False)


def _print_contents(found: dict[str, Any]) -> None:
    """Print a line for each passage, in the file's order, alternatives behind what they might replace."""
    table = Table("from", "to", "name", "artist", "at", "speed", "relation", box=None, pad_edge=False)
    lines = [(passage, each) for each in found["contents"] for passage in each["passages"]]

    def place(line: tuple[dict[str, Any], dict[str, Any]]) -> tuple[int, bool]:
        return round(line[0]["file_begin_s"]), line[1]["alternative_to"] is not None

    for passage, each in sorted(lines, key=place):
        table.add_row(
            _clock(passage["file_begin_s"]),
            _clock(passage["file_end_s"]),
            escape(each["song_name"]),
            escape(each["artist"] or ""),
            _clock(passage["begin_s"]),
            f"{passage['speed']:.1%}",
            each["relation"] + (" (or this)" if each["alternative_to"] is not None else ""),
        )
    print_table(table)


def _clock(offset_s: float) -> str:
    minutes, seconds = divmod(round(offset_s), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"
