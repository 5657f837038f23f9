"""Tell how far the first look through the music is, and what it found."""

import os

import psycopg

from daemon.cli_output import counted, err, out
from daemon.progress import Amount, show_progress
from daemon.root_watch import NOT_LOOKED_AT
from daemon.rows import FileCounts, Library
from daemon.services import Services
from daemon.watcher import RootStatus


async def show_first_scan(services: Services) -> None:
    """Show the progress on `err` until all watched files had their turn, then the sum."""

    async def ask() -> Amount:
        libraries = await _watched(services)
        every = await services.store.file_counts()
        counts = [every.get(each.library_id, FileCounts()) for each in libraries]
        return Amount(
            total=sum(each.present for each in counts),
            left=sum(each.pending for each in counts),
            is_final=_all_are_known(services, libraries)
            and all(_is_looked_through(services, each) for each in libraries),
        )

    try:
        await show_progress("fingerprinting", ask, err)
        await services.index.caught_up()
        counts = (await services.store.file_counts()).values()
        known = await services.store.recording_counts()
    except psycopg.Error:  # the log says what is wrong with the database
        return
    indexed, failed = (sum(each.indexed for each in counts), sum(each.failed for each in counts))
    out.print(
        f"{counted(known.recordings, 'recording')} from {counted(indexed, 'file')} can be matched, "
        f"{known.references} of them with trusted tags"
        + (f"; {counted(failed, 'file')} could not be fingerprinted (spectra status)" if failed else "")
    )


def _all_are_known(services: Services, libraries: list[Library]) -> bool:
    """Tell whether each folder that is there has its library: those are made at the first look."""
    known = {each.root for each in libraries}
    return all(
        os.fsencode(each.root) in known or (each.state == "offline" and each.reason != NOT_LOOKED_AT)
        for each in _roots(services)
    )


def _is_looked_through(services: Services, library: Library) -> bool:
    """Tell whether the first look has ended, and what it left out as too new was looked at, too."""
    look = services.library.last_look(library.library_id)
    if look is None:
        return False
    return not look.again or not any(
        each.pending for each in _roots(services) if os.fsencode(each.root) == library.root
    )


async def _watched(services: Services) -> list[Library]:
    """Return the libraries that this daemon watches; the database may know others, from former runs."""
    roots = {os.fsencode(each.root) for each in _roots(services)}
    return [each for each in await services.store.libraries() if each.root in roots]


def _roots(services: Services) -> tuple[RootStatus, ...]:
    return () if services.watcher is None else services.watcher.status()
