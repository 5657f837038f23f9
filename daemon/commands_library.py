"""Commands that look after the library: what is known, and how it comes in."""

import os
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from daemon.cli_audit import Kind, show_audit
from daemon.cli_output import (
    blamed,
    counted,
    err,
    out,
    print_json,
    print_status,
    print_troubles,
    set_up_logging,
)
from daemon.cli_run import TROUBLE, AsJson, ConfigFile, load, run_with_client, until_indexed
from daemon.client import Client
from daemon.progress import Amount, show_progress


def add(
    paths: Annotated[list[Path], typer.Argument(help="Files or folders.", show_default=False)],
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """Fingerprint files or folders now, inside a watched folder or elsewhere; those too that failed before.

    Exit code 1 if there is no audio file, or one could not be read or fingerprinted.

    Example: spectra add ~/Downloads/album
    """
    loaded = load(config)
    set_up_logging(loaded, quiet=True)
    absolute = [os.path.abspath(path) for path in paths]  # noqa: PTH100 - keeps a link's own name

    async def work(client: Client) -> int:
        looked = await client.post("/add", {"paths": absolute, "retry": True})

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

    run_with_client(loaded, work)


def status(
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """Show what is known, what is waiting, and what failed. Exit code 1 if not all is well.

    Example: spectra status
    """
    loaded = load(config)
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

    run_with_client(loaded, work)


def reindex(
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """Build the index anew from the database; no audio is read. Look-ups go on and see it grow.

    Example: spectra reindex
    """
    loaded = load(config)
    set_up_logging(loaded, quiet=True)

    async def work(client: Client) -> int:
        await client.post("/reindex")
        await until_indexed(client)
        index = (await client.get("/status"))["index"]
        if as_json:
            print_json(index)
        else:
            out.print(f"{counted(index['recordings'], 'recording')}, {index['postings']} postings")
        return 0

    run_with_client(loaded, work)


def audit(
    *,
    kind: Annotated[Kind | None, typer.Option(help="Only these.", show_default="all")] = None,
    fresh: Annotated[
        bool,
        typer.Option("--fresh", help="Ask every recording anew, not only what came since the last audit."),
    ] = False,
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """Look through the whole library for duplicates, wrong names and broken files. Nothing is changed.

    Ctrl-C stops waiting: a running daemon goes on, and what was found out already is never asked again.
    Exit code 1 if something was found, 0 if all is well.

    Example: spectra audit --kind duplicates
    """
    loaded = load(config)
    set_up_logging(loaded, quiet=True)

    async def work(client: Client) -> int:
        if client.is_own:  # what is not indexed yet can't be compared
            await until_indexed(client)
        return TROUBLE if await show_audit(client, kind, fresh=fresh, as_json=as_json) else 0

    run_with_client(loaded, work)
