"""Forms that don't end, or are none."""

from io import BytesIO

import pytest
from aiohttp import web

from daemon.json_errors import json_errors
from daemon.uploads import clip_chunks

FORM = {"Content-Type": "multipart/form-data; boundary=b"}
FIELD = b'--b\r\nContent-Disposition: form-data; name="%s"\r\n\r\nx\r\n'


async def _clip(request: web.Request) -> web.Response:
    return web.json_response({"bytes": sum([len(chunk) async for chunk in clip_chunks(request)])})


@pytest.fixture
async def client(aiohttp_client):
    app = web.Application(middlewares=[json_errors])
    app.router.add_post("/clip", _clip)
    return await aiohttp_client(app)


async def test_a_clip_may_have_fields_before_it(client) -> None:
    body = FIELD % b"name" * 19 + FIELD % b"file" + b"--b--\r\n"
    response = await client.post("/clip", data=body, headers=FORM)
    assert await response.json() == {"bytes": 1}


async def test_but_not_without_end(client) -> None:
    body = FIELD % b"name" * 20 + FIELD % b"file" + b"--b--\r\n"
    response = await client.post("/clip", data=body, headers=FORM)
    assert response.status == 400
    assert "no field `file` among its first 20" in (await response.json())["error"]


@pytest.mark.parametrize("head", [b"X: " + b"x" * 10_000_000, b"X: x\r\n" * 1_000_000])
async def test_the_head_of_a_part_has_an_end(client, head: bytes) -> None:
    body = BytesIO(b"--b\r\n" + head + b"\r\n\r\nx\r\n--b--\r\n")
    response = await client.post("/clip", data=body, headers=FORM)
    assert response.status == 400


@pytest.mark.parametrize(
    "content_type", ["multipart/form-data", f"multipart/form-data; boundary={'x' * 1_000}"]
)
async def test_a_form_needs_a_boundary(client, content_type: str) -> None:
    response = await client.post("/clip", data=b"--b\r\n\r\nx", headers={"Content-Type": content_type})
    assert response.status == 400
    assert "boundary" in (await response.json())["error"] or "damaged" in (await response.json())["error"]
