"""Which part of a file is asked for (RFC 9110, 14)."""

import re
from dataclasses import dataclass

_RANGE = re.compile(r"bytes=\s*(?:(\d{1,18})-(\d{1,18})?|-(\d{1,18}))\s*", re.ASCII | re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class ByteRange:
    """A part that there is; the end is not in it."""

    start: int
    end: int

    @property
    def size_bytes(self) -> int:
        """Return how much it is."""
        return self.end - self.start


class Unsatisfiable(ValueError):  # noqa: N818 - as RFC 9110 calls it
    """Nothing of what is asked for is there."""


def wanted_range(header: str | None, size_bytes: int) -> ByteRange | None:
    """Return the range that is asked for; None if all is, as for several ranges, or none that makes sense.

    Raises
    ------
    Unsatisfiable : it begins after the end
    """
    found = _RANGE.fullmatch(header) if header is not None else None
    if found is None:
        return None
    first, last, tail = (None if each is None else int(each) for each in found.groups())
    if first is None:
        start, end = max(0, size_bytes - (tail or 0)), size_bytes
    else:
        if last is not None and last < first:
            return None
        start, end = first, size_bytes if last is None else min(last + 1, size_bytes)
    if start >= end:
        raise Unsatisfiable
    return ByteRange(start, end)
