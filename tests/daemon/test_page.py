"""The page's files, and what browsers are told of every answer."""

import gzip
from importlib import resources
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.client import URL
from token_holder import holding

from daemon import request_facts
from daemon.access import make_access_middleware
from daemon.cors import install_cors
from daemon.ip_address import parse_address
from daemon.json_errors import json_errors
from daemon.page import WEB_FOLDER, install_page, read_page
from daemon.page_headers import install_headers
from daemon.peer import Peer

pytestmark = pytest.mark.usefixtures("unblocked")
TOKEN = "correct-horse-battery-staple"
PAGE = "https://music.example"
SCRIPT = b"export const one = 1;\n" * 100


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A page in a folder, with what must not be served in it and beside it."""
    web_folder = tmp_path / "web"
    (web_folder / "vendor").mkdir(parents=True)
    (web_folder / ".git").mkdir()
    for name, body in {
        "index.html": b"<!doctype html>",
        "app.js": SCRIPT,
        "vendor/lib.js": b"// lib",
        "icon.png": bytes(3_000),
        "page.webmanifest": b"{}",
        "vendor/LICENCES.txt": b"GPL",
        "\xfc.css": b"a{}",
        ".env.json": b"secret",
        ".git/config.txt": b"secret",
        "app.js~": b"secret",
        "lib.d.ts": b"secret",
        "../secret.txt": b"secret",
    }.items():
        (web_folder / name).write_bytes(body)
    (web_folder / "folder.js").mkdir()
    return web_folder


async def _hello(request: web.Request) -> web.Response:
    return web.json_response({})


async def _streamed(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Cache-Control": "private", "Content-Security-Policy": "x"})
    await response.prepare(request)
    return response


async def _broken(request: web.Request) -> web.StreamResponse:
    raise RuntimeError


def _app(folder: Path) -> web.Application:
    app = web.Application(middlewares=[json_errors, make_access_middleware(holding(TOKEN))])
    install_cors(app, origins=[PAGE])
    install_headers(app)
    install_page(app, folder)
    app.router.add_get("/hello", _hello)
    app.router.add_get("/streamed", _streamed)
    app.router.add_get("/broken", _broken)
    return app


@pytest.fixture
async def client(aiohttp_client, folder: Path):
    # Bodies as they come over the wire.
    return await aiohttp_client(_app(folder), auto_decompress=False)


def _policy(response) -> dict[str, str]:
    policy = response.headers["Content-Security-Policy"]
    return {each.partition(" ")[0]: each.partition(" ")[2] for each in policy.split("; ")}


@pytest.mark.parametrize(
    ("path", "body", "content_type"),
    [
        ("/", b"<!doctype html>", "text/html; charset=utf-8"),
        ("/web/index.html", b"<!doctype html>", "text/html; charset=utf-8"),
        ("/web/app.js", SCRIPT, "text/javascript; charset=utf-8"),
        ("/web/vendor/lib.js", b"// lib", "text/javascript; charset=utf-8"),
        ("/web/vendor/LICENCES.txt", b"GPL", "text/plain; charset=utf-8"),
        ("/web/icon.png", bytes(3_000), "image/png"),
        ("/web/page.webmanifest", b"{}", "application/manifest+json"),
        ("/web/%C3%BC.css", b"a{}", "text/css; charset=utf-8"),
    ],
)
async def test_the_page_is_served(client, path: str, body: bytes, content_type: str) -> None:
    response = await client.get(path, headers={"Accept-Encoding": "identity"})
    assert (response.status, await response.read()) == (200, body)
    assert response.headers["Content-Type"] == content_type
    head = await client.head(path, headers={"Accept-Encoding": "identity"})
    assert (head.status, head.headers["Content-Length"]) == (200, str(len(body)))


@pytest.mark.parametrize(
    "path",
    [
        "/web/",
        "/web/none.js",
        "/web/vendor",
        "/web/folder.js",
        "/web/.env.json",
        "/web/.git/config.txt",
        "/web/app.js~",
        "/web/lib.d.ts",
        "/web/../secret.txt",
        "/web/%2e%2e/secret.txt",
        "/web/..%2fsecret.txt",
        "/web/vendor/..%2f..%2fsecret.txt",
        "/web/%2fetc/passwd",
        "/web//app.js",
        "/web/app.js%00",
        "/web/vendor%5clib.js",
    ],
)
async def test_nothing_else_is_served(client, path: str) -> None:
    response = await client.get(URL(path, encoded=True))
    assert response.status == 404
    assert "secret" not in (await response.text()).replace("secret.txt", "")


async def test_a_file_that_came_later_is_not_served(client, folder: Path) -> None:
    (folder / "later.js").write_bytes(b"1")
    assert (await client.get("/web/later.js")).status == 404


async def test_what_the_browser_has_is_not_sent_again(client) -> None:
    for coding in ("identity", "gzip"):
        accepted = {"Accept-Encoding": coding}
        first = await client.get("/web/app.js", headers=accepted)
        assert first.headers["Cache-Control"] == "no-cache"
        etag = first.headers["ETag"]
        assert not etag.startswith("W/")
        again = await client.get("/web/app.js", headers=accepted | {"If-None-Match": f'"x", {etag}'})
        assert (again.status, await again.read()) == (304, b"")
        assert (again.headers["ETag"], again.headers["Vary"]) == (etag, first.headers["Vary"])
        assert "Content-Security-Policy" in again.headers
    other = await client.get("/web/app.js", headers={"If-None-Match": '"x"'})
    assert other.status == 200


async def test_text_is_compressed_for_those_who_take_it(client) -> None:
    response = await client.get("/web/app.js", headers={"Accept-Encoding": "br, GZIP;q=0.5"})
    assert response.headers["Content-Encoding"] == "gzip"
    body = await response.read()
    assert gzip.decompress(body) == SCRIPT
    assert len(body) < len(SCRIPT) / 5
    plain = await client.get("/web/app.js", headers={"Accept-Encoding": "identity"})
    assert plain.headers["ETag"] != response.headers["ETag"]
    assert {plain.headers["Vary"], response.headers["Vary"]} == {"Accept-Encoding, Origin"}


@pytest.mark.parametrize(
    "accepted", ["", "identity", "br", "gzip;q=0", "gzip; q=0.000", "gzipped", "x-gzip", "*;q=0"]
)
async def test_others_get_it_as_it_is(client, accepted: str) -> None:
    response = await client.get("/web/app.js", headers={"Accept-Encoding": accepted})
    assert "Content-Encoding" not in response.headers
    assert await response.read() == SCRIPT


@pytest.mark.parametrize("path", ["/", "/web/icon.png"])
async def test_what_is_small_or_compressed_is_left_alone(client, path: str) -> None:
    response = await client.get(path, headers={"Accept-Encoding": "gzip"})
    assert "Content-Encoding" not in response.headers


async def test_on_the_page_only_its_own_scripts_run(client) -> None:
    for path in ("/", "/web/app.js", "/favicon.ico"):
        response = await client.get(path)
        policy = _policy(response)
        assert policy["default-src"] == "'none'"
        assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
        assert policy["frame-ancestors"] == policy["base-uri"] == policy["form-action"] == "'none'"
        assert (policy["require-trusted-types-for"], policy["trusted-types"]) == ("'script'", "'none'")
        assert "unsafe" not in response.headers["Content-Security-Policy"]
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert response.headers["Permissions-Policy"] == "microphone=(self), camera=(), geolocation=()"


async def test_an_icon_nobody_has_is_no_error(client) -> None:
    assert (await client.get("/favicon.ico")).status == 204


@pytest.mark.parametrize(
    ("path", "status", "headers"),
    [
        ("/hello", 200, {}),
        ("/unknown", 404, {}),
        ("/web/unknown", 404, {}),
        ("/broken", 500, {}),
        ("/hello", 401, {"Authorization": "Bearer wrong"}),
        ("/hello", 403, {"Host": "evil.example"}),
    ],
)
async def test_nothing_runs_in_an_answer_of_the_api(
    client, path: str, status: int, headers: dict[str, str]
) -> None:
    response = await client.get(path, headers=headers)
    assert response.status == status
    assert _policy(response) == {"default-src": "'none'", "frame-ancestors": "'none'"}
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Referrer-Policy"] == "no-referrer"
    assert response.headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert response.headers["Cache-Control"] == "no-store"


async def test_an_answer_may_say_otherwise(client) -> None:
    response = await client.get("/streamed")
    assert response.headers.getall("Cache-Control") == ["private"]
    assert response.headers.getall("Content-Security-Policy") == ["x"]
    assert response.headers["X-Content-Type-Options"] == "nosniff"


async def test_a_listed_page_still_reads_answers(client) -> None:
    response = await client.get("/hello", headers={"Origin": PAGE, "Authorization": f"Bearer {TOKEN}"})
    assert response.status == 200
    assert response.headers["Access-Control-Allow-Origin"] == PAGE
    asked = {"Origin": PAGE, "Access-Control-Request-Method": "POST"}
    assert (await client.options("/hello", headers=asked)).status == 204


async def test_everybody_may_see_the_page_and_nothing_behind_it(
    client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(request_facts, "peer_of", lambda request: Peer(parse_address("192.168.1.9")))
    for headers in ({}, {"Host": "nas.example"}, {"Origin": "https://evil.example"}, {"Via": "x"}):
        for path in ("/", "/web/app.js", "/favicon.ico"):
            assert (await client.get(path, headers=headers)).status in {200, 204}
            assert (await client.head(path, headers=headers)).status in {200, 204}
        assert (await client.get("/web/unknown", headers=headers)).status == 404
        for path in ("/hello", "/unknown", "/web", "/web/"):
            assert (await client.get(path, headers=headers)).status == 401
        assert (await client.post("/", headers=headers)).status == 401


def test_the_page_comes_with_the_package() -> None:
    page = read_page(WEB_FOLDER)
    assert page["index.html"].content_type.startswith("text/html")
    assert not [path for path in page if "://" in path or path.startswith("/")]
    packaged = resources.files("daemon").joinpath("web", "index.html")
    assert packaged.read_bytes() == page["index.html"].body
