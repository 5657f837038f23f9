"""A large library changes faster than the kernel can tell: the next look through it misses nothing."""

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from real_daemon import UNLIMITED, RealDaemon, real_daemon
from waiting import wait_until

SHARE = float(os.environ.get("LOAD", "0.1"))
"""Of 100,000 files in 5,000 folders; `make load` takes all of them."""
FOLDERS = round(5_000 * SHARE)
FILES_EACH = 20
AUDIO = round(2_000 * SHARE)
CHANGES = round(20_000 * SHARE)
AUDIO_CHANGES = CHANGES // 10
_QUEUE = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())
_CONTENT = b"no music at all, which is found out quickly"
_KNOWN_S = 300.0


def fill(music: Path) -> None:
    """Write folders of covers, texts and, in the first ones, of what is called music."""
    for number in range(FOLDERS):
        folder = music / f"{number // 100:02}" / f"{number:04}"
        folder.mkdir(parents=True)
        for file in range(FILES_EACH - 1):
            (folder / f"{file:02}.txt").touch()
        name = "00.mp3" if number < AUDIO else "19.txt"
        (folder / name).write_bytes(_CONTENT)
    for number in range(max(0, AUDIO - FOLDERS)):
        folder = music / f"{number // 100:02}" / f"{number:04}"
        (folder / "01.mp3").write_bytes(_CONTENT)


@pytest.fixture(scope="module")
def daemon() -> Iterator[RealDaemon]:
    with real_daemon(UNLIMITED | {"SPECTRA_WORKERS__INGEST": "2"}, prepare=fill) as opened:
        yield opened


def known(daemon: RealDaemon) -> dict[bytes, int]:
    """Return the sizes of all files that are there, as the daemon has them, none of them waiting."""
    rows = daemon.rows("SELECT path, size_bytes, status FROM files WHERE missing_since IS NULL")
    if any(status == "pending" for _, _, status in rows):
        return {}
    return {bytes(path): int(size) for path, size, _ in rows}  # type: ignore[call-overload]


def on_disk(music: Path) -> dict[bytes, int]:
    return {os.fsencode(path.relative_to(music)): path.stat().st_size for path in music.rglob("*.mp3")}


def change(music: Path) -> None:
    """Change many things at once: a tenth of them are music, the rest is what one finds beside it."""
    folders = [music / f"{number // 100:02}" / f"{number:04}" for number in range(FOLDERS)]
    for number in range(CHANGES - AUDIO_CHANGES):
        path = folders[number % FOLDERS] / f"cover {number}.jpg"
        path.write_bytes(b"picture")
        # Each of these is several events more than is counted.
        if number % 2:
            path.unlink()
    for number in range(AUDIO_CHANGES):
        folder = folders[number % min(AUDIO, FOLDERS)]
        old = folder / "00.mp3"
        match number % 4:
            case 0:
                (folder / f"new {number}.mp3").write_bytes(_CONTENT + bytes(number % 50))
            case 1 if old.exists():
                old.unlink()
            case 2 if old.exists():
                old.rename(folder / f"moved {number}.mp3")
            case _:
                old.write_bytes(_CONTENT * 2)


@pytest.mark.timeout(900)
def test_no_change_is_missed_though_the_kernels_queue_overflows(
    daemon: RealDaemon, tell: Callable[[str], None]
) -> None:
    begin_s = time.monotonic()
    wait_until(lambda: known(daemon) == on_disk(daemon.music), within_s=_KNOWN_S)
    known_s = time.monotonic() - begin_s
    before = daemon.measure()

    # While it stands still its queue fills up; what comes after that is lost for certain.
    daemon.process.suspend()
    begin_s = time.monotonic()
    junk = daemon.music / "00" / "0000" / "junk.tmp"
    for _ in range(_QUEUE):
        junk.write_bytes(b"")
        junk.unlink()
    change(daemon.music)
    changed_s = time.monotonic() - begin_s
    daemon.process.resume()

    begin_s = time.monotonic()
    expected = on_disk(daemon.music)
    wait_until(lambda: known(daemon) == expected, within_s=_KNOWN_S)
    tell(
        f"{FOLDERS} folders, {FOLDERS * FILES_EACH} files known after {known_s:.1f} s; {CHANGES} changes in "
        f"{changed_s:.1f} s known {time.monotonic() - begin_s:.1f} s later; {before}, then {daemon.measure()}"
    )
    daemon.assert_well()
