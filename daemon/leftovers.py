"""Name temporary copies so that a later start recognises those that a killed run left, and nothing else."""

import os
import re
import secrets
import stat
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

_NAME = re.compile(r"\.spectra-([0-9a-f]{16})([0-9a-f]{8})\.tmp")
_TOKEN_DIGITS = 16


@dataclass(frozen=True, slots=True)
class Swept:
    """What a sweep did."""

    removed: tuple[Path, ...]
    failed: tuple[tuple[Path, str], ...]
    """With the reason; also folders that could not be listed."""


def new_run() -> str:
    """Return what tells the copies of one run from those of others."""
    return secrets.token_hex(4)


def temporary_name(run: str = "") -> str:
    """Return a new name: hidden from scans and media servers, with a checksum that no chance gives."""
    token = run + secrets.token_hex(_TOKEN_DIGITS // 2)[len(run) :]
    return f".spectra-{token}{zlib.crc32(token.encode()):08x}.tmp"


def is_leftover_name(name: str) -> bool:
    """Tell whether `temporary_name` made this name."""
    found = _NAME.fullmatch(name)
    return found is not None and int(found[2], 16) == zlib.crc32(found[1].encode())


def sweep(
    root: Path, *, spared_run: str | None = None, cancelled: Callable[[], bool] = lambda: False
) -> Swept:
    """Delete the temporary copies below a folder, but those of one run: it may be writing them.

    Links are not followed, and what is no regular file with a single name is left alone. `cancelled` is asked
    before every folder.
    """
    removed: list[Path] = []
    failed: list[tuple[Path, str]] = []

    def note(error: OSError) -> None:
        failed.append((Path(os.fsdecode(error.filename)), error.strerror or str(error)))

    for folder, _, names in os.walk(root, onerror=note):
        if cancelled():
            break
        for name in names:
            if not is_leftover_name(name) or (spared_run and name.startswith(f".spectra-{spared_run}")):
                continue
            path = Path(folder, name)
            try:
                if _is_ours(path.lstat()):
                    path.unlink()
                    removed.append(path)
            except FileNotFoundError:
                continue
            except OSError as error:
                note(error)
    return Swept(tuple(removed), tuple(failed))


def _is_ours(status: os.stat_result) -> bool:
    return stat.S_ISREG(status.st_mode) and status.st_nlink == 1
