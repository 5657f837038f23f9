"""Whole files made of synthetic music: copies, edits, mixes; and the library they are held against."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import synth

from engine.contents import Contained, explain_contents
from engine.fingerprint import constellation, fingerprint
from engine.index import IndexWriter
from engine.model import Peaks
from engine.passages import Passage, find_passages
from engine.recognise import Searchable
from engine.settings import Settings
from engine.suspects import find_suspects
from engine.whole_verdict import WholeVerdict, decide_whole

SETTINGS = Settings()
RATE_HZ = synth.RATE_HZ
PIECE_S = 60.0
PIECES = {number: synth.music(number, PIECE_S) for number in range(1, 9)}
"""What the library knows, by recording."""
FADE_S = 6.0


def heard(sound: synth.Sound) -> Peaks:
    return constellation([sound], SETTINGS)


def write_index(folder: Path, references: dict[int, Peaks]) -> None:
    with IndexWriter(folder, stamp="test") as writer:
        writer.add(
            [(number, fingerprint(peaks, SETTINGS.stored, SETTINGS)) for number, peaks in references.items()]
        )


def cut(sound: synth.Sound, begin_s: float, end_s: float) -> synth.Sound:
    return sound[round(begin_s * RATE_HZ) : round(end_s * RATE_HZ)]


def radio_edit(number: int) -> synth.Sound:
    """Return a piece without its 20th to 32nd second."""
    return np.concatenate([cut(PIECES[number], 0, 20), cut(PIECES[number], 32, PIECE_S)])


def crossfaded(sounds: Sequence[synth.Sound]) -> tuple[synth.Sound, list[tuple[float, float]]]:
    """Return the sounds one after another, each faded into the next, and when each sounds."""
    fade = np.sqrt(np.linspace(0, 1, round(FADE_S * RATE_HZ)))
    length = sum(map(len, sounds)) - (len(sounds) - 1) * len(fade)
    mix, begin, spans = np.zeros(length), 0, []
    for sound in sounds:
        level = np.ones(len(sound))
        level[: len(fade)], level[-len(fade) :] = fade, fade[::-1]
        mix[begin : begin + len(sound)] += sound * level
        spans.append((begin / RATE_HZ, (begin + len(sound)) / RATE_HZ))
        begin += len(sound) - len(fade)
    return mix.astype(np.float32), spans


def with_loop(sound: synth.Sound, loop: synth.Sound, at_s: Sequence[float], *, level: float) -> synth.Sound:
    """Return a sound in which a loop is played over it at some times."""
    mixed = sound.copy()
    for begin_s in at_s:
        begin = round(begin_s * RATE_HZ)
        mixed[begin : begin + len(loop)] += level * loop[: len(mixed) - begin]
    return mixed


def passages(
    sound: synth.Sound, number: int, references: dict[int, Peaks], index: Searchable
) -> list[Passage]:
    """Return what a sound has of one recording."""
    peaks = heard(sound)
    suspects = [each for each in find_suspects(peaks, index, SETTINGS) if each.recording_id == number]
    return list(find_passages(peaks, references[number], suspects, SETTINGS))


def contents(sound: synth.Sound, references: dict[int, Peaks], index: Searchable) -> tuple[Contained, ...]:
    """Return what a sound contains."""
    peaks = heard(sound)
    return explain_contents(peaks, find_suspects(peaks, index, SETTINGS), references, SETTINGS)


def verdict(sound: synth.Sound, references: dict[int, Peaks], index: Searchable) -> WholeVerdict:
    """Return what a sound is."""
    return decide_whole(heard(sound), contents(sound, references, index), SETTINGS)
