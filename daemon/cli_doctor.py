"""`spectra doctor`: what is wrong with this machine, this configuration, and the daemon if it runs."""

from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial
from typing import Annotated

import typer
from rich.markup import escape

from daemon.cli_output import err, out, print_json, set_up_logging
from daemon.cli_run import TROUBLE, AsJson, ConfigFile, failure, load, run
from daemon.client import running_daemon
from daemon.config import Config
from daemon.doctor import Diagnosis, examine
from daemon.playlist_errors import NotYouTube
from daemon.youtube import read_list
from daemon.youtube_url import parse_address


def doctor(
    url: Annotated[
        str | None, typer.Argument(help="A playlist to read as a trial.", show_default=False)
    ] = None,
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """Find out what is wrong: folders, permissions, versions, the daemon; and read one playlist as a trial.

    Nothing is changed, and nobody outside is asked unless a playlist is given or configured. Exit code 1 if
    something is not well.

    Example: spectra doctor
    """
    loaded = load(config)
    set_up_logging(loaded, quiet=True)
    try:
        address = None if url is None else parse_address(url).url
    except NotYouTube as error:
        raise failure(error) from error
    found: list[Diagnosis] = []
    run(_examine(loaded, address, found, as_json=as_json))
    if not all(each.is_ok for each in found):
        raise typer.Exit(TROUBLE)


async def _examine(config: Config, url: str | None, found: list[Diagnosis], *, as_json: bool) -> None:
    """Print each part as it is found, and collect them."""
    today = datetime.now(UTC).date()
    with err.status("looking"):
        async for each in examine(config, partial(read_list, options=config.youtube), url=url, today=today):
            found.append(each)
            _show(each, as_json=as_json)
        for each in await _daemon(config):
            found.append(each)
            _show(each, as_json=as_json)
    if as_json:
        print_json([asdict(each) for each in found])


async def _daemon(config: Config) -> list[Diagnosis]:
    """Return what a running daemon says of itself and its plugins."""
    async with running_daemon(config) as client:
        if client is None:
            sentence = "it does not run: `spectra serve` starts it"
            return [Diagnosis("daemon", is_ok=True, sentence=sentence)]
        checks = (await client.get("/health"))["checks"]
        plugins = (await client.get("/plugins"))["plugins"]
    return [
        *(Diagnosis(name, check["status"] == "ok", check["detail"]) for name, check in checks.items()),
        *(Diagnosis(each["name"], each["state"] == "on", each["detail"]) for each in plugins),
    ]


def _show(found: Diagnosis, *, as_json: bool) -> None:
    if not as_json:
        mark = "[green]ok[/green]" if found.is_ok else "[red]no[/red]"
        out.print(f"{mark}  {escape(found.subject)}: {escape(found.sentence)}")
