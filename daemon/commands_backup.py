"""Commands that back the database up, and bring it back."""

from pathlib import Path
from typing import Annotated

import typer

from daemon.cli_output import set_up_logging
from daemon.cli_run import AsJson, ConfigFile, load, run

Archive = Annotated[Path, typer.Argument(help="The backup, a tar file.", show_default=False)]


def backup(
    file: Archive,
    force: Annotated[bool, typer.Option("--force", help="Replace the file if it is there.")] = False,
    with_secrets: Annotated[
        bool, typer.Option("--with-secrets", help="Take the access tokens along, too.")
    ] = False,
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """Back up what can't be made again: the database, with how to undo every change, and the configuration.

    Works while the daemon runs, and without. The file appears under its name only when it is whole, and only
    its owner can read it. Passwords in the configuration are in it; tokens only with --with-secrets; the
    headers and cookies for YouTube, the music and the index never.

    Example: spectra backup /mnt/backup/spectra.tar
    """
    from daemon.cli_backup import show_backup

    loaded = load(config)
    set_up_logging(loaded, quiet=True)
    run(show_backup(loaded, file, force=force, with_secrets=with_secrets, as_json=as_json))


def restore(file: Archive, config: ConfigFile = None, as_json: AsJson = False) -> None:
    """Bring a backup back. The daemon must not run; all is verified before anything is touched.

    The embedded database of before is kept in a folder that is named at the end. With a database.url the
    database must be empty. A configuration that differs is put beside the present one, as NAME.restored.
    Restore only what you trust: a backup holds SQL that is run.

    Example: spectra restore /mnt/backup/spectra.tar
    """
    from daemon.cli_backup import show_restore

    loaded = load(config)
    set_up_logging(loaded, quiet=True)
    run(show_restore(loaded, file, as_json=as_json))
