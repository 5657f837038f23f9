"""Write tags into a copy, check the copy in every way, and put it in the file's place in one step.

prepare -> journal -> commit: killed anywhere, the file is the old one or the new one, never a mix, and
`look` tells which.
"""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal

from daemon.audio_digest import audio_digest
from daemon.file_lease import unwritten
from daemon.file_safety import (
    FileStamp,
    check_replaceable,
    check_same,
    check_space,
    name_of,
    opened,
    refusing,
    stamp_of,
)
from daemon.staging import (
    QUIET_S,
    Staged,
    commit,
    discard,
    finish,
    parts_of,
    sha256_of,
    temporary_beside,
    write_parts,
)
from daemon.tag_errors import DeltaDamaged, EditedSince, FileChanged, NotTaggable, VerificationFailed
from daemon.tag_fields import LARGEST_COVER_BYTES, Mode, TagFields, changed, merged
from daemon.tag_files import Kind, kind_of, read_fields, read_others, write_fields
from daemon.tag_regions import DELTA_LIMIT_BYTES, make_delta, read_head, rebuild

__all__ = ["Prepared", "Staged", "commit", "discard", "look", "prepare", "prepare_restore", "restore"]


@dataclass(frozen=True, slots=True)
class Prepared(Staged):
    """A tagged copy, and all that a journal needs to undo it."""

    audio_md5: bytes
    """Of the decoded sound, before and after."""
    delta: bytes
    """Makes the old file of the new one: `restore`."""
    old: TagFields
    new: TagFields


def prepare(
    path: Path,
    given: TagFields,
    *,
    mode: Mode = "fill",
    clock: Callable[[], float] = time.time,
    quiet_s: float = QUIET_S,
    delta_limit_bytes: int = DELTA_LIMIT_BYTES,
    temporary_name: str | None = None,
) -> Prepared | None:
    """Make a tagged copy beside the file, and check it; None if the file says all that already.

    The copy reopens and says what it should, everything else it says is unchanged, it sounds the same, it has
    the file's attributes, and the delta leads back. Whatever is raised, no copy is left.

    Parameters
    ----------
    temporary_name : of the copy, for who has to delete it if this process is killed

    Raises
    ------
    TagError : why the file can't, or must not, be tagged
    OSError : the disk fails
    """
    name = name_of(path)
    with refusing(path), opened(path) as file:
        check_replaceable(path, file, now_s=clock(), quiet_s=quiet_s)
        with unwritten(path, file, now_s=clock(), quiet_s=quiet_s):
            pass
        status = os.fstat(file.fileno())
        kind = kind_of(path)
        old = read_fields(path, kind).fields
        if not changed(old, merged(old, given, name, mode)):
            return None
        check_space(path, status.st_size + 2 * LARGEST_COVER_BYTES)
        with temporary_beside(path, temporary_name) as temporary:
            before_sha256 = write_parts(temporary, parts_of(file))
            with _speaking_of(name):
                audio_md5 = audio_digest(temporary, name)
                old, new = _tag(temporary, kind, given, name=name, mode=mode)
            if audio_digest(temporary, name) != audio_md5:
                raise VerificationFailed(name, "it sounds different")
            with temporary.open("rb") as tagged:
                delta = _checked_delta(file, tagged, before_sha256, name=name, limit_bytes=delta_limit_bytes)
            staged = finish(path, file, temporary)
            check_same(path, file, stamp_of(status), status.st_ctime_ns)
            return Prepared(
                path=path,
                temporary=temporary,
                found=stamp_of(status),
                found_ctime_ns=status.st_ctime_ns,
                staged=staged,
                before_sha256=before_sha256,
                after_sha256=read_head(delta).tagged_sha256,
                audio_md5=audio_md5,
                delta=delta,
                old=old,
                new=new,
            )


def prepare_restore(
    path: Path,
    delta: bytes,
    *,
    clock: Callable[[], float] = time.time,
    quiet_s: float = 0.0,
    temporary_name: str | None = None,
) -> Staged:
    """Make the old file beside the new one. Without a quiet time: that it is what was written is checked.

    Raises
    ------
    EditedSince : it is not
    TagError, OSError : as `prepare`
    """
    head = read_head(delta)
    with refusing(path), opened(path) as file:
        check_replaceable(path, file, now_s=clock(), quiet_s=quiet_s)
        status = os.fstat(file.fileno())
        if status.st_size != head.tagged_bytes or sha256_of(file) != head.tagged_sha256:
            raise EditedSince(name_of(path))
        check_space(path, head.original_bytes)
        with temporary_beside(path, temporary_name) as temporary:
            before_sha256 = write_parts(temporary, rebuild(delta, file))
            staged = finish(path, file, temporary)
            check_same(path, file, stamp_of(status), status.st_ctime_ns)
            return Staged(
                path=path,
                temporary=temporary,
                found=stamp_of(status),
                found_ctime_ns=status.st_ctime_ns,
                staged=staged,
                before_sha256=head.tagged_sha256,
                after_sha256=before_sha256,
            )


def restore(
    path: Path, delta: bytes, *, clock: Callable[[], float] = time.time, quiet_s: float = 0.0
) -> FileStamp:
    """Give a file back the bytes it had before it was tagged. Errors as `prepare_restore` and `commit`."""
    staged = prepare_restore(path, delta, clock=clock, quiet_s=quiet_s)
    try:
        return commit(staged, clock=clock, quiet_s=quiet_s)
    except BaseException:
        discard(staged)
        raise


def look(
    path: Path, before_sha256: bytes, after_sha256: bytes
) -> Literal["before", "after", "other", "missing"]:
    """Tell which of two files is there: what a journal asks after a crash. Raises OSError."""
    try:
        with path.open("rb") as file:
            found = sha256_of(file)
    except (FileNotFoundError, NotADirectoryError):
        return "missing"
    return "before" if found == before_sha256 else "after" if found == after_sha256 else "other"


@contextmanager
def _speaking_of(name: str) -> Iterator[None]:
    """Have a refusal name the file, not its copy."""
    try:
        yield
    except NotTaggable as error:
        raise NotTaggable(name, error.args[1]) from error


def _tag(copy: Path, kind: Kind, given: TagFields, *, name: str, mode: Mode) -> tuple[TagFields, TagFields]:
    """Tag a copy and check what it says; return the fields before and after."""
    before = read_fields(copy, kind)
    target = merged(before.fields, given, name, mode)
    changes = changed(before.own, target)
    others = read_others(copy, kind, changes)
    write_fields(copy, kind, target)
    after = read_fields(copy, kind).fields
    if missed := changed(after, target):
        raise VerificationFailed(name, f"these fields did not take: {', '.join(sorted(missed))}")
    if read_others(copy, kind, changes) != others:
        raise VerificationFailed(name, "other tags would be lost or changed")
    return before.fields, after


def _checked_delta(
    file: BinaryIO, tagged: BinaryIO, before_sha256: bytes, *, name: str, limit_bytes: int
) -> bytes:
    try:
        delta = make_delta(file, tagged, limit_bytes=limit_bytes)
    except DeltaDamaged as error:
        raise FileChanged(name, "was written to") from error
    if read_head(delta).original_sha256 != before_sha256:
        raise FileChanged(name, "was written to")
    return delta
