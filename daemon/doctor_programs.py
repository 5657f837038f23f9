"""The doctor's look at what Spectra is made of: decoders, caches, YouTube's packages, what is optional."""

import ctypes.util
import os
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.error import FFmpegError

from daemon.doctor_diagnosis import Diagnosis, named, trouble, well
from engine.audio import load
from engine.errors import SpectraError
from engine.settings import Settings

OLD_DAYS = 120
"""YouTube changes several times a year, and yt-dlp with it."""
_RUNTIME_S = 10.0
_PIP = f"{sys.executable} -m pip install"
UPDATE = f"{_PIP} --upgrade 'yt-dlp[default,deno]' ytmusicapi"
_CLIP_S = 0.25
_RATE_HZ = 48_000
"""The only one that opus and all others share."""
_FORMATS = {
    "mp3": ("mp3", "libmp3lame", "s16p"),
    "m4a": ("mp4", "aac", "fltp"),
    "opus": ("ogg", "libopus", "s16"),
    "flac": ("flac", "flac", "s16"),
    "wav": ("wav", "pcm_s16le", "s16"),
}
"""Container, encoder and sample format, for each kind of file that is tried."""
_ONLY_DECODED = {"ogg": "vorbis", "wma": "wmav2", "alac": "alac"}
"""Decoders that are only looked for: no encoder for them is sure to be there."""


def decoders(settings: Settings) -> Iterator[Diagnosis]:
    """Decode a quarter of a second of each kind of file, as music is decoded."""
    subject = "decoders"
    missing = [kind for kind, codec in _ONLY_DECODED.items() if codec not in av.codecs_available]
    for kind, (container, encoder, sample_format) in _FORMATS.items():
        if encoder not in av.codecs_available:
            continue
        try:
            decoded_s = _decoded_s(container, encoder, sample_format, settings)
        except (FFmpegError, SpectraError, ValueError):
            decoded_s = 0.0
        if decoded_s < _CLIP_S / 2:
            missing.append(kind)
    if missing:
        kinds, remedy = ", ".join(missing), f"{_PIP} --force-reinstall 'av>=18.1,<19'"
        yield trouble(subject, f"{kinds} can't be decoded by this PyAV {av.__version__}: {remedy}")
    else:
        kinds = ", ".join((*_FORMATS, *_ONLY_DECODED))
        yield well(subject, f"{kinds} can be decoded (PyAV {av.__version__})")


def caches() -> Iterator[Diagnosis]:
    """Tell whether numba has a folder for what it compiles: librosa, which draws, is not imported without."""
    subject = "numba's cache"
    given = os.environ.get("NUMBA_CACHE_DIR")
    places = [Path(given)] if given else [*_package_folder("librosa"), *_users_cache()]
    place = next((each for each in places if _can_be_written(each)), None)
    if place is not None:
        yield well(subject, f"{named(place)} can be written")
        return
    sentence = "no folder for it can be written: set NUMBA_CACHE_DIR to one, else `spectra explain` fails"
    yield trouble(subject, sentence)


def microphone() -> Iterator[Diagnosis]:
    """Tell whether `spectra listen` has what it needs; a server does without."""
    subject = "microphone"
    if find_spec("sounddevice") is None:
        yield well(subject, "sounddevice is not installed; only `spectra listen` needs it (README)")
    elif ctypes.util.find_library("portaudio") is None:
        sentence = "PortAudio is not installed; only `spectra listen` needs it: apt install libportaudio2"
        yield well(subject, sentence)
    else:
        yield well(subject, "sounddevice and PortAudio are installed")


def yt_dlp(today: date, *, is_used: bool) -> Iterator[Diagnosis]:
    """Tell how old yt-dlp is."""
    subject = "yt-dlp"
    try:
        text = version("yt-dlp")
        year, month, day, *_ = (int(part) for part in text.split("."))
        days = (today - date(year, month, day)).days
    except PackageNotFoundError:
        yield trouble(subject, f"it is not installed: {UPDATE}")
        return
    except ValueError:  # a version of somebody else's
        yield well(subject, f"version {text}")
        return
    if days > OLD_DAYS:
        sentence = f"version {text} is {days} days old, and YouTube changes often: {UPDATE}"
        yield Diagnosis(subject, is_ok=not is_used, sentence=sentence)
    else:
        yield well(subject, f"version {text}")


def ytmusicapi() -> Iterator[Diagnosis]:
    """Tell which ytmusicapi is there."""
    try:
        yield well("ytmusicapi", f"version {version('ytmusicapi')}")
    except PackageNotFoundError:
        yield trouble("ytmusicapi", f"it is not installed: {UPDATE}")


def javascript(*, is_used: bool) -> Iterator[Diagnosis]:
    """Look for the runtime that solves YouTube's challenges, where yt-dlp looks first."""
    subject = "JavaScript runtime"
    command = Path(sysconfig.get_path("scripts")) / "deno"
    try:
        done = subprocess.run(  # noqa: S603 - a program of our own virtual environment
            [command, "--version"], capture_output=True, text=True, timeout=_RUNTIME_S, check=True
        )
    except (OSError, subprocess.SubprocessError) as error:
        sentence = f"deno does not run ({error}); without it most downloads fail: {UPDATE}"
        yield Diagnosis(subject, is_ok=not is_used, sentence=sentence)
    else:
        yield well(subject, done.stdout.partition("\n")[0])


def _decoded_s(container: str, encoder: str, sample_format: str, settings: Settings) -> float:
    """Encode a tone in memory, and return how long it is once decoded."""
    clip = os.memfd_create("spectra-doctor", os.MFD_CLOEXEC)
    try:
        path = f"/proc/self/fd/{clip}"
        with av.open(path, "w", format=container) as output:
            stream = output.add_stream(encoder, rate=_RATE_HZ, layout="mono", format=sample_format)
            assert isinstance(stream, AudioStream)
            output.mux([*stream.encode(_tone(sample_format)), *stream.encode(None)])
        return len(load(Path(path), settings)) / settings.sample_rate_hz
    finally:
        os.close(clip)


def _tone(sample_format: str) -> AudioFrame:
    seconds = np.arange(round(_CLIP_S * _RATE_HZ)) / _RATE_HZ
    tone = 0.3 * np.sin(2 * np.pi * 440 * seconds)[np.newaxis]
    samples = tone.astype(np.float32) if sample_format.startswith("flt") else (tone * 32_767).astype(np.int16)
    frame = AudioFrame.from_ndarray(samples, format=sample_format, layout="mono")
    frame.sample_rate = _RATE_HZ
    return frame


def _package_folder(name: str) -> list[Path]:
    spec = find_spec(name)
    return [Path(each) for each in (spec.submodule_search_locations if spec else None) or ()]


def _users_cache() -> list[Path]:
    base = os.environ.get("XDG_CACHE_HOME")
    try:
        return [Path(base) if base else Path.home() / ".cache"]
    except RuntimeError:  # a user without a home
        return []


def _can_be_written(folder: Path) -> bool:
    """Tell whether a folder can be written, or made."""
    there = next(each for each in (folder.absolute(), *folder.absolute().parents) if each.exists())
    return there.is_dir() and os.access(there, os.W_OK | os.X_OK)
