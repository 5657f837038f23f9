"""Measure what a process and all that it started hold in memory.

No limit of the operating system serves: a JavaScript runtime reserves gigabytes of addresses that it never
uses (deno needs 110 MB, and dies of RLIMIT_AS at 4 GB, of RLIMIT_DATA at 500 MB), and limits count for each
process alone.
"""

import os
from contextlib import suppress
from pathlib import Path

_PROC = Path("/proc")
_SESSION = 3
_RESIDENT_PAGES = 21
"""Columns of /proc/PID/stat (proc(5)), counted from behind the name, which may hold spaces and brackets."""


def session_bytes(session: int) -> int:
    """Return the resident bytes of all processes of a session; what they share counts for each of them."""
    pages = 0
    for status in _PROC.glob("[0-9]*/stat"):
        with suppress(OSError):  # it has ended meanwhile
            columns = status.read_bytes().rpartition(b")")[2].split()
            if int(columns[_SESSION]) == session:
                pages += int(columns[_RESIDENT_PAGES])
    return pages * os.sysconf("SC_PAGE_SIZE")
