"""Samples to a log-power spectrogram."""

import functools

import numpy as np
import numpy.typing as npt
import scipy.fft

from engine.model import Samples, Spectrogram
from engine.settings import Settings

FLOOR_DB = -120.0
"""Power is clipped here: below the dither of 16-bit audio (about -115 dB a bin), so that no gain moves a peak
of audible music below it, and digital silence is one flat plain without peaks."""


def frame_count(sample_count: int, settings: Settings) -> int:
    """Return how many whole windows fit into so many samples."""
    return max(0, (sample_count - settings.window_samples) // settings.hop_samples + 1)


def log_spectrogram(samples: Samples, settings: Settings) -> Spectrogram:
    """Return the short-time power spectrum in dB; frame f begins at sample f * hop (no centring, no padding).

    Parameters
    ----------
    samples : float32 [shape=(samples,)]

    Returns
    -------
    float32 [shape=(frames, window_samples // 2 + 1)]; a full-scale sine on a bin's centre reads 0 dB.
    """
    frames = frame_count(len(samples), settings)
    if frames == 0:
        return np.zeros((0, settings.window_samples // 2 + 1), np.float32)
    windows = np.lib.stride_tricks.sliding_window_view(samples, settings.window_samples)
    framed = windows[:: settings.hop_samples][:frames] * _hann(settings.window_samples)
    spectrum = scipy.fft.rfft(framed, axis=1, overwrite_x=True)
    power = np.square(spectrum.real)
    power += np.square(spectrum.imag)
    np.maximum(power, np.float32(10 ** (FLOOR_DB / 10 - 1)), out=power)
    np.log10(power, out=power)
    power *= np.float32(10)
    np.maximum(power, np.float32(FLOOR_DB), out=power)  # only now is silence exactly flat
    decibels: Spectrogram = power
    return decibels


@functools.cache
def _hann(length: int) -> npt.NDArray[np.float32]:
    """Return the periodic Hann window, scaled so that a full-scale sine has power 1 in its bin."""
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(length) / length)
    scaled: npt.NDArray[np.float32] = (window * (2 / window.sum())).astype(np.float32)
    return scaled
