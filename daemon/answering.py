"""Know which music folders answer: one on a network, or behind FUSE, can keep us waiting for hours."""

import asyncio
import os
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import ParamSpec, TypeVar

from daemon.errors import DaemonError
from daemon.scan import RootLook, look_at_root

P = ParamSpec("P")
R = TypeVar("R")

ANSWER_S = 30.0
"""A disk that spins up takes ten seconds, a busy network folder a few: one that takes longer hangs."""
_ASK_AGAIN_S = 5.0
"""While a file of it is being worked on, a folder is asked so often: the kernel has it in memory."""
HANGS = f"it does not answer: nothing came of it within {ANSWER_S:.0f} s; is its server or its disk awake?"
"""What is said of such a folder."""
OFFLINE_RETRY_S = 60
"""Who needs a folder that is away is asked to come again then: network folders are looked at so often."""


class FolderHangs(DaemonError):  # noqa: N818 - a fact, as in `FileNotFound`
    """A music folder keeps who asks it waiting."""

    def __init__(self, folder: str) -> None:
        super().__init__(folder)

    def __str__(self) -> str:
        return f"{self.args[0]}: {HANGS} Spectra goes on by itself when it answers."


@dataclass(frozen=True, slots=True)
class _Ask:
    began_s: float
    look: asyncio.Future[RootLook]


class Answering:
    """Asks folders, each once at a time, however many want to know: what hangs costs one thread a folder."""

    def __init__(self) -> None:
        self._asks: dict[bytes, _Ask] = {}

    async def answers(self, root: bytes, *, within_s: float | None = None) -> bool:
        """Tell whether a folder answers, whatever it says."""
        try:
            await self.look(root, within_s=within_s)
        except FolderHangs:
            return False
        return True

    async def look(self, root: bytes, *, within_s: float | None = None) -> RootLook:
        """Return how a folder is.

        Parameters
        ----------
        within_s : what is waited for an answer, from when it was first asked for; else ANSWER_S

        Raises
        ------
        FolderHangs
        """
        loop = asyncio.get_running_loop()
        ask = self._asks.get(root)
        if ask is None or ask.look.done():
            ask = _Ask(loop.time(), in_own_thread(look_at_root, Path(os.fsdecode(root))))
            self._asks[root] = ask
        end_s = ask.began_s + (ANSWER_S if within_s is None else within_s)
        await asyncio.wait([ask.look], timeout=max(0.0, end_s - loop.time()))
        if not ask.look.done():
            raise FolderHangs(root.decode(errors="replace"))
        if self._asks.get(root) is ask:
            del self._asks[root]
        return ask.look.result()

    @asynccontextmanager
    async def needed(self, root: bytes) -> AsyncIterator[None]:
        """Do something with a folder's files, as long as it answers: else that is cancelled.

        Raises
        ------
        FolderHangs : it does not answer (any more); at once if that is known
        """
        await self.look(root)
        try:
            async with asyncio.timeout(None) as limit:
                watch = asyncio.create_task(self._end_when_hanging(root, limit), name="disk answers")
                try:
                    yield
                finally:
                    watch.cancel()
        except TimeoutError as error:
            if not limit.expired():  # the disk's own
                raise
            raise FolderHangs(root.decode(errors="replace")) from error

    async def _end_when_hanging(self, root: bytes, limit: asyncio.Timeout) -> None:
        while True:
            await asyncio.sleep(_ASK_AGAIN_S)
            try:
                await self.look(root)
            except FolderHangs:
                limit.reschedule(asyncio.get_running_loop().time())
                return


def in_own_thread(work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> asyncio.Future[R]:
    """Do what may hang in a thread that takes no other's place and holds up no end.

    A future that is cancelled leaves the thread to itself.
    """
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[R] = loop.create_future()

    def tell(value: R | None, error: BaseException | None) -> None:
        if answer.cancelled():
            return
        if error is not None:
            answer.set_exception(error)
        else:
            answer.set_result(value)  # type: ignore[arg-type]  # None is R's, too

    def run() -> None:
        value, error = None, None
        try:
            value = work(*args, **kwargs)
        except Exception as raised:  # noqa: BLE001 - who waits has to know, whatever it is
            error = raised
        with suppress(RuntimeError):  # the loop has ended meanwhile
            loop.call_soon_threadsafe(tell, value, error)

    threading.Thread(target=run, name=f"disk: {work.__name__}", daemon=True).start()
    return answer
