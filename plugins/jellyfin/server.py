"""Jellyfin as a MediaServer."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from importlib.metadata import version
from typing import Any
from uuid import UUID

from plugins.api import Check, Host, Item, MediaServer, NotReady, PathRefused, PluginError, Written
from plugins.jellyfin.client import JellyfinClient
from plugins.jellyfin.options import JellyfinOptions
from plugins.jellyfin.payloads import Added
from plugins.jellyfin.unnamed import is_unnamed

_PATHS_PER_CALL = 200
_PATHS_CHECKED = 5
_HAS_MUSIC = "Jellyfin has a library of the type Music."
_NO_MUSIC = "Jellyfin has no library of the type Music: add one to it."


@asynccontextmanager
async def connect(options: JellyfinOptions, host: Host) -> AsyncIterator[MediaServer]:
    """Yield the server; nothing is asked before the first call."""
    yield JellyfinServer(JellyfinClient(host.session, options, version=version("spectra")), host)


class JellyfinServer(MediaServer):
    """Lists what has no name, and has files read again."""

    def __init__(self, client: JellyfinClient, host: Host) -> None:
        self._client = client
        self._host = host
        self._server_id: UUID | None = None

    async def unnamed_items(self) -> AsyncIterator[Item]:
        """Yield the audio items without a proper title or artist."""
        async with aclosing(self._client.audio()) as entries:
            async for entry in entries:
                if is_unnamed(entry):
                    yield entry.as_item()

    async def tell(self, files: Sequence[Written]) -> None:
        """Refresh the items that are known by id, and report the paths of all others.

        A reported path is read after a minute, and only fills what is empty: for what replaces something the
        item is searched.
        """
        left = [file for file in files if not await self._refresh(file, _uuid(file.item_id))]
        if any(file.replaces for file in left):
            ids = await self._ids({file.path for file in left if file.replaces})
            left = [file for file in left if not await self._refresh(file, ids.get(file.path))]
        paths = [file.path for file in left]
        for start in range(0, len(paths), _PATHS_PER_CALL):
            await self._client.report_changed(paths[start : start + _PATHS_PER_CALL])

    async def status(self) -> str:
        """Return product, version and name."""
        return str(await self._client.public_info())

    async def checks(self) -> AsyncIterator[Check]:
        """Yield address, credentials, rights, library and paths, up to what fails."""
        subject = "address"
        try:
            info = await self._client.public_info()
            yield Check(subject, is_ok=True, sentence=f"{info} answers at {self._client.url}.")
            subject = "credentials"
            await self._client.check_key()
            yield Check(subject, is_ok=True, sentence="Jellyfin knows the API key.")
            subject = "rights"
            libraries = await self._client.libraries()
            yield Check(subject, is_ok=True, sentence="The key may have items refreshed.")
            subject = "library"
            has_music = any(each.collection_type == "music" for each in libraries)
            yield Check(subject, is_ok=has_music, sentence=_HAS_MUSIC if has_music else _NO_MUSIC)
            subject = "paths"
            yield Check(subject, is_ok=True, sentence=await self._compare_paths())
        except PluginError as error:
            yield Check(subject, is_ok=False, sentence=str(error))

    async def hook(self, body: Mapping[str, Any]) -> Sequence[Item]:
        """Return what an ItemAdded of the Webhook plugin is about: an audio item, or all of an album."""
        added = Added.of(body)
        if added is None:
            return ()
        await self._check_server(added.server_id)
        entry = await self._client.entry(added.item_id)
        if entry is None:
            raise NotReady(f"Jellyfin doesn't list the item {added.item_id.hex} yet")
        if entry.type != "MusicAlbum":
            return [entry.as_item()] if entry.is_audio_file else ()
        tracks = await self._client.tracks(entry.id)
        if not tracks:
            raise NotReady(f"Jellyfin doesn't list the tracks of the album {added.item_id.hex} yet")
        return [track.as_item() for track in tracks]

    async def _check_server(self, claimed: UUID | None) -> None:
        """Raise PluginError if another server calls: its ids mean nothing to ours."""
        if self._server_id is None:
            self._server_id = (await self._client.public_info()).id
        if claimed is not None and self._server_id is not None and claimed != self._server_id:
            raise PluginError(f"The call comes from another Jellyfin than the one at {self._client.url}")

    async def _compare_paths(self) -> str:
        """Return how a path of Jellyfin's looks here. Raises PathRefused if that can be said of none."""
        refusals: list[PathRefused] = []
        async with aclosing(self._client.audio()) as entries:
            async for entry in entries:
                path = entry.path or ""
                try:
                    return f"Jellyfin's {path} is {await self._host.local_path(path)} here."
                except PathRefused as refusal:  # one may just be gone
                    refusals.append(refusal)
                if len(refusals) == _PATHS_CHECKED:
                    break
        if refusals:
            raise refusals[0]
        return "Jellyfin lists no music yet: there is no path to compare."

    async def _refresh(self, file: Written, item_id: UUID | None) -> bool:
        return item_id is not None and await self._client.refresh(item_id, replaces=file.replaces)

    async def _ids(self, paths: set[str]) -> dict[str, UUID]:
        """Return the items at these paths; the API can't be asked for a path."""
        found: dict[str, UUID] = {}
        async with aclosing(self._client.audio()) as entries:
            async for entry in entries:
                if entry.path in paths:
                    found[entry.path] = entry.id
                    if len(found) == len(paths):
                        break
        return found


def _uuid(item_id: str | None) -> UUID | None:
    try:
        return UUID(item_id) if item_id else None
    except ValueError:
        return None
