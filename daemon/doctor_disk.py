"""The doctor's look at disks: room for what Spectra keeps, and music folders that can be read and written."""

import os
from collections.abc import Iterator
from pathlib import Path

from daemon.config import Config
from daemon.doctor_diagnosis import Diagnosis, megabytes, named, trouble, well
from daemon.doctor_folders import Folders, count, network_file_system
from daemon.file_safety import SPARE_BYTES
from daemon.scan import look_at_root

_SMALL_BYTES = 1_000_000_000
"""Soon a full disk: a thousand hours of music take 2.2 GB."""


def room(config: Config) -> Iterator[Diagnosis]:
    """Tell whether the state folder, uploads and kept downloads have room."""
    places = {"database, index": config.state_dir, "uploads": config.state_dir / "spool"}
    if config.youtube.keep is not None:
        places["kept downloads (youtube.keep)"] = config.youtube.keep
    devices: dict[int, tuple[list[str], Path]] = {}
    for what, place in places.items():
        there = next(each for each in (place, *place.parents) if each.exists())
        devices.setdefault(there.stat().st_dev, ([], there))[0].append(what)
    for whats, there in devices.values():
        yield _room(" and ".join(whats), there)


def _room(what: str, there: Path) -> Diagnosis:
    status = os.statvfs(there)
    free_bytes = status.f_bavail * status.f_frsize
    sentence = f"{megabytes(free_bytes)} free at {named(there)} for {what}"
    if status.f_flag & os.ST_RDONLY:
        return trouble("disk", f"{named(there)} is mounted read-only, no room for {what}: mount it writable")
    if status.f_files and not status.f_favail:
        return trouble("disk", f"no more files can be made at {named(there)} (inodes, `df -i`): delete some")
    if free_bytes < _SMALL_BYTES:
        return trouble("disk", f"only {sentence}: make room, or set state_dir elsewhere")
    return well("disk", sentence)


def music(config: Config, root: Path, now_s: float) -> Iterator[Diagnosis]:
    """Tell whether a music folder is there, can be tagged, and reports its changes."""
    subject, name = "music", named(root)
    offline = look_at_root(root)
    if offline.identity is None:
        sentence = f"{name}: {offline.offline}. Is it mounted? Until then it counts as offline"
        yield trouble(subject, sentence)
        return
    if not os.access(root, os.R_OK | os.X_OK):
        yield trouble(subject, f"{name} can't be read by this user: run as its owner")
        return
    if offline.offline is not None:
        yield trouble(subject, f"{name}: {offline.offline}")
        return
    counted = count(root, config.library.audio_extensions, now_s)
    more = "" if counted.is_whole else "more than "
    yield _tagging(config, root, counted, f"{more}{counted.files} files in {counted.folders} folders")
    kind = network_file_system(root)
    if kind is not None:
        every_s = config.library.reconcile_network_every_s
        sentence = (
            f"{name} is on {kind}, which reports no changes: it is looked through every {every_s:.0f} s"
        )
        yield well(subject, sentence)
    if counted.in_future:
        sentence = (
            f"{counted.in_future} files in {name} are dated tomorrow or later; if that is wrong: `touch` them"
        )
        yield well(subject, sentence)


def _tagging(config: Config, root: Path, counted: Folders, summary: str) -> Diagnosis:
    """Tell whether files below a root can be replaced: a copy has to fit beside the largest."""
    name = named(root)
    is_read_only = os.statvfs(root).f_flag & os.ST_RDONLY
    if is_read_only or not os.access(root, os.W_OK):
        if not _is_written(config, root):
            return well("music", f"{name} can be read ({summary}); by tagging.mode nothing is written")
        why = "is mounted read-only" if is_read_only else "can be read, and not written"
        remedy = "mount it writable" if is_read_only else "run as its owner"
        sentence = (
            f'{name} {why}: nothing is tagged; {remedy}, or set tagging.mode and first_scan = "dry-run"'
        )
        return trouble("music", sentence)
    status = os.statvfs(root)
    free_bytes = status.f_bavail * status.f_frsize
    needed_bytes = counted.largest_bytes + SPARE_BYTES
    if free_bytes < needed_bytes and _is_written(config, root):
        sentence = (
            f"{name} has {megabytes(free_bytes)} free, and tagging its largest file takes "
            f"{megabytes(needed_bytes)} for a copy beside it: make room"
        )
        return trouble("music", sentence)
    return well("music", f"{name} can be read and written: {summary}, {megabytes(free_bytes)} free")


def _is_written(config: Config, root: Path) -> bool:
    modes = {config.tagging.mode_of(root / "any", arrived_later=later) for later in (True, False)}
    return modes != {"dry-run"}
