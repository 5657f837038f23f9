"""What Jellyfin's Webhook plugin reports becomes items to look up."""

import re
from pathlib import Path
from uuid import UUID

import pytest
from jellyfin_library import SERVER_ID, LibraryItem
from jellyfin_stub import JellyfinStub
from tagged_files import make

from plugins.api import MediaServer, NotReady, PluginError

README = Path(__file__).parents[3] / "plugins" / "jellyfin" / "README.md"
AN_ID = "1" * 32


@pytest.fixture
def template() -> str:
    """What the README has its reader paste."""
    found = re.search(r"```json\n(.*?)```", README.read_text("utf-8"), re.DOTALL)
    assert found
    return found[1]


async def test_an_added_track_is_found(
    jellyfin: JellyfinStub, server: MediaServer, music: Path, template: str
) -> None:
    path = make(music, "mp3-untagged")
    jellyfin.library.scan()
    track = jellyfin.library.at(path)
    [item] = await server.hook(jellyfin.webhook(track, template))
    assert (item.item_id, item.path) == (track.item_id, track.path)


async def test_an_id_with_dashes_is_the_same(
    jellyfin: JellyfinStub, server: MediaServer, music: Path
) -> None:
    jellyfin.library.add(LibraryItem(AN_ID, "/media/music/a.mp3", "a"))
    body = {"NotificationType": "ItemAdded", "ItemType": "Audio", "ItemId": str(UUID(AN_ID)), "ServerId": ""}
    assert [item.item_id for item in await server.hook(body)] == [AN_ID]


async def test_an_added_album_is_all_its_tracks_and_no_others(
    jellyfin: JellyfinStub, server: MediaServer, music: Path, template: str
) -> None:
    album, other = music / "album", music / "other"
    (album / "disc 2").mkdir(parents=True)
    other.mkdir()
    paths = [make(album, "mp3-untagged"), make(album, "flac-untagged")]
    make(other, "mp3-untagged")
    jellyfin.library.scan()
    added = jellyfin.library.album_of(jellyfin.library.at(paths[0]))
    items = await server.hook(jellyfin.webhook(added, template))
    assert sorted(item.path for item in items) == sorted(map(jellyfin.library.server_path, paths))


async def test_an_album_that_goes_meanwhile_is_not_the_whole_library(
    jellyfin: JellyfinStub, server: MediaServer, music: Path, template: str
) -> None:
    make(music, "mp3-untagged")
    jellyfin.library.scan()
    album = LibraryItem(AN_ID, "/media/music/gone", "gone", "MusicAlbum")
    answered = jellyfin.library.items | {AN_ID: album}
    del answered[AN_ID]
    # It is there when it is asked for, and gone when its tracks are.
    jellyfin.library.items = Vanishing(answered, album)
    with pytest.raises(NotReady, match="tracks of the album"):
        await server.hook(jellyfin.webhook(album, template))


class Vanishing(dict[str, LibraryItem]):
    """Lists an item once."""

    def __init__(self, items: dict[str, LibraryItem], once: LibraryItem) -> None:
        super().__init__(items)
        self._once = [once]

    def values(self) -> list[LibraryItem]:  # type: ignore[override]
        listed = [*super().values(), *self._once]
        self._once.clear()
        return listed


async def test_an_item_that_is_not_there_yet_is_asked_for_later(
    jellyfin: JellyfinStub, server: MediaServer, template: str
) -> None:
    with pytest.raises(NotReady, match="yet"):
        await server.hook(jellyfin.webhook(LibraryItem(AN_ID, "", "", "Audio"), template))


async def test_what_is_no_music_is_nothing(
    jellyfin: JellyfinStub, server: MediaServer, template: str
) -> None:
    movie = LibraryItem(AN_ID, "/media/film.mkv", "film", "Movie")
    track = LibraryItem(AN_ID, "/media/music/a.mp3", "a")
    assert await server.hook(jellyfin.webhook(movie, template)) == ()
    assert await server.hook(jellyfin.webhook(track, template, "PlaybackStart")) == ()
    assert await server.hook({"NotificationType": "PendingRestart", "ServerId": SERVER_ID}) == ()
    assert jellyfin.calls == []


async def test_a_claimed_type_is_not_believed(
    jellyfin: JellyfinStub, server: MediaServer, template: str
) -> None:
    movie = jellyfin.library.add(LibraryItem(AN_ID, "/media/film.mkv", "film", "Movie"))
    track = jellyfin.library.add(LibraryItem("2" * 32, "/media/music/a.mp3", "a"))
    assert await server.hook(jellyfin.webhook(movie, template) | {"ItemType": "Audio"}) == ()
    [item] = await server.hook(jellyfin.webhook(track, template) | {"ItemType": "MusicAlbum"})
    assert item.item_id == track.item_id


async def test_another_server_is_refused(jellyfin: JellyfinStub, server: MediaServer, template: str) -> None:
    track = jellyfin.library.add(LibraryItem(AN_ID, "/media/music/a.mp3", "a"))
    body = jellyfin.webhook(track, template) | {"ServerId": "2" * 32}
    with pytest.raises(PluginError, match="another Jellyfin"):
        await server.hook(body)


@pytest.mark.parametrize(
    "change",
    [
        {"ItemId": "../../System/Restart"},
        {"ItemId": ""},
        {"ItemId": None},
        {"ItemId": ["1" * 32]},
        {"ItemId": f"{AN_ID},{AN_ID}"},
        {"ServerId": "x" * 1_000_000},
        {"NotificationType": "ItemAdded" * 100},
        {"NotificationType": None},
        {"NotificationType": 7},
        {"ItemType": {"Audio": 1}},
    ],
    ids=lambda change: str(change)[:60],
)
async def test_a_malformed_call_is_refused_with_what_to_do(
    change: dict[str, object], jellyfin: JellyfinStub, server: MediaServer, template: str
) -> None:
    track = jellyfin.library.add(LibraryItem(AN_ID, "/media/music/a.mp3", "a"))
    with pytest.raises(PluginError, match=r"paste the template") as refused:
        await server.hook(jellyfin.webhook(track, template) | change)
    assert len(str(refused.value)) < 300  # nothing of what came from outside is repeated
    assert jellyfin.calls == []
