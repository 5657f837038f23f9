"""TLS over real sockets.

Certificates are files of tests/golden/tls, good until 2120: nobody needs openssl or another maker of them.
They come from `openssl ca -selfsign` for localhost and 127.0.0.1; one-encrypted.key is one.key, encrypted.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from waiting import changed, until

from daemon import tls
from daemon.app import listening, make_app
from daemon.client import open_client
from daemon.config import Config
from daemon.errors import TlsUnusable
from daemon.tls import ServerCertificate, load_context, tls_context
from daemon.token_file import load_or_create_token

GOLDEN = Path(__file__).parents[1] / "golden" / "tls"
AFTER_ITS_END_S = 5_000_000_000.0  # 2128


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    """A certificate and its key as certbot leaves them: links, which lead elsewhere once they are renewed."""
    certificate, key = tmp_path / "fullchain.pem", tmp_path / "privkey.pem"
    certificate.symlink_to(GOLDEN / "one.crt")
    key.symlink_to(GOLDEN / "one.key")
    return certificate, key


def _renew(file: Path, name: str) -> None:
    draft = file.with_name("draft")
    draft.symlink_to(GOLDEN / name)
    draft.replace(file)


def _trusting(name: str) -> ssl.SSLContext:
    """Return a client that trusts one certificate only, and looks at the host's name."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(GOLDEN / name)
    return context


async def _hello(request: web.Request) -> web.Response:
    return web.Response(text=request.scheme)


@asynccontextmanager
async def _served(context: ssl.SSLContext | None) -> AsyncIterator[int]:
    """Yield the port of a server."""
    app = web.Application()
    app.router.add_get("/", _hello)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


async def _shows(port: int, name: str, host: str = "127.0.0.1") -> bool:
    """Tell whether a fresh connection is answered with this certificate."""
    connector = aiohttp.TCPConnector(ssl=_trusting(name))
    async with aiohttp.ClientSession(connector=connector) as session:
        try:
            async with session.get(f"https://{host}:{port}/") as response:
                return await response.text() == "https"
        except aiohttp.ClientConnectorCertificateError:
            return False


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])  # without and with SNI
async def test_renewed_files_are_shown_to_the_next_connection(files: tuple[Path, Path], host: str) -> None:
    served = ServerCertificate(*files)
    async with _served(served.context) as port:
        assert await _shows(port, "one.crt", host)
        assert not await _shows(port, "other.crt", host)
        assert not served.renew()
        _renew(files[0], "other.crt")
        _renew(files[1], "other.key")
        assert served.renew()
        assert await _shows(port, "other.crt", host)
        assert not await _shows(port, "one.crt", host)


async def test_half_renewed_files_are_not_taken(
    files: tuple[Path, Path], caplog: pytest.LogCaptureFixture
) -> None:
    served = ServerCertificate(*files)
    async with _served(served.context) as port:
        _renew(files[0], "other.crt")
        assert not served.renew()
        assert not served.renew()
        assert [record.levelname for record in caplog.records] == ["WARNING"]
        assert "the former certificate stays in use" in caplog.text
        assert await _shows(port, "one.crt")
        files[1].unlink()
        assert not served.renew()
        assert await _shows(port, "one.crt")
        files[1].symlink_to(GOLDEN / "other.key")
        assert served.renew()
        assert await _shows(port, "other.crt")


async def test_files_are_looked_at_while_serving(
    files: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tls, "LOOK_EVERY_S", 0.0)
    async with tls_context(*files) as context, _served(context) as port:
        assert await _shows(port, "one.crt")
        _renew(files[0], "other.crt")
        _renew(files[1], "other.key")
        await until(lambda: _shows(port, "other.crt"))
    assert not [task for task in asyncio.all_tasks() if task.get_name() == "certificate"]


async def test_a_failing_look_does_not_end_the_looking(
    files: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    looks: list[ServerCertificate] = []

    def fail(served: ServerCertificate) -> bool:
        looks.append(served)
        raise RuntimeError

    monkeypatch.setattr(tls, "LOOK_EVERY_S", 0.0)
    monkeypatch.setattr(ServerCertificate, "renew", fail)
    async with tls_context(*files):
        await until(lambda: len(looks) > 1)
    assert "the certificate could not be looked at" in caplog.text


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_current_protocols_are_spoken(files: tuple[Path, Path], version: ssl.TLSVersion) -> None:
    client = _trusting("one.crt")
    client.minimum_version = client.maximum_version = version
    connector = aiohttp.TCPConnector(ssl=client)
    async with (
        _served(ServerCertificate(*files).context) as port,
        aiohttp.ClientSession(connector=connector) as http,
    ):
        assert (await http.get(f"https://127.0.0.1:{port}/")).status == 200


async def test_older_protocols_are_not(files: tuple[Path, Path]) -> None:
    assert load_context(*files).minimum_version == ssl.TLSVersion.TLSv1_2


@pytest.mark.parametrize(
    ("certificate", "key", "reason"),
    [
        ("one.crt", "other.key", "is not the key of"),
        ("one.crt", "one-encrypted.key", "is encrypted"),
        ("one.crt", "none.key", r"none.key can't be read \(No such file"),
        ("none.crt", "one.key", r"none.crt can't be read \(No such file"),
        ("one.key", "one.key", "can't be used together"),
        ("one.crt", "one.crt", "can't be used together"),
        (".", "one.key", r"can't be read \(Is a directory"),
    ],
)
def test_files_that_are_no_pair_are_said(certificate: str, key: str, reason: str) -> None:
    with pytest.raises(TlsUnusable, match=reason) as caught:
        ServerCertificate(GOLDEN / certificate, GOLDEN / key)
    assert "server.tls_certificate" in str(caught.value)
    assert "server.tls_key" in str(caught.value)


def test_a_certificate_that_has_ended_is_used_with_a_warning(
    files: tuple[Path, Path], caplog: pytest.LogCaptureFixture
) -> None:
    ServerCertificate(*files)
    assert not caplog.records
    ServerCertificate(GOLDEN / "one-ended.crt", files[1])
    assert "one-ended.crt ended on 2021-01-01" in caplog.text
    ServerCertificate(*files, clock=lambda: AFTER_ITS_END_S)
    assert "ended on 2120-01-01" in caplog.text


async def test_without_a_certificate_there_is_no_tls() -> None:
    async with (
        tls_context(None, None) as context,
        _served(context) as port,
        aiohttp.ClientSession() as session,
    ):
        assert await (await session.get(f"http://127.0.0.1:{port}/")).text() == "http"


async def test_the_daemon_speaks_tls_but_not_on_its_socket(config: Config, files: tuple[Path, Path]) -> None:
    config = changed(config, "server", tls_certificate=files[0], tls_key=files[1])
    app = make_app(config, _must_not_stop, watch=False)
    connector = aiohttp.TCPConnector(ssl=_trusting("one.crt"))
    jar = aiohttp.CookieJar(unsafe=True)
    async with listening(config, app, tcp=True) as (address,), open_client(config) as local:
        assert address.startswith("https://127.0.0.1:")
        assert await local.get("/ping") == {"msg": "spectra-api"}
        async with aiohttp.ClientSession(address, connector=connector, cookie_jar=jar) as http:
            assert (await http.get("/ping")).status == 200
            # Through a proxy, only who signed in.
            through = {"Via": "1.1 proxy", "Sec-Fetch-Site": "same-origin"}
            assert (await http.get("/", headers=through)).status == 200
            assert (await http.get("/status", headers=through)).status == 401
            token = load_or_create_token(config.state_dir)
            signed_in = await http.post("/session", json={"token": token}, headers=through)
            assert "; Secure" in signed_in.headers["Set-Cookie"]
            assert (await http.get("/status", headers=through)).status == 200
            assert (await http.post("/reindex", headers=through)).status == 202
            left = await http.delete("/session", headers=through)
            assert (left.status, await left.read()) == (204, b"")
            assert (await http.get("/status", headers=through)).status == 401


async def test_the_daemon_does_not_start_with_an_unusable_certificate(
    config: Config, files: tuple[Path, Path]
) -> None:
    config = changed(config, "server", tls_certificate=files[0], tls_key=GOLDEN / "other.key")
    app = make_app(config, _must_not_stop, watch=False)
    with pytest.raises(TlsUnusable):
        async with listening(config, app, tcp=True):
            pass
    # A command line's own services don't listen, and don't need it.
    async with open_client(config) as client:
        assert await client.get("/ping") == {"msg": "spectra-api"}


def _must_not_stop(reason: Exception) -> None:
    raise AssertionError(reason)
