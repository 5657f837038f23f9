"""Look-ups on behalf of one plugin: its server's paths, and what became of its items."""

import os
from pathlib import Path
from typing import cast

from daemon.lookup import LookupService
from daemon.lookup_errors import LookupRefused
from daemon.lookup_rows import Asked
from daemon.path_map import PathMap
from daemon.plugin_store import PluginStore
from plugins.api import Answer, Item, PathRefused

_LONGEST_ITEM_ID = 256


class PluginLookup:
    """Looks items up as `POST /lookup` does, and keeps what the server calls them."""

    def __init__(self, plugin: str, lookups: LookupService, store: PluginStore, path_map: PathMap) -> None:
        """The plugin's name is the `source` of its entries in `[[path_map]]`."""
        self._plugin = plugin
        self._lookups = lookups
        self._store = store
        self._path_map = path_map

    async def local_path(self, server_path: str) -> Path:
        """Return where a server's file is here. Raises PathRefused."""
        try:
            found = await self._lookups.find(Asked(path=os.fsencode(server_path), source=self._plugin))
        except (LookupRefused, UnicodeError) as error:
            raise PathRefused(str(error)) from error
        return Path(os.fsdecode(found.path))

    def server_path(self, path: Path) -> str:
        """Return what the server calls a file. Raises PathRefused."""
        found = self.path_at_server(os.fsencode(path))
        if found is None:
            raise PathRefused(f"{str(path)!r} can't be seen by the server: set [[path_map]]")
        return found

    def path_at_server(self, path: bytes) -> str | None:
        """Return what the server calls a file; None if it can't see it, or can't be told its name."""
        found = self._path_map.to_server(path, self._plugin)
        if found is None:
            return None
        try:
            return found.decode()
        except UnicodeDecodeError:  # JSON holds no such names; the server finds the file at its own scan
            return None

    async def look_up(self, item: Item, *, tag: bool) -> Answer:
        """Find out what an item is, and keep its id. Raises PathRefused, psycopg.Error."""
        item_id = item.item_id.replace("\0", "")[:_LONGEST_ITEM_ID]
        try:
            asked = Asked(os.fsencode(item.path), item.size_bytes, self._plugin, item_id, tag)
            waiting = await self._lookups.submit(asked)
        except (LookupRefused, UnicodeError) as error:
            raise PathRefused(str(error)) from error
        await self._store.note_item(self._plugin, waiting.file_id, item_id)
        task = await self._lookups.task(waiting.task_id)
        if task is None or not task.result:
            return Answer("pending", "The file waits for a fingerprint, for a name, or to be written.")
        result = task.result[0]
        return Answer(cast("str", result["outcome"]), str(result["detail"]))  # type: ignore[arg-type]
