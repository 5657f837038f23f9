"""Every error is JSON, and none shows what only the log should."""

import aiohttp
import pytest
from aiohttp import web

from daemon.json_errors import json_errors


async def _broken(request: web.Request) -> web.Response:
    raise RuntimeError("secret detail")


async def _half_sent(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    await response.write(b"half")
    raise RuntimeError("secret detail")


async def _too_large(request: web.Request) -> web.Response:
    await request.read()
    return web.Response()


async def _moved(request: web.Request) -> web.Response:
    raise web.HTTPFound("/hello")


async def _own_words(request: web.Request) -> web.Response:
    raise web.HTTPNotFound(text="There is no task 7.")


@pytest.fixture
async def client(aiohttp_client):
    app = web.Application(middlewares=[json_errors], client_max_size=10)
    app.router.add_get("/hello", _moved)
    app.router.add_post("/hello", _too_large)
    app.router.add_get("/broken", _broken)
    app.router.add_get("/half", _half_sent)
    app.router.add_get("/moved", _moved)
    app.router.add_get("/own", _own_words)
    return await aiohttp_client(app)


async def test_errors_are_json_and_keep_their_headers(client) -> None:
    missing = await client.get("/unknown")
    assert (missing.status, await missing.json()) == (404, {"error": "There is nothing at /unknown."})
    wrong_method = await client.delete("/hello")
    assert (wrong_method.status, wrong_method.headers["Allow"]) == (405, "GET,HEAD,POST")
    assert (await wrong_method.json())["error"] == "/hello does not take DELETE, only GET, HEAD, POST."
    too_large = await client.post("/hello", data=b"x" * 11)
    assert too_large.status == 413
    assert "10" in (await too_large.json())["error"]
    assert await (await client.get("/own")).json() == {"error": "There is no task 7."}


async def test_a_redirect_is_no_error(client) -> None:
    assert (await client.get("/moved", allow_redirects=False)).status == 302


async def test_an_unexpected_error_is_logged_and_not_shown(client, caplog: pytest.LogCaptureFixture) -> None:
    response = await client.get("/broken")
    assert response.status == 500
    assert "secret detail" not in await response.text()
    assert "GET /broken failed" in caplog.text
    assert "secret detail" in caplog.text


async def test_a_failure_amid_an_answer_closes_the_connection(client) -> None:
    response = await client.get("/half")
    with pytest.raises(aiohttp.ClientPayloadError):
        await response.read()
