"""Work that may kill workers, or meet a damaged index: worth a few attempts, then given up."""

import logging
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import TypeVar

from daemon.errors import WorkerDied
from daemon.index_keeper import IndexKeeper
from engine.errors import CodecError, IndexDamaged

log = logging.getLogger(__name__)

_MOST_ATTEMPTS = 3
"""What workers died over so often is left alone until it is asked for anew."""

T = TypeVar("T")


class Attempts:
    """Counts by number (of a file or a recording) how often workers died over it."""

    def __init__(self, index: IndexKeeper, what: str) -> None:
        self._index = index
        self._what = what
        self._deaths: Counter[int] = Counter()

    async def run(
        self, number: int, work: Callable[[], Awaitable[T]], *, if_unreadable: T, if_given_up: T
    ) -> T:
        """Return what the work does, or what counts where its stored sound is damaged or workers die over it.

        Raises
        ------
        IndexDamaged, WorkerDied, MemoryError : worth another attempt
        psycopg.Error
        """
        try:
            result = await work()
        except IndexDamaged as error:
            log.warning("%s %d: %s; building the index anew", self._what, number, error)
            self._index.drop_damaged()
            raise
        except CodecError as error:
            log.warning("%s %d can't be read (%s): `touch` its file", self._what, number, error)
            return if_unreadable
        except (WorkerDied, MemoryError):
            self._deaths[number] += 1
            if self._deaths[number] < _MOST_ATTEMPTS:
                raise
            log.exception("%s %d is given up", self._what, number)
            result = if_given_up
        self._deaths.pop(number, None)
        return result
