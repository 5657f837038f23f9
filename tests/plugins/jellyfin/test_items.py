"""Which of Jellyfin's items are reported as unnamed."""

from pathlib import Path
from typing import Any

import pytest
from jellyfin_library import LibraryItem
from jellyfin_stub import Connect, JellyfinStub
from tagged_files import make

from plugins.api import Item, MediaServer


async def unnamed(server: MediaServer) -> list[Item]:
    return [item async for item in server.unnamed_items()]


def named(name: str, artists: list[str], album: str | None, path: str) -> LibraryItem:
    return LibraryItem("1" * 32, path, name, artists=artists, album=album)


async def test_a_large_library_comes_page_by_page_and_whole(
    jellyfin: JellyfinStub, server: MediaServer
) -> None:
    for number in range(10_000):
        artists = ["Miles Davis"] if number % 10 else []
        jellyfin.library.add(
            LibraryItem(f"{number:032x}", f"/media/music/{number}.mp3", f"Take {number}", artists=artists)
        )
    found = await unnamed(server)
    assert [item.item_id for item in found] == [f"{number:032x}" for number in range(0, 10_000, 10)]
    assert len(jellyfin.calls) == 21  # the last page is empty
    assert all("limit=500" in call for call in jellyfin.calls)


async def test_a_server_that_repeats_a_page_is_not_asked_for_ever(
    jellyfin: JellyfinStub, server: MediaServer
) -> None:
    jellyfin.library.add(LibraryItem("1" * 32, "/media/music/one.mp3", "one"))
    all_items, pages = jellyfin._list, 0

    async def first_page(request: Any) -> Any:
        nonlocal pages
        pages += 1
        assert pages < 10
        return await all_items(request.clone(rel_url=request.rel_url.update_query(startIndex="0")))

    jellyfin.reply = first_page
    assert [item.item_id for item in await unnamed(server)] == ["1" * 32]
    assert pages == 2


@pytest.mark.parametrize(
    "item",
    [
        named("01 - Lithium", ["Nirvana"], "Nevermind", "/m/01 - Lithium.mp3"),
        named("my_song", ["Nirvana"], "Nevermind", "/m/my_song.mp3"),
        named("Lithium.mp3", ["Nirvana"], "Nevermind", "/m/Lithium.mp3"),
        named("Lithium", ["Nirvana"], None, "/m/Lithium.mp3"),
        named("Lithium", ["Nirvana"], None, "D:\\Music\\Lithium.mp3"),
        named("Track 01", ["Nirvana"], "Nevermind", "/m/a.mp3"),
        named("AudioTrack 03", ["Nirvana"], "Nevermind", "/m/a.mp3"),
        named("Lithium", [], "Nevermind", "/m/a.mp3"),
        named("Lithium", ["Unknown Artist", " "], "Nevermind", "/m/a.mp3"),
        named("", ["Nirvana"], "Nevermind", "/m/a.mp3"),
    ],
    ids=str,
)
async def test_an_item_without_a_proper_name_is_yielded(
    item: LibraryItem, jellyfin: JellyfinStub, server: MediaServer
) -> None:
    jellyfin.library.add(item)
    assert [each.path for each in await unnamed(server)] == [item.path]


@pytest.mark.parametrize(
    "item",
    [
        named("Lithium", ["Nirvana"], "Nevermind", "/m/Lithium.mp3"),
        named("Lithium", ["Nirvana"], None, "/m/01.mp3"),
        named("99 Problems", ["Jay-Z"], "The Black Album", "/m/99 Problems.mp3"),
        named("Trackless", ["Untitled Orchestra"], "Nevermind", "/m/a.mp3"),
        named("Lithium", ["Unknown Artist", "Nirvana"], "Nevermind", "/m/a.mp3"),
        named("\u661f", ["\u5b57"], "Nevermind", "/m/a.mp3"),
    ],
    ids=str,
)
async def test_an_item_with_a_proper_name_is_left_alone(
    item: LibraryItem, jellyfin: JellyfinStub, server: MediaServer
) -> None:
    jellyfin.library.add(item)
    assert await unnamed(server) == []


async def test_what_is_no_file_is_left_out(jellyfin: JellyfinStub, server: MediaServer) -> None:
    jellyfin.library.add(
        LibraryItem("1" * 32, "http://radio.example/stream", "radio", location_type="Remote")
    )
    jellyfin.library.add(LibraryItem("2" * 32, "", "nothing"))
    jellyfin.library.add(LibraryItem("3" * 32, "/media/music/a", "a", "MusicAlbum"))
    assert await unnamed(server) == []


async def test_a_server_below_a_folder_of_a_proxy_is_reached(music: Path, connected: Connect) -> None:
    path = make(music, "mp3-untagged")
    async with JellyfinStub(music, base="/jellyfin") as jellyfin, connected(url=jellyfin.url) as server:
        jellyfin.library.scan()
        assert [item.path for item in await unnamed(server)] == [jellyfin.library.server_path(path)]
