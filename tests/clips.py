"""Ask what a clip is, as the daemon does: by landmarks, and where those do not convince by all peaks."""

from collections.abc import Mapping
from pathlib import Path

import synth
from wholes import SETTINGS

from engine.audio import load
from engine.decision import Verdict, decide
from engine.model import Match, Peaks
from engine.recognise import Searchable, shortlist
from engine.verification import verify


def recognised(clip: synth.Sound, references: Mapping[int, Peaks], index: Searchable) -> list[Match]:
    """Return the matches, best first."""
    shortlisted = shortlist(clip, index, SETTINGS)
    if shortlisted.is_convincing:
        return list(shortlisted.matches)
    return verify(shortlisted, references, SETTINGS)


def verdict(clip: synth.Sound | Path, references: Mapping[int, Peaks], index: Searchable) -> Verdict:
    """Return what a clip, or a file of one, is."""
    sound = load(clip, SETTINGS) if isinstance(clip, Path) else clip
    return decide(recognised(sound, references, index), SETTINGS)
