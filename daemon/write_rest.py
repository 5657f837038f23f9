"""Leave the source alone while nothing that comes from it can be stored."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg

_FIRST_S = 60.0
_LONGEST_S = 3_600.0


class WriteRest:
    """Remembers, in this process only, that the database refused what came: it can't be noted there.

    Jobs that fail so are done again a minute later, and would download the same again each time.
    """

    def __init__(self, clock_s: Callable[[], float] = time.monotonic) -> None:
        self._clock_s = clock_s
        self._length_s = 0.0
        self._until_s: float | None = None

    def is_on(self) -> bool:
        """Tell whether it is too early to ask again."""
        return self._until_s is not None and self._clock_s() < self._until_s

    @contextmanager
    def noting(self) -> Iterator[None]:
        """Rest after an error of the database in the context, twice as long each time until there is none."""
        try:
            yield
        except psycopg.Error:
            self._length_s = min(_LONGEST_S, max(_FIRST_S, 2 * self._length_s))
            self._until_s = self._clock_s() + self._length_s
            raise
        self._length_s = 0.0


def is_of_database(error: Exception) -> bool:
    """Tell whether the database failed; a value that it can't hold is the fault of who sent it."""
    return isinstance(error, psycopg.Error) and not isinstance(error, psycopg.DataError)
