"""People talking, several at once: made by espeak-ng, once."""

import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np

from engine.audio import load
from engine.model import Samples
from engine.settings import Settings

_SENTENCES = (
    "Have you been to the market yet? The tomatoes are cheap today, and the fish came in this morning.",
    "I told her that the train leaves at nine, but she wouldn't listen, and now we will all be late again.",
    "Two coffees, please, one with milk, and could we have the bill at the same time? Thank you very much.",
    "No, really, he walked all the way home in the rain because he had left his umbrella in the theatre.",
    "They are building a bridge over there. It should have been open last spring, or so the paper said.",
    "Children, not so loud! Your grandfather is asleep, and he has had a long day in the garden.",
)
_VOICES = ("en-us", "en-gb", "de", "fr", "es", "it")
_TALKERS = 4
_LENGTH_S = 60.0


def babble(cache: Path) -> Samples:
    """Return a minute of four people talking at once, at the engine's rate.

    Raises
    ------
    FileNotFoundError : espeak-ng is not installed
    """
    kept = cache / "babble.npy"
    if not kept.exists():
        if shutil.which("espeak-ng") is None:
            raise FileNotFoundError("the voices need espeak-ng: apt-get install espeak-ng")
        np.save(kept, sum(_talker(number) for number in range(_TALKERS)))
    samples: Samples = np.load(kept)
    return samples


def _talker(number: int) -> Samples:
    """Return one voice, talking on and on."""
    length = round(_LENGTH_S * Settings().sample_rate_hz)
    said = [_spoken(number, at) for at in range(len(_SENTENCES))]
    talk = np.concatenate(said[number:] + said[:number])
    return np.resize(talk / np.sqrt(np.mean(talk**2)), length).astype(np.float32)


def _spoken(number: int, sentence: int) -> Samples:
    with tempfile.NamedTemporaryFile(suffix=".wav") as file:
        voice = _VOICES[(number + sentence) % len(_VOICES)]
        pitch, words_a_minute = str(25 + 15 * number), str(150 + 12 * number)
        options = ["-v", voice, "-p", pitch, "-s", words_a_minute, "-w", file.name]
        subprocess.run(["espeak-ng", *options, _SENTENCES[sentence]], check=True)
        return load(Path(file.name), Settings())
