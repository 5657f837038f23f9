"""Plugins as people and media servers meet them: REST and the command line."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result
from waiting import Served, served, until

from daemon.cli import cli
from daemon.config import Config

pytest_plugins = ("example_plugin",)
pytestmark = pytest.mark.usefixtures("example_plugins")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The media server of the example."""
    folder = tmp_path / "server"
    folder.mkdir()
    return folder


@pytest.fixture
def with_example(config: Config, folder: Path) -> Config:
    """The example is configured, and a plugin that is not there."""
    sections = {"example": {"folder": str(folder), "password": "hunter2"}, "nobody": {}}
    return config.model_copy(update={"plugins": sections})


async def is_on(daemon: Served) -> bool:
    async with daemon.http.get("/plugins") as response:
        return any(each["state"] == "on" for each in (await response.json())["plugins"])


async def test_plugins_say_how_they_are(with_example: Config) -> None:
    async with served(with_example, watch=True) as daemon:
        await until(lambda: is_on(daemon))
        async with daemon.http.get("/plugins") as response:
            example, nobody = (await response.json())["plugins"]
    assert (example["name"], example["state"], example["detail"]) == ("example", "on", "the folder server")
    assert (nobody["name"], nobody["state"]) == ("nobody", "off")
    assert "no plugin of this name is installed" in nobody["detail"]


async def test_one_that_is_off_never_stops_the_daemon(with_example: Config, folder: Path) -> None:
    folder.rmdir()
    async with served(with_example, watch=True) as daemon:
        async with daemon.http.get("/ping") as response:
            assert response.status == 200
        async with daemon.http.post("/hooks/example", json={"path": "/x"}) as response:
            assert (response.status, response.headers["Retry-After"]) == (503, "60")
            assert "has no connection" in (await response.json())["error"]


async def test_a_test_and_a_sync_are_asked_for(with_example: Config) -> None:
    async with served(with_example, watch=True) as daemon:
        await until(lambda: is_on(daemon))
        async with daemon.http.post("/plugins/example/test") as response:
            assert (await response.json())["is_ok"]
        async with daemon.http.post("/plugins/example/sync") as response:
            assert response.status == 202
        for path in ("/plugins/other/test", "/plugins/other/sync"):
            async with daemon.http.post(path) as response:
                assert response.status == 404
                assert "[plugins.other]" in (await response.json())["error"]


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"\xff", b"3"])
async def test_a_hook_that_is_no_json_object_is_refused(with_example: Config, body: bytes) -> None:
    async with served(with_example, watch=True) as daemon:
        await until(lambda: is_on(daemon))
        async with daemon.http.post("/hooks/example", data=body) as response:
            assert response.status == 400


async def test_a_hook_of_many_megabytes_is_refused(with_example: Config) -> None:
    async with (
        served(with_example, watch=True) as daemon,
        daemon.http.post("/hooks/example", data=b" " * 300_000) as response,
    ):
        assert response.status == 413


async def test_a_hook_that_the_plugin_does_not_understand_fails_alone(with_example: Config) -> None:
    async with served(with_example, watch=True) as daemon:
        await until(lambda: is_on(daemon))
        async with daemon.http.post("/hooks/example", json={"no": "path"}) as response:
            assert response.status == 502
            assert "KeyError" in (await response.json())["error"]
        async with daemon.http.get("/ping") as response:
            assert response.status == 200


@pytest.fixture
def _environment(
    tmp_path: Path, conninfo: str, folder: Path, music: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = {
        "COLUMNS": "200",
        "DB_URL": conninfo,
        "SPECTRA_STATE_DIR": str(tmp_path / "state"),
        "SPECTRA_LIBRARY__ROOTS": str(music),
        "SPECTRA_WORKERS__INGEST": "1",
        "SPECTRA_WORKERS__MATCH": "1",
        "SPECTRA_PLUGINS__EXAMPLE__FOLDER": str(folder),
        "SPECTRA_PLUGINS__EXAMPLE__PASSWORD": "hunter2",
    }
    for name, value in given.items():
        monkeypatch.setenv(name, value)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, list(arguments))


@pytest.mark.usefixtures("_environment")
def test_the_command_line_lists_them_without_a_daemon() -> None:
    result = run("plugins")
    assert result.exit_code == 1
    assert "example  off  the daemon does not run" in result.stdout


@pytest.mark.usefixtures("_environment")
def test_the_command_line_tests_one_without_a_daemon(folder: Path) -> None:
    result = run("plugins", "test", "example")
    assert (result.exit_code, result.stdout) == (0, f"ok  address: {folder} is there\n")
    (folder / "locked").touch()
    result = run("plugins", "test", "example", "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["checks"][0]["subject"] == "credentials"


@pytest.mark.usefixtures("_environment")
def test_the_configuration_is_shown_with_the_plugins_options_and_without_their_secrets() -> None:
    result = run("config", "--json")
    options = {option["path"]: option for option in json.loads(result.stdout)}
    assert options["plugins.example.most"] == {
        "path": "plugins.example.most",
        "value": "1000",
        "source": "default",
        "description": "Items that are listed at most.",
    }
    assert options["plugins.example.password"]["source"] == "environment: SPECTRA_PLUGINS__EXAMPLE__PASSWORD"
    assert "hunter2" not in result.stdout


@pytest.mark.parametrize("arguments", [("test",), ("sync",), ("frobnicate",)])
def test_an_incomplete_command_says_what_is_missing(arguments: tuple[str, ...]) -> None:
    assert run("plugins", *arguments).exit_code == 2


def test_without_plugins_it_says_how_to_add_one(
    tmp_path: Path, conninfo: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"DB_URL": conninfo, "SPECTRA_STATE_DIR": str(tmp_path / "state")}.items():
        monkeypatch.setenv(name, value)
    result = run("plugins")
    assert result.exit_code == 0
    assert "[plugins.navidrome]" in result.stdout
