"""The doctor's look at configuration, state folder and secrets: who may read and write them."""

import os
import pwd
import stat
from collections.abc import Iterator
from pathlib import Path

from daemon.config import MASK, Config, describe
from daemon.config_sources import DOTENV, SYSTEM_FILE
from daemon.doctor_diagnosis import Diagnosis, named, trouble, well
from daemon.token_file import TOKEN_FILE
from daemon.tokens import TOKENS_FILE

_OTHERS = stat.S_IRWXO
_GROUP_AND_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_WRITABLE_BY_OTHERS = stat.S_IWGRP | stat.S_IWOTH


def configuration(config: Config) -> Iterator[Diagnosis]:
    """Tell which files and variables are in force, and whether others can read secrets in them."""
    subject = "configuration"
    files = config_files(config)
    variables = len({each for each in config.sources.values() if each.startswith("environment: ")})
    parts = [named(file) for file in files]
    if variables:
        parts.append(f"{variables} environment variable{'' if variables == 1 else 's'}")
    yield well(subject, " and ".join(parts) if parts else "nothing is given: all defaults")
    users = [file for file in files if file not in (SYSTEM_FILE, DOTENV)]
    if users and SYSTEM_FILE.exists():
        yield well(subject, f"{SYSTEM_FILE} exists too, and is not read: {named(users[0])} comes first")
    secret = _secret_sources(config)
    for file in files:
        if file in secret and _mode(file) & _OTHERS:
            name = named(file)
            yield trouble(subject, f"every user can read {name}, and passwords are in it: chmod o-rwx {name}")


def config_files(config: Config) -> list[Path]:
    """Return the files that options come from."""
    sources = dict.fromkeys(config.sources.values())
    files = [DOTENV if each.startswith(f"{DOTENV}: ") else Path(each) for each in sources]
    return [each for each in dict.fromkeys(files) if each.is_file()]


def state_folder(folder: Path) -> Iterator[Diagnosis]:
    """Tell whether the state folder is ours, and closed to others."""
    subject, name = "state folder", named(folder)
    try:
        status = folder.stat()
    except FileNotFoundError:
        yield _not_there_yet(folder)
        return
    if not stat.S_ISDIR(status.st_mode):
        yield trouble(subject, f"{name} is no folder: move it away, or set state_dir")
        return
    if os.geteuid() == 0 and status.st_uid != 0:
        owner = _user(status.st_uid)
        yield trouble(
            subject, f"{name} is {owner}'s, and root would leave files there that {owner} can't use: "
            f"run as {owner} (sudo -u {owner} spectra doctor)"
        )  # fmt: skip
    elif not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        owner = _user(status.st_uid)
        yield trouble(subject, f"{name} can't be written: run as its owner ({owner}), or set state_dir")
    elif status.st_mode & _WRITABLE_BY_OTHERS:
        yield trouble(subject, f"others may write into {name}, and so rule Spectra: chmod go-w {name}")
    else:
        yield well(subject, f"{name} can be written, by {_user(status.st_uid)} only")


def secrets(config: Config) -> Iterator[Diagnosis]:
    """Tell whether files with secrets are there, readable for us, and for nobody else."""
    subject = "secrets"
    remedies = {
        config.state_dir / TOKEN_FILE: "then `spectra token rotate`, as it may have been read",
        config.state_dir / TOKENS_FILE: "",
    }
    found = [trouble(subject, _open_to(path, remedy)) for path, remedy in remedies.items() if _is_open(path)]
    youtube = config.youtube
    for option, path in (("headers_file", youtube.headers_file), ("cookies_file", youtube.cookies_file)):
        if path is None:
            continue
        if not os.access(path, os.R_OK):
            found.append(
                trouble(subject, f"{named(path)} (youtube.{option}) is missing, or not readable here")
            )
        elif _mode(path) & _OTHERS:
            found.append(trouble(subject, _open_to(path, "")))
    yield from found or [well(subject, "tokens and cookies can be read by their owner only")]


def is_open_to_others(path: Path) -> bool:
    """Tell whether users outside the file's group can read it."""
    return bool(_mode(path) & _OTHERS)


def _not_there_yet(folder: Path) -> Diagnosis:
    parent = next(each for each in folder.parents if each.exists())
    if os.access(parent, os.W_OK | os.X_OK):
        return well("state folder", f"{named(folder)} is not there yet: the first start makes it")
    sentence = f"{named(folder)} is not there, and can't be made in {named(parent)}: set state_dir"
    return trouble("state folder", sentence)


def _secret_sources(config: Config) -> set[Path]:
    """Return the files that give secrets; a plugin's options all count."""
    options = {each.path for each in describe(config) if each.value == MASK}
    given = {
        source for name, source in config.sources.items() if name in options or name.startswith("plugins.")
    }
    return {DOTENV if source.startswith(f"{DOTENV}: ") else Path(source) for source in given}


def _is_open(path: Path) -> bool:
    return bool(_mode(path) & _GROUP_AND_OTHERS)


def _open_to(path: Path, remedy: str) -> str:
    sentence = f"others can read {named(path)}: chmod 600 {named(path)}"
    return f"{sentence}, {remedy}" if remedy else sentence


def _mode(path: Path) -> int:
    """Return a file's permissions; none where there is no file."""
    try:
        return stat.S_IMODE(path.stat().st_mode)
    except FileNotFoundError:
        return 0


def _user(number: int) -> str:
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return f"user {number}"
