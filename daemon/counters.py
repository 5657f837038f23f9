"""Count what happens, for GET /metrics; each service owns its counters, and the app those of HTTP."""

from collections.abc import Iterator

from prometheus_client import Counter, Histogram
from prometheus_client.metrics_core import Metric

_DURATIONS_S = (0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 60.0, 120.0, 300.0)
"""Upper bounds: a clip takes some 0.2 s on an idle machine, and waits behind others on a busy one."""
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
"""A client may send other words as its method: they count as OTHER, so that nobody can fill the memory."""
_TOO_MANY_REQUESTS = 429


class HttpCounters:
    """Requests by route (its pattern, never the concrete path) and answer."""

    def __init__(self) -> None:
        self._requests = Counter(
            "spectra_http_requests",
            "Requests that were answered, by the pattern of their route.",
            ("method", "route", "status"),
            registry=None,
        )
        self._limited = Counter(
            "spectra_http_rate_limited",
            "Requests that were refused since their client asks too often.",
            registry=None,
        )

    def answered(self, method: str, route: str, status: int) -> None:
        """Count one request."""
        self._requests.labels(method if method in _METHODS else "OTHER", route, str(status)).inc()
        if status == _TOO_MANY_REQUESTS:
            self._limited.inc()

    def collect(self) -> Iterator[Metric]:
        """Yield the present values."""
        yield from _collected(self._requests, self._limited)


class MatchCounters:
    """Clips that were asked about, and what was answered."""

    def __init__(self) -> None:
        self._asked = Counter("spectra_matches_asked", "Clips that were taken to be matched.", registry=None)
        self._answered = Counter(
            "spectra_matches_answered",
            "Clips by their answer: identified, ambiguous, unknown, or failed.",
            ("outcome",),
            registry=None,
        )
        self._duration = Histogram(
            "spectra_match_duration_seconds",
            "Time from a clip's last byte to its answer, waiting included.",
            buckets=_DURATIONS_S,
            registry=None,
        )

    def asked(self) -> None:
        """Count one clip that was taken."""
        self._asked.inc()

    def answered(self, outcome: str | None, took_s: float) -> None:
        """Count one answer; an outcome of None is a failure."""
        self._answered.labels(outcome or "failed").inc()
        self._duration.observe(took_s)

    def collect(self) -> Iterator[Metric]:
        """Yield the present values."""
        yield from _collected(self._asked, self._answered, self._duration)


class TagCounters:
    """Attempts to write tags, and to take them back."""

    def __init__(self) -> None:
        self._writes = Counter(
            "spectra_tag_writes",
            "Files that were to be tagged: written, unchanged (they say it already), or refused.",
            ("result",),
            registry=None,
        )
        self._undos = Counter(
            "spectra_tag_undos",
            "Changes that were to be undone: undone or refused.",
            ("result",),
            registry=None,
        )
        for result in ("written", "unchanged", "refused"):
            self._writes.labels(result)
        for result in ("undone", "refused"):
            self._undos.labels(result)

    def wrote(self, result: str) -> None:
        """Count one file that was to be tagged."""
        self._writes.labels(result).inc()

    def undid(self, result: str) -> None:
        """Count one change that was to be undone."""
        self._undos.labels(result).inc()

    def collect(self) -> Iterator[Metric]:
        """Yield the present values."""
        yield from _collected(self._writes, self._undos)


def _collected(*counters: Counter | Histogram) -> Iterator[Metric]:
    """Yield their values without the times of their creation, which would be shown as further gauges."""
    for counter in counters:
        for metric in counter.collect():
            metric.samples = [each for each in metric.samples if not each.name.endswith("_created")]
            yield metric
