"""One finding of `spectra doctor`, and how long a look for findings may take."""

import asyncio
import logging
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from daemon.answering import in_own_thread
from daemon.errors import DaemonError
from daemon.library import shown

log = logging.getLogger(__name__)

LOOK_S = 15.0
"""What takes longer hangs: our own time limits within a look, of servers and programs, are shorter."""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """One part."""

    subject: str
    is_ok: bool
    sentence: str
    """What was found; if it is not right, what to do."""


Look: TypeAlias = Callable[[], Iterable[Diagnosis]]
"""Finds out about one part; it may block, so it gets a thread."""


def well(subject: str, sentence: str) -> Diagnosis:
    """Return what is right, or nobody has to mend."""
    return Diagnosis(subject, is_ok=True, sentence=sentence)


def trouble(subject: str, sentence: str) -> Diagnosis:
    """Return what is not right; the sentence says what to do."""
    return Diagnosis(subject, is_ok=False, sentence=sentence)


async def looked(subject: str, look: Look, *, within_s: float = LOOK_S) -> list[Diagnosis]:
    """Return what a look finds; also one that hangs or stumbles is a finding, and holds up no other."""
    found: list[Diagnosis] = []
    looking = in_own_thread(_look, look, found)
    await asyncio.wait([looking], timeout=within_s)
    if not looking.done():
        sentence = (
            f"no answer in {within_s:.0f} s: a disk, network share or server hangs; see to it, then ask again"
        )
        return [*found, trouble(subject, sentence)]
    error = looking.exception()
    if error is None:
        return found
    if isinstance(error, DaemonError | OSError):
        return [*found, trouble(subject, str(error))]
    log.debug("looking at %s failed", subject, exc_info=error)
    return [*found, trouble(subject, f"can't be looked at ({type(error).__name__}: {error!s:.200})")]


def named(path: Path) -> str:
    """Return a path for people to read."""
    return shown(os.fsencode(path))


def megabytes(size_bytes: float) -> str:
    """Return a size for people to read."""
    return f"{size_bytes / 1e9:.1f} GB" if size_bytes >= 1e9 else f"{size_bytes / 1e6:.0f} MB"


def _look(look: Look, found: list[Diagnosis]) -> None:
    for each in look():
        found.append(each)  # noqa: PERF402 - what was found before it stumbled counts
