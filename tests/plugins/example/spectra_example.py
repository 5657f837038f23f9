"""A media server that is a folder: `items.txt` lists what it can't name, `told.txt` what it was told."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from plugins.api import AuthFailed, Check, Host, Item, MediaServer, NotReady, PathRefused, Plugin, Written


class Options(BaseModel):
    """`[plugins.example]`."""

    model_config = ConfigDict(extra="forbid")

    folder: Path
    password: SecretStr = SecretStr("")
    most: int = Field(default=1_000, ge=1, description="Items that are listed at most.")


class FolderServer(MediaServer):
    """Reads and writes the folder's files."""

    def __init__(self, options: Options, host: Host) -> None:
        self._folder = options.folder
        self._most = options.most
        self._host = host

    async def unnamed_items(self) -> AsyncIterator[Item]:
        """Yield a line's path as an item; its number is the id."""
        listed = self._folder / "items.txt"
        for number, path in enumerate(
            listed.read_text().splitlines()[: self._most] if listed.exists() else ()
        ):
            yield Item(str(number), path)

    async def tell(self, files: Sequence[Written]) -> None:
        """Append to the file."""
        if (self._folder / "busy").exists():
            raise NotReady("the folder is busy: remove its file `busy`")
        with (self._folder / "told.txt").open("a") as told:
            told.writelines(f"{file.path} {file.item_id} {file.replaces}\n" for file in files)

    async def status(self) -> str:
        """Return the folder's name."""
        return f"the folder {self._folder.name}"

    async def checks(self) -> AsyncIterator[Check]:
        """Look for the folder, and whether its paths lead anywhere."""
        yield Check("address", is_ok=True, sentence=f"{self._folder} is there")
        async for item in self.unnamed_items():
            try:
                path = await self._host.local_path(item.path)
            except PathRefused as error:
                yield Check("paths", is_ok=False, sentence=str(error))
            else:
                yield Check("paths", is_ok=True, sentence=f"{item.path} is {path}")

    async def hook(self, body: Mapping[str, Any]) -> Sequence[Item]:
        """Take {"path": ...}."""
        return [Item("hooked", str(body["path"]))]


@asynccontextmanager
async def connect(options: Options, host: Host) -> AsyncIterator[MediaServer]:
    """Open the folder."""
    if not options.folder.is_dir():
        raise NotReady(f"there is no folder {options.folder}: make it")
    if (options.folder / "locked").exists():
        raise AuthFailed("the folder is locked: remove its file `locked`")
    host.log.info("the folder is open")
    yield FolderServer(options, host)


PLUGIN = Plugin(options=Options, connect=connect)
