"""How the command line looks: what it prints, for people and for programs."""

import json
import logging
import os
import sys
from datetime import datetime
from typing import TYPE_CHECKING, Any

import typer
from rich.console import Console
from rich.logging import RichHandler
from rich.markup import escape
from rich.table import Table

from daemon.log_format import WithPriority, is_journal

if TYPE_CHECKING:
    from daemon.config import Config

_WIDEST = 10_000
"""Characters of a line that goes to a file or another program."""

out = Console(soft_wrap=True)
err = Console(stderr=True, soft_wrap=True)


def set_up_logging(config: "Config", *, quiet: bool) -> None:
    """Log to stderr; a command other than `serve` says only what went wrong."""
    level = logging.WARNING if quiet else logging.getLevelName(config.logging.level.upper())
    if err.is_terminal:
        handlers: list[logging.Handler] = [RichHandler(console=err, show_path=False)]
    else:
        handlers = [logging.StreamHandler()]
    pattern = "%(message)s" if err.is_terminal else "%(levelname)s %(name)s: %(message)s"
    if is_journal(sys.stderr, os.environ.get("JOURNAL_STREAM", "")):
        handlers[0].setFormatter(WithPriority())
    logging.basicConfig(level=level, format=pattern, handlers=handlers)
    _quieten(level)


def set_log_level(config: "Config") -> None:
    """Log what the configuration says from now on."""
    level = logging.getLevelName(config.logging.level.upper())
    logging.getLogger().setLevel(level)
    _quieten(level)


def _quieten(level: int) -> None:
    for noisy in ("procrastinate", "apscheduler"):
        logging.getLogger(noisy).setLevel(max(level, logging.WARNING))


def print_json(value: object) -> None:
    """Print for programs."""
    typer.echo(json.dumps(value, indent=2))


def print_matches(results: list[dict[str, Any]]) -> None:
    """Print what a clip is, best first."""
    table = Table("name", "artist", "album", "sure", "at", "landmarks", box=None, pad_edge=False)
    for result in results:
        table.add_row(
            escape(result["song_name"]),
            escape(result["artist"] or ""),
            escape(result["album"] or ""),
            f"{result['confidence']:.1%}",
            _clock(result["offset_s"]),
            str(result["votes"]),
        )
    print_table(table)


def print_table(table: Table) -> None:
    """Print one line a row where no terminal limits its width: for grep."""
    table.columns[0].no_wrap = True
    (out if out.is_terminal else Console(width=_WIDEST)).print(table)


def print_status(current: dict[str, Any]) -> None:
    """Print what is known, what is waiting, and what failed."""
    known = current["recordings"]
    out.print(
        f"{counted(known['total'], 'recording')} ({known['hours']:.1f} hours), "
        f"{known['references']} with trusted tags; {current['index']['recordings']} indexed"
    )
    for library in current["libraries"]:
        reason = f" ({library['reason']})" if library["reason"] else ""
        out.print(
            escape(
                f"{library['root']}: {library['state']}{reason}; "
                f"{library['indexed']} of {counted(library['present'], 'file')} indexed, "
                f"{library['pending']} pending, {library['failed']} failed, {library['missing']} missing"
            )
        )
    for failed in current["failed"]:
        out.print(f"  {escape(blamed(failed))}")
    files = current["files"]
    to_tag = files["to_tag"] + files["postponed"]
    out.print(
        f"{counted(files['unknown'], 'file')} without a name ({files['to_identify']} not looked at yet), "
        f"{files['review']} to review, {to_tag} to tag, {files['tagged']} tagged"
    )
    tell_pause(current["playlists"]["pause"])


def tell_pause(pause: dict[str, str] | None) -> None:
    """Print why and until when nothing is asked of the playlists' source, if that is so."""
    if pause is not None:
        until = local_time(pause["until"])
        err.print(escape(f"Nothing is asked of YouTube until {until}: {pause['reason']}"))


def local_time(moment: str) -> str:
    """Return an ISO time as people here read it."""
    return f"{datetime.fromisoformat(moment).astimezone():%Y-%m-%d %H:%M}"


def print_troubles(health: dict[str, Any]) -> None:
    """Print which parts are not well."""
    for name, check in health["checks"].items():
        if check["status"] != "ok":
            err.print(f"[red]{name}[/red]: {escape(check['detail'])}")


def blamed(failed: dict[str, Any]) -> str:
    """Return a path with what is wrong there; most reasons begin with the file's name already."""
    path, reason = str(failed["path"]), str(failed["error"])
    name = path.rpartition("/")[2]
    retry_at = failed.get("retry_at")
    again = "" if retry_at is None else f"; tried again from {local_time(retry_at)} on"
    return f"{path}: {reason.removeprefix(f'{name}: ')}{again}"


def counted(number: int, noun: str) -> str:
    """Return "1 file", "2 files"."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _clock(offset_s: float) -> str:
    minutes, seconds = divmod(max(0.0, offset_s), 60)
    return f"{minutes:.0f}:{seconds:04.1f}"
