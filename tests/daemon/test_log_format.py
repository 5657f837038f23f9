"""What systemd's journal gets to read."""

import logging
import os
import sys
from pathlib import Path

from daemon.log_format import WithPriority, is_journal


def record(level: int, message: str, *, is_raised: bool = False) -> logging.LogRecord:
    raised = None
    if is_raised:
        try:
            int("first\nsecond")
        except ValueError:
            raised = sys.exc_info()
    return logging.LogRecord("daemon.scan", level, "scan.py", 1, message, None, raised)


def test_each_line_begins_with_its_priority() -> None:
    said = WithPriority().format
    assert said(record(logging.DEBUG, "a")) == "<7>daemon.scan: a"
    assert said(record(logging.INFO, "a")) == "<6>daemon.scan: a"
    assert said(record(logging.WARNING, "a\nb")) == "<4>daemon.scan: a\n<4>b"
    assert said(record(logging.CRITICAL, "")) == "<2>daemon.scan: "
    lines = said(record(logging.ERROR, "failed", is_raised=True)).splitlines()
    assert len(lines) > 3
    assert all(line.startswith("<3>") for line in lines)


def test_only_the_stream_that_systemd_named_is_its_journal(tmp_path: Path) -> None:
    with (tmp_path / "one").open("w") as ours, (tmp_path / "two").open("w") as other:
        named = os.fstat(ours.fileno())
        journal_stream = f"{named.st_dev}:{named.st_ino}"
        assert is_journal(ours, journal_stream)
        assert not is_journal(other, journal_stream)
        assert not is_journal(ours, "")
