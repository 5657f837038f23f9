"""Small disks of a test's own: mounted by root, skipped where nobody may mount."""

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

BLOCK_BYTES = 1_024
"""Of the disks that `format_disk` makes."""


@contextmanager
def memory_disk(place: Path, *, size_mb: int) -> Iterator[Path]:
    """Mount an empty file system in memory over a folder that is made; skip where that is refused."""
    place.mkdir(exist_ok=True)
    _mount("-t", "tmpfs", "-o", f"size={size_mb}m,mode=0755", "spectra-test", str(place))
    try:
        yield place
    finally:
        unmount(place)


def format_disk(image: Path, *, size_mb: int) -> None:
    """Make a file a disk with an empty ext4 file system (blocks of 1,024 bytes); skip without its tools."""
    with image.open("wb") as file:
        file.truncate(size_mb << 20)
    if shutil.which("mkfs.ext4") is None or shutil.which("debugfs") is None:
        pytest.skip("no ext4 file system can be made here: apt install e2fsprogs")
    subprocess.run(["mkfs.ext4", "-q", "-b", str(BLOCK_BYTES), "-O", "^has_journal", image], check=True)


@contextmanager
def mounted(image: Path, place: Path) -> Iterator[Path]:
    """Mount a disk over a folder that is made; its sectors are gone where the file is cut off."""
    place.mkdir(exist_ok=True)
    _mount("-o", "loop", str(image), str(place))
    try:
        yield place
    finally:
        unmount(place)


def blocks_of(image: Path, name: str) -> list[int]:
    """Return where on a disk a file's content is."""
    command = ["debugfs", "-R", f"blocks {name}", image]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return [int(each) for each in done.stdout.split()]


def unmount(place: Path) -> None:
    """Take the file system away, whoever uses it, as pulling a plug does; nothing if there is none."""
    subprocess.run(["umount", "--lazy", place], check=False, capture_output=True)


@contextmanager
def filled(folder: Path) -> Iterator[None]:
    """Leave no room on a folder's file system within the context."""
    ballast = folder / "ballast"
    try:
        with ballast.open("wb") as file:
            step = 1 << 24
            while step:
                try:
                    os.posix_fallocate(file.fileno(), file.seek(0, os.SEEK_END), step)
                except OSError:
                    step //= 4
        yield
    finally:
        with contextlib.suppress(FileNotFoundError):
            ballast.unlink()


def _mount(*arguments: str) -> None:
    done = subprocess.run(["mount", *arguments], check=False, capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"file systems can't be mounted here: {done.stderr.strip()}")
