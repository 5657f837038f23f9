"""Find out what is wrong with this machine and configuration: a sentence a part, with the remedy."""

import platform
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import datetime
from functools import partial
from importlib.metadata import version

from daemon.config import Config
from daemon.doctor_clock import clock
from daemon.doctor_daemon import daemon
from daemon.doctor_database import database
from daemon.doctor_diagnosis import Diagnosis, Look, looked, named, trouble, well
from daemon.doctor_disk import music, room
from daemon.doctor_files import configuration, secrets, state_folder
from daemon.doctor_limits import memory, open_files, watches
from daemon.doctor_plugins import media_server, path_maps
from daemon.doctor_programs import UPDATE, caches, decoders, javascript, microphone, yt_dlp, ytmusicapi
from daemon.doctor_systemd import service
from daemon.doctor_tls import certificate
from daemon.errors import DaemonError
from daemon.playlist_rows import Listing
from engine.settings import Settings

__all__ = ["Diagnosis", "examine"]


async def examine(
    config: Config, read_list: Callable[[str], Awaitable[Listing]], *, url: str | None, now: datetime
) -> AsyncIterator[Diagnosis]:
    """Yield what is found, a part at a time; nothing is changed.

    Parameters
    ----------
    url : a playlist that is read as a trial; else the first of the configuration, if there is one
    now : with its time zone
    """
    listed = url or next((each.url for each in config.playlists), None)
    yield well("versions", f"Spectra {version('spectra')}, {_python()}")
    for subject, look in (
        *_of_this_machine(config, now),
        *_of_its_parts(now, is_youtube_used=listed is not None),
        *_of_servers(config, now),
    ):
        for each in await looked(subject, look):
            yield each
    if listed is not None:
        yield await _trial(listed, read_list)


def _of_this_machine(config: Config, now: datetime) -> Iterator[tuple[str, Look]]:
    now_s = now.timestamp()
    yield "configuration", partial(configuration, config)
    yield "state folder", partial(state_folder, config.state_dir)
    yield "secrets", partial(secrets, config)
    yield "disk", partial(room, config)
    for root in config.library.roots:
        yield f"music {named(root)}", partial(music, config, root, now_s)
    if not config.library.roots:
        yield "music", _no_music
    yield "inotify", partial(watches, config, now_s)
    yield "open files", partial(open_files, config)
    yield "memory", partial(memory, config)
    yield "clock", partial(clock, config, now)


def _of_its_parts(now: datetime, *, is_youtube_used: bool) -> Iterator[tuple[str, Look]]:
    yield "decoders", partial(decoders, Settings())
    yield "numba's cache", caches
    yield "microphone", microphone
    yield "yt-dlp", partial(yt_dlp, now.date(), is_used=is_youtube_used)
    yield "ytmusicapi", ytmusicapi
    yield "JavaScript runtime", partial(javascript, is_used=is_youtube_used)


def _of_servers(config: Config, now: datetime) -> Iterator[tuple[str, Look]]:
    yield "PostgreSQL", partial(database, config)
    yield "daemon", partial(daemon, config)
    tls_certificate, tls_key = config.server.tls_certificate, config.server.tls_key
    if tls_certificate is not None and tls_key is not None:
        yield "TLS", partial(certificate, tls_certificate, tls_key, now)
    yield "service", partial(service, config)
    yield "path_map", partial(path_maps, config)
    for name, section in config.plugins.items():
        yield name, partial(media_server, config, name, section)


def _no_music() -> Iterator[Diagnosis]:
    yield well("music", "no folder is configured (library.roots): only what `serve --music` names is watched")


def _python() -> str:
    return f"Python {platform.python_version()} on {platform.system()} {platform.release()}"


async def _trial(url: str, read_list: Callable[[str], Awaitable[Listing]]) -> Diagnosis:
    try:
        listing = await read_list(url)
    except DaemonError as error:
        return trouble("playlist", f"{url}: {error}")
    except Exception as error:  # noqa: BLE001 - what stumbles over an odd answer is what is looked for
        kind = type(error).__name__
        return trouble("playlist", f"{url}: {kind}: {error!s:.200}; try {UPDATE}")
    playable = sum(track.video_id is not None for track in listing.tracks)
    sentence = f"{listing.title!r} has {len(listing.tracks)} tracks, {playable} of them playable"
    return Diagnosis("playlist", is_ok=playable > 0, sentence=sentence)
