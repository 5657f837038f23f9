"""Secrets are shown to nobody: not in the log, not in an answer, not by a command, not to `ps`."""

import asyncio
import json
import logging
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import psutil
import pytest
from aiohttp import web
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from pydantic import SecretStr
from typer.testing import CliRunner
from waiting import changed, served, until

from daemon.cli import cli
from daemon.config import Config, load_config
from daemon.errors import ConfigError
from daemon.scopes import Scope
from daemon.thumbnails import fetch_thumbnail
from daemon.token_file import load_or_create_token, rotate_token
from daemon.tokens import add_token

NOBODY = "127.0.0.1:1"
LIST = "https://music.youtube.com/playlist?list=PLaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
SECRETS = {
    "navidrome": "hush-navidrome",
    "jellyfin": "hush-jellyfin-0123456789",
    "proxy": "hush-proxy",
    "po_token": "hush-po-token",
    "headers": "hush-headers",
    "cookies": "hush-cookies",
    "guess": "hush-wrong-token-0123456789",
}
"""Everything that is secret here begins with the same word, or is random and named in the test."""


def _headers_file(folder: Path) -> Path:
    path = folder / "headers.json"
    path.write_text(
        json.dumps({"cookie": f"__Secure-3PAPISID={SECRETS['headers']}", "authorization": "SAPISIDHASH x"})
    )
    path.chmod(0o600)
    return path


def _cookies_file(folder: Path) -> Path:
    path = folder / "cookies.txt"
    row = "\t".join((".youtube.com", "TRUE", "/", "TRUE", "4000000000", "SID", SECRETS["cookies"]))
    path.write_text(f"# Netscape HTTP Cookie File\n{row}\n")
    path.chmod(0o600)
    return path


def _with_secrets(config: Config, folder: Path) -> Config:
    config = changed(
        config,
        "youtube",
        headers_file=_headers_file(folder),
        cookies_file=_cookies_file(folder),
        proxy=SecretStr(f"http://user:{SECRETS['proxy']}@{NOBODY}"),
        extractor_args=(f"youtube:po_token={SECRETS['po_token']}",),
        pause_s=0.0,
    )
    plugins = {
        "navidrome": {"url": f"http://{NOBODY}", "username": "spectra", "password": SECRETS["navidrome"]},
        "jellyfin": {"url": f"http://{NOBODY}", "api_key": SECRETS["jellyfin"]},
    }
    return config.model_copy(update={"plugins": plugins})


def _logged(caplog: pytest.LogCaptureFixture) -> Iterator[str]:
    """Yield what every record says, its trace and its arguments included."""
    formatter = logging.Formatter("%(name)s %(message)s")
    for record in caplog.get_records("call"):
        yield formatter.format(record)
        yield repr(record.args)


def _arguments() -> set[str]:
    """Return how all that we started was started."""
    found = set()
    for child in psutil.Process().children(recursive=True):
        try:
            found.add(" ".join(child.cmdline()))
        except psutil.NoSuchProcess:
            continue
    return found


async def test_a_daemon_in_trouble_shows_none(
    config: Config, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    config = _with_secrets(config, tmp_path)
    assert config.database.url is not None
    hushed = [str(conninfo_to_dict(config.database.url.get_secret_value())["password"]), "hush"]
    shown: list[str] = []
    arguments: set[str] = set()
    async with served(config, watch=True) as daemon:
        token = load_or_create_token(config.state_dir)
        hushed += [token, await asyncio.to_thread(add_token, config.state_dir, "phone", Scope.READ)]

        async def ask(method: str, url: str, **options: object) -> None:
            async with daemon.http.request(method, url, **options) as response:  # type: ignore[arg-type]
                shown.append(await response.text())
                hushed.extend(cookie.value for cookie in response.cookies.values() if cookie.value)

        wrong = {"Authorization": f"Bearer {SECRETS['guess']}"}
        await ask("GET", "/status", headers=wrong)
        await ask("GET", f"/nothing?token={SECRETS['guess']}")
        await ask("GET", f"/files?token={SECRETS['guess']}")
        await ask("POST", "/session", json={"token": SECRETS["guess"]})
        await ask("POST", "/session", json={"token": token})
        await ask("POST", "/match_file", data=b"no music", headers={"Authorization": f"Bearer {token}"})
        await ask("POST", "/lookup", json={"path": "/elsewhere.mp3", "token": SECRETS["guess"]})
        await ask("POST", "/hooks/jellyfin", json={"NotificationType": "x", "token": SECRETS["guess"]})
        for name in ("navidrome", "jellyfin"):
            await ask("POST", f"/plugins/{name}/test")
        await ask("POST", "/playlists", json={"url": LIST})
        await ask("POST", f"/playlists/{json.loads(shown[-1])['playlist_id']}/sync")

        async def has_failed() -> bool:
            arguments.update(await asyncio.to_thread(_arguments))
            playlists = (await daemon.local.get("/playlists"))["playlists"]
            return any("proxy" in (each["detail"] or "") for each in playlists)

        await until(has_failed)
        for path in ("/playlists", "/plugins", "/status", "/health", "/openapi.json", "/session"):
            await ask("GET", path)
        await asyncio.to_thread(rotate_token, config.state_dir)
        await ask("GET", "/status", headers={"Authorization": f"Bearer {token}"})
    assert any("side_worker" in each for each in arguments)
    haystacks = {"answer": shown, "log": list(_logged(caplog)), "ps": sorted(arguments)}
    assert all(haystacks.values())
    for place, texts in haystacks.items():
        for secret in hushed:
            leaks = [text for text in texts if secret in text]
            assert not leaks, (place, leaks[0][:500])


@pytest.fixture
def given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A configuration file full of secrets."""
    path = tmp_path / "spectra.toml"
    path.write_text(
        f"""
state_dir = "{tmp_path / "state"}"
[database]
url = "postgresql://user:hush-db@{NOBODY}/spectra"
[youtube]
proxy = "http://user:{SECRETS["proxy"]}@{NOBODY}"
extractor_args = ["youtube:po_token={SECRETS["po_token"]}"]
headers_file = "{_headers_file(tmp_path)}"
cookies_file = "{_cookies_file(tmp_path)}"
[plugins.navidrome]
url = "http://{NOBODY}"
username = "spectra"
password = "{SECRETS["navidrome"]}"
[plugins.jellyfin]
url = "http://{NOBODY}"
api_key = "hush jellyfin"
[plugins.none]
password = "hush-none"
"""
    )
    monkeypatch.setenv("COLUMNS", "400")
    monkeypatch.delenv("DB_URL", raising=False)
    return path


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (["config"], 0),
        (["config", "--json"], 0),
        (["status"], 2),
        (["serve", "--port", "0"], 2),
        (["doctor"], 1),
        (["doctor", LIST], 1),
        (["token", "list"], 0),
    ],
)
def test_commands_show_none(
    given: Path, command: list[str], code: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    done = CliRunner().invoke(cli, [*command, "--config", str(given)])
    assert done.exit_code == code, done.output
    assert "hush" not in done.output
    assert "hush" not in "".join(_logged(caplog))


def test_a_refused_password_is_not_shown(
    conninfo: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("COLUMNS", "400")
    monkeypatch.setenv("DB_URL", make_conninfo(conninfo, password="hush-wrong"))
    monkeypatch.setenv("SPECTRA_STATE_DIR", str(tmp_path / "state"))
    done = CliRunner().invoke(cli, ["status"])
    assert done.exit_code == 2
    assert "password authentication failed" in done.output
    assert "hush" not in done.output + "".join(_logged(caplog))


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://user:hush%zz@host/db",
        "postgresql://user:hush@me@host/db",
        "postgresql://user:1/hush@host:5432/db",
        "postgresql://user:hush/1@host/db",
        "postgresql://user:hush@[::1/db",
        "postgres//user:hush@host/db",
        "mysql://user:hush@host/db",
        "hush",
    ],
)
def test_an_address_that_is_none_is_refused_without_showing_it(url: str) -> None:
    for option in ("database.url", "youtube.proxy"):
        if option == "database.url" and url == "postgresql://user:1/hush@host:5432/db":
            continue  # a valid one of the database "hush@host:5432/db" of the host "user"
        with pytest.raises(ConfigError) as caught:
            load_config(overrides={option: url})
        assert option in str(caught.value)
        assert "%40" in str(caught.value)
        assert "hush" not in str(caught.value)


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("database.url", "postgresql://user:p%40ss@host:5432/name"),
        ("database.url", "postgresql://a,b/name?sslmode=require"),
        ("database.url", "postgresql://%2Frun%2Fpostgresql/name"),
        ("database.url", "host=/run/postgresql dbname=name"),
        ("youtube.proxy", "http://user:p%40ss@proxy:3128"),
        ("youtube.proxy", "socks5h://[::1]:1080/"),
    ],
)
def test_addresses_as_they_should_be_are_taken(option: str, value: str) -> None:
    config = load_config(overrides={option: value})
    section, name = option.split(".")
    assert getattr(getattr(config, section), name).get_secret_value() == value


async def test_a_proxy_that_refuses_is_not_shown_with_its_password(
    aiohttp_server, caplog: pytest.LogCaptureFixture
) -> None:
    async def refuse(request: web.BaseRequest) -> web.Response:
        return web.Response(status=407)

    caplog.set_level(logging.DEBUG)
    async with aiohttp.test_utils.RawTestServer(refuse) as server:
        proxy = f"http://user:{SECRETS['proxy']}@{server.host}:{server.port}"
        async with aiohttp.ClientSession(proxy=proxy) as session:
            assert await fetch_thumbnail(session, "https://i.ytimg.com/vi/x/hq.jpg") is None
    assert "the proxy answers 407" in caplog.text
    assert "hush" not in caplog.text
