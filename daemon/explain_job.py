"""What the process that draws pictures does."""

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from engine.audio import load
from engine.codec import decode as decode_constellation
from engine.errors import CodecError
from engine.explain_words import Finding
from engine.model import Peaks
from engine.settings import Settings


@dataclass(frozen=True, slots=True)
class ToDraw:
    """A clip, what was found on it, and what that rests on."""

    clip: Path
    queries: tuple[Peaks, ...]
    """As asked at the match's speed; empty: none was."""
    reference: bytes | None
    """The recording's stored constellation."""
    finding: Finding


def draw_explanation(to_draw: ToDraw, cache_folder: Path, settings: Settings) -> bytes:
    """Return the picture as PNG.

    Parameters
    ----------
    cache_folder : where matplotlib and numba, whom librosa brings along, keep their caches: the home folder,
        their own choice, may not be there or not be ours

    Raises
    ------
    AudioError : the clip does not decode
    OSError : the clip can't be read
    """
    cache_folder.mkdir(mode=0o700, exist_ok=True)
    os.environ |= {
        "MPLBACKEND": "agg",
        "MPLCONFIGDIR": str(cache_folder),
        "NUMBA_CACHE_DIR": str(cache_folder),
    }
    from engine.explain import explain  # 100 MB, and it reads the environment

    samples = load(to_draw.clip, settings)
    return explain(samples, to_draw.queries, _decoded(to_draw.reference), to_draw.finding, settings)


def _decoded(constellation: bytes | None) -> Peaks | None:
    """Return the recording's peaks; a damaged one is not shown, and the index keeper reports it."""
    if constellation is not None:
        with suppress(CodecError):
            return decode_constellation(constellation)
    return None
