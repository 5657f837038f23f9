"""The archive of a backup: a tar file of members, and last a manifest that tells what each of them must be.

database.dump       pg_dump's custom format
config/NAME         the configuration files that were in force
secrets/NAME        tokens, if they were asked for
manifest.json       versions, and size and SHA-256 of all others: without it the archive is not whole
"""

import hashlib
import json
import re
import tarfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import IO, Any, Final

from daemon.backup_errors import ArchiveDamaged, ArchiveTooNew

FORMAT: Final = 1
DUMP: Final = "database.dump"
CONFIG: Final = "config/"
SECRETS: Final = "secrets/"
_MANIFEST: Final = "manifest.json"
_LARGEST_MANIFEST_BYTES: Final = 1_000_000
_EXTRA: Final = re.compile(r"(config|secrets)/(?!\.{1,2}$)[^/\0]{1,200}")
_BLOCK: Final = tarfile.BLOCKSIZE
_CHUNK_BYTES: Final = 1 << 20

OnBytes = Callable[[int, int], None]
"""Told how many bytes are done, and of how many."""


@dataclass(frozen=True, slots=True)
class Member:
    """One file in the archive."""

    name: str
    size_bytes: int
    sha256: str
    """Hexadecimal."""


@dataclass(frozen=True, slots=True)
class Origin:
    """What the archive was made of, and when."""

    spectra: str
    """Version."""
    schema: int
    postgres: str
    """The server's version."""
    database_bytes: int
    made_at: str
    """ISO 8601, UTC."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What the archive says of itself."""

    origin: Origin
    members: tuple[Member, ...]

    def named(self, prefix: str) -> list[Member]:
        """Return the members whose names begin so."""
        return [member for member in self.members if member.name.startswith(prefix)]

    @property
    def total_bytes(self) -> int:
        """Return the size of all members."""
        return sum(member.size_bytes for member in self.members)


class ArchiveWriter:
    """Writes members of unknown length: a member's header is filled in when it has ended."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._members: list[Member] = []
        self._name = ""
        self._begin = 0
        self._size_bytes = 0
        self._hash = hashlib.sha256()

    def begin(self, name: str) -> None:
        """Begin a member."""
        self._name, self._begin, self._size_bytes = name, self._file.tell(), 0
        self._hash = hashlib.sha256()
        self._file.write(bytes(_BLOCK))

    def write(self, chunk: bytes) -> None:
        """Add to the member."""
        self._file.write(chunk)
        self._hash.update(chunk)
        self._size_bytes += len(chunk)

    def end(self) -> None:
        """End the member."""
        header = tarfile.TarInfo(self._name)
        header.size, header.mode, header.mtime = self._size_bytes, 0o600, int(time.time())
        self._file.write(bytes(-self._size_bytes % _BLOCK))
        end = self._file.tell()
        self._file.seek(self._begin)
        self._file.write(header.tobuf(tarfile.GNU_FORMAT))
        self._file.seek(end)
        self._members.append(Member(self._name, self._size_bytes, self._hash.hexdigest()))

    def add(self, name: str, content: bytes) -> None:
        """Write a whole member."""
        self.begin(name)
        self.write(content)
        self.end()

    def finish(self, origin: Origin) -> None:
        """Write the manifest, and the end of the archive."""
        members = [asdict(member) for member in self._members]
        manifest = {"format": FORMAT, "origin": asdict(origin), "members": members}
        self.add(_MANIFEST, json.dumps(manifest, indent=1).encode())
        self._file.write(bytes(2 * _BLOCK))


class Archive:
    """An archive that was found to be whole."""

    def __init__(self, path: Path, tar: tarfile.TarFile, manifest: Manifest) -> None:
        self._path = path
        self._tar = tar
        self.manifest = manifest

    def chunks(self, name: str) -> Iterator[bytes]:
        """Yield a member's bytes. Raises ArchiveDamaged, OSError."""
        yield from _chunks(self._path, self._tar, name)

    def content(self, name: str) -> bytes:
        """Return a small member. Raises ArchiveDamaged, OSError."""
        return b"".join(self.chunks(name))


@contextmanager
def open_archive(path: Path, on_bytes: OnBytes) -> Iterator[Archive]:
    """Verify an archive, all of it, and yield it; it stays open, so what was verified is what is read.

    Raises
    ------
    ArchiveDamaged, ArchiveTooNew, OSError
    """
    try:
        with path.open("rb") as file, tarfile.open(fileobj=file, mode="r:") as tar:
            manifest = _read_manifest(path, tar)
            _verify(path, tar, manifest, on_bytes)
            yield Archive(path, tar, manifest)
    except tarfile.TarError as error:
        raise ArchiveDamaged(str(path), str(error)) from error


def _read_manifest(path: Path, tar: tarfile.TarFile) -> Manifest:
    try:
        entry = tar.getmember(_MANIFEST)
    except KeyError:
        raise ArchiveDamaged(str(path), "it has no manifest, so its end is missing") from None
    if entry.size > _LARGEST_MANIFEST_BYTES:
        raise ArchiveDamaged(str(path), "its manifest is too large")
    try:
        said: dict[str, Any] = json.loads(b"".join(_chunks(path, tar, _MANIFEST)))
        if said["format"] != FORMAT:
            made_by = str(said["origin"]["spectra"])
            raise ArchiveTooNew(str(path), made_by, f"format {said['format']}", f"format {FORMAT}")
        members = tuple(
            Member(str(each["name"]), int(each["size_bytes"]), str(each["sha256"]))
            for each in said["members"]
        )
        origin = Origin(**said["origin"])
        origin = replace(origin, schema=int(origin.schema), database_bytes=int(origin.database_bytes))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ArchiveDamaged(str(path), "its manifest can't be understood") from error
    names = [member.name for member in members]
    if sorted([*names, _MANIFEST]) != sorted(tar.getnames()) or len(set(names)) != len(names):
        raise ArchiveDamaged(str(path), "its manifest names other files than it has")
    if DUMP not in names or not all(name == DUMP or _EXTRA.fullmatch(name) for name in names):
        raise ArchiveDamaged(str(path), "its manifest names no database, or files that are none of Spectra's")
    return Manifest(origin, members)


def _verify(path: Path, tar: tarfile.TarFile, manifest: Manifest, on_bytes: OnBytes) -> None:
    done_bytes = 0
    for member in manifest.members:
        size_bytes, digest = 0, hashlib.sha256()
        for chunk in _chunks(path, tar, member.name):
            digest.update(chunk)
            size_bytes += len(chunk)
            on_bytes(done_bytes + size_bytes, manifest.total_bytes)
        done_bytes += size_bytes
        if (size_bytes, digest.hexdigest()) != (member.size_bytes, member.sha256):
            raise ArchiveDamaged(str(path), f"{member.name} is not what was written")


def _chunks(path: Path, tar: tarfile.TarFile, name: str) -> Iterator[bytes]:
    entry = tar.getmember(name)
    content = tar.extractfile(entry) if entry.isreg() else None
    if content is None:
        raise ArchiveDamaged(str(path), f"{name} is no file")
    with content:
        while chunk := content.read(_CHUNK_BYTES):
            yield chunk
