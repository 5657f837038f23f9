"""A music folder that somebody keeps changing, and what each file in it was before Spectra saw it."""

import functools
import hashlib
from dataclasses import dataclass
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import synth

FROM_FILES = range(5)
"""Sounds that tagged files name."""
FROM_YOUTUBE = range(5, 9)
"""Sounds that only the playlist names."""
PIECE_S = 22.0
"""Shorter tracks are not fetched."""
ALBUM = {"artist": "The Artist", "album": "The Album"}
_FEWEST, _MOST = 6, 14
"""Files."""


@dataclass(frozen=True, slots=True)
class Put:
    """A file as it was put there."""

    content: bytes
    sound: int
    kind: str

    @property
    def sha256(self) -> bytes:
        return hashlib.sha256(self.content).digest()

    @property
    def audio(self) -> tuple[int, str]:
        """Tell which decoded audio it has: tags make no difference."""
        return self.sound, "ogg" if self.kind == "ogg" else "mp3"


def piece(number: int) -> synth.Sound:
    """Return a sound."""
    return synth.music(1_000 + number, PIECE_S)


def title(number: int) -> str:
    return f"Piece {number}"


@functools.cache
def put(sound: int, kind: str) -> Put:
    """Return a file of a sound: a tagged mp3, a bare one, or a bare ogg."""
    tags = {"title": title(sound), **ALBUM} if kind == "tagged" else None
    with TemporaryDirectory() as folder:
        path = Path(folder, "one.ogg" if kind == "ogg" else "one.mp3")
        return Put(synth.write_audio(path, piece(sound), tags=tags).read_bytes(), sound, kind)


class Shelf:
    """Puts files into a folder, replaces, moves and removes them, and remembers which are there."""

    def __init__(self, folder: Path, random: Random) -> None:
        self.folder = folder
        self.files: dict[Path, Put] = {}
        self._replaced: set[Path] = set()
        self._random = random
        self._count = 0
        for sound in FROM_FILES:
            self._add(put(sound, "tagged"))
            self._add(put(sound, random.choice(["bare", "ogg"])))

    def named(self) -> set[int]:
        """Return the sounds that files name for others.

        One that took the place of another may carry, for all that Spectra knows, a name that it wrote there.
        """
        return {
            put.sound
            for path, put in self.files.items()
            if put.kind == "tagged" and path not in self._replaced
        }

    def meddle(self) -> str:
        """Do one thing to one file; return what."""
        doings = [self._replace, self._move]
        if len(self.files) > _FEWEST:
            doings.append(self._remove)
        if len(self.files) < _MOST:
            doings += [self._add_any, self._add_any]
        doing = self._random.choice(doings)
        doing()
        return doing.__name__

    def _any(self) -> Put:
        kind = self._random.choice(["tagged", "bare", "ogg", "ogg"])
        sounds = FROM_FILES if kind == "tagged" else [*FROM_FILES, *FROM_YOUTUBE]
        return put(self._random.choice(sounds), kind)

    def _add_any(self) -> None:
        self._add(self._any())

    def _add(self, new: Put) -> None:
        path = self._place(new)
        half = len(new.content) // 2
        with path.open("wb") as file:  # as a download comes
            file.write(new.content[:half])
            file.flush()
            file.write(new.content[half:])
        self.files[path] = new

    def _replace(self) -> None:
        path = self._random.choice(sorted(self.files))
        new = self._any()
        if new.audio[1] != self.files[path].audio[1]:
            return
        beside = path.with_name(f"{path.name}.part")
        beside.write_bytes(new.content)
        beside.replace(path)
        self.files[path] = new
        self._replaced.add(path)

    def _move(self) -> None:
        path = self._random.choice(sorted(self.files))
        new = self._place(self.files[path])
        path.rename(new)
        self.files[new] = self.files.pop(path)
        if path in self._replaced:
            self._replaced.add(new)

    def _remove(self) -> None:
        path = self._random.choice(sorted(self.files))
        path.unlink()
        del self.files[path]

    def _place(self, new: Put) -> Path:
        """Return a path of its own, in one of a few folders."""
        self._count += 1
        folder = self.folder / self._random.choice(["", "a", "b"])
        folder.mkdir(exist_ok=True)
        return folder / f"track{self._count:03}.{new.audio[1]}"
