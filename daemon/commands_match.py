"""Commands that say what a sound is."""

from pathlib import Path
from typing import Annotated

import typer

from daemon.cli_match import match_clip, match_whole
from daemon.cli_output import set_up_logging
from daemon.cli_run import NOTHING_FOUND, AsJson, ConfigFile, load, run_with_client, until_indexed
from daemon.client import Client


def match(
    file: Annotated[
        Path, typer.Argument(help="A clip or a whole file, in any audio format.", exists=True, dir_okay=False)
    ],
    everything: Annotated[
        bool, typer.Option("--all", help="List every recording that a long file contains, with times.")
    ] = False,
    as_cue: Annotated[
        bool, typer.Option("--cue", help="The same as a CUE sheet, for players and CD writers.")
    ] = False,
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """Say what a clip is: which recording, how sure that is, and where in it the clip begins.

    Exit code 1 if it is not known, 2 if it is no audio.

    Example: spectra match clip.mp3

    Example: spectra match --cue mix.flac > mix.cue
    """
    from daemon.engine_settings import engine_settings

    loaded = load(config)
    set_up_logging(loaded, quiet=True)
    if as_cue and as_json:
        raise typer.BadParameter("choose one of --cue and --json")

    async def work(client: Client) -> int:
        if client.is_own:  # what is not indexed yet would be "not known"
            await until_indexed(client)
        if everything or as_cue:
            settings = engine_settings(loaded)
            is_known = await match_whole(client, file, settings, as_json=as_json, as_cue=as_cue)
        else:
            is_known = await match_clip(client, file, as_json=as_json)
        return 0 if is_known else NOTHING_FOUND

    run_with_client(loaded, work)


def explain(
    file: Annotated[
        Path, typer.Argument(help="A clip or a whole file, in any audio format.", exists=True, dir_okay=False)
    ],
    output: Annotated[
        Path | None, typer.Option(help="The picture's file.", show_default="<clip>-explained.png")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace that file if it is there.")] = False,
    config: ConfigFile = None,
) -> None:
    """Draw why a clip is known, or is not: spectrogram, peaks in both, where they line up. Writes a PNG.

    Exit code 1 if it is not known, 2 if it is no audio.

    Example: spectra explain clip.mp3 --output why.png
    """
    from daemon.cli_explain import explain_clip

    loaded = load(config)
    set_up_logging(loaded, quiet=True)

    async def work(client: Client) -> int:
        if client.is_own:  # what is not indexed yet would be "not known"
            await until_indexed(client)
        return 0 if await explain_clip(client, file, output, force=force) else NOTHING_FOUND

    run_with_client(loaded, work)
