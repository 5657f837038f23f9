"""A body that is no JSON is refused with a sentence, at every route that takes one."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from waiting import Served, served

from daemon.config import Config

OPENAPI = json.loads((Path(__file__).parents[2] / "daemon/openapi.json").read_text("utf-8"))
ROUTES = [
    (path, method)
    for path, methods in OPENAPI["paths"].items()
    for method, described in methods.items()
    if "application/json" in described.get("requestBody", {}).get("content", {})
]
BODIES = {
    "no JSON": (b"{", "application/json"),
    "too deep": (b"[" * 100_000, "application/json"),
    "an unknown charset": (b"{}", "application/json; charset=klingon"),
    "not in its charset": (b'"\xff"', "application/json; charset=utf-8"),
    "a list": (b"[1]", "application/json"),
}


@pytest.fixture
async def daemon(config: Config) -> AsyncIterator[Served]:
    async with served(config) as opened:
        yield opened


async def test_a_field_that_is_not_known_is_refused_even_beside_good_ones(daemon: Served) -> None:
    for path, method in ROUTES:
        content = OPENAPI["paths"][path][method]["requestBody"]["content"]["application/json"]
        if "{plugin}" in path:  # what hooks hold is the servers'
            continue
        for example in content["examples"].values():
            address = path.format(file_id=1, change_id=1, playlist_id=1)
            ask = daemon.local._session if path == "/add" else daemon.http
            url = f"http://localhost{address}" if path == "/add" else address
            async with ask.request(method, url, json=example["value"] | {"odd": None}) as response:
                answer = await response.json()
            assert response.status == 400, (path, answer)
            assert answer["error"], path


async def test_what_is_no_json_object_is_refused(daemon: Served) -> None:
    assert len(ROUTES) >= 8
    for path, method in ROUTES:
        for name, (body, content_type) in BODIES.items():
            address = path.format(file_id=1, change_id=1, plugin="navidrome", playlist_id=1)
            headers = {"Content-Type": content_type}
            async with daemon.http.request(method, address, data=body, headers=headers) as response:
                answer = await response.json()
            assert 400 <= response.status < 500, (path, name, answer)
            assert answer["error"], (path, name)
