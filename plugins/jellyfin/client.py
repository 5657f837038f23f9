"""Calls of Jellyfin's REST API; whatever goes wrong becomes a sentence, without credentials."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from http import HTTPStatus
from typing import TypeVar
from urllib.parse import quote
from uuid import UUID

import aiohttp
from pydantic import BaseModel, TypeAdapter, ValidationError

from plugins.api import AuthFailed, NotReady, PluginError
from plugins.jellyfin.options import JellyfinOptions
from plugins.jellyfin.payloads import Entries, Entry, MediaFolder, SystemInfo

_PAGE_ITEMS = 500
_LARGEST_ANSWER_BYTES = 64_000_000
"""A page of 500 has about 0.5 MB."""
_FIELDS = {"fields": "Path", "enableUserData": "false", "enableImages": "false"}
_MAKE_A_KEY = "make one under Jellyfin's Dashboard > API Keys, and set it as plugins.jellyfin.api_key"
Model = TypeVar("Model", bound=BaseModel)


class JellyfinClient:
    """Speaks to one server. Every method raises NotReady, AuthFailed, or PluginError for good refusals."""

    def __init__(self, session: aiohttp.ClientSession, options: JellyfinOptions, *, version: str) -> None:
        self._session = session
        self._url = options.url
        self._verify_tls = options.verify_tls
        self._headers = {"Authorization": _authorization(options.api_key.get_secret_value(), version)}

    @property
    def url(self) -> str:
        """Where the server is, as configured."""
        return self._url

    async def public_info(self) -> SystemInfo:
        """Return who answers; needs no key."""
        info = await self._get("/System/Info/Public", SystemInfo)
        if not info.is_jellyfin:
            raise NotReady(f"Something else than Jellyfin answers at {self._url}: check plugins.jellyfin.url")
        return info

    async def check_key(self) -> None:
        """Return if the server knows the key."""
        await self._get("/System/Info", SystemInfo)

    async def libraries(self) -> Sequence[MediaFolder]:
        """Return the libraries; only for administrators and API keys, as are refreshes."""
        answer = await self._request("GET", "/Library/VirtualFolders")
        try:
            return TypeAdapter(tuple[MediaFolder, ...]).validate_json(answer or b"")
        except ValidationError:
            raise self._not_jellyfins() from None

    async def audio(self) -> AsyncGenerator[Entry]:
        """Yield every audio item with a file, in the order they were added, page by page."""
        query = _FIELDS | {
            "recursive": "true",
            "includeItemTypes": "Audio",
            "sortBy": "DateCreated",  # so that what is added meanwhile comes last
            "sortOrder": "Ascending",
            "enableTotalRecordCount": "false",
            "limit": str(_PAGE_ITEMS),
        }
        seen: set[UUID] = set()
        start = 0
        while True:
            page = await self._get("/Items", Entries, query | {"startIndex": str(start)})
            fresh = [entry for entry in page.items if entry.id not in seen]
            if not fresh:
                return
            seen.update(entry.id for entry in fresh)
            start += len(page.items)
            for entry in fresh:
                if entry.is_audio_file:
                    yield entry

    async def entry(self, item_id: UUID) -> Entry | None:
        """Return one item, of any type; None if the server doesn't know it."""
        page = await self._get("/Items", Entries, _FIELDS | {"ids": item_id.hex})
        return next((each for each in page.items if each.id == item_id), None)

    async def tracks(self, album_id: UUID) -> Sequence[Entry]:
        """Return an album's audio items with a file, a page of them at most.

        An album that is gone meanwhile lists the whole library, hence the look at what each belongs to.
        """
        query = {"parentId": album_id.hex, "recursive": "true", "includeItemTypes": "Audio"}
        page = await self._get("/Items", Entries, _FIELDS | query | {"limit": str(_PAGE_ITEMS)})
        return [each for each in page.items if each.is_audio_file and each.album_id == album_id]

    async def refresh(self, item_id: UUID, *, replaces: bool) -> bool:
        """Have an item's file read again, at once; return whether the server knows the item."""
        query = {
            # Default reads a file whose mtime has changed; only FullRefresh is documented to replace.
            "metadataRefreshMode": "FullRefresh" if replaces else "Default",
            "imageRefreshMode": "Default",
            "replaceAllMetadata": "true" if replaces else "false",
        }
        return await self._request("POST", f"/Items/{item_id.hex}/Refresh", query) is not None

    async def report_changed(self, paths: Sequence[str]) -> None:
        """Have files read again after the server's LibraryMonitorDelay, whether it knows them or not."""
        body = {"Updates": [{"Path": path, "UpdateType": "Modified"} for path in paths]}
        if await self._request("POST", "/Library/Media/Updated", body=body) is None:
            raise self._not_jellyfins()

    async def _get(self, path: str, model: type[Model], query: Mapping[str, str] | None = None) -> Model:
        answer = await self._request("GET", path, query)
        try:
            return model.model_validate_json(answer or b"")
        except ValidationError:
            raise self._not_jellyfins() from None

    async def _request(
        self, method: str, path: str, query: Mapping[str, str] | None = None, *, body: object = None
    ) -> bytes | None:
        """Return the answer's body, or None for 404."""
        expected = HTTPStatus.NO_CONTENT if method == "POST" else HTTPStatus.OK
        try:
            async with self._session.request(
                method,
                self._url + path,
                params=query,
                json=body,
                headers=self._headers,
                ssl=self._verify_tls,
                allow_redirects=False,
            ) as response:
                if response.status == HTTPStatus.NOT_FOUND:
                    return None
                self._refuse(response)
                if response.status != expected:  # a proxy's sign-in page, for one
                    raise self._not_jellyfins()
                return await self._read(response)
        except (aiohttp.ClientError, TimeoutError) as error:
            raise NotReady(self._unreachable(error)) from error

    def _refuse(self, response: aiohttp.ClientResponse) -> None:
        status = response.status
        if status == HTTPStatus.UNAUTHORIZED:
            if response.headers.get("WWW-Authenticate", "").lower().startswith("basic"):
                raise AuthFailed(
                    f"A proxy before {self._url} asks for a password, in the header that carries "
                    "Jellyfin's key: let Spectra reach Jellyfin without it"
                )
            raise AuthFailed(f"Jellyfin doesn't know the API key: {_MAKE_A_KEY}")
        if status == HTTPStatus.FORBIDDEN:
            raise AuthFailed(f"The key is no API key and lacks an administrator's rights: {_MAKE_A_KEY}")
        if status == HTTPStatus.SERVICE_UNAVAILABLE:
            raise NotReady(f"Jellyfin at {self._url} is starting or busy (503)")
        if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
            raise NotReady(
                f"{self._url} sends to another address ({status}): set plugins.jellyfin.url to the one "
                "that a browser ends up at, without /web"
            )
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status in (
            HTTPStatus.REQUEST_TIMEOUT,
            HTTPStatus.TOO_MANY_REQUESTS,
        ):
            raise NotReady(f"Jellyfin at {self._url} fails ({status}): its log says why")
        if status >= HTTPStatus.BAD_REQUEST:
            raise PluginError(f"Jellyfin at {self._url} refuses a call ({status}): its log says why")

    async def _read(self, response: aiohttp.ClientResponse) -> bytes:
        answer = bytearray()
        async for chunk in response.content.iter_chunked(1 << 16):
            answer += chunk
            if len(answer) > _LARGEST_ANSWER_BYTES:
                raise self._not_jellyfins()
        return bytes(answer)

    def _not_jellyfins(self) -> NotReady:
        return NotReady(
            f"What {self._url} answers is not Jellyfin's: check plugins.jellyfin.url, also for the folder "
            "that a reverse proxy puts it under"
        )

    def _unreachable(self, error: aiohttp.ClientError | TimeoutError) -> str:
        if isinstance(error, aiohttp.ClientConnectorCertificateError):
            return (
                f"The certificate of {self._url} is not trusted here: install its authority's, or set "
                "plugins.jellyfin.verify_tls = false"
            )
        if isinstance(error, aiohttp.ClientConnectorError):
            reason = error.strerror or str(error.os_error)
            return f"Nothing answers at {self._url} ({reason}): is Jellyfin running, and reachable from here?"
        if isinstance(error, TimeoutError):
            return f"Jellyfin at {self._url} did not answer in time"
        return f"The connection to {self._url} broke off ({type(error).__name__})"


def _authorization(key: str, version: str) -> str:
    """Return the only header that Jellyfin 12 reads a key from; it decodes the parts as of a URL."""
    parts = {
        "Client": "Spectra",
        "Device": "Spectra",
        "DeviceId": "spectra",
        "Version": version,
        "Token": key,
    }
    return "MediaBrowser " + ", ".join(f'{name}="{quote(value, safe="")}"' for name, value in parts.items())
