"""Log lines that systemd's journal sorts by priority (`journalctl -p warning`), as sd-daemon(3) describes."""

import logging
import os
from typing import TextIO

_PRIORITIES = (
    (logging.CRITICAL, 2),
    (logging.ERROR, 3),
    (logging.WARNING, 4),
    (logging.INFO, 6),
    (logging.NOTSET, 7),
)
"""From which level on which priority of syslog, most severe first."""


class WithPriority(logging.Formatter):
    """Formats a record as lines that begin with their priority: a traceback is not one message otherwise."""

    def __init__(self) -> None:
        super().__init__("%(name)s: %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        """Return the lines, "<4>" before each of a warning."""
        priority = next(priority for level, priority in _PRIORITIES if record.levelno >= level)
        lines = super().format(record).splitlines() or [""]
        return "\n".join(f"<{priority}>{line}" for line in lines)


def is_journal(stream: TextIO, journal_stream: str) -> bool:
    """Tell whether a stream leads to systemd's journal, given $JOURNAL_STREAM: "device:inode"."""
    try:
        opened = os.fstat(stream.fileno())
    except OSError:
        return False
    return journal_stream == f"{opened.st_dev}:{opened.st_ino}"
