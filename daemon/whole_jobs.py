"""What worker processes do with whole files: plain functions of picklable arguments, run by `workers`."""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np

from daemon.mapped_index import mapped_index
from engine.codec import decode
from engine.contents import explain_contents
from engine.errors import CodecError
from engine.model import Peaks
from engine.settings import Settings
from engine.suspects import Suspect, find_suspects
from engine.whole_verdict import WholeVerdict, decide_whole


def suspects_of(constellation: bytes, index_folder: Path, settings: Settings) -> tuple[Suspect, ...]:
    """Return the lines on which recordings may explain a file.

    Raises
    ------
    CodecError : these bytes are no constellation that we could have made
    IndexDamaged
    """
    peaks = decode(constellation)
    _check_possible(peaks, settings)
    index = mapped_index(index_folder)
    return find_suspects(peaks, index, settings)


def contents_of(
    constellation: bytes,
    suspects: Sequence[Suspect],
    references: Sequence[tuple[int, bytes]],
    settings: Settings,
) -> WholeVerdict:
    """Return what the file contains and what follows from it; a damaged reference is left out.

    Parameters
    ----------
    references : recordings and their stored constellations
    """
    peaks = decode(constellation)
    decoded = {}
    for recording_id, encoded in references:
        with suppress(CodecError):  # the index keeper reports it
            decoded[recording_id] = decode(encoded)
    return decide_whole(peaks, explain_contents(peaks, suspects, decoded, settings), settings)


def _check_possible(peaks: Peaks, settings: Settings) -> None:
    """Refuse what no sound amounts to: its sender could make us compute for hours.

    Raises CodecError.
    """
    if peaks.frame_count > settings.longest_decoded_s * settings.frames_per_s:
        raise CodecError(f"it is longer than the {settings.longest_decoded_s:.0f} s that are allowed")
    if not len(peaks.frames):
        return
    if peaks.bins.min() < settings.lowest_bin or peaks.bins.max() >= settings.window_samples // 2:
        raise CodecError("a peak lies where none is looked for")
    per_second = np.bincount(peaks.frames // round(settings.frames_per_s))
    if per_second.max() > settings.dense.peaks_per_s:
        raise CodecError("a second has more peaks than are kept of one")
