"""A music library as Jellyfin keeps it, of real files.

How tags are read follows AudioFileProber.FetchDataFromTags of the server: a title always replaces the name,
artists and album only fill what is empty unless everything is to be replaced, and of what a file no longer
says only the album is forgotten.
"""

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import mutagen

SERVER_ID = "5eccf5eccf5eccf5eccf5eccf5eccf5e"
MONITOR_DELAY_S = 60.0
_CLOSEST_NS = 1_000_000_000
"""An mtime that moved by less is the same."""


@dataclass(slots=True)
class LibraryItem:
    """An audio file or an album, as the server's database has it."""

    item_id: str
    path: str
    name: str
    type: str = "Audio"
    location_type: str = "FileSystem"
    artists: list[str] = field(default_factory=list)
    album: str | None = None
    album_id: str | None = None
    modified_ns: int = 0
    ticks: int | None = None

    def said(self) -> tuple[str, list[str], str | None]:
        """Return what people see of it."""
        return self.name, self.artists, self.album

    def dto(self, fields: set[str]) -> dict[str, Any]:
        """Return it as the API does; what is null is left out."""
        shown = {
            "Name": self.name,
            "ServerId": SERVER_ID,
            "Id": self.item_id,
            "Type": self.type,
            "IsFolder": self.type != "Audio",
            "LocationType": self.location_type,
        }
        if self.type == "Audio":
            shown |= {"Artists": self.artists, "MediaType": "Audio", "RunTimeTicks": self.ticks}
            shown |= {"Album": self.album, "AlbumId": self.album_id}
        if "Path" in fields:
            shown["Path"] = self.path
        return {name: value for name, value in shown.items() if value is not None}


class JellyfinLibrary:
    """One music library: `prefix` is what the server calls the folder `root`."""

    def __init__(self, root: Path, prefix: str) -> None:
        self._root = root
        self.prefix = prefix
        self.items: dict[str, LibraryItem] = {}
        self._now_s = 0.0
        self._due_s: dict[str, float] = {}

    def scan(self) -> None:
        """Find the files of the library; every folder with audio is an album."""
        for path in sorted(self._root.rglob("*")):
            if path.is_file() and not path.name.startswith("."):
                self._find(path)

    def add(self, item: LibraryItem) -> LibraryItem:
        """Have an item without a file here."""
        self.items[item.item_id] = item
        return item

    def at(self, path: Path) -> LibraryItem:
        """Return the item of a file."""
        return self.items[_id("Audio", self.server_path(path))]

    def album_of(self, item: LibraryItem) -> LibraryItem:
        """Return the album an item is in."""
        assert item.album_id is not None
        return self.items[item.album_id]

    def server_path(self, path: Path) -> str:
        """Return what the server calls a file."""
        return f"{self.prefix}/{path.relative_to(self._root)}"

    def report(self, path: str) -> None:
        """Note that a file has changed: it is looked at once it has been still for long enough."""
        self._due_s[path] = self._now_s + MONITOR_DELAY_S

    def advance(self, seconds: float) -> None:
        """Let time pass, and what is due happen."""
        self._now_s += seconds
        for path in [path for path, due_s in self._due_s.items() if due_s <= self._now_s]:
            del self._due_s[path]
            item = self.items.get(_id("Audio", path))
            if item is not None:
                self.refresh(item, is_full=False, replaces=False)
            elif self._local(path).exists():
                self._find(self._local(path))

    def refresh(self, item: LibraryItem, *, is_full: bool, replaces: bool) -> None:
        """Read a file's tags, if its mtime has moved or everything is wanted."""
        local = self._local(item.path)
        if not local.exists():
            return
        modified_ns = local.stat().st_mtime_ns
        if not (is_full or replaces or abs(modified_ns - item.modified_ns) > _CLOSEST_NS):
            return
        file: Any = mutagen.File(local, easy=True)
        tags = file.tags or {}
        title, artists, album = (tags.get(name, []) for name in ("title", "artist", "album"))
        item.ticks = round(file.info.length * 10_000_000)
        item.name = title[0] if title else item.name
        if (artists and replaces) or not (item.artists or replaces):
            item.artists = list(artists)
        if replaces or item.album is None:
            item.album = album[0] if album else None
        item.modified_ns = modified_ns

    def _find(self, local: Path) -> None:
        path = self.server_path(local)
        item_id = _id("Audio", path)
        if item_id in self.items:
            return
        folder = self.server_path(local.parent)
        album = LibraryItem(_id("MusicAlbum", folder), folder, local.parent.name, "MusicAlbum")
        self.items.setdefault(album.item_id, album)
        self.items[item_id] = LibraryItem(item_id, path, local.stem, album_id=album.item_id)
        self.refresh(self.items[item_id], is_full=True, replaces=False)

    def _local(self, path: str) -> Path:
        return self._root / path.removeprefix(f"{self.prefix}/")


def _id(kind: str, path: str) -> str:
    """Return what Jellyfin makes of type and path: the id of an item follows its file's name."""
    name = f"MediaBrowser.Controller.Entities.Audio.{kind}{path}"
    return hashlib.md5(name.encode("utf-16le"), usedforsecurity=False).hexdigest()
