"""Commands about media servers."""

from typing import Annotated

import typer

from daemon.cli_output import set_up_logging
from daemon.cli_plugins import show_plugins, sync_plugin, test_plugin
from daemon.cli_run import TROUBLE, AsJson, ConfigFile, load, run_with_client
from daemon.client import Client


def plugins(
    action: Annotated[str, typer.Argument(help="list, test or sync.")] = "list",
    name: Annotated[
        str | None, typer.Argument(help="Which plugin, for test and sync.", show_default=False)
    ] = None,
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """Show which media servers are connected; test one; have one asked for what has no name.

    Exit code 1 if one is not well, or fails its test.

    Example: spectra plugins test navidrome
    """
    if action not in {"list", "test", "sync"}:
        raise typer.BadParameter("choose one of list, test and sync")
    if action != "list" and name is None:
        raise typer.BadParameter(f"say which: spectra plugins {action} NAME")
    loaded = load(config)
    set_up_logging(loaded, quiet=True)

    async def work(client: Client) -> int:
        if name is None or action == "list":
            return 0 if await show_plugins(client, as_json=as_json) else TROUBLE
        if action == "test":
            return 0 if await test_plugin(client, name, as_json=as_json) else TROUBLE
        await sync_plugin(client, name)
        return 0

    run_with_client(loaded, work)
