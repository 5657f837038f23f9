"""Which token opens what: the table against the application's routes, and against requests."""

import asyncio
import json
from collections.abc import Iterator
from importlib import resources
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from synth import music as play
from synth import write_audio
from token_holder import holding, named
from waiting import served, until

from daemon import api_events
from daemon.access import OPEN_ROUTES, make_access_middleware
from daemon.api import routes
from daemon.config import Config
from daemon.json_errors import json_errors
from daemon.page import install_page
from daemon.scopes import ROUTES, Scope, scope_needed
from daemon.token_file import load_or_create_token, rotate_token
from daemon.tokens import add_token, remove_token

OWNER = "correct-horse-battery-staple"
TOKENS = {scope: f"a-token-of-scope-{scope.word}" for scope in Scope}


def _routes() -> Iterator[tuple[str, str]]:
    """Yield every route of the application, HEAD as GET."""
    app = web.Application()
    app.add_routes(routes)
    install_page(app)
    for route in app.router.routes():
        assert route.resource is not None
        yield ("GET" if route.method == "HEAD" else route.method), route.resource.canonical


def test_every_route_is_open_or_in_the_table_and_nothing_else_is() -> None:
    listed = [route for those in ROUTES.values() for route in those]
    assert len(listed) == len(set(listed))
    assert {*listed, *OPEN_ROUTES} == set(_routes())
    assert not OPEN_ROUTES & set(listed)


def test_a_route_that_nobody_listed_needs_everything() -> None:
    assert scope_needed("GET", "/new") is Scope.WRITE
    assert scope_needed("PUT", "/files") is Scope.WRITE
    assert scope_needed("HEAD", "/files") is Scope.READ


def test_whatever_changes_something_is_not_for_reading() -> None:
    """DELETE /session only lets a browser forget."""
    assert {route for route in ROUTES[Scope.READ] if route[0] != "GET"} == {("DELETE", "/session")}


async def _done(request: web.Request) -> web.Response:
    return web.json_response({})


async def test_each_token_opens_its_routes_and_no_others(aiohttp_client) -> None:
    tokens = (named(scope.word, token, scope) for scope, token in TOKENS.items())
    app = web.Application(middlewares=[json_errors, make_access_middleware(holding(OWNER, *tokens))])
    for method, path in set(_routes()):
        app.router.add_route(method, path, _done)
    client = await aiohttp_client(app)
    for needed, those in ROUTES.items():
        for method, path in those:
            for scope, token in TOKENS.items():
                url = path.replace("{", "").replace("}", "")
                headers = {"Authorization": f"Bearer {token}"}
                async with client.request(method, url, headers=headers) as response:
                    assert response.status == (200 if scope >= needed else 403), (method, path, scope)
                    if response.status == 403:
                        sentence = (await response.json())["error"]
                        assert f"opens `{scope.word}`" in sentence
                        assert f"spectra token add NAME --scope {needed.word}" in sentence
            async with client.request(method, url, headers={"Authorization": f"Bearer {OWNER}"}) as response:
                assert response.status == 200
            async with client.request(method, url) as response:  # this machine needs none
                assert response.status == 200


async def test_where_nothing_is_the_answer_says_so_to_every_token(aiohttp_client) -> None:
    token = named("phone", TOKENS[Scope.READ], Scope.READ)
    app = web.Application(middlewares=[json_errors, make_access_middleware(holding(OWNER, token))])
    app.router.add_get("/ping", _done)
    client = await aiohttp_client(app)
    headers = {"Authorization": f"Bearer {TOKENS[Scope.READ]}"}
    assert (await client.get("/nothing", headers=headers)).status == 404
    assert (await client.put("/ping", headers=headers)).status == 405


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


async def test_tokens_count_and_end_while_the_daemon_runs(config: Config, music) -> None:
    path = write_audio(music / "piece.mp3", play(1, 20.0))
    state = config.state_dir
    async with served(config) as daemon:

        async def status_of(method: str, url: str, token: str, **options: Any) -> int:
            async with daemon.http.request(method, url, headers=_bearer(token), **options) as response:
                return response.status

        reader, asker, writer = await asyncio.to_thread(
            lambda: [add_token(state, scope.word, scope) for scope in Scope]
        )
        assert await status_of("GET", "/status", reader) == 200
        assert await status_of("POST", "/match_file", reader, data=b"x") == 403
        assert await status_of("POST", "/match_file", asker, data=b"no music") == 202
        assert await status_of("POST", "/reindex", asker) == 403
        assert await status_of("POST", "/reindex", writer) == 202
        # Whether a look-up writes is in its body.
        asked = {"path": str(path)}
        assert await status_of("POST", "/lookup", reader, json=asked) == 403
        assert await status_of("POST", "/lookup", asker, json=asked | {"tag": True}) == 403
        assert await status_of("POST", "/lookup", asker, json=asked) == 202
        assert await status_of("POST", "/lookup", writer, json=asked | {"tag": True}) == 202
        await asyncio.to_thread(remove_token, state, "read")
        assert await status_of("GET", "/status", reader) == 401
        owner = load_or_create_token(state)
        rotated = await asyncio.to_thread(rotate_token, state)
        assert await status_of("GET", "/status", owner) == 401
        assert await status_of("GET", "/status", rotated) == 200
        assert await status_of("GET", "/status", asker) == 200


async def test_rotation_ends_all_sessions(config: Config) -> None:
    through = {"Via": "1.1 proxy", "Sec-Fetch-Site": "same-origin"}
    async with served(config) as daemon:
        phone = await asyncio.to_thread(add_token, config.state_dir, "phone", Scope.READ)
        jars = []
        for token in (load_or_create_token(config.state_dir), phone):
            jar = aiohttp.CookieJar(unsafe=True)
            async with aiohttp.ClientSession(daemon.address, cookie_jar=jar) as browser:
                assert (await browser.post("/session", json={"token": token}, headers=through)).status == 200
                assert (await browser.get("/status", headers=through)).status == 200
            jars.append(jar)
        await asyncio.to_thread(rotate_token, config.state_dir)
        for jar in jars:
            async with aiohttp.ClientSession(daemon.address, cookie_jar=jar) as browser:
                assert (await browser.get("/status", headers=through)).status == 401


async def test_tokens_that_cant_be_read_open_nothing_and_close_nothing_else(config: Config) -> None:
    async with served(config) as daemon:
        bearer = daemon.bearer()
        file = config.state_dir / "tokens.json"
        file.write_text("damaged")
        file.chmod(0o600)
        for response in (
            await daemon.http.get("/status", headers=bearer),
            await daemon.http.post("/session", json={"token": "x" * 20}),
        ):
            assert (response.status, response.headers["Retry-After"]) == (503, "10")
            assert "can't read its tokens" in (await response.json())["error"]
        assert (await daemon.http.get("/status")).status == 200
        file.unlink()
        assert (await daemon.http.get("/status", headers=bearer)).status == 200


async def test_an_open_stream_ends_with_its_token(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api_events, "_KEEP_ALIVE_S", 0.05)
    async with served(config) as daemon:
        phone, other = await asyncio.to_thread(
            lambda: [add_token(config.state_dir, name, Scope.READ) for name in ("phone", "other")]
        )
        async with (
            daemon.http.get("/events", headers=_bearer(phone)) as stream,
            daemon.http.get("/events", headers=_bearer(other)) as stays,
        ):
            assert (await stream.content.readline()).startswith(b"retry")
            await asyncio.to_thread(remove_token, config.state_dir, "phone")

            async def has_ended() -> bool:
                return not await stream.content.readline()

            await until(has_ended)
            assert await stays.content.readline()


def test_the_description_names_what_each_route_needs() -> None:
    text = resources.files("daemon").joinpath("openapi.json").read_text(encoding="utf-8")
    described = json.loads(text)["paths"]
    for needed, those in ROUTES.items():
        for method, path in those:
            ways = described[path][method.lower()]["security"]
            assert ways == [{}, {"token": [needed.word]}, {"session": [needed.word]}], (method, path)
