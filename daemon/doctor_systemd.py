"""The doctor's look at the service: whether its unit lets it reach what the configuration names."""

import os
import shlex
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from daemon.config import Config
from daemon.config_sources import SYSTEM_FILE
from daemon.doctor_diagnosis import Diagnosis, named, trouble, well
from daemon.doctor_files import config_files

SUBJECT = "service"
_UNIT = "spectra.service"
_UNIT_FOLDERS = (Path("/etc/systemd/system"), Path("/run/systemd/system"), Path("/usr/lib/systemd/system"))
_HIDDEN = ("/home", "/root", "/run/user", "/tmp", "/var/tmp")  # noqa: S108 - of these the service sees its own
_BIND, _BIND_READ_ONLY, _WRITE = "BindPaths", "BindReadOnlyPaths", "ReadWritePaths"


@dataclass(frozen=True, slots=True)
class _Reach:
    """What drop-ins let the service reach, besides its own folders."""

    bound: tuple[Path, ...]
    listened: tuple[Path, ...]
    writable: tuple[Path, ...]


def service(
    config: Config, *, folders: tuple[Path, ...] = _UNIT_FOLDERS, system_file: Path = SYSTEM_FILE
) -> Iterator[Diagnosis]:
    """Tell whether the installed service reaches the music; nothing where there is no systemd."""
    if shutil.which("systemctl") is None:
        return
    unit = next((each / _UNIT for each in folders if (each / _UNIT).is_file()), None)
    if unit is None:
        yield well(SUBJECT, "not installed; `sudo make install MUSIC=...` has systemd start Spectra")
        return
    if system_file not in config_files(config):
        yield well(SUBJECT, f"{unit} is installed; it reads {system_file}, not what is looked at here")
        return
    reach = _reach([unit, *_drop_ins(folders)])
    found = [
        trouble(SUBJECT, sentence)
        for folder in (*config.library.roots, *([config.youtube.keep] if config.youtube.keep else []))
        if (sentence := _unreachable(folder, reach, unit)) is not None
    ]
    server, youtube = config.server, config.youtube
    for file in (server.tls_certificate, server.tls_key, youtube.headers_file, youtube.cookies_file):
        if file is not None and _is_hidden(file) and not _covers((*reach.bound, *reach.listened), file):
            sentence = f"it can't see {named(file)}: move that to {system_file.parent}, readable for its user"
            found.append(trouble(SUBJECT, sentence))
    yield from found or [well(SUBJECT, f"{unit} lets it reach all folders of the configuration")]


def _unreachable(folder: Path, reach: _Reach, unit: Path) -> str | None:
    """Return what is to be done for a folder that the service can't write; None if it can, or need not."""
    if _covers((*reach.bound, *reach.listened), folder):
        return None
    hidden = _is_hidden(folder)
    if not hidden and _covers(reach.writable, folder):
        return None
    option = _BIND if hidden else _WRITE
    path = named(folder).replace("\\", r"\\").replace('"', r"\"").replace("%", "%%")
    return (
        f'it can\'t {"see" if hidden else "write"} {named(folder)}: add {option}="-{path}" to '
        f"{unit}.d/music.conf, then `systemctl daemon-reload && systemctl restart spectra`"
    )


def _drop_ins(folders: tuple[Path, ...]) -> list[Path]:
    """Return the drop-ins in the order in which they count; of equal names the first folder's."""
    named_so = {
        file.name: file for folder in reversed(folders) for file in (folder / f"{_UNIT}.d").glob("*.conf")
    }
    return [named_so[name] for name in sorted(named_so)]


def _reach(files: list[Path]) -> _Reach:
    lists: dict[str, list[Path]] = {_BIND: [], _BIND_READ_ONLY: [], _WRITE: []}
    for file in files:
        for line in file.read_text("utf-8", "surrogateescape").splitlines():
            option, is_assignment, value = line.strip().partition("=")
            listed = lists.get(option.strip())
            if not is_assignment or listed is None:
                continue
            if not value.strip():  # an empty one forgets those before
                listed.clear()
            listed.extend(_path(word, option.strip()) for word in _words(value))
    return _Reach(tuple(lists[_BIND]), tuple(lists[_BIND_READ_ONLY]), tuple(lists[_WRITE]))


def _words(value: str) -> list[str]:
    try:
        return shlex.split(value)
    except ValueError:  # a quote that does not end; systemd ignores such a line, too
        return []


def _path(word: str, option: str) -> Path:
    """Return where a service sees a path of systemd.exec(5): without prefix; source:destination:options."""
    path = word.lstrip("-+").replace("%%", "%")
    if option != _WRITE and ":" in path:
        source, destination, *_ = path.split(":")
        path = destination or source
    return Path(os.path.normpath(path))


def _covers(paths: tuple[Path, ...], folder: Path) -> bool:
    return any(folder.is_relative_to(path) for path in paths)


def _is_hidden(path: Path) -> bool:
    return any(path.is_relative_to(each) for each in _HIDDEN)
