"""Files that Spectra writes are shown by Jellyfin; the library is of real files."""

import os
from pathlib import Path
from typing import Any

import mutagen
import pytest
from jellyfin_library import MONITOR_DELAY_S
from jellyfin_stub import JellyfinStub
from plugin_fakes import FakeHost
from tagged_files import make

from plugins.api import Item, MediaServer, Written

NAMED = {"title": "So What", "artist": "Miles Davis", "album": "Kind of Blue"}
SEEN = ("So What", ["Miles Davis"], "Kind of Blue")


def tag(path: Path, **tags: str) -> None:
    """Write tags as Spectra does: into a copy that takes the file's place, with a new mtime."""
    copy = path.with_name(f".spectra-{path.name}")
    copy.write_bytes(path.read_bytes())
    file: Any = mutagen.File(copy, easy=True)
    file.delete()
    file = mutagen.File(copy, easy=True)
    if tags and file.tags is None:
        file.add_tags()
    for name, value in tags.items():
        file[name] = value
    if tags:
        file.save()
    newer_ns = path.stat().st_mtime_ns + 5_000_000_000
    os.utime(copy, ns=(newer_ns, newer_ns))
    copy.replace(path)


def written(jellyfin: JellyfinStub, path: Path, *, known: bool = True, replaces: bool = False) -> Written:
    item_id = jellyfin.library.at(path).item_id if known else None
    return Written(jellyfin.library.server_path(path), item_id, replaces)


async def unnamed(server: MediaServer) -> list[Item]:
    return [item async for item in server.unnamed_items()]


def posts(jellyfin: JellyfinStub) -> list[str]:
    return [call.partition("?")[0] for call in jellyfin.calls if call.startswith("POST")]


@pytest.mark.parametrize("variant", ["mp3-untagged", "flac-untagged", "ogg-untagged", "m4a-untagged"])
async def test_an_untagged_file_is_reported_tagged_and_shown(
    variant: str, jellyfin: JellyfinStub, server: MediaServer, host: FakeHost, music: Path
) -> None:
    path = make(music, variant)
    jellyfin.library.scan()
    assert jellyfin.library.at(path).said() == (variant, [], None)
    [item] = await unnamed(server)
    assert await host.local_path(item.path) == path
    assert item.duration_s == pytest.approx(2, abs=0.2)
    tag(path, **NAMED)
    await server.tell([Written(item.path, item.item_id, replaces=False)])
    assert jellyfin.library.at(path).said() == SEEN
    assert await unnamed(server) == []
    assert jellyfin.reports == []  # a report besides would only repeat it


async def test_a_file_whose_item_is_not_known_is_shown_after_the_servers_delay(
    jellyfin: JellyfinStub, server: MediaServer, music: Path
) -> None:
    path = make(music, "mp3-untagged")
    jellyfin.library.scan()
    tag(path, **NAMED)
    await server.tell([written(jellyfin, path, known=False)])
    jellyfin.library.advance(MONITOR_DELAY_S - 1)
    assert jellyfin.library.at(path).said()[0] == path.stem
    jellyfin.library.advance(1)
    assert jellyfin.library.at(path).said() == SEEN


async def test_a_file_that_the_server_has_not_met_is_found_by_its_path(
    jellyfin: JellyfinStub, server: MediaServer, music: Path
) -> None:
    path = make(music, "flac-untagged")
    tag(path, **NAMED)
    await server.tell([written(jellyfin, path, known=False)])
    jellyfin.library.advance(MONITOR_DELAY_S)
    assert jellyfin.library.at(path).said() == SEEN


@pytest.mark.parametrize("known", [True, False])
async def test_a_correction_replaces_what_the_server_shows(
    known: bool, jellyfin: JellyfinStub, server: MediaServer, music: Path
) -> None:
    path = make(music, "flac-untagged")
    tag(path, title="So Wat", artist="Miles", album="Blue")
    jellyfin.library.scan()
    tag(path, **NAMED)
    await server.tell([written(jellyfin, path, known=False)])
    jellyfin.library.advance(MONITOR_DELAY_S)
    assert jellyfin.library.at(path).said() == ("So What", ["Miles"], "Blue")  # filling is not enough
    await server.tell([written(jellyfin, path, known=known, replaces=True)])
    assert jellyfin.library.at(path).said() == SEEN


async def test_an_undo_takes_back_what_the_server_lets_be_taken_back(
    jellyfin: JellyfinStub, server: MediaServer, music: Path
) -> None:
    path = make(music, "mp3-untagged")
    jellyfin.library.scan()
    tag(path, **NAMED)
    await server.tell([written(jellyfin, path)])
    tag(path)
    await server.tell([written(jellyfin, path, replaces=True)])
    # As README says: title and artist stay until others replace them.
    assert jellyfin.library.at(path).said() == ("So What", ["Miles Davis"], None)


async def test_an_item_that_moved_is_reported_by_its_path(
    jellyfin: JellyfinStub, server: MediaServer, music: Path
) -> None:
    path = make(music, "mp3-untagged")
    jellyfin.library.scan()
    gone = written(jellyfin, path)
    moved = path.rename(music / "elsewhere.mp3")
    del jellyfin.library.items[str(gone.item_id)]
    tag(moved, **NAMED)
    await server.tell([Written(jellyfin.library.server_path(moved), gone.item_id, replaces=False)])
    jellyfin.library.advance(MONITOR_DELAY_S)
    assert jellyfin.library.at(moved).said() == SEEN


async def test_an_id_that_is_none_is_as_good_as_unknown(jellyfin: JellyfinStub, server: MediaServer) -> None:
    await server.tell([Written("/media/music/a.mp3", "../../System/Restart", replaces=False)])
    assert posts(jellyfin) == ["POST /Library/Media/Updated"]


async def test_many_files_are_reported_in_parts(jellyfin: JellyfinStub, server: MediaServer) -> None:
    files = [Written(f"/media/music/{number}.mp3", None, replaces=False) for number in range(450)]
    await server.tell(files)
    assert jellyfin.reports == [200, 200, 50]


async def test_nothing_is_told_of_nothing(jellyfin: JellyfinStub, server: MediaServer) -> None:
    await server.tell([])
    assert jellyfin.calls == []


async def test_items_are_never_edited(jellyfin: JellyfinStub, server: MediaServer, music: Path) -> None:
    path = make(music, "mp3-untagged")
    jellyfin.library.scan()
    tag(path, **NAMED)
    for known in (True, False):
        for replaces in (True, False):
            await server.tell([written(jellyfin, path, known=known, replaces=replaces)])
    item_id = jellyfin.library.at(path).item_id
    assert set(posts(jellyfin)) == {f"POST /Items/{item_id}/Refresh", "POST /Library/Media/Updated"}
