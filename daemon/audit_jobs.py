"""What worker processes do for an audit: plain functions of picklable arguments, run by `workers`."""

from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import mutagen
import numpy as np
from mutagen.mp3 import MP3, BitrateMode
from mutagen.wave import WAVE

from daemon.audit_rows import Examined, Stated
from daemon.identify_jobs import read_tags_of
from daemon.mapped_index import mapped_index
from daemon.scan import bigint
from daemon.sources import TaggedFile
from engine.codec import decode
from engine.errors import AudioError, CodecError
from engine.index_part import IndexPart
from engine.kinship import find_kinship
from engine.model import Peaks
from engine.recognisable import is_recognisable, sounding_s
from engine.settings import Settings
from engine.stated import read_stated
from engine.suspects import Suspect, find_suspects

_MIDDLE_S = 30.0
"""Of a sound that nothing explains so much is asked at other speeds too; all of it would cost far more."""
_CONVINCING = 15.0
"""Surprise of a window that needs no other speeds (as in `engine.suspects`)."""


def suspects_elsewhere(
    constellation: bytes, recording_id: int, index_folder: Path, settings: Settings
) -> tuple[Suspect, ...]:
    """Return the lines on which other recordings may be related to this one.

    All of it is asked at its own speed, and of what nothing explains the middle at others.

    Raises
    ------
    CodecError : the stored constellation is damaged
    IndexDamaged
    """
    peaks = decode(constellation)
    index = mapped_index(index_folder)
    # Itself it would crowd out all others.
    others = IndexPart(index, lambda ids: ids != recording_id)
    suspects = find_suspects(peaks, others, replace(settings, speeds=()))
    if any(each.score >= _CONVINCING for each in suspects):
        return suspects
    return suspects + find_suspects(_middle(peaks, settings), others, settings)


def examine(
    constellation: bytes,
    suspects: Sequence[Suspect],
    stored: Sequence[tuple[int, bytes]],
    settings: Settings,
) -> Examined:
    """Return what a recording amounts to, and how the stored ones are related to it.

    A damaged one of those is left out.

    Raises CodecError : this one is damaged.
    """
    peaks = decode(constellation)
    theirs = defaultdict(list)
    for suspect in suspects:
        theirs[suspect.recording_id].append(suspect)
    kin = {}
    for recording_id, encoded in stored:
        with suppress(CodecError):  # the index keeper reports it
            kinship = find_kinship(peaks, decode(encoded), theirs[recording_id], settings)
            if kinship is not None:
                kin[recording_id] = kinship
    return Examined(sounding_s(peaks, settings), is_recognisable(peaks, settings), kin)


def look_at_file(file: TaggedFile) -> Stated | None:
    """Return what a file states of itself; None where it is gone, another one, or can't be read."""
    try:
        status = file.path.stat()
        if (status.st_size, bigint(status.st_mtime_ns)) != (file.size_bytes, file.mtime_ns):
            return None
        try:
            audio = read_stated(file.path)
        except AudioError:  # it failed when it was fingerprinted: that is known
            return Stated()
        stated_s = audio.duration_s or _length_by_header(file.path)
    except OSError:
        return None
    fields = read_tags_of([file], covers=False)[0]
    return Stated(
        codec=audio.codec,
        is_lossless=audio.is_lossless,
        bit_rate=audio.bit_rate,
        sample_rate_hz=audio.sample_rate_hz,
        channels=audio.channels,
        stated_s=stated_s,
        has_mbid=fields is not None and fields.recording_mbid is not None,
    )


def _length_by_header(path: Path) -> float | None:
    """Return the length that an MP3's first frame or a WAV's header holds.

    FFmpeg does not tell that from a guess, or makes it fit the file.
    """
    try:
        tagged = mutagen.File(path)
    except (OSError, MemoryError):
        raise
    except Exception:  # noqa: BLE001 - parsers of damaged files stumble in every way there is
        return None
    if not isinstance(tagged, (MP3, WAVE)):
        return None
    info: Any = tagged.info
    is_guess = isinstance(tagged, MP3) and info.bitrate_mode is BitrateMode.UNKNOWN
    return None if is_guess else float(info.length)


def _middle(peaks: Peaks, settings: Settings) -> Peaks:
    """Return the peaks of the middle, where they are."""
    half = _MIDDLE_S * settings.frames_per_s / 2
    centre = peaks.frame_count / 2
    begin, end = np.searchsorted(peaks.frames, [centre - half, centre + half])
    return replace(
        peaks, frames=peaks.frames[begin:end], bins=peaks.bins[begin:end], ranks=peaks.ranks[begin:end]
    )
