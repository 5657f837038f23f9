"""Commands that run the daemon, and show how it is set up, and what is wrong with that."""

import asyncio
import os
import threading
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Table

from daemon.blocking_threads import leaving_what_hangs
from daemon.cli_output import err, out, print_json, print_table, set_log_level, set_up_logging
from daemon.cli_run import TROUBLE, AsJson, ConfigFile, failure, load, run
from daemon.playlist_errors import NotYouTube
from daemon.youtube_url import parse_address

if TYPE_CHECKING:
    from aiohttp import web

    from daemon.config import Config
    from daemon.doctor import Diagnosis

_LOOK_S = 2.0
"""A music folder that has not answered by then is left to the watcher."""


def serve(
    music: Annotated[
        list[Path] | None, typer.Option(help="Music folder to watch; may be given several times.")
    ] = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="TCP port.")] = None,
    config: ConfigFile = None,
) -> None:
    """Run the daemon: watch the music, fingerprint it, answer. Ctrl-C or SIGTERM ends it, SIGHUP reloads it.

    Example: spectra serve --music ~/Music
    """
    from daemon.config import load_config
    from daemon.first_scan import show_first_scan
    from daemon.keys import SERVICES
    from daemon.malformed import quieten_malformed
    from daemon.sd_notify import Notifier
    from daemon.serving import serve as serve_daemon

    overrides = {
        "library.roots": [str(folder.absolute()) for folder in music] if music else None,
        "server.host": host,
        "server.port": port,
    }
    loaded = load(config, overrides)
    _warn_of_missing(loaded)
    set_up_logging(loaded, quiet=False)
    quieten_malformed()
    background: set[asyncio.Task[None]] = set()

    def on_ready(addresses: list[str], app: "web.Application") -> None:
        services = app[SERVICES]
        set_log_level(services.config)
        out.print(f"Spectra listens on {' and '.join(addresses)}")
        for former in background:
            former.cancel()
        showing = asyncio.create_task(show_first_scan(services))
        background.add(showing)
        showing.add_done_callback(background.discard)

    def read_again() -> "Config":
        wanted = load_config(config, overrides=overrides)
        _warn_of_missing(wanted)
        return wanted

    notifier = Notifier.from_environment(os.environ)
    with leaving_what_hangs():
        run(serve_daemon(loaded, on_ready, read_config=read_again, notifier=notifier))


def _warn_of_missing(config: "Config") -> None:
    for root in config.library.roots:
        if not _is_folder(root):
            err.print(f"[yellow]{escape(str(root))} is not there (yet): it counts as offline until it is.")


def _is_folder(root: Path) -> bool:
    """Tell whether a folder is there, and answers: one that hangs must not hold up the start."""
    found: list[bool] = []
    # Nobody can end a thread that waits for a disk; this one ends with the process.
    look = threading.Thread(target=lambda: found.append(root.is_dir()), daemon=True)
    look.start()
    look.join(_LOOK_S)
    return any(found)


def show_config(
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """Show every option as it is in force, and where its value comes from. Secrets are masked.

    Example: spectra config --config spectra.toml
    """
    from daemon.config import describe
    from daemon.plugin_loading import describe_plugins

    loaded = load(config)
    options = describe(loaded) + describe_plugins(loaded)
    if as_json:
        print_json([asdict(option) for option in options])
        return
    table = Table("option", "value", "from", "meaning", box=None, pad_edge=False)
    for option in options:
        table.add_row(option.path, escape(option.value), escape(option.source), escape(option.description))
    print_table(table)


def doctor(
    url: Annotated[
        str | None, typer.Argument(help="A playlist to read as a trial.", show_default=False)
    ] = None,
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """Find out what is wrong: folders, permissions, disks, limits, versions, database, daemon, media servers.

    Nothing is changed, and nobody outside is asked unless a playlist is given or configured: that is read
    as a trial. Exit code 1 if something is to be mended.

    Example: spectra doctor
    """
    from daemon.cli_doctor import show_diagnoses

    loaded = load(config)
    set_up_logging(loaded, quiet=True)
    try:
        address = None if url is None else parse_address(url).url
    except NotYouTube as error:
        raise failure(error) from error
    found: list[Diagnosis] = []
    run(show_diagnoses(loaded, address, found, as_json=as_json))
    if not all(each.is_ok for each in found):
        raise typer.Exit(TROUBLE)
