"""Navidrome as a media server of Spectra's."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from plugins.api import Check, Host, Item, MediaServer, Written
from plugins.navidrome.checking import run_checks
from plugins.navidrome.client import REQUEST_S, Client
from plugins.navidrome.listing import entries, find_folders
from plugins.navidrome.options import NavidromeOptions
from plugins.navidrome.scans import POLL_S, Scans
from plugins.navidrome.untagged import is_unnamed


class NavidromeServer(MediaServer):
    """Lists what has no name, and has it scanned once it has one."""

    def __init__(
        self, options: NavidromeOptions, host: Host, *, request_s: float = REQUEST_S, poll_s: float = POLL_S
    ) -> None:
        self._options = options
        self._host = host
        self._client = Client(options, host.session, request_s=request_s)
        self._scans = Scans(self._client, wait_s=options.scan_wait_s, poll_s=poll_s)

    async def unnamed_items(self) -> AsyncIterator[Item]:
        """Yield what the server shows without title or artist. Raises PathRefused: it tells no real paths."""
        folders = await find_folders(self._client, self._options)
        for folder in folders.known:
            async for entry in entries(self._client, folder):
                if entry.path and is_unnamed(entry):
                    size_bytes = entry.size_bytes if entry.size_bytes and entry.size_bytes > 0 else None
                    duration_s = entry.duration_s or None  # a duration of 0 is one that isn't known
                    yield Item(entry.entry_id, folders.absolute(entry.path, folder), size_bytes, duration_s)

    async def tell(self, files: Sequence[Written]) -> None:
        """Have the server scan the files' folders, and return when it has."""
        if not files:
            return
        folders = await find_folders(self._client, self._options)
        targets = folders.targets(each.path for each in files)
        self._host.log.info("has %d files scanned, in %s", len(files), len(targets) or "all folders")
        await self._scans.scan(targets)

    async def status(self) -> str:
        """Return what the server is, and where."""
        return f"{(await self._client.call('ping')).server()} at {self._options.url}"

    async def checks(self) -> AsyncIterator[Check]:
        """Yield what is right, up to what is not."""
        async for check in run_checks(self._client, self._options, self._host):
            yield check


@asynccontextmanager
async def connect(options: NavidromeOptions, host: Host) -> AsyncIterator[MediaServer]:
    """Yield the server; nothing is sent before it is asked for something."""
    yield NavidromeServer(options, host)
