"""Measure how fast and how small Spectra is: `python -m tests.bench [figure ...]`.

Speeds are ratios against a baseline of the same run, medians of interleaved repetitions: the machine may be
shared. Run it from the repository's root.
"""

import argparse
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from tests.bench import clip, idle, ingest, late, lookup, size, tagging
from tests.bench.corpus import cache_folder, downloaded
from tests.bench.options import Options
from tests.bench.report import Report, publish

FIGURES: dict[str, Callable[[Options], Report]] = {
    "ingest": ingest.measure,
    "clip": clip.measure,
    "size": size.measure,
    "lookup": lookup.measure,
    "idle": idle.measure,
    "late": late.measure,
    "tagging": tagging.measure,
}


def main() -> int:
    """Return 0 if all goals are met."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="figure", help=f"of {', '.join(FIGURES)}; default: all")
    parser.add_argument("--corpus", type=Path, help="folder of music; default: a Debian package's")
    parser.add_argument("--cache", type=Path, default=cache_folder(), help="default: %(default)s")
    parser.add_argument("--quick", action="store_true", help="small numbers, to see that everything works")
    parser.add_argument(
        "--files", type=int, help="how many, for the figures that grow with them: late, tagging"
    )
    given = parser.parse_args()
    if unknown := set(given.names) - FIGURES.keys():
        parser.error(f"no such figure: {', '.join(sorted(unknown))}; there are {', '.join(FIGURES)}")
    given.cache.mkdir(parents=True, exist_ok=True)
    options = Options(given.corpus or downloaded(given.cache), given.cache, given.quick, given.files)
    # Ended early, by whatever signal, it stops its PostgreSQL and removes its folders.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    are_met = True
    for name in given.names or FIGURES:
        report = FIGURES[name](options)
        publish(report)
        are_met = are_met and all(goal.is_met for goal in report.goals)
    return 0 if are_met else 1


if __name__ == "__main__":
    sys.exit(main())
