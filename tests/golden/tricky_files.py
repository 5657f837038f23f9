"""Whole files that are easy to name wrongly; the library is `tricky_sounds`'.

Each function's docstring says why its file is tricky, and ends up in the golden file.
"""

import synth
from golden.tricky_sounds import LENGTH_S, LOOP, joined, library, of, performed, talk
from synth import Sound
from wholes import crossfaded


def radio_edit() -> Sound:
    """8 s in the middle are left out."""
    return joined(of("one", 0, 14), of("one", 22, LENGTH_S))


def extended_version() -> Sound:
    """8 s in the middle come three times."""
    return joined(of("one", 0, 20), of("one", 12, 20), of("one", 12, LENGTH_S))


def remix_with_the_loop() -> Sound:
    """Two recordings share its loop, and neither is named by it."""
    return joined(synth.music(301, 20), LOOP, synth.music(302, 15))


def recording_with_the_loop() -> Sound:
    """Another recording has the same loop, but this is only one of them."""
    return library()["loop A"]


def recording_known_twice() -> Sound:
    """Two recordings are this very sound: it is a copy of both."""
    return library()["twin 1"]


def two_halves() -> Sound:
    """Half of one recording, then half of another."""
    return joined(of("one", 20, LENGTH_S), of("two", 0, 20))


def medley() -> Sound:
    """Three recordings, each faded into the next."""
    return crossfaded([of(name, 0, 30) for name in ("one", "two", "three")])[0]


def half_talk() -> Sound:
    """Half a recording, then talk."""
    return joined(of("one", 0, 20), talk(5, 20))


def repeated_bars() -> Sound:
    """Exactly repeated bars seem to jump wherever they like."""
    return library()["bars"]


def slightly_fast() -> Sound:
    """The whole recording, 3 % too fast: the same music, but no copy."""
    return synth.played_at(library()["one"], 1.03)


def reversed_recording() -> Sound:
    """The same notes in reverse are another sound."""
    return library()["one"][::-1].copy()


def live_recording() -> Sound:
    """The same notes with another timing are another recording."""
    return performed(timing_seed=4)


def absent_recording() -> Sound:
    """The same instruments and scale as the library's, but not in it."""
    return synth.music(200, LENGTH_S)


def speech() -> Sound:
    """Bursts of voiced noise."""
    return talk(4, LENGTH_S)


FILES = (
    radio_edit,
    extended_version,
    remix_with_the_loop,
    recording_with_the_loop,
    recording_known_twice,
    two_halves,
    medley,
    half_talk,
    repeated_bars,
    slightly_fast,
    reversed_recording,
    live_recording,
    absent_recording,
    speech,
)
