"""Constellation to anchor/target pairs."""

import numpy as np

from engine.model import Landmarks, Peaks
from engine.settings import Density, Settings


def pair_landmarks(peaks: Peaks, density: Density, settings: Settings) -> Landmarks:
    """Pair each anchor with the nearest following peaks of its target zone (Wang 2003).

    A denser, wider pairing contains nearly every pair of a sparser one: ask densely, store sparsely.

    Parameters
    ----------
    density : peaks of each second that take part, and targets per anchor

    Returns
    -------
    Landmarks ordered by anchor, then target.
    """
    taking_part = peaks.ranks < density.peaks_per_s
    frames = peaks.frames[taking_part].astype(np.int64)
    bins = peaks.bins[taking_part].astype(np.int64)
    taken = np.zeros(len(frames), np.int64)
    anchors, targets = [], []
    waiting = np.arange(len(frames))
    for ahead in range(1, len(frames)):
        waiting = waiting[waiting + ahead < len(frames)]
        distance = frames[waiting + ahead] - frames[waiting]
        in_reach = distance <= settings.zone_end_frames
        waiting, distance = waiting[in_reach], distance[in_reach]
        if not len(waiting):
            break
        near = np.abs(bins[waiting + ahead] - bins[waiting]) <= settings.zone_bins
        paired = waiting[near & (distance >= settings.zone_start_frames)]
        anchors.append(paired)
        targets.append(paired + ahead)
        taken[paired] += 1
        waiting = waiting[taken[waiting] < density.fan_out]
    anchor = np.concatenate([np.zeros(0, np.int64), *anchors])
    target = np.concatenate([np.zeros(0, np.int64), *targets])
    order = np.lexsort((target, anchor))
    anchor, target = anchor[order], target[order]
    return Landmarks(
        anchor_frames=frames[anchor].astype(np.uint32),
        anchor_bins=bins[anchor].astype(np.uint16),
        target_frames=frames[target].astype(np.uint32),
        target_bins=bins[target].astype(np.uint16),
    )
