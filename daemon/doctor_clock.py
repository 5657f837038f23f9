"""The doctor's look at the clock, without asking anybody: nothing of ours can be from the future."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from daemon.config import Config
from daemon.doctor_diagnosis import Diagnosis, named, trouble, well
from daemon.restore_folder import POSTGRES
from daemon.state_folder import LOCK_NAME
from daemon.token_file import TOKEN_FILE

_TOLERATED_S = 60.0
"""A network share's server has a clock of its own."""


def clock(config: Config, now: datetime) -> Iterator[Diagnosis]:
    """Compare the time with the dates of what Spectra wrote, and of Spectra itself."""
    state = config.state_dir
    ours = [Path(__file__), state, state / TOKEN_FILE, state / LOCK_NAME, state / POSTGRES, state / "index"]
    newest_s, newest = max((path.stat().st_mtime, path) for path in ours if path.exists())
    if newest_s > now.timestamp() + _TOLERATED_S:
        written = datetime.fromtimestamp(newest_s, UTC)
        sentence = (
            f"it says {now:%Y-%m-%d %H:%M} UTC, but {named(newest)} was written {written:%Y-%m-%d %H:%M}: "
            "`timedatectl set-ntp true`"
        )
        yield trouble("clock", sentence)
    else:
        yield well("clock", f"{now:%Y-%m-%d %H:%M} UTC, later than all that Spectra wrote")
