"""The command line in this process, with the options of the test only."""

import asyncio
import os
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from daemon.cli import cli


def set_options(patch: pytest.MonkeyPatch, folder: Path, **given: str) -> None:
    """Leave no options but these; the state is below the folder."""
    for name in [name for name in os.environ if name.startswith("SPECTRA_") or name == "DB_URL"]:
        patch.delenv(name)
    usual = {
        "COLUMNS": "200",
        "SPECTRA_LIBRARY__QUIET_S": "0.1",
        "SPECTRA_STATE_DIR": str(folder / "state"),
        "SPECTRA_WORKERS__INGEST": "1",
        "XDG_CONFIG_HOME": str(folder / "no-options"),
    }
    for name, value in (usual | given).items():
        patch.setenv(name, value)


def spectra(*arguments: object, answer: str | None = None) -> Result:
    """Run a command; `answer` is what a person types."""
    given = [os.fspath(each) if isinstance(each, Path) else str(each) for each in arguments]
    return CliRunner().invoke(cli, given, input=answer)


async def spectra_beside(*arguments: object, answer: str | None = None) -> Result:
    """Run a command beside the daemon of this event loop."""
    return await asyncio.to_thread(spectra, *arguments, answer=answer)
