"""How unlikely an alignment is by chance."""

import math

import numpy as np
import numpy.typing as npt

_CLASSES = 32
"""One per bit of rarity: a hash that half the postings share weighs 1, one of 4 billion 32."""
_FEWEST_EXPECTED = 1e-4
"""Chance hits per class that are assumed even where none was seen: unseen is not impossible."""
_REPEAT_SHARE = 0.8
_MOST_REPEATS = 0.1
"""Of all offsets. With repeats left out, right first on the five hard conditions goes from .954 to .959, at
1 % of absent clips from .944 to .947; and clips of music whose bars repeat exactly are known at all."""
_EXPONENTS = np.linspace(0.0, 1.5, 151)
"""Where the bound is sought, per bit; its minimum for real queries lies between 0.1 and 1."""


def is_repeat(votes: npt.NDArray[np.int64], most: int) -> npt.NDArray[np.bool_]:
    """Tell which offsets have about as many votes as the best: there the music repeats, which is no chance.

    Else a loop that plays thirty times would count against itself 29 times. A held tone agrees with itself
    nearly everywhere: where too many offsets do, none is a repeat.

    Parameters
    ----------
    votes : agreeing hits or peaks by offset [shape=(offsets,)]
    most : those of the best
    """
    repeats: npt.NDArray[np.bool_] = votes >= _REPEAT_SHARE * most
    return repeats if repeats.mean() <= _MOST_REPEATS else np.zeros(len(votes), np.bool_)


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
