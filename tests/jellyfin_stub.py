"""Jellyfin's API, as far as a plugin asks for it, over a library of real files.

What it takes and says is checked by models generated from Jellyfin's own OpenAPI description.
"""

import asyncio
import json
import re
import ssl
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from http import HTTPStatus
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import unquote
from uuid import UUID

from aiohttp import web
from aiohttp.test_utils import TestServer
from jellyfin_library import SERVER_ID, JellyfinLibrary, LibraryItem
from openapi_client.models.base_item_dto_query_result import BaseItemDtoQueryResult
from openapi_client.models.base_item_kind import BaseItemKind
from openapi_client.models.item_fields import ItemFields
from openapi_client.models.item_sort_by import ItemSortBy
from openapi_client.models.media_update_info_dto import MediaUpdateInfoDto
from openapi_client.models.metadata_refresh_mode import MetadataRefreshMode
from openapi_client.models.public_system_info import PublicSystemInfo
from openapi_client.models.sort_order import SortOrder
from openapi_client.models.system_info import SystemInfo
from openapi_client.models.virtual_folder_info import VirtualFolderInfo
from pydantic import BaseModel

from plugins.api import MediaServer

KEY = "0123456789abcdef0123456789abcdef"
USER_TOKEN = "fedcba9876543210fedcba9876543210"
"""Of somebody without an administrator's rights."""
_HEADER = re.compile(r'MediaBrowser (\w+="[^"\\]*")(, \w+="[^"\\]*")*')
_PARTS = {"Client", "Device", "DeviceId", "Version", "Token"}
_UPDATE_TYPES = {"Created", "Modified", "Deleted"}
Connect: TypeAlias = Callable[..., AbstractAsyncContextManager[MediaServer]]
"""Connect the plugin, with other options than the right ones."""
Reply: TypeAlias = Callable[[web.Request], Awaitable[web.StreamResponse]]


class JellyfinStub:
    """Takes what Jellyfin 10.11 takes and refuses everything else."""

    def __init__(
        self,
        root: Path,
        *,
        prefix: str = "/media/music",
        base: str = "",
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """`prefix` is what it calls the folder `root`; `base`: the folder a reverse proxy puts it under."""
        self.library = JellyfinLibrary(root, prefix)
        self.library_type = "music"
        self.tokens = {KEY: True, USER_TOKEN: False}
        """Tells of each whether it has an administrator's rights."""
        self.reply: Reply | None = None
        """Answers instead of the server, if set."""
        self.calls: list[str] = []
        """Method, path and query of each."""
        self.reports: list[int] = []
        """How many files each report named."""
        app = web.Application(middlewares=[self._answering])
        app.router.add_get(f"{base}/System/Info/Public", self._public_info)
        app.router.add_get(f"{base}/System/Info", self._info)
        app.router.add_get(f"{base}/Library/VirtualFolders", self._libraries)
        app.router.add_get(f"{base}/Items", self._list)
        app.router.add_post(f"{base}/Items/{{item_id}}/Refresh", self._refresh)
        app.router.add_post(f"{base}/Library/Media/Updated", self._updated)
        self._server = TestServer(app, scheme="http" if tls is None else "https")
        self._tls = tls
        self._base = base

    async def __aenter__(self) -> "JellyfinStub":
        await self._server.start_server(ssl=self._tls)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._server.close()

    @property
    def url(self) -> str:
        return f"{self._server.scheme}://127.0.0.1:{self._server.port}{self._base}"

    def webhook(self, item: LibraryItem, template: str, notification: str = "ItemAdded") -> dict[str, Any]:
        """Return what the Webhook plugin sends: its template, with the values that it knows."""
        values = {
            "NotificationType": notification,
            "ServerId": SERVER_ID,
            "ItemType": item.type,
            "ItemId": item.item_id,
            "Name": item.name,
        }
        sent = json.loads(re.sub(r"{{(\w+)}}", lambda found: values[found[1]], template))
        assert isinstance(sent, dict)
        return sent

    @web.middleware
    async def _answering(self, request: web.Request, handler: Reply) -> web.StreamResponse:
        if self.reply is not None:
            return await self.reply(request)
        self.calls.append(f"{request.method} {request.path_qs.removeprefix(self._base)}")
        _require("X-Emby-Token" not in request.headers, "legacy authorization is off")
        _require(not {"api_key", "ApiKey"} & request.query.keys(), "a key in the address ends up in logs")
        return await handler(request)

    def _authorize(self, request: web.Request, *, elevated: bool = False) -> None:
        header = request.headers.get("Authorization", "")
        _require(_HEADER.fullmatch(header), "the header Authorization is malformed")
        parts = dict(re.findall(r'(\w+)="([^"]*)"', header))
        _require(set(parts) == _PARTS and all(parts.values()), "the header Authorization lacks a part")
        is_administrator = self.tokens.get(unquote(parts["Token"]))
        if is_administrator is None:
            raise web.HTTPUnauthorized
        if elevated and not is_administrator:
            raise web.HTTPForbidden

    async def _public_info(self, request: web.Request) -> web.Response:
        _require(not request.query, "no parameters are known here")
        return _answer(PublicSystemInfo, self._about())

    async def _info(self, request: web.Request) -> web.Response:
        self._authorize(request)
        return _answer(SystemInfo, self._about() | {"HasPendingRestart": False})

    def _about(self) -> dict[str, Any]:
        return {
            "LocalAddress": self.url,
            "ServerName": "attic",
            "Version": "10.11.3",
            "ProductName": "Jellyfin Server",
            "Id": SERVER_ID,
            "StartupWizardCompleted": True,
        }

    async def _libraries(self, request: web.Request) -> web.Response:
        self._authorize(request, elevated=True)
        library = {"Name": "Music", "Locations": [self.library.prefix], "CollectionType": self.library_type}
        return _answer(VirtualFolderInfo, library, many=True)

    async def _list(self, request: web.Request) -> web.Response:
        self._authorize(request)
        query = _checked_query(request, _ITEMS_QUERY)
        found = list(self.library.items.values())
        if "ids" in query:
            wanted = {each.hex for each in query["ids"]}
            found = [item for item in found if item.item_id in wanted]
        elif not query.get("recursive", False):
            found = []  # the libraries themselves, which are no items of ours
        parent = self.library.items.get(query["parentId"].hex) if "parentId" in query else None
        if parent is not None:  # one that is gone lists everything, as the root folder would
            found = [item for item in found if item.path.startswith(f"{parent.path}/")]
        if "includeItemTypes" in query:
            found = [item for item in found if item.type in query["includeItemTypes"]]
        start = query.get("startIndex", 0)
        page = found[start : start + query["limit"]] if "limit" in query else found[start:]
        fields = {each.value for each in query.get("fields", ())}
        total = len(found) if query.get("enableTotalRecordCount", True) else 0
        listed = {
            "Items": [item.dto(fields) for item in page],
            "TotalRecordCount": total,
            "StartIndex": start,
        }
        return _answer(BaseItemDtoQueryResult, listed)

    async def _refresh(self, request: web.Request) -> web.Response:
        self._authorize(request, elevated=True)
        query = _checked_query(request, _REFRESH_QUERY)
        item = self.library.items.get(UUID(request.match_info["item_id"]).hex)
        if item is None:
            raise web.HTTPNotFound
        mode = query.get("metadataRefreshMode", MetadataRefreshMode.NONE)
        replaces = query.get("replaceAllMetadata", False)
        _require(mode is MetadataRefreshMode.FULLREFRESH or not replaces, "only FullRefresh may replace")
        if mode in (MetadataRefreshMode.DEFAULT, MetadataRefreshMode.FULLREFRESH):
            self.library.refresh(item, is_full=mode is MetadataRefreshMode.FULLREFRESH, replaces=replaces)
        return web.Response(status=HTTPStatus.NO_CONTENT)

    async def _updated(self, request: web.Request) -> web.Response:
        self._authorize(request)
        _require(request.content_type == "application/json", "the body must be JSON")
        _checked_query(request, {})
        body = await request.json()
        report = MediaUpdateInfoDto.from_dict(body)
        _require(report is not None and report.updates, "nothing was updated")
        _require(set(body) == {"Updates"}, "an unknown field")
        for each in body["Updates"]:
            _require(set(each) == {"Path", "UpdateType"}, "an unknown field, or a missing one")
            _require(each["UpdateType"] in _UPDATE_TYPES, "an unknown UpdateType")
            self.library.report(each["Path"])
        self.reports.append(len(body["Updates"]))
        return web.Response(status=HTTPStatus.NO_CONTENT)


def _boolean(value: str) -> bool:
    return {"true": True, "false": False}[value]


def _many(kind: Callable[[str], Any]) -> Callable[[str], list[Any]]:
    return lambda value: [kind(each) for each in value.split(",")]


_ITEMS_QUERY: dict[str, Callable[[str], Any]] = {
    "enableImages": _boolean,
    "enableTotalRecordCount": _boolean,
    "enableUserData": _boolean,
    "fields": _many(ItemFields),
    "ids": _many(UUID),
    "includeItemTypes": _many(BaseItemKind),
    "limit": int,
    "parentId": UUID,
    "recursive": _boolean,
    "sortBy": _many(ItemSortBy),
    "sortOrder": _many(SortOrder),
    "startIndex": int,
}
_REFRESH_QUERY: dict[str, Callable[[str], Any]] = {
    "imageRefreshMode": MetadataRefreshMode,
    "metadataRefreshMode": MetadataRefreshMode,
    "replaceAllImages": _boolean,
    "replaceAllMetadata": _boolean,
}


def _checked_query(request: web.Request, known: Mapping[str, Callable[[str], Any]]) -> dict[str, Any]:
    """Return the parameters as what they mean; one that is unknown, doubled or malformed is refused."""
    _require(len(request.query) == len(set(request.query)), "a parameter is there twice")
    try:
        return {name: known[name](value) for name, value in request.query.items()}
    except (KeyError, ValueError) as error:
        raise web.HTTPBadRequest(text=f"{request.path}: {error!r}") from error


def _require(holds: object, otherwise: str) -> None:
    if not holds:
        raise web.HTTPBadRequest(text=otherwise)


def _answer(model: type[BaseModel], payload: dict[str, Any], *, many: bool = False) -> web.Response:
    """Answer with what Jellyfin's own description allows."""
    assert payload.keys() <= {each.alias for each in model.model_fields.values()}
    model.from_dict(payload)  # type: ignore[attr-defined]
    return web.json_response([payload] if many else payload)


async def starting(_: web.Request) -> web.StreamResponse:
    """Answer as Jellyfin does while it starts."""
    return web.Response(
        status=HTTPStatus.SERVICE_UNAVAILABLE,
        text="The server is currently loading. Please try again shortly.",
    )


async def hanging(_: web.Request) -> web.StreamResponse:
    """Never answer."""
    await asyncio.Event().wait()
    raise AssertionError


async def cutting(request: web.Request) -> web.StreamResponse:
    """Break off in the middle of an answer, or before one that would be empty."""
    assert request.transport is not None
    response = web.StreamResponse(headers={"Content-Type": "application/json", "Content-Length": "1000"})
    if request.method == "GET":
        await response.prepare(request)
        await response.write(b'{"Items":[{"Id":')
    request.transport.close()
    return response
