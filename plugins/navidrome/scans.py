"""Have the server scan, and wait until it has."""

import asyncio
from collections.abc import Sequence

from plugins.api import NotReady
from plugins.navidrome.client import Client
from plugins.navidrome.replies import ScanStatus

POLL_S = 1.0
_BEGIN_POLLS = 15
"""A scan that was asked for has begun by then."""


class Scans:
    """One scan at a time: a server that is scanning forgets that it was asked for another."""

    def __init__(self, client: Client, *, wait_s: float, poll_s: float = POLL_S) -> None:
        self._client = client
        self._wait_s = wait_s
        self._poll_s = poll_s
        self._turn = asyncio.Lock()

    async def scan(self, targets: Sequence[str]) -> None:
        """Return when a scan that began after this call has ended.

        Parameters
        ----------
        targets : folders as `<folder id>:<relative folder>`; none for all. Servers other than Navidrome
            scan all.

        Raises
        ------
        NotReady : it takes too long, or ended with an error
        AuthFailed : the user is no administrator
        """
        try:
            async with asyncio.timeout(self._wait_s), self._turn:
                before = await self._idle()
                reply = await self._client.call("startScan", [("target", each) for each in targets])
                after = await self._ended(before, reply.scan)
        except TimeoutError:
            raise NotReady(
                f"the server is still scanning after {self._wait_s:.0f} s: a large library may need a larger "
                "plugins.navidrome.scan_wait_s"
            ) from None
        if after.error:
            raise NotReady(f"the server's scan failed ({after.error[:300]}): see its log")

    async def _idle(self) -> ScanStatus:
        """Return once no scan runs: one that runs may have passed by what has changed since."""
        while True:
            status = await self._status()
            if not status.scanning:
                return status
            await asyncio.sleep(self._poll_s)

    async def _ended(self, before: ScanStatus, status: ScanStatus) -> ScanStatus:
        """Return the status after the scan.

        Navidrome may answer before it begins: what has ended then is an earlier scan, as `last_scan` tells.
        """
        was_seen, polls = status.scanning, 0
        while status.scanning or not (was_seen or _is_later(status, before)):
            if not was_seen and polls >= _BEGIN_POLLS:
                raise NotReady("the server was asked for a scan, and began none: see its log")
            await asyncio.sleep(self._poll_s)
            polls += 1
            status = await self._status()
            was_seen |= status.scanning
        return status

    async def _status(self) -> ScanStatus:
        return (await self._client.call("getScanStatus")).scan


def _is_later(status: ScanStatus, before: ScanStatus) -> bool:
    """Tell whether a scan has ended in between; a server that can't tell when scanned while it answered."""
    return status.last_scan is None or status.last_scan != before.last_scan or status.error != before.error
