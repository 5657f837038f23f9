"""A constellation to whether its sound can be known again."""

import numpy as np

from engine.model import Peaks
from engine.passages import find_passages
from engine.settings import Settings
from engine.suspects import Suspect

_WINDOW_S = 10.0
"""As long as the windows by which suspects are found."""


def is_recognisable(peaks: Peaks, settings: Settings) -> bool:
    """Tell whether a sound holds enough to be found by: whether it would be found in itself."""
    if not len(peaks.frames):
        return False
    centre = int(peaks.frames[len(peaks.frames) // 2])
    half = round(_WINDOW_S * settings.frames_per_s / 2)
    itself = Suspect(0, max(0, centre - half), centre + half, offset_frames=0.0, speed=1.0, score=0.0)
    return bool(find_passages(peaks, peaks, [itself], settings))


def sounding_s(peaks: Peaks, settings: Settings) -> float:
    """Return in how many seconds anything stands out."""
    return float(len(np.unique(peaks.frames // round(settings.frames_per_s))))
