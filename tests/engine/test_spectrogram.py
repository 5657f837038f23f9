import librosa
import numpy as np
import pytest
import scipy.signal
import synth
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.settings import Settings
from engine.spectrogram import FLOOR_DB, frame_count, log_spectrogram

SETTINGS = Settings()


def librosa_db(samples):
    window = scipy.signal.get_window("hann", SETTINGS.window_samples, fftbins=True)
    spectrum = librosa.stft(
        samples.astype(np.float64),
        n_fft=SETTINGS.window_samples,
        hop_length=SETTINGS.hop_samples,
        window=window * 2 / window.sum(),
        center=False,
    )
    return librosa.power_to_db(np.abs(spectrum) ** 2, ref=1.0, amin=10 ** (FLOOR_DB / 10), top_db=None).T


SOUNDS = {
    "a tone": synth.tone(440, 2),
    "a chirp": synth.chirp(200, 3_500, 2),
    "noise": synth.noise(1, 2),
    "music": synth.music(1, 4),
    "silence": synth.silence(1),
}


@pytest.mark.parametrize("samples", SOUNDS.values(), ids=SOUNDS)
def test_short_time_power_is_what_librosa_computes(samples):
    ours, theirs = log_spectrogram(samples, SETTINGS), librosa_db(samples)
    assert ours.shape == theirs.shape
    np.testing.assert_allclose(10 ** (ours / 10), 10 ** (theirs / 10), rtol=1e-4, atol=1e-9)


@pytest.mark.parametrize("samples", [SOUNDS["noise"], SOUNDS["music"]], ids=["noise", "music"])
def test_decibels_are_what_librosa_computes_where_there_is_sound(samples):
    ours, theirs = log_spectrogram(samples, SETTINGS), librosa_db(samples)
    audible = theirs > -90
    np.testing.assert_allclose(ours[audible], theirs[audible], atol=0.02)


def test_a_full_scale_sine_on_a_bins_centre_reads_zero_db():
    frequency_hz = 100 * SETTINGS.sample_rate_hz / SETTINGS.window_samples
    spectrogram = log_spectrogram(synth.tone(frequency_hz, 1, level=1.0), SETTINGS)
    assert spectrogram.argmax(axis=1).tolist() == [100] * len(spectrogram)
    np.testing.assert_allclose(spectrogram[:, 100], 0, atol=1e-3)


def test_digital_silence_is_one_plain_at_the_floor():
    assert np.unique(log_spectrogram(synth.silence(1), SETTINGS)).tolist() == [FLOOR_DB]


def test_a_frame_begins_at_its_number_times_the_hop():
    impulse = synth.silence(2)
    impulse[10 * SETTINGS.hop_samples + 20] = 1
    loud = np.flatnonzero(log_spectrogram(impulse, SETTINGS).max(axis=1) > FLOOR_DB)
    assert loud.tolist() == [4, 5, 6, 7, 8, 9, 10]


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 6_000))
def test_there_are_as_many_frames_as_windows_that_fit(sample_count):
    frames, bins = log_spectrogram(np.zeros(sample_count, np.float32), SETTINGS).shape
    starts = range(0, sample_count - SETTINGS.window_samples + 1, SETTINGS.hop_samples)
    assert frames == frame_count(sample_count, SETTINGS) == len(starts)
    assert bins == 1_025


def test_the_samples_are_left_as_they_were():
    samples = synth.noise(1, 1)
    samples.flags.writeable = False
    assert log_spectrogram(samples, SETTINGS).dtype == np.float32
