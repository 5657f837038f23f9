"""How unlikely an alignment is by chance."""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

_CLASSES = 32
"""One per bit of rarity: a hash that half the postings share weighs 1, one of 4 billion 32."""
_FEWEST_EXPECTED = 1e-4
"""Chance hits per class that are assumed even where none was seen: unseen is not impossible."""
_EXPONENTS = np.linspace(0.0, 1.5, 151)
"""Where the bound is sought, per bit; its minimum for real queries lies between 0.1 and 1."""


@dataclass(frozen=True, slots=True)
class Background:
    """Hits that one alignment meets by chance, by rarity class [shape=(classes,)]."""

    expected: npt.NDArray[np.float64]


def background(
    weights_everywhere: npt.NDArray[np.float64],
    frames_everywhere: int,
    weights_here: npt.NDArray[np.float64],
    frames_here: int,
    *,
    window_frames: int,
) -> Background:
    """Return what an alignment would collect if the hits fell anywhere.

    Of the index's rate and the recording's the larger one counts.

    Parameters
    ----------
    weights_everywhere, weights_here : rarity in bits of every hit in the index, and of those in the recording
        that lie off the alignment [shape=(hits,)]
    frames_everywhere, frames_here : offsets over which they are spread
    window_frames : offsets that count as one alignment
    """
    everywhere = _by_class(weights_everywhere) * (window_frames / max(1, frames_everywhere))
    here = _by_class(weights_here) * (window_frames / max(1, frames_here))
    return Background(np.maximum(np.maximum(everywhere, here), _FEWEST_EXPECTED / _CLASSES))


def surprise(weight: float, chance: Background, alignments: int) -> float:
    """Return -log10 of the number of alignments with at least this weight expected by chance, at least 0.

    The Chernoff bound of a compound Poisson variable: hits fall independently, `chance.expected` of each
    class on an alignment; times the number of alignments there are, as BLAST's E-value (Karlin and Altschul
    1990).

    Parameters
    ----------
    weight : bits, summed over the anchors met
    alignments : how many could have been found: the index's frames, times the queries that were tried
    """
    centres = np.arange(_CLASSES) + 0.5
    growth = np.expm1(_EXPONENTS[:, np.newaxis] * centres) @ chance.expected
    bound = float((growth - _EXPONENTS * weight).min()) / math.log(10)
    return max(0.0, -bound - math.log10(max(1, alignments)))


def _by_class(weights: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    return np.bincount(weights.astype(np.int64).clip(0, _CLASSES - 1), minlength=_CLASSES)
