"""Commands about playlists."""

from typing import Annotated

import typer

from daemon.cli_output import set_up_logging
from daemon.cli_playlists import add_playlist, remove_playlist, show_playlists
from daemon.cli_playlists import sync as sync_lists
from daemon.cli_run import TROUBLE, AsJson, ConfigFile, load, run_with_client, until_indexed
from daemon.client import Client

_LARGEST_ID = 2**63 - 1


def playlists(
    action: Annotated[str, typer.Argument(help="list, add or remove.")] = "list",
    which: Annotated[
        str | None,
        typer.Argument(help="Its address, for add; its number, for remove.", show_default=False),
    ] = None,
    *,
    every: Annotated[
        str, typer.Option(help='How often it is read: "30m", "6h", "1d", or "never" by itself.')
    ] = "6h",
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """Show the playlists whose tracks become references; add one; remove one (its references stay).

    Example: spectra playlists add "https://music.youtube.com/playlist?list=PL..."
    """
    if action not in {"list", "add", "remove"}:
        raise typer.BadParameter("choose one of list, add and remove")
    if action != "list" and which is None:
        raise typer.BadParameter(
            f"say which: spectra playlists {action} {'URL' if action == 'add' else 'NUMBER'}"
        )
    if action == "remove" and not _is_number(which or ""):
        raise typer.BadParameter("say its number, as `spectra playlists` shows it")
    loaded = load(config)
    set_up_logging(loaded, quiet=True)

    async def work(client: Client) -> int:
        if which is None or action == "list":
            await show_playlists(client, as_json=as_json)
        elif action == "add":
            await add_playlist(client, which, None if every == "never" else every, as_json=as_json)
        else:
            await remove_playlist(client, int(which))
        return 0

    run_with_client(loaded, work)


def sync(
    url: Annotated[
        str | None,
        typer.Argument(
            help="A playlist, album, artist or track; all playlists if not given.", show_default=False
        ),
    ] = None,
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """Read a playlist now, or all, and make references of what is new. A new address is added, and read once.

    Ctrl-C stops waiting; a running daemon goes on. Exit code 1 if a list could not be read whole, a track
    failed, nothing at all came, or YouTube refuses for now.

    Example: spectra sync "https://music.youtube.com/playlist?list=PL..."
    """
    loaded = load(config)
    set_up_logging(loaded, quiet=True)

    async def work(client: Client) -> int:
        is_well = await sync_lists(client, url, as_json=as_json)
        if client.is_own:
            await until_indexed(client)
        return 0 if is_well else TROUBLE

    run_with_client(loaded, work)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < 20 and int(text) <= _LARGEST_ID
