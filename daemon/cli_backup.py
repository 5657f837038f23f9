"""What backups and restores show on the command line."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.markup import escape
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from daemon.backup import BackedUp, back_up
from daemon.backup_archive import OnBytes
from daemon.cli_output import counted, err, out, print_json
from daemon.config import Config
from daemon.restore import Restored, restore


async def show_backup(
    config: Config, target: Path, *, force: bool, with_secrets: bool, as_json: bool
) -> None:
    """Make a backup and say what is in it. Raises DaemonError, OSError."""
    with _bar("backing up") as on_bytes:
        done = await back_up(config, target, force=force, with_secrets=with_secrets, on_bytes=on_bytes)
    if as_json:
        print_json(_backup_facts(done))
        return
    size_mb = done.size_bytes / 1e6
    out.print(escape(f"{done.path}: {size_mb:.1f} MB, the database (schema {done.schema})"))
    for path in done.config_files:
        out.print(escape(f"with {path}, and the passwords in it: keep the backup private"))
    if done.has_secrets:
        out.print("with the access tokens: whoever has the backup may ask this Spectra for everything")
    else:
        out.print("without the access tokens: --with-secrets takes them along")
    out.print("Not in it: the music, the index (it is built anew), and YouTube's headers and cookies")


async def show_restore(config: Config, path: Path, *, as_json: bool) -> None:
    """Bring a backup back and say what is where. Raises DaemonError, OSError."""
    with _bar("restoring") as on_bytes:
        done = await restore(config, path, on_bytes=on_bytes)
    if as_json:
        print_json(_restore_facts(done))
        return
    made = f"{datetime.fromisoformat(done.origin.made_at).astimezone():%Y-%m-%d %H:%M}"
    out.print(
        f"restored {counted(done.recordings, 'recording')} (schema {done.origin.schema}) of {made}; "
        "the next start builds the index"
    )
    if done.kept is not None:
        out.print(escape(f"the database of before is kept in {done.kept}: remove it when all is well"))
    for each in done.put:
        out.print(escape(f"written: {each}"))


def _backup_facts(done: BackedUp) -> dict[str, Any]:
    return asdict(done) | {"path": str(done.path), "config_files": [str(each) for each in done.config_files]}


def _restore_facts(done: Restored) -> dict[str, Any]:
    kept = None if done.kept is None else str(done.kept)
    return asdict(done) | {"kept": kept, "put": [str(each) for each in done.put]}


@contextmanager
def _bar(title: str) -> Iterator[OnBytes]:
    """Show a bar on a terminal."""
    columns = (TextColumn(title), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as bar:
        task = bar.add_task(title, total=None)

        def on_bytes(done_bytes: int, total_bytes: int) -> None:
            bar.update(task, completed=done_bytes, total=total_bytes)

        yield on_bytes
