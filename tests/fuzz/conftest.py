"""One daemon in a process of its own for all fuzz tests of a test process, with a little music."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from real_daemon import UNLIMITED, RealDaemon, real_daemon
from synth import music as play
from synth import write_audio
from waiting import wait_until

_FILES = 3


@pytest.fixture(scope="session")
def fuzzed_daemon() -> Iterator[RealDaemon]:
    """Yield a daemon that knows three files, one with tags."""
    with real_daemon(
        UNLIMITED | {"SPECTRA_SERVER__MAX_PENDING_MATCHES": "10000", "SPECTRA_LOGGING__LEVEL": "info"},
        prepare=_fill,
    ) as daemon:
        wait_until(lambda: daemon.rows("SELECT count(*) FROM files WHERE status = 'indexed'") == [(_FILES,)])
        yield daemon


@pytest.fixture
def daemon(fuzzed_daemon: RealDaemon) -> Iterator[RealDaemon]:
    """Yield that daemon; it must not have met anything it did not expect."""
    yield fuzzed_daemon
    fuzzed_daemon.assert_well()


def _fill(music: Path) -> None:
    for number in range(_FILES):
        tags = {"title": "A Title", "artist": "Somebody"} if number == 0 else {}
        write_audio(music / f"{number}.mp3", play(number, 12.0), tags=tags)
