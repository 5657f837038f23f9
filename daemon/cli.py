"""The command line: `spectra`."""

import asyncio
import os
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

import aiohttp
import psycopg
import typer
from aiohttp import web
from rich.markup import escape
from rich.table import Table

from daemon.app import serve as serve_daemon
from daemon.cli_changes import selected, show_history, undo_changes
from daemon.cli_explain import explain_clip
from daemon.cli_match import match_clip, match_whole
from daemon.cli_output import (
    blamed,
    counted,
    err,
    out,
    print_json,
    print_status,
    print_table,
    print_troubles,
    set_up_logging,
)
from daemon.cli_review import decide, decision, name_file
from daemon.client import Client, open_client
from daemon.config import Config, describe, load_config
from daemon.first_scan import show_first_scan
from daemon.keys import SERVICES
from daemon.progress import Amount, show_progress
from daemon.services import engine_settings
from daemon.state_folder import prepare_state_folder
from daemon.token_file import load_or_create_token
from engine.errors import SpectraError

NOTHING_FOUND = 1
TROUBLE = 1
FAILED = 2

cli = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="Spectra knows what every piece of music in the house is.\n\n"
    "Commands ask the running daemon through its socket in the state folder; where none runs, they open the "
    "state themselves. Exit codes: 0 done, 1 nothing found or not all well, 2 failed.",
)

ConfigFile = Annotated[
    Path | None,
    typer.Option("--config", help="TOML file of options (see config/spectra.toml).", dir_okay=False),
]
AsJson = Annotated[bool, typer.Option("--json", help="Answer in JSON, for programs.")]


@cli.command()
def serve(
    music: Annotated[
        list[Path] | None, typer.Option(help="Music folder to watch; may be given several times.")
    ] = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="TCP port.")] = None,
    config: ConfigFile = None,
) -> None:
    """Run the daemon: watch the music, fingerprint it, answer. Ctrl-C or SIGTERM ends it.

    Example: spectra serve --music ~/Music
    """
    overrides = {
        "library.roots": [str(folder.absolute()) for folder in music] if music else None,
        "server.host": host,
        "server.port": port,
    }
    loaded = _load(config, overrides)
    for root in loaded.library.roots:
        if not root.is_dir():
            err.print(f"[yellow]{escape(str(root))} is not there (yet): it counts as offline until it is.")
    set_up_logging(loaded, quiet=False)
    background: set[asyncio.Task[None]] = set()

    def on_ready(addresses: list[str], app: web.Application) -> None:
        out.print(f"Spectra listens on {' and '.join(addresses)}")
        background.add(asyncio.create_task(show_first_scan(app[SERVICES])))

    _run(serve_daemon(loaded, on_ready))


@cli.command()
def add(
    paths: Annotated[list[Path], typer.Argument(help="Files or folders.", show_default=False)],
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """Fingerprint files or folders now, inside a watched folder or elsewhere.

    Exit code 1 if there is no audio file, or one could not be read or fingerprinted.

    Example: spectra add ~/Downloads/album
    """
    loaded = _load(config)
    set_up_logging(loaded, quiet=True)
    absolute = [os.path.abspath(path) for path in paths]  # noqa: PTH100 - keeps a link's own name

    async def work(client: Client) -> int:
        looked = await client.post("/add", {"paths": absolute})

        async def ask() -> Amount:
            libraries = (await client.get("/status"))["libraries"]
            theirs = [each for each in libraries if each["root"] in looked["libraries"]]
            return Amount(
                total=sum(each["present"] for each in theirs), left=sum(each["pending"] for each in theirs)
            )

        await show_progress("fingerprinting", ask, err)
        failed = (await client.post("/add", {"paths": absolute}))["failed"]
        if as_json:
            print_json(looked | {"failed": failed})
        else:
            found = counted(looked["found"], "audio file")
            out.print(f"{found}, {looked['new']} new, {looked['changed']} changed, {len(failed)} failed")
            for problem in looked["problems"] + failed:
                err.print(escape(blamed(problem)))
            if not looked["found"] and not looked["problems"]:
                err.print("there is no file with an audio file's name")
        return TROUBLE if failed or looked["problems"] or not looked["found"] else 0

    _run_with_client(loaded, work)


@cli.command()
def match(
    file: Annotated[
        Path, typer.Argument(help="A clip or a whole file, in any audio format.", exists=True, dir_okay=False)
    ],
    everything: Annotated[
        bool, typer.Option("--all", help="List every recording that a long file contains, with times.")
    ] = False,
    as_cue: Annotated[
        bool, typer.Option("--cue", help="The same as a CUE sheet, for players and CD writers.")
    ] = False,
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """Say what a clip is: which recording, how sure that is, and where in it the clip begins.

    Exit code 1 if it is not known, 2 if it is no audio.

    Example: spectra match clip.mp3

    Example: spectra match --cue mix.flac > mix.cue
    """
    loaded = _load(config)
    set_up_logging(loaded, quiet=True)
    if as_cue and as_json:
        raise typer.BadParameter("choose one of --cue and --json")

    async def work(client: Client) -> int:
        if client.is_own:  # what is not indexed yet would be "not known"
            await _until_indexed(client)
        if everything or as_cue:
            settings = engine_settings(loaded)
            is_known = await match_whole(client, file, settings, as_json=as_json, as_cue=as_cue)
        else:
            is_known = await match_clip(client, file, as_json=as_json)
        return 0 if is_known else NOTHING_FOUND

    _run_with_client(loaded, work)


@cli.command()
def explain(
    file: Annotated[
        Path, typer.Argument(help="A clip or a whole file, in any audio format.", exists=True, dir_okay=False)
    ],
    output: Annotated[
        Path | None, typer.Option(help="The picture's file.", show_default="<clip>-explained.png")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace that file if it is there.")] = False,
    config: ConfigFile = None,
) -> None:
    """Draw why a clip is known, or is not: spectrogram, peaks in both, where they line up. Writes a PNG.

    Exit code 1 if it is not known, 2 if it is no audio.

    Example: spectra explain clip.mp3 --output why.png
    """
    loaded = _load(config)
    set_up_logging(loaded, quiet=True)

    async def work(client: Client) -> int:
        if client.is_own:  # what is not indexed yet would be "not known"
            await _until_indexed(client)
        return 0 if await explain_clip(client, file, output, force=force) else NOTHING_FOUND

    _run_with_client(loaded, work)


@cli.command()
def history(
    file: Annotated[Path, typer.Argument(help="A file of the library.", show_default=False)],
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """Show what Spectra wrote to a file, and why. Exit code 1 if it wrote nothing.

    Example: spectra history ~/Music/one.mp3
    """
    loaded = _load(config)
    set_up_logging(loaded, quiet=True)

    async def work(client: Client) -> int:
        return 0 if await show_history(client, file, as_json=as_json) else NOTHING_FOUND

    _run_with_client(loaded, work)


@cli.command()
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
    loaded = _load(config)
    set_up_logging(loaded, quiet=True)

    async def work(client: Client) -> int:
        is_done = await undo_changes(client, selection, force=force, is_sure=is_sure, as_json=as_json)
        return 0 if is_done else TROUBLE

    _run_with_client(loaded, work)


@cli.command()
def review(
    *,
    action: Annotated[str | None, typer.Argument(help="list, accept or reject.", show_default="list")] = None,
    files: Annotated[
        list[int] | None, typer.Argument(help="Numbers of files, as listed.", show_default=False)
    ] = None,
    is_all: Annotated[bool, typer.Option("--all", help="Accept everything that is identified.")] = False,
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

    Exit code 1 if nothing waits, or something could not be done.

    Example: spectra review accept --all --above 0.95
    """
    decided = decision(action, files, is_all=is_all, above=above, candidate=candidate)
    loaded = _load(config)
    set_up_logging(loaded, quiet=True)

    async def work(client: Client) -> int:
        return 0 if await decide(client, decided, as_json=as_json) else TROUBLE

    _run_with_client(loaded, work)


@cli.command()
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
    loaded = _load(config)
    set_up_logging(loaded, quiet=True)

    async def work(client: Client) -> int:
        return 0 if await name_file(client, file, fields, as_json=as_json) else NOTHING_FOUND

    _run_with_client(loaded, work)


@cli.command()
def status(
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """Show what is known, what is waiting, and what failed. Exit code 1 if not all is well.

    Example: spectra status
    """
    loaded = _load(config)
    set_up_logging(loaded, quiet=True)

    async def work(client: Client) -> int:
        health = await client.get("/health")
        # Without its database the daemon has nothing to tell but that.
        current = await client.get("/status") if health["checks"]["database"]["status"] == "ok" else {}
        if as_json:
            print_json(current | {"health": health})
        else:
            if current:
                print_status(current)
            print_troubles(health)
        return 0 if health["status"] == "ok" else TROUBLE

    _run_with_client(loaded, work)


@cli.command()
def reindex(
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """Build the index anew from the database; no audio is read. Look-ups go on and see it grow.

    Example: spectra reindex
    """
    loaded = _load(config)
    set_up_logging(loaded, quiet=True)

    async def work(client: Client) -> int:
        await client.post("/reindex")
        await _until_indexed(client)
        index = (await client.get("/status"))["index"]
        if as_json:
            print_json(index)
        else:
            out.print(f"{counted(index['recordings'], 'recording')}, {index['postings']} postings")
        return 0

    _run_with_client(loaded, work)


@cli.command("config")
def show_config(
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """Show every option as it is in force, and where its value comes from. Secrets are masked.

    Example: spectra config --config spectra.toml
    """
    options = describe(_load(config))
    if as_json:
        print_json([asdict(option) for option in options])
        return
    table = Table("option", "value", "from", "meaning", box=None, pad_edge=False)
    for option in options:
        table.add_row(option.path, escape(option.value), escape(option.source), escape(option.description))
    print_table(table)


@cli.command()
def token(config: ConfigFile = None) -> None:
    """Show the token that programs on other machines must send.

    Example: curl -H "Authorization: Bearer $(spectra token)" http://spectra.home:8765/status
    """
    loaded = _load(config)
    try:
        prepare_state_folder(loaded.state_dir)
        typer.echo(load_or_create_token(loaded.state_dir))
    except (SpectraError, OSError) as error:
        raise _failure(error) from error


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(version("spectra"))
        raise typer.Exit


@cli.callback()
def _common(
    _: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None: ...


def main() -> None:
    """Run the command line."""
    cli()


def _load(path: Path | None, overrides: Mapping[str, object] | None = None) -> Config:
    try:
        return load_config(path, overrides=overrides)
    except SpectraError as error:
        raise _failure(error) from error


def _run(work: Coroutine[Any, Any, None]) -> None:
    try:
        asyncio.run(work)
    except (SpectraError, OSError, aiohttp.ClientError, psycopg.Error) as error:
        raise _failure(error) from error


def _run_with_client(config: Config, work: Callable[[Client], Coroutine[Any, Any, int]]) -> None:
    """Do the work with a client, and exit with the code it returns."""
    codes: list[int] = []

    async def connected() -> None:
        async with open_client(config) as client:
            codes.append(await work(client))

    _run(connected())
    raise typer.Exit(codes[0])


async def _until_indexed(client: Client) -> None:
    """Show the progress until the index has what the database has."""
    total = int((await client.get("/status"))["index"]["to_build"])

    async def ask() -> Amount:
        left = int((await client.get("/status"))["index"]["to_build"])
        return Amount(total=max(total, left), left=left)

    await show_progress("indexing", ask, err)


def _failure(error: Exception) -> typer.Exit:
    err.print(f"[red]spectra:[/red] {escape(str(error))}")
    return typer.Exit(FAILED)
