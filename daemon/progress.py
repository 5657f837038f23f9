"""Show people how far long work is."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

log = logging.getLogger(__name__)

_POLL_S = 0.5
_LOG_EVERY_S = 10.0


@dataclass(frozen=True, slots=True)
class Amount:
    """How much is to be done in all, and still."""

    total: int
    left: int
    is_final: bool = True
    """False while more may still be found."""


async def show_progress(title: str, ask: Callable[[], Awaitable[Amount]], console: Console) -> Amount:
    """Show a bar (on a terminal) or a line in the log now and then, until nothing is left."""
    columns = (TextColumn(title), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    logged_s = asyncio.get_running_loop().time()
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(title, total=None)
        while (amount := await ask()).left or not amount.is_final:
            bar.update(task, total=amount.total or None, completed=amount.total - amount.left)
            now_s = asyncio.get_running_loop().time()
            if not console.is_terminal and now_s - logged_s >= _LOG_EVERY_S:
                logged_s = now_s
                log.info("%s: %d of %d", title, amount.total - amount.left, amount.total)
            await asyncio.sleep(_POLL_S)
    return amount
