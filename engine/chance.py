"""How unlikely an alignment is by chance."""

import math

import numpy as np
import numpy.typing as npt

_CLASSES = 32
"""One per bit of rarity: a hash that half the postings share weighs 1, one of 4 billion 32."""
_FEWEST_EXPECTED = 1e-4
"""Chance hits per class that are assumed even where none was seen: unseen is not impossible."""
_EXPONENTS = np.linspace(0.0, 1.5, 151)
"""Where the bound is sought, per bit; its minimum for real queries lies between 0.1 and 1."""


def expected_hits(
    weights: npt.NDArray[np.float64], frames: int, window_frames: int
) -> npt.NDArray[np.float64]:
    """Return how many hits of each rarity class one alignment collects if they fall anywhere.

    Parameters
    ----------
    weights : rarity of the hits in bits [shape=(hits,)]
    frames : offsets over which they are spread
    window_frames : offsets that count as one alignment

    Returns
    -------
    float64 [shape=(classes,)]; never quite 0: unseen is not impossible
    """
    classes = weights.astype(np.int64).clip(0, _CLASSES - 1)
    counts = np.bincount(classes, minlength=_CLASSES)
    expected = np.asarray(counts, np.float64) * (window_frames / max(1, frames))
    return np.maximum(expected, _FEWEST_EXPECTED / _CLASSES)


def surprise(weight: float, expected: npt.NDArray[np.float64], alignments: int) -> float:
    """Return -log10 of the number of alignments with at least this weight expected by chance, at least 0.

    The Chernoff bound of a compound Poisson variable: hits fall independently, `expected` of each class on an
    alignment; times the number of alignments there are, as BLAST's E-value (Karlin and Altschul 1990).

    Parameters
    ----------
    weight : bits, summed over the anchors met
    alignments : how many could have been found: the index's frames, times the queries that were tried
    """
    centres = np.arange(_CLASSES) + 0.5
    growth = np.expm1(_EXPONENTS[:, np.newaxis] * centres) @ expected
    bound = float((growth - _EXPONENTS * weight).min()) / math.log(10)
    return max(0.0, -bound - math.log10(max(1, alignments)))
