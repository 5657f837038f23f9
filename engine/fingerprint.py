"""Audio to fingerprint: composes decode, spectrogram, peaks, landmarks and hashing."""

from collections.abc import Iterable, Iterator

import numpy as np

from engine.hashing import hash_landmarks
from engine.landmarks import pair_landmarks
from engine.model import Fingerprint, Peaks, Samples
from engine.peaks import find_maxima, strongest
from engine.settings import Density, Settings
from engine.spectrogram import frame_count, log_spectrogram

_BLOCK_FRAMES = 256
"""Frames analysed at once: 10 s. A block's spectrogram (1 MB) stays in the cache; hours cost no memory."""


def constellation(blocks: Iterable[Samples], settings: Settings) -> Peaks:
    """Return the peaks of a sound that arrives in blocks; how it is cut into blocks changes nothing.

    Parameters
    ----------
    blocks : float32 [shape=(samples,)] each, consecutive
    """
    found = []
    frames_seen = 0
    for first_frame, skipped, counted, samples in _analysis_blocks(blocks, settings):
        frames, bins, levels_db = find_maxima(log_spectrogram(samples, settings), settings)
        inside = (frames >= skipped) & (frames < skipped + counted)
        found.append((frames[inside] + first_frame, bins[inside], levels_db[inside]))
        frames_seen = first_frame + skipped + counted
    empty = (np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.float32))
    frames, bins, levels_db = (np.concatenate(parts) for parts in zip(empty, *found, strict=True))
    return strongest(frames, bins, levels_db, frame_count=frames_seen, settings=settings)


def fingerprint(peaks: Peaks, density: Density, settings: Settings) -> Fingerprint:
    """Return the hashed landmarks of a constellation at the given density, ordered by frame."""
    landmarks = pair_landmarks(peaks, density, settings)
    return Fingerprint(
        hashes=hash_landmarks(landmarks, settings.hash_kind),
        frames=landmarks.anchor_frames,
        frame_count=peaks.frame_count,
    )


def _analysis_blocks(
    blocks: Iterable[Samples], settings: Settings
) -> Iterator[tuple[int, int, int, Samples]]:
    """Cut a stream into windows of `_BLOCK_FRAMES` frames plus the neighbours their peaks are compared with.

    Yields
    ------
    frame number of the first frame in `samples`; frames to skip at the start; frames that count; samples
    """
    radius = settings.peak_radius_frames
    wanted = (_BLOCK_FRAMES + 2 * radius - 1) * settings.hop_samples + settings.window_samples
    pending: list[Samples] = []
    pending_samples = 0
    first_frame = 0
    for block in blocks:
        pending.append(block)
        pending_samples += len(block)
        while pending_samples >= wanted:
            samples = pending[0] if len(pending) == 1 else np.concatenate(pending)
            skipped = radius if first_frame else 0
            counted = _BLOCK_FRAMES + (0 if first_frame else radius)
            yield first_frame, skipped, counted, samples[:wanted]
            used = (skipped + counted - radius) * settings.hop_samples
            first_frame += skipped + counted - radius
            pending, pending_samples = [samples[used:]], len(samples) - used
    samples = np.concatenate([np.zeros(0, np.float32), *pending])
    skipped = radius if first_frame else 0
    yield first_frame, skipped, max(0, frame_count(len(samples), settings) - skipped), samples
