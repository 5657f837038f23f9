"""A part of an index, asked without the rest: copies of a sound would crowd out what is looked for."""

from collections.abc import Callable
from dataclasses import replace
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from engine.model import Fingerprint, Hits, IndexSize
from engine.recognise import Searchable

Ids: TypeAlias = npt.NDArray[np.int64]


class IndexPart:
    """An index of which only some recordings answer; its size is that of all."""

    def __init__(self, index: Searchable, answers: Callable[[Ids], npt.NDArray[np.bool_]]) -> None:
        """`answers` tells of each hit's recording [shape=(hits,)] whether it is one of them."""
        self._index = index
        self._answers = answers

    @property
    def size(self) -> IndexSize:
        """Return what the whole index holds."""
        return self._index.size

    def frame_count(self, recording_id: int) -> int:
        """Return the recording's length."""
        return self._index.frame_count(recording_id)

    def lookup(self, fingerprint: Fingerprint, candidate_budget: int) -> Hits:
        """Return the postings that the landmarks meet, those of the part."""
        hits = self._index.lookup(fingerprint, candidate_budget)
        kept = self._answers(hits.recording_ids)
        return replace(
            hits,
            landmarks=hits.landmarks[kept],
            recording_ids=hits.recording_ids[kept],
            frames=hits.frames[kept],
        )
