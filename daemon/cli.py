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
from daemon.cli_output import (
    blamed,
    counted,
    err,
    out,
    print_json,
    print_matches,
    print_status,
    print_table,
    print_troubles,
    set_up_logging,
)
from daemon.client import Client, open_client
from daemon.config import Config, describe, load_config
from daemon.first_scan import show_first_scan
from daemon.keys import SERVICES
from daemon.progress import Amount, show_progress
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
    """Fingerprint files or folders now, inside a watched folder or elsewhere. Files are only read.

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
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """Say what a clip is: which recording, how sure that is, and where in it the clip begins.

    Exit code 1 if it is not known, 2 if it is no audio.

    Example: spectra match clip.mp3
    """
    loaded = _load(config)
    set_up_logging(loaded, quiet=True)

    async def work(client: Client) -> int:
        if client.is_own:  # what is not indexed yet would be "not known"
            await _until_indexed(client)
        with err.status("listening"):
            results = await client.match(file)
        if as_json:
            print_json(results)
        elif results:
            print_matches(results)
        elif (await client.get("/status"))["recordings"]["total"]:
            out.print("Not known: nothing in the library explains this clip.")
        else:
            out.print("Not known: the library is empty. Fill it by spectra serve --music, or spectra add.")
        return 0 if results else NOTHING_FOUND

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
