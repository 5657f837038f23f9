"""A spooled clip to its matches, in worker processes."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from daemon.store import Store
from daemon.worker_jobs import shortlist_clip, verify_shortlist
from daemon.workers import WorkerPool
from engine.model import Match, Shortlist
from engine.settings import Settings


@dataclass(frozen=True, slots=True)
class ClipMatches:
    """What may explain a clip."""

    shortlist: Shortlist
    matches: Sequence[Match]
    """Best first."""


async def match_clip(
    clip: Path, *, workers: WorkerPool, store: Store, index_folder: Path, settings: Settings
) -> ClipMatches:
    """Return what may explain the clip; where landmarks do not convince, by all peaks.

    Raises
    ------
    AudioError, IndexDamaged, WorkerDied, MemoryError
    """
    shortlisted = await workers.run(shortlist_clip, clip, index_folder, settings)
    if shortlisted.is_convincing or not shortlisted.matches:
        return ClipMatches(shortlisted, shortlisted.matches)
    constellations = await store.constellations([match.recording_id for match in shortlisted.matches])
    return ClipMatches(
        shortlisted, await workers.run(verify_shortlist, shortlisted, constellations, settings)
    )
