"""REST: how the plugins are, their tests, and the hooks that media servers call."""

from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any

from aiohttp import web

from daemon.json_body import json_body
from daemon.keys import SERVICES
from daemon.plugin_errors import NoSuchPlugin, PluginFailed, PluginHangs, PluginNotConnected
from daemon.plugin_runner import PluginStatus
from plugins.api import NotReady, PluginError

_RETRY_AFTER_S = 60
_LARGEST_HOOK_BYTES = 200_000


async def list_plugins(request: web.Request) -> web.Response:
    """Answer with how each plugin is."""
    host = request.app[SERVICES].plugins
    plugins = [_shown(name, status, await host.waiting(name)) for name, status in host.statuses().items()]
    return web.json_response({"plugins": plugins})


async def test_plugin(request: web.Request) -> web.Response:
    """Answer with what works of a plugin and what doesn't; one that was off and works is on again."""
    with _refusals_as_http():
        checks = await request.app[SERVICES].plugins.test(request.match_info["plugin"])
    shown = [{"subject": each.subject, "is_ok": each.is_ok, "sentence": each.sentence} for each in checks]
    return web.json_response({"is_ok": all(each.is_ok for each in checks), "checks": shown})


async def sync_plugin(request: web.Request) -> web.Response:
    """Have a plugin ask its server for unnamed items now."""
    with _refusals_as_http():
        request.app[SERVICES].plugins.sync(request.match_info["plugin"])
    return web.json_response({"status": "pending"}, status=HTTPStatus.ACCEPTED)


async def call_hook(request: web.Request) -> web.Response:
    """Take what a media server reports, and look up what it is about."""
    if request.content_length is not None and request.content_length > _LARGEST_HOOK_BYTES:
        raise web.HTTPRequestEntityTooLarge(_LARGEST_HOOK_BYTES, request.content_length)
    body: Any = await json_body(request, "The body must be JSON, as the plugin's page shows.")
    if not isinstance(body, dict):
        raise web.HTTPBadRequest(text="The body must be a JSON object, as the plugin's page shows.")
    with _refusals_as_http():
        items = await request.app[SERVICES].plugins.hook(request.match_info["plugin"], body)
    return web.json_response({"items": items}, status=HTTPStatus.ACCEPTED)


def _shown(name: str, status: PluginStatus, to_tell: int) -> dict[str, object]:
    return {
        "name": name,
        "state": status.state,
        "detail": status.detail,
        "unnamed": status.unnamed,
        "refused": status.refused,
        "refusal": status.refusal,
        "told": status.told,
        "to_tell": to_tell,
    }


@contextmanager
def _refusals_as_http() -> Iterator[None]:
    try:
        yield
    except NoSuchPlugin as error:
        raise web.HTTPNotFound(text=str(error)) from error
    except (PluginNotConnected, PluginHangs, NotReady) as error:
        raise web.HTTPServiceUnavailable(
            text=str(error), headers={"Retry-After": str(_RETRY_AFTER_S)}
        ) from error
    except PluginFailed as error:
        raise web.HTTPBadGateway(text=str(error)) from error
    except PluginError as error:
        raise web.HTTPBadRequest(text=str(error)) from error
