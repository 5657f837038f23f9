"""Is everything well? One sentence a part."""

import asyncio
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

import psycopg

from daemon.services import Services

_LEAST_FREE_BYTES = 200_000_000
"""Below that PostgreSQL and the index soon fail; the journal and the spool share the same disk."""


@dataclass(frozen=True, slots=True)
class Check:
    """One part's health."""

    is_ok: bool
    detail: str


async def check_health(services: Services) -> dict[str, Check]:
    """Return the state of every part, by name."""
    database = await _database(services)
    return {
        "database": database,
        "filesystem": await asyncio.to_thread(_filesystem, services.config.state_dir),
        "workers": _workers(services),
        "index": _index(services),
        "watcher": _watcher(services),
        "playlists": await _playlists(services, is_known=database.is_ok),
    }


async def _database(services: Services) -> Check:
    if await services.database.is_alive():
        return _fine("answers")
    return _trouble("PostgreSQL does not answer; nothing can be looked up or stored until it does")


def _filesystem(state_dir: Path) -> Check:
    try:
        with tempfile.NamedTemporaryFile(dir=state_dir, prefix=".health-"):
            free_bytes = shutil.disk_usage(state_dir).free
    except OSError as error:
        return _trouble(f"the state folder can't be written: {error.strerror}")
    if free_bytes < _LEAST_FREE_BYTES:
        return _trouble(f"only {free_bytes // 1_000_000} MB are free below the state folder")
    return _fine(f"{free_bytes // 1_000_000} MB free")


def _workers(services: Services) -> Check:
    pools = (services.match_workers, services.ingest_workers)
    dead = [pool.purpose for pool in pools if not pool.is_usable()]
    if dead:
        return _trouble(f"a process for {' and '.join(dead)} has died; the next job starts a new one")
    return _fine(f"{' and '.join(f'{pool.slot_count} for {pool.purpose}' for pool in pools)}")


def _index(services: Services) -> Check:
    status = services.index.status()
    if status.error is not None:
        return _trouble(status.error)
    building = f", {status.to_build} to be built" if status.to_build else ""
    return _fine(f"{status.size.recordings} recordings{building}")


def _watcher(services: Services) -> Check:
    if services.watcher is None:
        return _fine("off: these services only answer a command line")
    roots = services.watcher.status()
    troubled = [root for root in roots if root.state in {"offline", "failed"}]
    if troubled:
        return _trouble(
            "; ".join(
                f"{os.fsencode(root.root).decode(errors='replace')} is {root.state}: {root.reason}"
                for root in troubled
            ),
        )
    if not roots:
        return _fine("no music folder is configured (library.roots)")
    return _fine(f"{len(roots)} music folder{'' if len(roots) == 1 else 's'}")


async def _playlists(services: Services, *, is_known: bool) -> Check:
    """Say until when nothing is asked of the source.

    A pause is no illness of Spectra: it keeps what the source asks for, nobody has to do anything, and
    all the rest goes on. Who must know reads it here, in /status and in /playlists.
    """
    try:
        pause = await services.playlists.service.pause() if is_known else None
    except psycopg.Error:
        is_known, pause = False, None
    if not is_known:
        return _fine("not known while the database does not answer")
    if pause is None:
        return _fine("no pause")
    return _fine(f"nothing is asked until {pause.until.isoformat(timespec='seconds')}: {pause.reason}")


def _fine(detail: str) -> Check:
    return Check(is_ok=True, detail=detail)


def _trouble(detail: str) -> Check:
    return Check(is_ok=False, detail=detail)
