"""`spectra plugins`: which media servers are connected, and why one is not."""

from typing import Any
from urllib.parse import quote

from rich.markup import escape
from rich.table import Table

from daemon.cli_output import counted, err, out, print_json, print_table
from daemon.client import Client

_HOW_TO_ADD = (
    "No plugin is configured. A section like [plugins.navidrome] or [plugins.jellyfin] in the configuration "
    "turns one on; the README has a page for each."
)


async def show_plugins(client: Client, *, as_json: bool) -> bool:
    """Print how each plugin is; tell whether all are well. Raises RequestFailed."""
    plugins = (await client.get("/plugins"))["plugins"]
    if as_json:
        print_json(plugins)
    elif not plugins:
        out.print(escape(_HOW_TO_ADD))
    else:
        table = Table("plugin", "is", "", box=None, pad_edge=False)
        for plugin in plugins:
            table.add_row(escape(plugin["name"]), plugin["state"], escape(_described(plugin)))
        print_table(table)
    return all(plugin["state"] == "on" and plugin["refusal"] is None for plugin in plugins)


async def test_plugin(client: Client, name: str, *, as_json: bool) -> bool:
    """Print what works of a plugin and what doesn't; tell whether all does. Raises RequestFailed."""
    with err.status(f"asking {escape(name)}"):
        tested = await client.post(f"/plugins/{quote(name, safe='')}/test")
    if as_json:
        print_json(tested)
    else:
        for check in tested["checks"]:
            mark = "[green]ok[/green]" if check["is_ok"] else "[red]no[/red]"
            out.print(f"{mark}  {escape(check['subject'])}: {escape(check['sentence'])}")
    return bool(tested["is_ok"])


async def sync_plugin(client: Client, name: str) -> None:
    """Have a plugin ask its server for unnamed items. Raises RequestFailed."""
    await client.post(f"/plugins/{quote(name, safe='')}/sync")
    out.print(f"{escape(name)} is asked for what has no name; `spectra plugins` shows what came of it.")


def _described(plugin: dict[str, Any]) -> str:
    parts = [plugin["detail"]]
    if plugin["unnamed"] is not None:
        parts.append(f"{counted(plugin['unnamed'], 'item')} without a name")
    if plugin["refusal"] is not None:
        parts.append(f"{plugin['refused']} of them are refused: {plugin['refusal']}")
    if plugin["told"]:
        parts.append(f"told of {counted(plugin['told'], 'file')}")
    if plugin["to_tell"]:
        parts.append(f"{counted(plugin['to_tell'], 'file')} to tell")
    return "; ".join(parts)
