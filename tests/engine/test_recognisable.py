"""Whether a sound holds enough to be known again."""

import numpy as np
import synth
from wholes import SETTINGS, heard

from engine.model import Peaks
from engine.recognisable import is_recognisable, sounding_s

NOTHING = Peaks(np.zeros(0, np.uint32), np.zeros(0, np.uint16), np.zeros(0, np.uint8), frame_count=250)


def test_a_piece_is_known_again() -> None:
    assert is_recognisable(heard(synth.music(1, 20.0)), SETTINGS)


def test_a_second_is_too_little() -> None:
    assert not is_recognisable(heard(synth.music(1, 1.0)), SETTINGS)


def test_nothing_is_not_known_again() -> None:
    assert not is_recognisable(NOTHING, SETTINGS)
    assert sounding_s(NOTHING, SETTINGS) == 0


def test_only_seconds_in_which_something_stands_out_count() -> None:
    sound = np.concatenate([synth.music(1, 5.0), synth.silence(55.0)])
    assert 5 <= sounding_s(heard(sound), SETTINGS) <= 6
