"""What every command does: load the configuration, run, and end with an exit code and a sentence.

What takes long to import is imported where it is used, here and in the commands: `spectra --help` shall not
wait for it.
"""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from daemon.cli_output import err
from daemon.client import Client, open_client
from daemon.progress import Amount, show_progress
from engine.errors import SpectraError

if TYPE_CHECKING:
    from daemon.config import Config

NOTHING_FOUND = 1
TROUBLE = 1
FAILED = 2

ConfigFile = Annotated[
    Path | None,
    typer.Option("--config", help="TOML file of options (see config/spectra.toml).", dir_okay=False),
]
AsJson = Annotated[bool, typer.Option("--json", help="Answer in JSON, for programs.")]


def load(path: Path | None, overrides: Mapping[str, object] | None = None) -> "Config":
    """Return the configuration, or say what is wrong with it and exit."""
    from daemon.config import load_config

    try:
        return load_config(path, overrides=overrides)
    except SpectraError as error:
        raise failure(error) from error


def run(work: Coroutine[Any, Any, None]) -> None:
    """Do the work; what goes wrong becomes a sentence and an exit code."""
    from aiohttp import ClientError
    from psycopg import Error

    try:
        asyncio.run(work)
    except (SpectraError, OSError, ClientError, Error) as error:
        raise failure(error) from error


def run_with_client(config: "Config", work: Callable[[Client], Coroutine[Any, Any, int]]) -> None:
    """Do the work with a client, and exit with the code it returns."""
    codes: list[int] = []

    async def connected() -> None:
        async with open_client(config) as client:
            codes.append(await work(client))

    run(connected())
    raise typer.Exit(codes[0])


async def until_indexed(client: Client) -> None:
    """Show the progress until the index has what the database has."""
    total = int((await client.get("/status"))["index"]["to_build"])

    async def ask() -> Amount:
        left = int((await client.get("/status"))["index"]["to_build"])
        return Amount(total=max(total, left), left=left)

    await show_progress("indexing", ask, err)


def failure(error: Exception) -> typer.Exit:
    """Say what went wrong, and return what to raise."""
    err.print(f"[red]spectra:[/red] {escape(str(error))}")
    return typer.Exit(FAILED)
