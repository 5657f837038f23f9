"""The engine's values: frozen, parallel arrays, named by design.md's words."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

Samples: TypeAlias = npt.NDArray[np.float32]
"""Mono audio in -1..1 at `Settings.sample_rate_hz` [shape=(samples,)]."""

Spectrogram: TypeAlias = npt.NDArray[np.float32]
"""Power in dB relative to full scale [shape=(frames, bins)]."""


PassName: TypeAlias = Literal["cheap", "dense", "speed"]
"""A query escalates through these."""


@dataclass(frozen=True, slots=True)
class Peaks:
    """A constellation, ordered by frame, then bin. All arrays [shape=(peaks,)].

    `ranks` counts by strength within the second of audio that the peak lies in, from 0, the strongest;
    so `ranks < n` are the n strongest of every second.
    """

    frames: npt.NDArray[np.uint32]
    bins: npt.NDArray[np.uint16]
    ranks: npt.NDArray[np.uint8]
    frame_count: int


@dataclass(frozen=True, slots=True)
class Landmarks:
    """Anchor and target pairs, ordered by anchor. All arrays [shape=(landmarks,)]."""

    anchor_frames: npt.NDArray[np.uint32]
    anchor_bins: npt.NDArray[np.uint16]
    target_frames: npt.NDArray[np.uint32]
    target_bins: npt.NDArray[np.uint16]


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """Hashed landmarks: what is stored as postings, and what is looked up. Arrays [shape=(landmarks,)]."""

    hashes: npt.NDArray[np.uint32]
    frames: npt.NDArray[np.uint32]
    frame_count: int


@dataclass(frozen=True, slots=True)
class Hits:
    """Postings met by a query, in no particular order.

    Attributes
    ----------
    landmarks : int32 [shape=(hits,)], position of the query landmark in its `Fingerprint`
    recording_ids : int64 [shape=(hits,)]
    frames : int32 [shape=(hits,)], frame in the recording
    posting_counts : int64 [shape=(query landmarks,)], postings in the index with that landmark's hash;
        an upper bound for those that the budget left out
    """

    landmarks: npt.NDArray[np.int32]
    recording_ids: npt.NDArray[np.int64]
    frames: npt.NDArray[np.int32]
    posting_counts: npt.NDArray[np.int64]
    looked_up: npt.NDArray[np.bool_]
    """[shape=(query landmarks,)], False where the candidate budget left the landmark's hash out."""


@dataclass(frozen=True, slots=True)
class IndexSize:
    """How much a query was held against; what chance is computed from."""

    recordings: int
    postings: int
    frames: int


@dataclass(frozen=True, slots=True)
class Evidence:
    """Why a recording matches. Spans are (start, end) in seconds."""

    votes: int
    """Query landmarks found at this alignment, each counted once."""
    anchors: int
    """Distinct query frames among them: the votes of one anchor are not independent."""
    surprise: float
    """-log10 of the number of alignments this good expected in this index if landmarks fell independently."""
    score: float
    """-log10 of the number of alignments this good that a query meets by chance, calibrated on absent music
    (2: one query in a hundred): by landmarks, and where those did not convince, by all peaks."""
    query_span_s: tuple[float, float]
    reference_span_s: tuple[float, float]
    coverage: float
    """Share of what sounds in the query that lies within 2 s of an aligned landmark, 0..1."""
    found_by: PassName


@dataclass(frozen=True, slots=True)
class Match:
    """One recording that explains the query (or a part of it)."""

    recording_id: int
    offset_s: float
    """Where in the recording the query begins; negative when the query begins before it."""
    speed: float
    """How fast the query plays relative to the recording; 1.0 is equal."""
    evidence: Evidence


@dataclass(frozen=True, slots=True)
class Shortlist:
    """What the index says of a clip, by landmarks alone."""

    matches: tuple[Match, ...]
    """Each recording once, best score first."""
    queries: Mapping[float, tuple[Peaks, ...]]
    """The constellations that were asked, by the speed that was assumed."""
    is_convincing: bool
    """The best needs no verification."""
