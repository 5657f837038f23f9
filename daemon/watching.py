"""The watcher and the library, put together."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from daemon.answering import Answering
from daemon.config import Config
from daemon.library import LibraryService
from daemon.watcher import Watcher


@asynccontextmanager
async def watching(config: Config, library: LibraryService, answering: Answering) -> AsyncIterator[Watcher]:
    """Watch the configured music folders while the context lasts, and look through them."""
    roots = {root: await library.add(root, watched=True) for root in config.library.roots}

    async def on_settled(root: Path, paths: frozenset[bytes]) -> None:
        looked = await library.look_at(roots[root], paths)
        watcher.touch(root, looked.again)

    async def on_reconcile(root: Path) -> None:
        looked = await library.reconcile(roots[root], leave_restless=True)
        watcher.touch(root, looked.again)

    options = config.library
    watcher = Watcher(
        options.roots,
        on_settled,
        on_reconcile,
        answering,
        quiet_s=options.quiet_s,
        reconcile_s=options.reconcile_every_s,
        polling_reconcile_s=options.reconcile_network_every_s,
        extensions=options.audio_extensions,
    )
    try:
        await watcher.start()
        yield watcher
    finally:
        await watcher.stop()
