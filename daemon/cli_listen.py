"""`spectra listen`: what plays in front of the microphone."""

import asyncio
import math
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryFile

from rich.live import Live
from rich.markup import escape
from rich.progress_bar import ProgressBar
from rich.table import Table

from daemon.cli_match import show_matches
from daemon.cli_output import err, print_json, print_table
from daemon.client import Client, Matched
from daemon.hearing import Heard, hearing, level_db, write_wav
from daemon.microphone import Microphone
from daemon.microphone_errors import MicrophoneSilent, MicrophoneStopped

FIRST_S = 5.0
"""Most music is known by then."""
SECOND_S = 10.0
"""The rest, if at all, under noise."""
_SILENT_DB = -80.0
"""A muted microphone delivers zeros, or its converter's last bit (-90 dB); a quiet room is 20 dB louder."""
_QUIETEST_SHOWN_DB = -70.0
_METER_CELLS = 30
_METER_HZ = 10.0


async def listen(client: Client, microphone: Microphone, seconds: float | None, *, as_json: bool) -> bool:
    """Say what is heard, and tell whether it is known.

    Parameters
    ----------
    seconds : how long to listen; None asks after 5 s, and again after 10 s if that was not enough

    Raises
    ------
    MicrophoneError : nothing came that could be asked with
    RequestFailed, OSError
    """
    stages_s = (FIRST_S, SECOND_S) if seconds is None else (seconds,)
    async with hearing(microphone, longest_s=stages_s[-1]) as heard:
        with _meter(heard):
            matched = await _recognised(client, heard, stages_s)
    if heard.has_gaps:
        err.print("this machine was too busy to hear everything: parts are missing")
    await show_matches(client, matched, as_json=as_json)
    return bool(matched.results)


def show_microphones(found: Sequence[Microphone], *, as_json: bool) -> None:
    """Print which devices record."""
    if as_json:
        print_json([asdict(each) for each in found])
        return
    table = Table("number", "name", "through", "channels", "kHz", "", box=None, pad_edge=False)
    for each in found:
        default = "default" if each.is_default else ""
        rate_khz = f"{each.rate_hz / 1_000:g}"
        table.add_row(
            str(each.number), escape(each.name), escape(each.system), str(each.channels), rate_khz, default
        )
    print_table(table)


async def _recognised(client: Client, heard: Heard, stages_s: Sequence[float]) -> Matched:
    """Ask at each stage with what was heard until then, while more comes in, until one thing is known."""
    *_, last_s = stages_s
    for stage_s in stages_s:
        try:
            await heard.until(stage_s)
        except MicrophoneStopped as error:
            if heard.duration_s < FIRST_S:
                raise
            err.print(escape(f"{error} Asking with what came before."))
        sound = heard.sound(stage_s)
        if level_db(sound) < _SILENT_DB:
            raise MicrophoneSilent(heard.microphone.name)
        with TemporaryFile(prefix="spectra-") as file:
            await asyncio.to_thread(write_wav, file, sound, heard.microphone.rate_hz)
            # A file without a name: whatever ends this process, what was said in the room is gone with it.
            matched = await client.match(Path(f"/proc/self/fd/{file.fileno()}"))
        if stage_s == last_s or (matched.results and not matched.is_ambiguous):
            break
    return matched


def _meter(heard: Heard) -> Live:
    """Show how loud it is, on a terminal."""
    return Live(
        get_renderable=lambda: _line(heard), console=err, transient=True, refresh_per_second=_METER_HZ
    )


def _line(heard: Heard) -> Table:
    level = max(heard.level_db, _QUIETEST_SHOWN_DB)
    is_all = heard.duration_s >= heard.longest_s
    line = Table.grid(padding=(0, 1))
    line.add_row(
        "matching" if is_all else f"listening {heard.duration_s:4.1f} s",
        ProgressBar(total=-_QUIETEST_SHOWN_DB, completed=level - _QUIETEST_SHOWN_DB, width=_METER_CELLS),
        "silence" if math.isinf(heard.level_db) else f"{heard.level_db:.0f} dB",
    )
    return line
