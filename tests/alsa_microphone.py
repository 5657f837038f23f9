"""Have PortAudio find microphones that hear what a file holds: real PortAudio on real ALSA, without a card.

ALSA's `file` plugin reads as fast as it is asked, so that ten seconds are heard at once.
"""

from ctypes.util import find_library
from pathlib import Path

import numpy as np
import pytest
from synth import Sound

RATE_HZ = 44_100
"""What PortAudio takes for the devices' own rate."""
CHANNELS = 2
"""What is read from a file, where a device has so many."""

needs_portaudio = pytest.mark.skipif(
    find_library("portaudio") is None, reason="PortAudio is not installed (apt install libportaudio2)"
)

_DEVICE = """
pcm.{name} {{
    type file
    slave.pcm {{ type null }}
    file /dev/null
    infile "{source}"
    format raw
}}
"""


def write_pcm(path: Path, sound: Sound) -> Path:
    """Write a sound as what a stereo microphone delivers whose right side hears nothing."""
    both = np.stack([sound, np.zeros_like(sound)], axis=1)
    path.write_bytes((both * 32_767).astype("<i2").tobytes())
    return path


def write_alsa_config(path: Path, sources: dict[str, Path]) -> Path:
    """Write a configuration with devices that hear these files; one may be called `default`."""
    path.write_text(
        "".join(
            _DEVICE.format(name="!default" if name == "default" else f'"{name}"', source=source)
            for name, source in sources.items()
        )
    )
    return path
