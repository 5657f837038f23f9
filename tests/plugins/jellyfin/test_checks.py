"""What `spectra plugins test jellyfin` says."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from jellyfin_library import LibraryItem
from jellyfin_stub import USER_TOKEN, Connect, JellyfinStub, starting
from tagged_files import make

from plugins.api import Check, MediaServer


async def checks(server: MediaServer) -> list[Check]:
    return [check async for check in server.checks()]


def subjects(found: Sequence[Check]) -> list[str]:
    return [check.subject for check in found]


async def test_status_names_product_version_and_server(server: MediaServer) -> None:
    assert await server.status() == "Jellyfin 10.11.3 'attic'"


async def test_checks_pass_where_all_is_right(
    jellyfin: JellyfinStub, server: MediaServer, music: Path
) -> None:
    path = make(music, "mp3-untagged")
    jellyfin.library.scan()
    found = await checks(server)
    assert subjects(found) == ["address", "credentials", "rights", "library", "paths"]
    assert all(check.is_ok for check in found)
    assert found[0].sentence == f"Jellyfin 10.11.3 'attic' answers at {jellyfin.url}."
    assert found[-1].sentence == f"Jellyfin's {jellyfin.library.server_path(path)} is {path} here."


@pytest.mark.parametrize(
    ("key", "passed", "word"),
    [("0" * 32, ["address"], "doesn't know the API key"), (USER_TOKEN, ["address", "credentials"], "rights")],
)
async def test_checks_end_at_the_key(key: str, passed: Sequence[str], word: str, connected: Connect) -> None:
    async with connected(api_key=key) as server:
        *before, last = await checks(server)
    assert subjects(before) == passed
    assert all(check.is_ok for check in before)
    assert not last.is_ok
    assert word in last.sentence
    assert "API Keys" in last.sentence
    assert key not in last.sentence


async def test_one_item_that_leads_nowhere_fails_no_check(
    jellyfin: JellyfinStub, server: MediaServer, music: Path
) -> None:
    jellyfin.library.add(LibraryItem("1" * 32, "/volume1/music/gone.mp3", "gone"))
    make(music, "mp3-untagged")
    jellyfin.library.scan()
    found = await checks(server)
    assert all(check.is_ok for check in found)


async def test_an_empty_library_fails_no_check(server: MediaServer) -> None:
    found = await checks(server)
    assert all(check.is_ok for check in found)
    assert found[-1].sentence == "Jellyfin lists no music yet: there is no path to compare."


@pytest.mark.parametrize("path", ["/volume1/music/a.mp3", "D:\\Music\\a.mp3"])
async def test_checks_say_which_path_leads_nowhere(
    path: str, jellyfin: JellyfinStub, server: MediaServer
) -> None:
    jellyfin.library.add(LibraryItem("1" * 32, path, "a"))
    *before, last = await checks(server)
    assert all(check.is_ok for check in before)
    assert (last.subject, last.is_ok) == ("paths", False)
    assert path in last.sentence


async def test_checks_miss_a_music_library(jellyfin: JellyfinStub, server: MediaServer) -> None:
    jellyfin.library_type = "movies"
    found = await checks(server)
    assert [check.subject for check in found if not check.is_ok] == ["library"]


async def test_checks_end_with_the_sentence_of_what_fails(
    jellyfin: JellyfinStub, server: MediaServer
) -> None:
    jellyfin.reply = starting
    [check] = [check async for check in server.checks()]
    assert (check.subject, check.is_ok) == ("address", False)
    assert "starting" in check.sentence
