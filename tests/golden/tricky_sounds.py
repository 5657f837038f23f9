"""Sounds that are easy to name wrongly, and the library they are held against.

Each function's docstring says why its sound is tricky, and ends up in the golden file.
"""

import functools

import numpy as np
import synth
from synth import RATE_HZ, Sound
from wholes import crossfaded, cut

LENGTH_S = 40.0
LOOP = cut(synth.music(50, 10), 0, 10)
SPEED = 1.03


@functools.cache
def library() -> dict[str, Sound]:
    """Return what is known, by name."""
    return {
        "one": synth.music(1, LENGTH_S),
        "two": synth.music(2, LENGTH_S),
        "three": synth.music(3, LENGTH_S),
        "loop A": joined(synth.music(101, 16), LOOP, synth.music(102, 16)),
        "loop B": joined(synth.music(103, 8), LOOP, synth.music(104, 20)),
        "bars": joined(synth.music(60, 8), np.tile(synth.music(51, 2), 16)),
        "studio": performed(timing_seed=1),
        "twin 1": synth.music(7, LENGTH_S),
        "twin 2": synth.music(7, LENGTH_S),
    }


def joined(*sounds: Sound) -> Sound:
    return np.concatenate(sounds)


def of(name: str, begin_s: float, end_s: float) -> Sound:
    """Return a part of a recording."""
    return cut(library()[name], begin_s, end_s)


def performed(*, timing_seed: int) -> Sound:
    """Return the same 200 notes; each time tempo, onsets, intonation, levels and instrument differ."""
    notes, timing = np.random.default_rng(70), np.random.default_rng(timing_seed)
    strengths = timing.uniform(0.1, 1, 5) / np.arange(1, 6)
    beats_s = np.cumsum(timing.uniform(0.14, 0.22, 20).repeat(10))
    samples = np.zeros(round(LENGTH_S * RATE_HZ), np.float32)
    for beat_s in beats_s[beats_s < LENGTH_S - 1]:
        pitch_hz, length_s = 220 * 2 ** (notes.integers(0, 25) / 12), notes.uniform(0.2, 0.7)
        start = round((beat_s + timing.uniform(0, 0.06)) * RATE_HZ)
        pitch_hz *= timing.uniform(0.99, 1.01)
        level = timing.uniform(0.05, 0.2)
        times_s = np.arange(round(length_s * RATE_HZ)) / RATE_HZ
        for number, strength in enumerate(strengths, 1):
            wave = np.sin(2 * np.pi * number * pitch_hz * times_s) * np.exp(-5 * times_s)
            samples[start : start + len(times_s)] += (level * strength * wave).astype(np.float32)
    return samples


def talk(seed: int, duration_s: float) -> Sound:
    """Return bursts of voiced noise with pauses, as someone's talking."""
    random = np.random.default_rng(seed)
    samples = synth.silence(duration_s)
    start = 0
    while start < len(samples):
        times_s = np.arange(round(random.uniform(0.08, 0.3) * RATE_HZ)) / RATE_HZ
        pitch_hz = random.uniform(100, 220)
        waves = [np.sin(2 * np.pi * number * pitch_hz * times_s) / number for number in range(1, 9)]
        burst = np.sum(waves, axis=0) + 0.5 * random.standard_normal(len(times_s))
        part = samples[start : start + len(burst)]
        part += (0.1 * burst * np.hanning(len(burst)))[: len(part)].astype(np.float32)
        start += len(burst) + round(random.uniform(0.02, 0.25) * RATE_HZ)
    return samples


def the_loop_alone() -> Sound:
    """Two recordings share this loop, and nothing else is heard."""
    return LOOP


def the_loop_over_other_music() -> Sound:
    """Two recordings share this loop; what else is heard is in neither."""
    return LOOP + synth.music(9, 10)


def the_loop_with_what_follows() -> Sound:
    """Two recordings share the first 6 s; what follows is only in one."""
    return of("loop A", 20, 31)


def a_recording_known_twice() -> Sound:
    """Two recordings are the same sound."""
    return of("twin 1", 10, 16)


def an_end_and_a_begin() -> Sound:
    """One recording ends, another begins, equally long."""
    return joined(of("one", 34, 40), of("two", 0, 6))


def a_longer_end_and_a_begin() -> Sound:
    """One recording ends, another begins, which explains much less."""
    return joined(of("one", 33, 40), of("two", 0, 5))


def a_crossfade() -> Sound:
    """One recording is faded into another, and each is alone at one end."""
    return crossfaded([of("one", 28, 40), of("two", 0, 12)])[0]


def two_at_once() -> Sound:
    """Two recordings sound together, equally loud."""
    return of("one", 10, 18) + of("two", 10, 18)


def music_then_talk() -> Sound:
    """Half of the clip is music, the other talk."""
    return joined(of("one", 10, 15), talk(2, 5))


def music_then_much_talk() -> Sound:
    """A tenth of the clip is music, the rest talk."""
    return joined(of("one", 10, 14), talk(2, 26))


def a_jump() -> Sound:
    """The recording jumps in the middle, as an edit does: each half has an offset of its own."""
    return joined(of("one", 10, 16), of("one", 25, 30))


def before_the_begin() -> Sound:
    """The clip begins with talk, before the recording does."""
    return joined(talk(3, 2), of("one", 0, 6))


def faster() -> Sound:
    """A turntable that runs 3 % too fast."""
    return cut(synth.played_at(library()["one"], SPEED), 10, 18)


def far_too_fast() -> Sound:
    """A fifth faster, and so more than 3 semitones higher: another piece to a listener."""
    return cut(synth.played_at(library()["one"], 1.2), 10, 18)


def transposed() -> Sound:
    """Every frequency is 80 Hz higher, at the same speed: not the same sound."""
    spectrum = np.fft.rfft(of("one", 10, 18))
    return np.fft.irfft(np.roll(spectrum, 80 * 8)).astype(np.float32)


def backwards() -> Sound:
    """The same notes in reverse are another sound."""
    return of("one", 10, 18)[::-1].copy()


def played_live() -> Sound:
    """The same notes with another timing are another recording."""
    return cut(performed(timing_seed=4), 10, 18)


def a_bar_of_many() -> Sound:
    """A bar that comes 16 times fits at 16 offsets."""
    return of("bars", 14.3, 15.8)


def many_bars() -> Sound:
    """Exactly repeated bars fit at every bar: which of them is open, but not the recording."""
    return of("bars", 16, 24)


def into_the_bars() -> Sound:
    """What comes before the bars tells which of them these are."""
    return of("bars", 3, 11)


def a_second() -> Sound:
    """Too short to be sure of anything."""
    return of("one", 20, 21)


def absent_music() -> Sound:
    """The same instruments and scale as the library's, but not in it."""
    return synth.music(200, 10)


def nothing() -> Sound:
    """Digital silence."""
    return synth.silence(8)


def a_click() -> Sound:
    """Digital silence with one loud sample."""
    silence = synth.silence(8)
    silence[30_000] = 0.9
    return silence


def a_tone() -> Sound:
    """A sine has one peak, and it may be anywhere."""
    return synth.tone(440, 8)


def a_sweep() -> Sound:
    """A moving sine crosses every bin once."""
    return synth.chirp(200, 3_500, 8)


def white_noise() -> Sound:
    """Noise has peaks everywhere."""
    return synth.noise(1, 8)


def a_burst_of_noise() -> Sound:
    """A second of noise in silence."""
    return joined(synth.silence(3), synth.noise(2, 1), synth.silence(4))


def only_talk() -> Sound:
    """Bursts of voiced noise."""
    return talk(1, 8)


CLIPS = (
    the_loop_alone,
    the_loop_over_other_music,
    the_loop_with_what_follows,
    a_recording_known_twice,
    an_end_and_a_begin,
    a_longer_end_and_a_begin,
    a_crossfade,
    two_at_once,
    music_then_talk,
    music_then_much_talk,
    a_jump,
    before_the_begin,
    faster,
    far_too_fast,
    transposed,
    backwards,
    played_live,
    a_bar_of_many,
    many_bars,
    into_the_bars,
    a_second,
    absent_music,
    nothing,
    a_click,
    a_tone,
    a_sweep,
    white_noise,
    a_burst_of_noise,
    only_talk,
)
