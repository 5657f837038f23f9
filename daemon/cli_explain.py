"""`spectra explain`: the picture of why a clip is known or is not, in a file."""

import asyncio
import os
import secrets
from contextlib import suppress
from pathlib import Path

from rich.markup import escape

from daemon.cli_output import err, out
from daemon.client import Client
from daemon.library import shown
from engine.decision import Outcome


async def explain_clip(client: Client, file: Path, output: Path | None, *, force: bool) -> bool:
    """Write the picture, say what was found, and tell whether the clip is known.

    Parameters
    ----------
    output : where the picture goes; None takes the clip's name, in the current folder

    Raises
    ------
    RequestFailed : the clip can't be explained
    OSError : it can't be read, or the picture not be written; FileExistsError: something is there already
    """
    target = output or Path(f"{file.stem}-explained.png")
    await asyncio.to_thread(_check, target, file, force=force)
    with err.status("listening and drawing"):
        explained = await client.explain(file)
    await asyncio.to_thread(write_whole, target, explained.png, replace=force)
    out.print(escape(f"{explained.headline}. The picture: {shown(os.fsencode(target))}"))
    return explained.outcome != Outcome.UNKNOWN


def write_whole(target: Path, content: bytes, *, replace: bool) -> None:
    """Write a file that appears under its name only once it is whole.

    Parameters
    ----------
    replace : whatever has the name goes; otherwise that is a FileExistsError
    """
    draft = target.with_name(f".spectra-{secrets.token_hex(8)}.part")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if replace or not _linked(draft, target):
            draft.replace(target)
    finally:
        draft.unlink(missing_ok=True)


def _linked(draft: Path, target: Path) -> bool:
    """Give the draft its name unless something has it; tell whether the file system knows links.

    Unlike a rename, a link never replaces what another program has put there meanwhile.
    """
    try:
        os.link(draft, target)
    except FileExistsError:
        raise _taken(target) from None
    except OSError:  # FAT, some network disks
        if os.path.lexists(target):
            raise _taken(target) from None
        return False
    return True


def _check(target: Path, clip: Path, *, force: bool) -> None:
    """Refuse before the work what would fail after it."""
    with suppress(FileNotFoundError):
        if target.samefile(clip):
            raise FileExistsError(f"{shown(os.fsencode(target))} is the clip itself: choose another --output")
    if not os.path.lexists(target):
        target.parent.stat()
    elif not force:
        raise _taken(target)
    elif not target.is_file() and not target.is_symlink():
        raise FileExistsError(f"{shown(os.fsencode(target))} is no file: choose another --output")


def _taken(target: Path) -> FileExistsError:
    return FileExistsError(
        f"{shown(os.fsencode(target))} is there already: choose another --output, or add --force"
    )
