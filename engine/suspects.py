"""A whole file's constellation to suspects: lines on which some recording may explain a stretch of it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from engine.fingerprint import fingerprint
from engine.matching import QueryTrial, match_hits
from engine.model import Peaks
from engine.recognise import Searchable
from engine.settings import Settings

_WINDOW_S = 10.0
"""As long as a good clip; shorter stretches of a recording are not looked for."""
_LEAST_SURPRISE = 2.0
"""By landmarks, of one window: a suspect is only looked at more closely, which is cheap."""
_CONVINCING_SURPRISE = 15.0
"""A window with more is not asked again at other speeds."""
_MOST_PER_WINDOW = 5
_MOST_SUSPECTS = 2_000
_MOST_RECORDINGS = 100
"""Of a file: a night's mix has about so many."""
_MOST_REFERENCE_S = 48 * 3_600.0
"""Of all suspected recordings together: 20 MB of constellations."""
_SPEED_STRIDE = 3
"""Of consecutive windows that nothing explains, one in three is asked at other speeds: a mix plays a
recording for minutes, and what is found in one window is followed into its neighbours."""
_MOST_SPEED_WINDOWS = 240
"""Each costs as many look-ups as there are speeds; spread evenly over longer files."""


@dataclass(frozen=True, slots=True)
class Suspect:
    """A line: frame `speed * f + offset_frames` of the recording may sound in frame f of the file."""

    recording_id: int
    begin_frame: int
    """Of the file's window that points here."""
    end_frame: int
    offset_frames: float
    speed: float
    """How much faster than the recording the file plays."""
    score: float
    """Of the window's landmarks, as a clip's by landmarks alone."""


def find_suspects(peaks: Peaks, index: Searchable, settings: Settings) -> tuple[Suspect, ...]:
    """Return the lines worth a closer look, best first.

    Parameters
    ----------
    peaks : the file's constellation as stored; no audio is needed
    """
    if not index.size.recordings:
        return ()
    found: list[Suspect] = []
    unexplained: list[int] = []
    for number, window in _windows(peaks, settings):
        suspects = _ask(window, number, index, settings, speed=1.0)
        found += suspects
        if not suspects or suspects[0].score < _CONVINCING_SURPRISE:
            unexplained.append(number)
    wanted = set(_sample(unexplained))
    for number, window in _windows(peaks, settings, only=wanted):
        at_speeds = [
            suspect
            for speed in settings.speeds
            for suspect in _ask(_rescaled(window, speed, settings), number, index, settings, speed=speed)
        ]
        found += sorted(at_speeds, key=_best_first)[:_MOST_PER_WINDOW]
    return _bounded(found, index, settings)


def _windows(peaks: Peaks, settings: Settings, only: set[int] | None = None) -> Iterator[tuple[int, Peaks]]:
    """Yield numbered windows; each reaches one target zone into the next, so that no landmark is cut."""
    length = _window_frames(settings)
    for number in range(-(-peaks.frame_count // length)):
        if only is not None and number not in only:
            continue
        begin, end = np.searchsorted(
            peaks.frames, [number * length, (number + 1) * length + settings.zone_end_frames]
        )
        if begin < end:
            yield (
                number,
                Peaks(
                    frames=peaks.frames[begin:end] - np.uint32(number * length),
                    bins=peaks.bins[begin:end],
                    ranks=peaks.ranks[begin:end],
                    frame_count=min(length + settings.zone_end_frames, peaks.frame_count - number * length),
                ),
            )


def _ask(window: Peaks, number: int, index: Searchable, settings: Settings, *, speed: float) -> list[Suspect]:
    """Return what may explain the window, best first."""
    landmarks = fingerprint(window, settings.cheap, settings)
    trials = 1 if speed == 1.0 else len(settings.speeds)
    trial = QueryTrial(
        "cheap" if speed == 1.0 else "speed", speed=speed, most_recordings=_MOST_PER_WINDOW, trials=trials
    )
    matches = match_hits(
        landmarks,
        index.lookup(landmarks, settings.candidate_budget),
        index.size,
        frame_count_of=index.frame_count,
        settings=settings,
        trial=trial,
    )
    length = _window_frames(settings)
    begin = number * length
    return [
        Suspect(
            recording_id=match.recording_id,
            begin_frame=begin,
            end_frame=begin + length,
            offset_frames=match.offset_s * settings.frames_per_s - begin * speed,
            speed=speed,
            score=match.evidence.surprise,
        )
        for match in matches
        if match.evidence.surprise >= _LEAST_SURPRISE
    ]


def _window_frames(settings: Settings) -> int:
    return round(_WINDOW_S * settings.frames_per_s)


def _sample(numbers: list[int]) -> list[int]:
    """Return the middle one of every few consecutive numbers, evenly thinned where those are too many."""
    runs = np.split(np.array(numbers, np.int64), np.flatnonzero(np.diff(numbers) > 1) + 1)
    chosen = [
        int(part[len(part) // 2])
        for run in runs
        for part in np.split(run, range(_SPEED_STRIDE, len(run), _SPEED_STRIDE))
        if len(part)
    ]
    if len(chosen) <= _MOST_SPEED_WINDOWS:
        return chosen
    return [chosen[place] for place in np.linspace(0, len(chosen) - 1, _MOST_SPEED_WINDOWS).astype(int)]


def _rescaled(peaks: Peaks, speed: float, settings: Settings) -> Peaks:
    """Return the constellation as if it had been played `speed` times slower."""
    bins = np.rint(peaks.bins / speed).astype(np.int64)
    kept = (bins >= settings.lowest_bin) & (bins < settings.window_samples // 2)
    return Peaks(
        frames=np.rint(peaks.frames[kept] * speed).astype(np.uint32),
        bins=bins[kept].astype(np.uint16),
        ranks=peaks.ranks[kept],
        frame_count=round(peaks.frame_count * speed),
    )


def _bounded(suspects: Iterable[Suspect], index: Searchable, settings: Settings) -> tuple[Suspect, ...]:
    """Return the best, of no more recordings than can be looked at closely."""
    weights: dict[int, float] = {}
    for each in suspects:
        weights[each.recording_id] = weights.get(each.recording_id, 0.0) + each.score
    room_s = _MOST_REFERENCE_S
    kept = set()
    for recording_id in sorted(weights, key=lambda each: (-weights[each], each))[:_MOST_RECORDINGS]:
        room_s -= index.frame_count(recording_id) / settings.frames_per_s
        if room_s < 0:
            break
        kept.add(recording_id)
    wanted = [each for each in suspects if each.recording_id in kept]
    return tuple(sorted(wanted, key=_best_first)[:_MOST_SUSPECTS])


def _best_first(suspect: Suspect) -> tuple[float, int, float]:
    return -suspect.score, suspect.recording_id, suspect.offset_frames
