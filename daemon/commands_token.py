"""The command about tokens."""

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from daemon.cli_output import err, out, print_json, print_table
from daemon.cli_run import AsJson, ConfigFile, failure, load
from daemon.scopes import MEANINGS, WORDS, Scope
from daemon.state_folder import prepare_state_folder
from daemon.token_file import load_or_create_token, rotate_token
from daemon.tokens import add_token, read_tokens, remove_token
from engine.errors import SpectraError

_ACTIONS = ("show", "list", "add", "remove", "rotate")
_ADDED = (
    "This is the only time that it is shown. It counts from now on, and the program sends it as the header "
    "'Authorization: Bearer TOKEN'."
)
_ROTATED = (
    "The former token counts no longer, and every browser has to sign in again. Give the new one to what had "
    "the former: programs that send it themselves, Navidrome's plugin (its setting `token`), Jellyfin's "
    "Webhook plugin (its header `Authorization`). Tokens with names stay as they are."
)


def token(
    action: Annotated[str, typer.Argument(help="show, list, add, remove or rotate.")] = "show",
    name: Annotated[
        str | None, typer.Argument(help="Which token, for add and remove.", show_default=False)
    ] = None,
    scope: Annotated[
        str | None,
        typer.Option(
            help="What a new token opens: "
            + "; ".join(f"{each.word}: {meaning}" for each, meaning in MEANINGS.items())
            + ".",
            show_default=False,
        ),
    ] = None,
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """Show the owner's token, which opens everything; give programs tokens of their own, and end them.

    What is changed counts at once, also in a running daemon.

    Example: spectra token add jellyfin --scope match
    """
    if action not in _ACTIONS:
        raise typer.BadParameter(f"choose one of {', '.join(_ACTIONS)}")
    if (action in {"add", "remove"}) != (name is not None):
        raise typer.BadParameter(f"say spectra token {action}" + ("" if name else " NAME"))
    if (scope in WORDS) != (action == "add") or (scope and action != "add"):
        raise typer.BadParameter(f"a new token needs --scope {' | '.join(WORDS)}, and nothing else takes one")
    state_dir = load(config).state_dir
    try:
        prepare_state_folder(state_dir)
        match action, name, scope:
            case "add", str(), str():
                _show(add_token(state_dir, name, Scope[scope.upper()]), _ADDED)
            case "remove", str(), _:
                remove_token(state_dir, name)
                err.print(f"The token {escape(name)} counts no longer.")
            case "rotate", _, _:
                _show(rotate_token(state_dir), _ROTATED)
            case "list", _, _:
                _list(state_dir, as_json=as_json)
            case _:
                typer.echo(load_or_create_token(state_dir))
    except (SpectraError, OSError) as error:
        raise failure(error) from error


def _show(new: str, advice: str) -> None:
    """Print a token alone to stdout, for scripts, and to the person what it is for."""
    typer.echo(new)
    err.print(escape(advice))


def _list(state_dir: Path, *, as_json: bool) -> None:
    tokens = read_tokens(state_dir)
    if as_json:
        print_json(
            [
                {"name": each.name, "scope": each.scope.word, "created": each.created.isoformat()}
                for each in tokens
            ]
        )
    elif not tokens:
        out.print("There is only the owner's token: spectra token add NAME --scope read | match | write")
    else:
        table = Table("token", "scope", "opens", "since", box=None, pad_edge=False)
        for each in tokens:
            since = f"{each.created.astimezone():%Y-%m-%d %H:%M}"
            table.add_row(escape(each.name), each.scope.word, MEANINGS[each.scope], since)
        print_table(table)
