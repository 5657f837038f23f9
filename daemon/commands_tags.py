"""Commands about tags: what was written, what waits for a person."""

from pathlib import Path
from typing import Annotated

import typer

from daemon.cli_changes import selected, show_history, undo_changes
from daemon.cli_output import set_up_logging
from daemon.cli_review import decide, decision, name_file
from daemon.cli_run import NOTHING_FOUND, TROUBLE, AsJson, ConfigFile, load, run_with_client
from daemon.client import Client


def history(
    file: Annotated[Path, typer.Argument(help="A file of the library.", show_default=False)],
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """Show what Spectra wrote to a file, and why. Exit code 1 if it wrote nothing.

    Example: spectra history ~/Music/one.mp3
    """
    loaded = load(config)
    set_up_logging(loaded, quiet=True)

    async def work(client: Client) -> int:
        return 0 if await show_history(client, file, as_json=as_json) else NOTHING_FOUND

    run_with_client(loaded, work)


def undo(
    *,
    change: Annotated[int | None, typer.Argument(help="The change's number.", show_default=False)] = None,
    file: Annotated[Path | None, typer.Option(help="Undo all that was written to this file.")] = None,
    since: Annotated[
        str | None, typer.Option(help="Undo all that was written since then: 2h, 3d, 2026-01-31.")
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Restore the tags of files that somebody edited since, too.")
    ] = False,
    is_sure: Annotated[bool, typer.Option("--yes", help="Don't ask before undoing more than one.")] = False,
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """Give files back the bytes they had before Spectra wrote to them, latest change first.

    What is undone is never proposed again. Exit code 1 if something can't be undone, or nothing was there.

    Example: spectra undo --since 2h
    """
    selection = selected(change, file, since)
    loaded = load(config)
    set_up_logging(loaded, quiet=True)

    async def work(client: Client) -> int:
        is_done = await undo_changes(client, selection, force=force, is_sure=is_sure, as_json=as_json)
        return 0 if is_done else TROUBLE

    run_with_client(loaded, work)


def review(
    *,
    action: Annotated[
        str | None,
        typer.Argument(help="list, accept, reject, reconsider, doubtful or undo.", show_default="list"),
    ] = None,
    files: Annotated[
        list[int] | None, typer.Argument(help="Numbers of files, as listed.", show_default=False)
    ] = None,
    is_all: Annotated[
        bool, typer.Option("--all", help="Accept everything that is identified, or undo everything doubtful.")
    ] = False,
    above: Annotated[
        float, typer.Option(help="With --all: only what is at least so sure.", min=0, max=1)
    ] = 0.0,
    candidate: Annotated[
        int | None, typer.Option(help="Which of a file's candidates.", show_default=False)
    ] = None,
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """Show what waits for you, accept it (the tags are written) or reject it (never proposed again).

    `reconsider` takes back all that was rejected for a file. Exit code 1 if nothing waits, or something could
    not be done.

    Example: spectra review accept --all --above 0.95
    """
    decided = decision(action, files, is_all=is_all, above=above, candidate=candidate)
    loaded = load(config)
    set_up_logging(loaded, quiet=True)

    async def work(client: Client) -> int:
        return 0 if await decide(client, decided, as_json=as_json) else TROUBLE

    run_with_client(loaded, work)


def name(
    *,
    file: Annotated[str, typer.Argument(help="A file of the library, or its number.", show_default=False)],
    title: Annotated[str, typer.Option(help="The track's title.")],
    artist: Annotated[str, typer.Option(help="Who plays it.")],
    album: Annotated[str | None, typer.Option(help="The album's title.")] = None,
    album_artist: Annotated[str | None, typer.Option(help="Whose album it is.")] = None,
    track: Annotated[int | None, typer.Option(help="Number on the album.", min=1)] = None,
    date: Annotated[str | None, typer.Option(help="YYYY, YYYY-MM or YYYY-MM-DD.")] = None,
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """Name a file by hand: its tags are written, and its copies are named after it.

    Example: spectra name ~/Music/track01.mp3 --title "So What" --artist "Miles Davis"
    """
    fields: dict[str, object] = {
        "title": title,
        "artist": artist,
        "album": album,
        "album_artist": album_artist,
        "track": track,
        "date": date,
    }
    loaded = load(config)
    set_up_logging(loaded, quiet=True)

    async def work(client: Client) -> int:
        return 0 if await name_file(client, file, fields, as_json=as_json) else NOTHING_FOUND

    run_with_client(loaded, work)
