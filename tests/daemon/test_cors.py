"""Which pages a browser lets read the answers."""

import pytest
from aiohttp import web
from token_holder import holding

from daemon.access import make_access_middleware
from daemon.config import RateLimits
from daemon.cors import install_cors
from daemon.json_errors import json_errors
from daemon.rate_limit import make_rate_limit_middleware

TOKEN = "correct-horse-battery-staple"
PAGE = "https://music.example"
BEARER = {"Authorization": f"Bearer {TOKEN}"}


async def _hello(request: web.Request) -> web.StreamResponse:
    return web.Response()


async def _streamed(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Vary": "Accept"})
    await response.prepare(request)
    return response


async def _broken(request: web.Request) -> web.StreamResponse:
    raise RuntimeError


def _app(origins: tuple[str, ...] = (PAGE,)) -> web.Application:
    app = web.Application(
        middlewares=[json_errors, make_access_middleware(holding(TOKEN), cors_origins=origins)]
    )
    install_cors(app, origins=origins)
    app.router.add_get("/hello", _hello)
    app.router.add_get("/streamed", _streamed)
    app.router.add_get("/broken", _broken)
    return app


@pytest.fixture
async def client(aiohttp_client):
    return await aiohttp_client(_app())


async def test_a_preflight_from_a_listed_page_is_answered(client) -> None:
    asked = {"Origin": PAGE, "Access-Control-Request-Method": "POST", "Host": "192.168.1.2"}
    response = await client.options("/hello", headers=asked)
    assert response.status == 204
    assert response.headers["Access-Control-Allow-Origin"] == PAGE
    assert "POST" in response.headers["Access-Control-Allow-Methods"]
    assert "Authorization" in response.headers["Access-Control-Allow-Headers"]
    assert response.headers["Access-Control-Max-Age"] == "600"
    assert response.headers["Vary"] == "Origin"
    assert "Access-Control-Allow-Credentials" not in response.headers


async def test_a_preflight_from_another_page_is_not(client) -> None:
    asked = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
    response = await client.options("/hello", headers=asked)
    assert response.status == 403
    assert not [name for name in response.headers if name.startswith("Access-Control")]


@pytest.mark.parametrize(
    ("path", "status", "headers"),
    [
        ("/hello", 200, {}),
        ("/unknown", 404, {}),
        ("/broken", 500, {}),
        ("/hello", 401, {"Authorization": "Bearer wrong"}),
        ("/hello", 403, {"Host": "evil.example"}),
    ],
)
async def test_a_listed_page_can_read_every_answer(
    client, path: str, status: int, headers: dict[str, str]
) -> None:
    response = await client.get(path, headers={"Origin": PAGE, **headers})
    assert response.status == status
    assert response.headers["Access-Control-Allow-Origin"] == PAGE
    assert response.headers["Vary"] == "Origin"


async def test_without_listed_pages_nothing_is_shared(aiohttp_client) -> None:
    client = await aiohttp_client(_app(origins=()))
    response = await client.get("/hello", headers=BEARER | {"Origin": PAGE})
    assert response.status == 200
    assert not {"Access-Control-Allow-Origin", "Vary"} & set(response.headers)


async def test_a_streamed_answer_is_readable_too(client) -> None:
    response = await client.get("/streamed", headers={"Origin": PAGE})
    assert response.headers["Access-Control-Allow-Origin"] == PAGE
    assert response.headers["Vary"] == "Accept, Origin"


async def test_a_refusal_by_the_rate_limit_is_readable_too(aiohttp_client) -> None:
    limit = make_rate_limit_middleware(RateLimits(default="1/hour"), trusted_proxies=())
    app = web.Application(middlewares=[json_errors, limit, make_access_middleware(holding(TOKEN))])
    install_cors(app, origins=(PAGE,))
    client = await aiohttp_client(app)
    wrong = {"Origin": PAGE, "Authorization": "Bearer wrong"}
    assert (await client.get("/unknown", headers=wrong)).status == 401
    refused = await client.get("/unknown", headers=wrong)
    assert refused.status == 429
    assert refused.headers["Access-Control-Allow-Origin"] == PAGE
    assert "Retry-After" in refused.headers["Access-Control-Expose-Headers"]
