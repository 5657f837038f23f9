"""The command line: `spectra`."""

import asyncio
import json
import logging
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
from rich.console import Console
from rich.logging import RichHandler
from rich.markup import escape
from rich.table import Table

from daemon.app import serve as serve_daemon
from daemon.client import Client, open_client
from daemon.config import Config, describe, load_config
from daemon.keys import SERVICES
from daemon.progress import Amount, show_progress
from daemon.services import Services
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
out = Console(soft_wrap=True)
err = Console(stderr=True, soft_wrap=True)

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
    _set_up_logging(loaded, quiet=False)
    background: set[asyncio.Task[None]] = set()

    def on_ready(addresses: list[str], app: web.Application) -> None:
        out.print(f"Spectra listens on {' and '.join(addresses)}")
        background.add(asyncio.create_task(_show_first_scan(app[SERVICES])))

    _run(serve_daemon(loaded, on_ready))


@cli.command()
def add(
    paths: Annotated[list[Path], typer.Argument(help="Files or folders.", show_default=False)],
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """Fingerprint files or folders now, inside a watched folder or elsewhere. Files are only read.

    Exit code 1 if something could not be read or fingerprinted.

    Example: spectra add ~/Downloads/album
    """
    loaded = _load(config)
    _set_up_logging(loaded, quiet=True)
    absolute = [os.path.abspath(path) for path in paths]  # noqa: PTH100 - keeps a link's own name

    async def work(client: Client) -> int:
        before = await _failed_count(client)
        looked = await client.post("/add", {"paths": absolute})

        async def ask() -> Amount:
            libraries = (await client.get("/status"))["libraries"]
            pending = sum(each["pending"] for each in libraries)
            return Amount(total=max(looked["new"] + looked["changed"], pending), left=pending)

        await show_progress("fingerprinting", ask, err)
        failed = await _failed_count(client) - before
        if as_json:
            _print_json(looked | {"failed": failed})
        else:
            out.print(f"{looked['found']} files, {looked['new']} new, {looked['changed']} changed")
            for problem in looked["problems"]:
                err.print(escape(f"{problem['path']}: {problem['error']}"))
            if failed:
                err.print(f"{failed} could not be fingerprinted: spectra status tells why")
        return TROUBLE if failed or looked["problems"] else 0

    _run_with_client(loaded, work)


@cli.command()
def match(
    file: Annotated[
        Path, typer.Argument(help="A clip or a whole file, in any audio format.", exists=True, dir_okay=False)
    ],
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """Say what a clip is. Exit code 1 if it is not known.

    Example: spectra match clip.mp3
    """
    loaded = _load(config)
    _set_up_logging(loaded, quiet=True)

    async def work(client: Client) -> int:
        with err.status("listening"):
            results = await client.match(file)
        if as_json:
            _print_json(results)
        elif results:
            _print_matches(results)
        else:
            out.print("Not known: nothing in the library explains this clip.")
        return 0 if results else NOTHING_FOUND

    _run_with_client(loaded, work)


@cli.command()
def status(
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """Show what is known, what is waiting, and what failed. Exit code 1 if not all is well."""
    loaded = _load(config)
    _set_up_logging(loaded, quiet=True)

    async def work(client: Client) -> int:
        current = await client.get("/status")
        health = await client.get("/health")
        if as_json:
            _print_json(current | {"health": health})
        else:
            _print_status(current, health)
        return 0 if health["status"] == "ok" else TROUBLE

    _run_with_client(loaded, work)


@cli.command()
def reindex(
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """Build the index anew from the database; no audio is read. Look-ups go on and see it grow."""
    loaded = _load(config)
    _set_up_logging(loaded, quiet=True)

    async def work(client: Client) -> int:
        total = int((await client.post("/reindex"))["to_build"])

        async def ask() -> Amount:
            index = (await client.get("/status"))["index"]
            return Amount(total=max(total, index["to_build"]), left=index["to_build"])

        await show_progress("indexing", ask, err)
        index = (await client.get("/status"))["index"]
        if as_json:
            _print_json(index)
        else:
            out.print(f"{index['recordings']} recordings, {index['postings']} postings")
        return 0

    _run_with_client(loaded, work)


@cli.command("config")
def show_config(
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """Show every option as it is in force, and where its value comes from."""
    options = describe(_load(config))
    if as_json:
        _print_json([asdict(option) for option in options])
        return
    table = Table("option", "value", "from", "meaning", box=None, pad_edge=False)
    for option in options:
        table.add_row(option.path, escape(option.value), escape(option.source), escape(option.description))
    out.print(table)


@cli.command()
def token(config: ConfigFile = None) -> None:
    """Show the token that peers on other machines must send (Authorization: Bearer ...)."""
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
    except (SpectraError, OSError, aiohttp.ClientError) as error:
        raise _failure(error) from error


def _run_with_client(config: Config, work: Callable[[Client], Coroutine[Any, Any, int]]) -> None:
    """Do the work with a client, and exit with the code it returns."""
    codes: list[int] = []

    async def connected() -> None:
        async with open_client(config) as client:
            codes.append(await work(client))

    _run(connected())
    raise typer.Exit(codes[0])


def _failure(error: Exception) -> typer.Exit:
    err.print(f"[red]spectra:[/red] {escape(str(error))}")
    return typer.Exit(FAILED)


def _set_up_logging(config: Config, *, quiet: bool) -> None:
    """Log to stderr; a command other than `serve` says only what went wrong."""
    level = logging.WARNING if quiet else logging.getLevelName(config.logging.level.upper())
    if err.is_terminal:
        handlers: list[logging.Handler] = [RichHandler(console=err, show_path=False)]
    else:
        handlers = [logging.StreamHandler()]
    pattern = "%(message)s" if err.is_terminal else "%(levelname)s %(name)s: %(message)s"
    logging.basicConfig(level=level, format=pattern, handlers=handlers)
    for noisy in ("procrastinate", "apscheduler"):
        logging.getLogger(noisy).setLevel(max(level, logging.WARNING))


async def _show_first_scan(services: Services) -> None:
    """Show how far the first look through the music is, then what it found."""

    async def ask() -> Amount:
        libraries = [each for each in await services.store.libraries() if each.watched]
        counts = (await services.store.file_counts()).values()
        pending = sum(each.pending for each in counts)
        has_looked = all(services.library.last_look(each.library_id) is not None for each in libraries)
        return Amount(sum(each.present for each in counts), pending, is_final=has_looked)

    try:
        await show_progress("fingerprinting", ask, err)
        await services.index.caught_up()
        counts = (await services.store.file_counts()).values()
        known = await services.store.recording_counts()
    except psycopg.Error:  # the log says what is wrong with the database
        return
    failed = sum(each.failed for each in counts)
    out.print(
        f"{known.recordings} recordings from {sum(each.indexed for each in counts)} files can be matched, "
        f"{known.references} of them with trusted tags"
        + (f"; {failed} files could not be fingerprinted (spectra status)" if failed else "")
    )


async def _failed_count(client: Client) -> int:
    return sum(each["failed"] for each in (await client.get("/status"))["libraries"])


def _print_matches(results: list[dict[str, Any]]) -> None:
    table = Table("name", "artist", "album", "sure", "at", "landmarks", box=None, pad_edge=False)
    for result in results:
        table.add_row(
            escape(result["song_name"]),
            escape(result["artist"] or ""),
            escape(result["album"] or ""),
            f"{result['confidence']:.1%}",
            _clock(result["offset_s"]),
            str(result["votes"]),
        )
    out.print(table)


def _print_status(current: dict[str, Any], health: dict[str, Any]) -> None:
    known = current["recordings"]
    out.print(
        f"{known['total']} recordings ({known['hours']:.1f} hours), {known['references']} with trusted tags; "
        f"{current['index']['recordings']} indexed"
    )
    for library in current["libraries"]:
        reason = f" ({library['reason']})" if library["reason"] else ""
        out.print(
            escape(
                f"{library['root']}: {library['state']}{reason}; "
                f"{library['indexed']} of {library['present']} files indexed, {library['pending']} pending, {library['failed']} failed, "
                f"{library['missing']} missing"
            )
        )
    for failed in current["failed"]:
        out.print(escape(f"  {failed['path']}: {failed['error']}"))
    for name, check in health["checks"].items():
        if check["status"] != "ok":
            out.print(f"[red]{name}[/red]: {escape(check['detail'])}")


def _print_json(value: object) -> None:
    typer.echo(json.dumps(value, indent=2))


def _clock(offset_s: float) -> str:
    minutes, seconds = divmod(max(0.0, offset_s), 60)
    return f"{minutes:.0f}:{seconds:04.1f}"
