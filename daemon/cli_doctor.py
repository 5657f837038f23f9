"""`spectra doctor`: what is wrong with this machine, this configuration, and the daemon if it runs."""

from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial

from rich.markup import escape

from daemon.cli_output import err, out, print_json
from daemon.config import Config
from daemon.doctor import Diagnosis, examine
from daemon.youtube import read_list


async def show_diagnoses(config: Config, url: str | None, found: list[Diagnosis], *, as_json: bool) -> None:
    """Print each part as it is found, and a summary; collect them in `found`."""
    read = partial(read_list, options=config.youtube)
    with err.status("looking"):
        async for each in examine(config, read, url=url, now=datetime.now(UTC)):
            found.append(each)
            if not as_json:
                mark = "[green]ok[/green]" if each.is_ok else "[red]no[/red]"
                out.print(f"{mark}  {escape(each.subject)}: {escape(each.sentence)}")
    if as_json:
        print_json([asdict(each) for each in found])
    else:
        out.print(escape(_summary(found)))


def _summary(found: list[Diagnosis]) -> str:
    subjects = dict.fromkeys(each.subject for each in found if not each.is_ok)
    if not subjects:
        return f"All well: {len(found)} things looked at."
    troubles = sum(not each.is_ok for each in found)
    return f"{troubles} of {len(found)} things are to be mended: {', '.join(subjects)}."
