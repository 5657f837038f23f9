"""`spectra doctor`: what is wrong with this machine, this configuration, and the daemon if it runs."""

from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial

from rich.markup import escape

from daemon.cli_output import err, out, print_json
from daemon.client import running_daemon
from daemon.config import Config
from daemon.doctor import Diagnosis, examine
from daemon.youtube import read_list


async def show_diagnoses(config: Config, url: str | None, found: list[Diagnosis], *, as_json: bool) -> None:
    """Print each part as it is found, and collect them in `found`. Raises RequestFailed."""
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
