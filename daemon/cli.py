"""The command line: `spectra`."""

from importlib.metadata import version
from typing import Annotated

import typer

from daemon.commands_backup import backup, restore
from daemon.commands_daemon import doctor, serve, show_config
from daemon.commands_library import add, audit, reindex, status
from daemon.commands_listen import listen
from daemon.commands_match import explain, match
from daemon.commands_playlists import playlists, sync
from daemon.commands_plugins import plugins
from daemon.commands_tags import history, name, review, undo
from daemon.commands_token import token

cli = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="Spectra knows what every piece of music in the house is.\n\n"
    "Commands ask the running daemon through its socket in the state folder; where none runs, they open the "
    "state themselves. Exit codes: 0 done, 1 nothing found or not all well, 2 failed.",
)
for command in (
    *(serve, add, match, listen, explain, history, undo, review, name),
    *(audit, playlists, sync, plugins, status, doctor, reindex, backup, restore),
):
    cli.command()(command)
cli.command("config")(show_config)
cli.command()(token)


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
