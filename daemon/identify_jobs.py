"""What worker processes do to identify files: plain functions of picklable arguments, run by `workers`."""

from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np

from daemon.mapped_index import mapped_index
from daemon.scan import bigint
from daemon.sources import TaggedFile
from daemon.tag_errors import NotTaggable
from daemon.tag_fields import LARGEST_COVER_BYTES, TagFields
from daemon.tag_files import kind_of, read_fields
from engine.codec import decode
from engine.errors import CodecError
from engine.index_part import Ids, IndexPart
from engine.passages import find_passages
from engine.settings import Settings
from engine.suspects import Suspect, find_suspects


def suspects_among(
    constellation: bytes, recording_ids: Ids, index_folder: Path, settings: Settings
) -> tuple[Suspect, ...]:
    """Return the lines on which some of these recordings may explain a file.

    Parameters
    ----------
    recording_ids : the recordings that count, ascending

    Raises
    ------
    CodecError : the stored constellation is damaged
    IndexDamaged
    """
    if not len(recording_ids):
        return ()
    index = mapped_index(index_folder)
    # By id, the last one for all beyond: a search for each hit took a third of a look-up among 100,000.
    counts = np.zeros(int(recording_ids[-1]) + 2, np.bool_)
    counts[recording_ids] = True
    references = IndexPart(index, lambda ids: counts[np.minimum(ids, len(counts) - 1)])
    return find_suspects(decode(constellation), references, settings)


def sharing_a_passage(
    constellation: bytes,
    suspects: Sequence[Suspect],
    stored: Sequence[tuple[int, bytes]],
    settings: Settings,
) -> list[int]:
    """Return which of the stored recordings have a passage of this one; a damaged one is left out.

    Raises CodecError : this one is damaged.
    """
    peaks = decode(constellation)
    theirs = defaultdict(list)
    for suspect in suspects:
        theirs[suspect.recording_id].append(suspect)
    found = []
    for recording_id, encoded in stored:
        with suppress(CodecError):  # the index keeper reports it
            if find_passages(peaks, decode(encoded), theirs[recording_id], settings):
                found.append(recording_id)
    return found


def read_tags_of(files: Sequence[TaggedFile], *, covers: bool) -> list[TagFields | None]:
    """Return what each file says of itself; None where it is gone, another one, or can't be read."""
    return [_fields_of(file, covers=covers) for file in files]


def _fields_of(file: TaggedFile, *, covers: bool) -> TagFields | None:
    try:
        status = file.path.stat()
        if (status.st_size, bigint(status.st_mtime_ns)) != (file.size_bytes, file.mtime_ns):
            return None
        fields = read_fields(file.path, kind_of(file.path)).fields
    except (OSError, NotTaggable):
        return None
    cover = fields.cover
    if cover is not None and not (covers and len(cover.content) <= LARGEST_COVER_BYTES):
        return replace(fields, cover=None)
    return fields
