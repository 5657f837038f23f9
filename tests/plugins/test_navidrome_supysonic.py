"""A real Subsonic server shows what was tagged, and keeps what people said of it."""

import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from plugin_fakes import FakeHost, fake_host
from supysonic_server import FOLDER, USERS, Supysonic, running_supysonic
from tagged_files import make

from daemon.safe_write import commit, prepare
from daemon.tag_fields import TagFields
from plugins.api import AuthFailed, Item, PathRefused, Written
from plugins.navidrome.options import NavidromeOptions
from plugins.navidrome.server import NavidromeServer

LONG_AGO_S = 1_600_000_000
SERVER = "/data/music"
"""Where a server in a container would have its music."""


@pytest.fixture(scope="module")
def supysonic() -> Iterator[Supysonic]:
    with running_supysonic() as server:
        yield server


@asynccontextmanager
async def connected(
    supysonic: Supysonic, *, user: str = "admin", **changes: object
) -> AsyncIterator[tuple[NavidromeServer, FakeHost]]:
    given = {
        "url": supysonic.url,
        "username": user,
        "password": USERS[user],
        "legacy_auth": True,
        "music_folders": SERVER,
    }
    async with fake_host(supysonic.music, server=SERVER) as host:
        yield NavidromeServer(NavidromeOptions.model_validate(given | changes), host, poll_s=0.02), host


@pytest.fixture
def untagged(supysonic: Supysonic, request: pytest.FixtureRequest) -> Path:
    """A file without tags in a folder of the test's own, which the server has seen."""
    folder = supysonic.music / f"{request.node.name} \u05d0\u05d1"
    folder.mkdir()
    path = make(folder, getattr(request, "param", "flac-untagged"))
    os.utime(path, (LONG_AGO_S, LONG_AGO_S))
    supysonic.scan()
    return path


async def item_of(server: NavidromeServer, host: FakeHost, path: Path) -> Item:
    wanted = await host.server_path(path)
    (item,) = [item async for item in server.unnamed_items() if item.path == wanted]
    return item


def tag(path: Path) -> None:
    fields = TagFields(title="So What", artist="Miles Davis", album="Kind of Blue")
    prepared = prepare(path, fields, quiet_s=0.0)
    assert prepared is not None
    commit(prepared, quiet_s=0.0)


@pytest.mark.parametrize(
    "untagged", ["flac-untagged", "mp3-untagged", "m4a-untagged", "ogg-untagged"], indirect=True
)
async def test_a_file_that_was_tagged_keeps_its_id_rating_and_star(supysonic, untagged):
    async with connected(supysonic) as (server, host):
        item = await item_of(server, host, untagged)
        assert item.duration_s == 2
        assert item.size_bytes == untagged.stat().st_size
        supysonic.ask("setRating", id=item.item_id, rating=4)
        supysonic.ask("star", id=item.item_id)
        before = supysonic.entry(item.item_id)

        await host.look_up(item)
        tag(await host.local_path(item.path))
        await server.tell([Written(await host.server_path(untagged), item.item_id, replaces=False)])

        shown = supysonic.entry(item.item_id)
        assert (shown["title"], shown["artist"], shown["album"]) == ("So What", "Miles Davis", "Kind of Blue")
        assert item.item_id not in [each.item_id async for each in server.unnamed_items()]
    assert (before["title"], before["userRating"]) == (untagged.name, 4)
    for name in ("userRating", "starred", "created", "path"):
        assert shown[name] == before[name]


async def test_telling_is_over_when_the_server_has_read_all(supysonic):
    folder = supysonic.music / "many"
    folder.mkdir()
    one = make(folder, "flac-untagged")
    for number in range(60):
        os.link(one, folder / f"{number:03}.flac")
    async with connected(supysonic) as (server, host):
        await server.tell([Written(await host.server_path(one), None, replaces=False)])
        listed = {item.path async for item in server.unnamed_items()}
    assert {f"{SERVER}/many/{number:03}.flac" for number in range(60)} <= listed


@pytest.mark.usefixtures("untagged")
async def test_all_checks_are_right(supysonic):
    async with connected(supysonic) as (server, _):
        found = [check async for check in server.checks()]
        assert "Subsonic server (API 1.12.0)" in await server.status()
    assert [check.subject for check in found] == ["address", "credentials", "rights", "paths", "scans"]
    assert all(check.is_ok for check in found), found


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"legacy_auth": False}, "set plugins.navidrome.legacy_auth = true"),
        ({"password": "wrong"}, "refuses user admin"),
    ],
)
async def test_credentials_that_it_does_not_take_are_told(supysonic, changes, sentence):
    async with connected(supysonic, **changes) as (server, _):
        with pytest.raises(AuthFailed, match=sentence):
            await server.status()


async def test_who_is_no_administrator_is_told_so(supysonic):
    async with connected(supysonic, user="guest") as (server, _):
        with pytest.raises(AuthFailed, match="guest is no administrator"):
            await server.tell([Written(f"{SERVER}/1.mp3", None, replaces=False)])
        *_, last = [check async for check in server.checks()]
    assert (last.subject, last.is_ok) == ("rights", False)


@pytest.mark.usefixtures("untagged")
async def test_its_relative_paths_need_to_be_told_where_the_music_is(supysonic):
    async with connected(supysonic, music_folders={}) as (server, _):
        with pytest.raises(PathRefused, match=f"where it has {FOLDER}"):
            _ = [item async for item in server.unnamed_items()]
