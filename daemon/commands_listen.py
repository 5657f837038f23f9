"""The command that listens."""

from typing import Annotated

import typer

from daemon.cli_output import set_up_logging
from daemon.cli_run import NOTHING_FOUND, AsJson, ConfigFile, failure, load, run_with_client, until_indexed
from daemon.client import Client
from daemon.microphone import chosen, microphones
from daemon.microphone_errors import MicrophoneError


def listen(
    *,
    seconds: Annotated[
        float | None,
        typer.Option(
            help="How long to listen.", min=2, max=60, show_default="5, and up to 10 if that is not enough"
        ),
    ] = None,
    device: Annotated[
        str | None,
        typer.Option(
            help="Which microphone: its number, or a part of its name.", show_default="the system's"
        ),
    ] = None,
    is_list: Annotated[
        bool, typer.Option("--list-devices", help="Show the microphones of this machine instead.")
    ] = False,
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """Say what plays in front of this machine's microphone. Nothing of what it hears is kept.

    Without --seconds it asks after 5 s, and where these are not known, after 10 s with all of them.
    Exit code 1 if it is not known, 2 if nothing can be heard.

    Example: spectra listen
    """
    from daemon.cli_listen import listen as listen_and_say
    from daemon.cli_listen import show_microphones

    loaded = load(config)
    set_up_logging(loaded, quiet=True)
    try:  # before the state is opened: that takes seconds where no daemon runs
        found = microphones()
        microphone = chosen(device, found)
    except MicrophoneError as error:
        raise failure(error) from error
    if is_list:
        show_microphones(found, as_json=as_json)
        return

    async def work(client: Client) -> int:
        if client.is_own:  # what is not indexed yet would be "not known"
            await until_indexed(client)
        return 0 if await listen_and_say(client, microphone, seconds, as_json=as_json) else NOTHING_FOUND

    run_with_client(loaded, work)
