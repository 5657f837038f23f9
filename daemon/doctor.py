"""Find out what is wrong with this machine and configuration: a sentence a part, with the remedy."""

import asyncio
import os
import platform
import shutil
import subprocess
import sysconfig
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from daemon.config import Config
from daemon.errors import DaemonError
from daemon.library import shown
from daemon.playlist_rows import Listing

OLD_DAYS = 120
"""YouTube changes several times a year, and yt-dlp with it."""
_LEAST_FREE_BYTES = 1_000_000_000
_RUNTIME_S = 30.0
_UPDATE = "pip install --upgrade 'yt-dlp[default,deno]' ytmusicapi"


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """One part."""

    subject: str
    is_ok: bool
    sentence: str
    """What was found; if it is not right, what to do."""


async def examine(
    config: Config, read_list: Callable[[str], Awaitable[Listing]], *, url: str | None, today: date
) -> AsyncIterator[Diagnosis]:
    """Yield what is found, a part at a time; nothing is changed.

    Parameters
    ----------
    url : a playlist that is read as a trial; else the first of the configuration, if there is one
    """
    yield Diagnosis("versions", is_ok=True, sentence=f"Spectra {version('spectra')}, {_python()}")
    yield await asyncio.to_thread(_state_folder, config.state_dir)
    for root in config.library.roots:
        yield await asyncio.to_thread(_music_folder, root)
    if not config.library.roots:
        sentence = "no folder is configured (library.roots): only what `serve --music` names is watched"
        yield Diagnosis("music", is_ok=True, sentence=sentence)
    listed = url or next((each.url for each in config.playlists), None)
    yield _yt_dlp(today, is_used=listed is not None)
    yield _ytmusicapi()
    yield await asyncio.to_thread(_javascript, is_used=listed is not None)
    if listed is not None:
        yield await _trial(listed, read_list)


def _python() -> str:
    return f"Python {platform.python_version()} on {platform.system()} {platform.release()}"


def _state_folder(folder: Path) -> Diagnosis:
    subject, name = "state folder", _name(folder)
    if not folder.exists():
        return Diagnosis(subject, is_ok=True, sentence=f"{name} is not there yet: the first start makes it")
    if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        return Diagnosis(
            subject, is_ok=False, sentence=f"{name} can't be written: run as its owner, or set state_dir"
        )
    free_bytes = shutil.disk_usage(folder).free
    sentence = f"{name}, {free_bytes // 1_000_000} MB free"
    if free_bytes < _LEAST_FREE_BYTES:
        return Diagnosis(subject, is_ok=False, sentence=f"{sentence}: make room, or set state_dir elsewhere")
    return Diagnosis(subject, is_ok=True, sentence=sentence)


def _music_folder(root: Path) -> Diagnosis:
    subject, name = "music", _name(root)
    if not root.is_dir():
        sentence = f"{name} is no folder here: is it mounted? Until then it counts as offline"
        return Diagnosis(subject, is_ok=False, sentence=sentence)
    if not os.access(root, os.R_OK | os.X_OK):
        return Diagnosis(
            subject, is_ok=False, sentence=f"{name} can't be read by this user: run as its owner"
        )
    if not os.access(root, os.W_OK):
        sentence = f"{name} can be read, and not written: files are named, but not tagged; run as its owner"
        return Diagnosis(subject, is_ok=False, sentence=sentence)
    return Diagnosis(subject, is_ok=True, sentence=f"{name} can be read and written")


def _yt_dlp(today: date, *, is_used: bool) -> Diagnosis:
    subject = "yt-dlp"
    try:
        text = version("yt-dlp")
        year, month, day, *_ = (int(part) for part in text.split("."))
        days = (today - date(year, month, day)).days
    except PackageNotFoundError:
        return Diagnosis(subject, is_ok=False, sentence=f"it is not installed: {_UPDATE}")
    except ValueError:  # a version of somebody else's
        return Diagnosis(subject, is_ok=True, sentence=f"version {text}")
    if days > OLD_DAYS:
        sentence = f"version {text} is {days} days old, and YouTube changes often: {_UPDATE}"
        return Diagnosis(subject, is_ok=not is_used, sentence=sentence)
    return Diagnosis(subject, is_ok=True, sentence=f"version {text}")


def _ytmusicapi() -> Diagnosis:
    try:
        return Diagnosis("ytmusicapi", is_ok=True, sentence=f"version {version('ytmusicapi')}")
    except PackageNotFoundError:
        return Diagnosis("ytmusicapi", is_ok=False, sentence=f"it is not installed: {_UPDATE}")


def _javascript(*, is_used: bool) -> Diagnosis:
    """Look for the runtime that solves YouTube's challenges, where yt-dlp looks first."""
    command = Path(sysconfig.get_path("scripts")) / "deno"
    try:
        done = subprocess.run(  # noqa: S603 - a program of our own virtual environment
            [command, "--version"], capture_output=True, text=True, timeout=_RUNTIME_S, check=True
        )
    except (OSError, subprocess.SubprocessError) as error:
        sentence = f"deno does not run ({error}); without it most downloads fail: {_UPDATE}"
        return Diagnosis("JavaScript runtime", is_ok=not is_used, sentence=sentence)
    return Diagnosis("JavaScript runtime", is_ok=True, sentence=done.stdout.partition("\n")[0])


async def _trial(url: str, read_list: Callable[[str], Awaitable[Listing]]) -> Diagnosis:
    try:
        listing = await read_list(url)
    except DaemonError as error:
        return Diagnosis("playlist", is_ok=False, sentence=f"{url}: {error}")
    except Exception as error:  # noqa: BLE001 - what stumbles over an odd answer is what is looked for
        kind = type(error).__name__
        return Diagnosis("playlist", is_ok=False, sentence=f"{url}: {kind}: {error!s:.200}; try {_UPDATE}")
    playable = sum(track.video_id is not None for track in listing.tracks)
    sentence = f"{listing.title!r} has {len(listing.tracks)} tracks, {playable} of them playable"
    return Diagnosis("playlist", is_ok=playable > 0, sentence=sentence)


def _name(folder: Path) -> str:
    return shown(os.fsencode(folder))
