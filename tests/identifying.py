"""Drop music, wait until all that follows from it is done, and see what files say then."""

from pathlib import Path

import mutagen
import synth
from ingesting import rows
from waiting import changed, until

from daemon.config import Config
from daemon.services import Services

ONE = {"title": "So What", "artist": "Miles Davis", "album": "Kind of Blue"}
TWO = {"title": "Naima", "artist": "John Coltrane", "album": "Giant Steps"}
NOTHING = (None, None, None)
PIECE_S = 25.0


def at_once(config: Config, **options: object) -> Config:
    """Return the configuration that tags whatever it identifies, without waiting for quiet."""
    return changed(config, "tagging", **({"quiet_s": 0.0, "first_scan": "apply"} | options))


def piece(number: int, duration_s: float = PIECE_S) -> synth.Sound:
    return synth.music(number, duration_s)


def names(tags: dict[str, str]) -> tuple[str | None, ...]:
    return tuple(tags.get(name) for name in ("title", "artist", "album"))


def said(path: Path) -> tuple[str | None, ...]:
    """Return title, artist and album of a file."""
    tags = mutagen.File(path, easy=True).tags or {}
    return tuple(tags.get(name, [None])[0] for name in ("title", "artist", "album"))


async def settle(services: Services, music: Path) -> None:
    """Look through the folder, and wait until all that follows from it is done."""
    await services.library.reconcile(await services.library.add(music, watched=False))
    await until(lambda: is_settled(services), within_s=60)


async def is_settled(services: Services) -> bool:
    """Tell whether nothing waits for the daemon: no fingerprint, no look-up, no write."""
    pending = await rows(
        services,
        "SELECT 1 FROM files WHERE status = 'pending' AND missing_since IS NULL UNION ALL"
        " SELECT 1 FROM procrastinate_jobs WHERE status IN ('todo', 'doing')",
    )
    counts = await services.identification.store.counts()
    return not pending and not counts.to_identify and not counts.to_offer and not counts.to_tag


async def proposals(services: Services) -> dict[str, tuple[str, int]]:
    """Return outcome and number of candidates of what is proposed, by path."""
    found = await rows(
        services,
        "SELECT path, outcome, jsonb_array_length(candidates) FROM proposals JOIN files USING (file_id)",
    )
    return {bytes(path).decode(): (str(outcome), int(count)) for path, outcome, count in found}  # type: ignore[call-overload]


async def file_id(services: Services, name: str) -> int:
    """Return the number of a file by its path below the root."""
    files = await services.identification.review.files(None, after=0, limit=100)
    return next(each.file_id for each in files if each.path == name.encode())


def run_out_of_memory_over_it(*_: object) -> None:
    """Fail as a worker does that has no memory left."""
    raise MemoryError
