"""Every rate, window and density of the engine, with its unit and its reason."""

from dataclasses import dataclass
from typing import Literal

FINGERPRINT_VERSION = 1
"""Raised whenever equal samples give another constellation; stored with every recording.

Whoever raises it adds a migration that has the files read anew (as 0002 does), and says so in the changelog.
"""

BIN_TOLERANCE = 1
"""A peak moves by a bin under noise, and when audio is encoded again; two bins add more chance than truth."""

HashKind = Literal["packed", "sha1"]


@dataclass(frozen=True, slots=True)
class Density:
    """How many peaks and landmarks of a constellation a stage uses."""

    peaks_per_s: int
    fan_out: int


@dataclass(frozen=True, slots=True)
class Settings:
    """The engine's parameters.

    The reasons are measurements on 415 real tracks (README, "Key decisions").
    """

    sample_rate_hz: int = 8_000
    """Music keeps its strongest, most robust peaks below 4 kHz; a phone keeps nothing above it."""
    window_samples: int = 2_048
    """256 ms. Better than 1,024 under voices and noise (.948 to .936 first); 4,096 gains nothing more."""
    hop_samples: int = 320
    """40 ms: one frame, the unit of every offset."""
    lowest_hz: float = 65.0
    """Below lie mains hum and rumble. From 200 Hz on, pieces that are nearly all bass were lost under noise:
    the five hard conditions go from .887 / .860 to .933 / .907 with 60 Hz (45 and 30 Hz add .00 to .01)."""
    peak_radius_frames: int = 3
    peak_radius_bins: int = 8
    """A peak is the maximum over +-3 frames x +-8 bins (+-120 ms x +-31 Hz); larger ones lose under noise."""
    bass_bins: int = 64
    bass_radius_bins: int = 4
    """Below bin 64 (250 Hz) the notes of a scale lie closer: +-4 bins there. Nine conditions, the hard ones
    among them, go from .948 / .917 to .961 / .930; 4 or 5 bins up to 500 Hz or 1 kHz lose."""
    stored: Density = Density(peaks_per_s=20, fan_out=3)
    """What the index holds: 59 landmarks per second of music."""
    cheap: Density = Density(peaks_per_s=30, fan_out=6)
    """The first pass of a query: enough for clean and phone clips."""
    dense: Density = Density(peaks_per_s=60, fan_out=8)
    """The second pass, and what PostgreSQL keeps: ask densely, store sparsely."""
    zone_start_frames: int = 2
    zone_end_frames: int = 63
    """A target follows its anchor by 80 ms to 2.5 s: 6 bits."""
    zone_bins: int = 64
    """A target lies within +-64 bins (+-250 Hz) of its anchor: 7 bits and a sign."""
    hash_kind: HashKind = "packed"
    speeds: tuple[float, ...] = (0.99, 1.01, 0.98, 1.02, 0.97, 1.03, 0.96, 1.04, 0.95, 1.05)
    """The third pass resamples the query: most likely deviations first."""
    candidate_budget: int = 130_000
    """Postings one look-up may visit, rarest hashes first: what it costs, whatever the library's size."""
    dense_budgets: int = 8
    """The dense pass may visit so many times more: with 5 instead of 1, 19 instead of 13 of 20 clips under
    noise of 0 dB were found among 20,000 tracks."""
    offset_tolerance_frames: int = 1
    """Hits one frame off the alignment still count: query frames never fall exactly on reference frames."""
    convincing_score: float = 5.0
    """A query stops escalating here, by landmarks alone: the highest of 2,160 absent clips of 5 s had 3.4."""
    accepted_score: float = 2.5
    """Below it the answer is "not known". One absent clip in 200 comes above it."""
    even_score: float = 2.6
    """As many clips with this score were right as wrong (4,120 clips, 2,160 of them absent)."""
    likely_score: float = 3.5
    """Nine in ten clips with this score were right."""
    rival_share: float = 0.7
    """Another recording with this share of the best score makes the answer ambiguous."""
    shortest_s: float = 1.0
    """Less has too few landmarks to say anything: of 0.5 s, six frames."""
    longest_decoded_s: float = 6 * 3_600.0
    """Longer audio is refused: a frame number must fit the index, and a hostile file must end."""

    @property
    def frames_per_s(self) -> float:
        """Return the frame rate (25 Hz by default)."""
        return self.sample_rate_hz / self.hop_samples

    @property
    def alignment_frames(self) -> int:
        """Return how many neighbouring offsets count as one alignment."""
        return 2 * self.offset_tolerance_frames + 1

    @property
    def lowest_bin(self) -> int:
        """Return the first bin in which a peak may lie."""
        return int(self.lowest_hz * self.window_samples / self.sample_rate_hz) + 1
