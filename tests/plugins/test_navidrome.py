"""Files that Navidrome can't name are found, and it is told once they have one, whatever it does wrong."""

import asyncio
import logging
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import mutagen
import pytest
from plugin_fakes import FakeHost, fake_host
from subsonic_stub import Library, NavidromeStub
from tagged_files import content

from plugins.api import AuthFailed, Check, Item, NotReady, PathRefused, PluginError, Written
from plugins.navidrome import PLUGIN
from plugins.navidrome.options import NavidromeOptions
from plugins.navidrome.server import NavidromeServer

PASSWORD = "secret"
NAMED = {"title": "So What", "artist": "Miles Davis", "album": "Kind of Blue"}
UNNAMED = {"title": "x", "artist": "[Unknown Artist]", "album": "[Unknown Album]"}


@pytest.fixture
def library(music: Path) -> Library:
    """A library whose folder is the test's."""
    return Library(1, "Music Library", "/music", music)


@asynccontextmanager
async def connected(
    stub: NavidromeStub, local: Path, *, prefix: str = "", request_s: float = 30.0, **changes: object
) -> AsyncIterator[tuple[NavidromeServer, FakeHost]]:
    """Yield the plugin, connected to the stub."""
    async with stub.serving(prefix) as url, fake_host(local) as host:
        given = {"url": url, "username": "admin", "password": PASSWORD, "music_folders": "/music"}
        options = NavidromeOptions.model_validate(given | changes)
        yield NavidromeServer(options, host, request_s=request_s, poll_s=0.001), host


def drop(folder: Path, name: str, **tags: str) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content("flac-untagged"))
    if tags:
        retag(path, **tags)
    return path


def retag(path: Path, **tags: str) -> None:
    """Write tags into a copy that takes the file's place."""
    copy = path.with_name(".spectra-copy.flac")
    copy.write_bytes(path.read_bytes())
    file = mutagen.File(copy, easy=True)
    file.update(tags)
    file.save()
    os.replace(copy, path)  # noqa: PTH105 - as safe_write does


def written(*paths: str) -> list[Written]:
    return [Written(path, item_id=None, replaces=False) for path in paths]


async def unnamed(server: NavidromeServer) -> list[Item]:
    return [item async for item in server.unnamed_items()]


async def checks(server: NavidromeServer) -> list[Check]:
    return [check async for check in server.checks()]


async def test_an_untagged_file_is_found_and_shown_with_its_name_after_the_server_was_told(music, library):
    drop(music, "Miles/named.flac", **NAMED)
    path = drop(music, "new/\u05d0\u05d1 Ä.flac")
    library.read()
    stub = NavidromeStub(library)
    async with connected(stub, music) as (server, host):
        (item,) = await unnamed(server)
        assert item.path == "/music/new/\u05d0\u05d1 Ä.flac"
        assert (item.size_bytes, item.duration_s) == (path.stat().st_size, 2)
        await host.look_up(item)
        retag(await host.local_path(item.path), **NAMED)
        await server.tell([Written(await host.server_path(path), item.item_id, replaces=False)])
        assert stub.scans == [["1:new"]]
        assert await unnamed(server) == []
    shown = library.entries["new/\u05d0\u05d1 Ä.flac"]
    assert {name: shown[name] for name in ("id", "title", "artist")} == {
        "id": item.item_id,
        "title": "So What",
        "artist": "Miles Davis",
    }


async def test_ten_thousand_items_are_paged(music):
    entries = {f"{number:05}.mp3": {"id": str(number)} | UNNAMED for number in range(10_000)}
    stub = NavidromeStub(Library(1, "Music", "/music", entries=entries))
    async with connected(stub, music) as (server, _):
        items = await unnamed(server)
    assert [item.path for item in items] == [f"/music/{name}" for name in entries]
    assert stub.calls.count("search3") == 21


async def test_a_server_that_gives_less_than_asked_for_is_asked_on(music):
    entries = {f"{number}.mp3": {"id": str(number)} | UNNAMED for number in range(9)}
    stub = NavidromeStub(Library(1, "Music", "/music", entries=entries))
    stub.largest_page = 2
    async with connected(stub, music) as (server, _):
        assert len(await unnamed(server)) == 9


async def test_a_server_that_repeats_a_page_for_ever_ends_the_list(music):
    stub = NavidromeStub(Library(1, "Music", "/music", entries={"1.mp3": {"id": "1"} | UNNAMED}))
    stub._search3 = lambda form: {"searchResult3": {"song": [{"id": "1", "path": "/music/1.mp3"}]}}
    async with connected(stub, music) as (server, _):
        assert len(await unnamed(server)) == 1


async def test_two_libraries_are_listed_and_scanned_by_their_ids(music, tmp_path):
    books = tmp_path / "books"
    drop(music, "a/1.flac")
    drop(books, "b/2.flac")
    stub = NavidromeStub(Library(1, "Music", "/music", music), Library(7, "Books", "/books", books))
    for library in stub.libraries:
        library.read()
    folders = {"Music": "/music", "7": "/books"}
    async with connected(stub, music, music_folders=folders) as (server, _):
        paths = [item.path for item in await unnamed(server)]
        assert paths == ["/music/a/1.flac", "/books/b/2.flac"]
        retag(books / "b/2.flac", **NAMED)
        retag(music / "a/1.flac", **NAMED)
        await server.tell(written(*paths))
        assert await unnamed(server) == []
    assert stub.scans == [["1:a", "7:b"]]


@pytest.mark.parametrize(
    ("folders", "paths"),
    [
        ({}, ["/music/a/1.flac"]),
        ("/music", ["/music/a/1.flac", "/elsewhere/2.flac"]),
        ("/music", [f"/music/{number}/1.flac" for number in range(101)]),
        ({"No such library": "/music"}, ["/music/a/1.flac"]),
    ],
)
async def test_all_is_scanned_where_the_folders_are_not_known_or_too_many(music, library, folders, paths):
    stub = NavidromeStub(library)
    async with connected(stub, music, music_folders=folders) as (server, _):
        await server.tell(written(*paths))
    assert stub.scans == [[]]


async def test_a_hundred_folders_fit_into_one_request(music, library):
    names = [f"{number:03} " + "\u05d0" * 60 for number in range(100)]
    stub = NavidromeStub(library)
    async with connected(stub, music) as (server, _):
        await server.tell(written(*(f"/music/{name}/1.flac" for name in names)))
    assert stub.scans == [[f"1:{name}" for name in names]]


async def test_a_name_that_is_no_text_reaches_the_server_as_its_bytes(music, library):
    stub = NavidromeStub(library)
    raw = os.fsdecode(b"/music/caf\xe9/1.flac")
    async with connected(stub, music) as (server, _):
        await server.tell(written(raw))
    assert stub.scans == [["1:caf\ufffd"]]  # as the stub reads the byte


async def test_a_running_scan_is_waited_for_as_it_may_have_passed_by_the_file(music, library):
    drop(music, "a/1.flac")
    library.read()
    stub = NavidromeStub(library)
    stub.begin_polls = 0
    stub.begin(["1:elsewhere"])
    async with connected(stub, music) as (server, _):
        retag(music / "a/1.flac", **NAMED)
        await server.tell(written("/music/a/1.flac"))
        assert await unnamed(server) == []
    assert (stub.scans, stub.forgotten) == ([["1:a"]], 0)


async def test_two_who_tell_at_once_have_two_scans_one_after_the_other(music, library):
    stub = NavidromeStub(library)
    async with connected(stub, music) as (server, _):
        await asyncio.gather(server.tell(written("/music/a/1.mp3")), server.tell(written("/music/b/1.mp3")))
    assert sorted(stub.scans) == [["1:a"], ["1:b"]]
    assert stub.forgotten == 0


@pytest.mark.parametrize(("begin_polls", "scan_polls"), [(0, 0), (0, 3), (5, 0), (5, 3)])
async def test_telling_ends_after_the_scan_however_late_it_begins(music, library, begin_polls, scan_polls):
    drop(music, "a/1.flac")
    stub = NavidromeStub(library)
    stub.begin_polls, stub.scan_polls = begin_polls, scan_polls
    async with connected(stub, music) as (server, _):
        await server.tell(written("/music/a/1.flac"))
        assert list(library.entries) == ["a/1.flac"]


async def test_telling_of_nothing_scans_nothing(music, library):
    stub = NavidromeStub(library)
    async with connected(stub, music) as (server, _):
        await server.tell([])
    assert stub.calls == []


async def test_a_scan_that_never_ends_is_said_to_be_still_running(music, library):
    stub = NavidromeStub(library)
    stub.scan_polls = 10**9
    async with connected(stub, music, scan_wait_s=1) as (server, _):
        with pytest.raises(NotReady, match="still scanning after 1 s"):
            await server.tell(written("/music/a/1.flac"))


async def test_a_scan_that_never_begins_is_not_waited_for(music, library):
    stub = NavidromeStub(library)
    stub.begin_polls = 10**9
    async with connected(stub, music) as (server, _):
        with pytest.raises(NotReady, match="began none"):
            await server.tell(written("/music/a/1.flac"))


async def test_a_scan_that_fails_is_asked_for_again_later(music, library):
    stub = NavidromeStub(library)
    stub.scan_error = "disk I/O error"
    async with connected(stub, music) as (server, _):
        with pytest.raises(NotReady, match="disk I/O error"):
            await server.tell(written("/music/a/1.flac"))


async def test_invented_paths_are_refused_with_the_switch_to_press(music, library):
    drop(music, "a/1.flac")
    library.read()
    stub = NavidromeStub(library)
    stub.reports_real_path = False
    async with connected(stub, music) as (server, _):
        with pytest.raises(PathRefused, match="Report Real Path"):
            await unnamed(server)
        *_, last = await checks(server)
        assert (last.subject, last.is_ok) == ("paths", False)
        assert "Settings > Players" in last.sentence


async def test_each_call_has_a_salt_of_its_own(music, library):
    stub = NavidromeStub(library)
    async with connected(stub, music) as (server, _):
        await server.status()
        await server.status()
    assert len(set(stub.salts)) == 2


async def test_a_server_below_a_path_is_reached(music, library):
    stub = NavidromeStub(library)
    async with connected(stub, music, prefix="/apps/navidrome") as (server, _):
        status = await server.status()
    assert status.startswith("Navidrome 0.58.0 at http://127.0.0.1:")
    assert status.endswith("/apps/navidrome")


async def test_connecting_asks_nothing_so_that_a_wrong_address_can_be_checked(music):
    options = NavidromeOptions(url="http://127.0.0.1:9", username="admin", password=PASSWORD)
    async with fake_host(music) as host, PLUGIN.connect(options, host) as server:
        found = [check async for check in server.checks()]
    assert [(check.subject, check.is_ok) for check in found] == [("address", False)]
    assert "can't reach http://127.0.0.1:9 (" in found[0].sentence


@pytest.mark.parametrize(
    ("changes", "knows_tokens", "sentence"),
    [
        ({"password": "wrong"}, True, "check plugins.navidrome.username and plugins.navidrome.password"),
        ({"username": "nobody"}, True, "refuses user nobody"),
        ({}, False, "set plugins.navidrome.legacy_auth = true"),
        ({"legacy_auth": True, "password": "wrong"}, False, "check plugins.navidrome.username"),
    ],
)
async def test_refused_credentials_turn_it_off(music, library, changes, knows_tokens, sentence):
    stub = NavidromeStub(library)
    stub.knows_tokens = knows_tokens
    async with connected(stub, music, **changes) as (server, _):
        with pytest.raises(AuthFailed, match=sentence):
            await server.status()
        found = await checks(server)
    assert [(check.subject, check.is_ok) for check in found] == [("address", True), ("credentials", False)]


async def test_the_password_is_sent_only_if_the_user_says_so(music, library):
    stub = NavidromeStub(library)
    stub.knows_tokens = False
    async with connected(stub, music, legacy_auth=True) as (server, _):
        assert await server.status()
    assert stub.salts == []


async def test_who_is_no_administrator_can_list_but_not_scan(music, library):
    drop(music, "a/1.flac")
    library.read()
    stub = NavidromeStub(library)
    async with connected(stub, music, username="guest", password="guest") as (server, _):
        assert len(await unnamed(server)) == 1
        with pytest.raises(AuthFailed, match="guest is no administrator"):
            await server.tell(written("/music/a/1.flac"))
        *_, last = await checks(server)
    assert (last.subject, last.is_ok, stub.scans) == ("rights", False, [])


@pytest.mark.parametrize(
    ("fault", "kind", "sentence"),
    [
        ("html", NotReady, "something else than OpenSubsonic .HTTP 200, text/html."),
        ("truncated", NotReady, "something else than OpenSubsonic"),
        ("not an object", NotReady, "something else than OpenSubsonic"),
        ("wrong types", NotReady, "something else than OpenSubsonic"),
        ("500", NotReady, "can't answer now .HTTP 500."),
        ("html 500", NotReady, "can't answer now"),
        ("502", NotReady, "can't answer now .HTTP 502."),
        ("404", NotReady, "there is no OpenSubsonic server at"),
        ("redirect", NotReady, "leads elsewhere .https://elsewhere.example/login.:"),
        ("login", AuthFailed, "a login of its own .HTTP 401."),
        ("hang up", NotReady, "can't reach"),
        ("endless", NotReady, "answers without end"),
    ],
)
async def test_whatever_answers_instead_is_told_in_a_sentence(music, library, fault, kind, sentence):
    stub = NavidromeStub(library)
    stub.fault = fault
    async with connected(stub, music) as (server, _):
        for ask in (server.status(), unnamed(server), server.tell(written("/music/1.mp3"))):
            with pytest.raises(kind, match=sentence) as caught:
                await ask
            assert_tells_no_credentials(caught.value)
        *_, last = await checks(server)
    assert not last.is_ok


async def test_a_server_that_hangs_is_not_waited_for(music, library):
    stub = NavidromeStub(library)
    stub.fault = "hang"
    async with connected(stub, music, request_s=0.1) as (server, _):
        with pytest.raises(NotReady, match="does not answer in time"):
            await server.status()


async def test_an_error_of_the_server_is_passed_on(music, library):
    stub = NavidromeStub(library)
    stub._ping = lambda form: {"error": {"code": 0, "message": "Internal\nServer Error " + "x" * 9_000}}
    async with connected(stub, music) as (server, _):
        with pytest.raises(NotReady, match=r"Navidrome 0.58.0 says: Internal Server Error x+$") as caught:
            await server.status()
    assert len(str(caught.value)) < 400


async def test_odd_entries_neither_stop_the_list_nor_get_through(music):
    odd = [
        {"id": 1, "path": "/music/1.mp3", "title": None, "size": -1, "duration": 0},
        {"id": "2", "title": "minimal"},
        {"id": "3", "path": "/music/3.mp3", "artist": "[Unknown Artist]", "genre": ["new", {"key": 1}]},
    ]
    stub = NavidromeStub(Library(1, "Music", "/music"))
    stub._search3 = lambda form: {"searchResult3": {"song": odd if form["songOffset"] == "0" else []}}
    async with connected(stub, music) as (server, _):
        assert await unnamed(server) == [Item("1", "/music/1.mp3"), Item("3", "/music/3.mp3")]


async def test_all_checks_are_right_without_a_scan(music, library):
    drop(music, "a/1.flac")
    library.read()
    stub = NavidromeStub(library)
    async with connected(stub, music) as (server, _):
        found = await checks(server)
    assert [check.subject for check in found] == ["address", "credentials", "rights", "paths", "scans"]
    assert all(check.is_ok for check in found)
    assert f"/music/a/1.flac there is {music / 'a/1.flac'} here" in found[3].sentence
    assert stub.scans == []


async def test_the_checks_try_some_files_only(music):
    entries = {f"{number:04}.mp3": {"id": str(number)} | UNNAMED for number in range(1_000)}
    stub = NavidromeStub(Library(1, "Music", "/music", entries=entries))
    async with connected(stub, music) as (server, _):
        assert all(check.is_ok for check in await checks(server))
    assert stub.calls.count("search3") == 1


@pytest.mark.parametrize(
    ("path", "folders", "subject", "sentence"),
    [
        ("/data/music", {}, "paths", "add a [[path_map]]"),
        ("C:\\Music", {}, "paths", "add a [[path_map]]"),
        ("/music", "/music/rock", "scans", "which is not below /music/rock"),
        (
            "/music",
            {"Musik": "/music"},
            "scans",
            "must stand for one of the server's music folders: Music (1)",
        ),
    ],
)
async def test_a_path_or_folder_that_is_wrong_fails_its_check(music, path, folders, subject, sentence):
    stub = NavidromeStub(Library(1, "Music", path, entries={"1.mp3": {"id": "1"} | UNNAMED}))
    async with connected(stub, music, music_folders=folders) as (server, _):
        *_, last = await checks(server)
    assert (last.subject, last.is_ok) == (subject, False)
    assert sentence in last.sentence


async def test_a_library_that_only_partly_leads_here_is_right_and_says_so(music):
    one, two = ({"1.mp3": {"id": str(number)} | UNNAMED} for number in range(2))
    stub = NavidromeStub(Library(1, "M", "/music", entries=one), Library(2, "B", "/books", entries=two))
    async with connected(stub, music, music_folders={}) as (server, _):
        found = await checks(server)
    assert all(check.is_ok for check in found)
    assert "1 of 2 files lead nowhere: /books/1.mp3 is not below /music" in found[3].sentence


async def test_an_empty_server_passes_the_checks(music, library):
    async with connected(NavidromeStub(library), music) as (server, _):
        found = await checks(server)
    assert all(check.is_ok for check in found)
    assert "no music yet" in found[3].sentence


async def test_nothing_that_is_logged_tells_credentials(music, library, caplog):
    caplog.set_level(logging.DEBUG)
    stub = NavidromeStub(library)
    async with connected(stub, music) as (server, _):
        await server.tell(written("/music/a/1.flac"))
        stub.fault = "hang up"
        with pytest.raises(PluginError) as caught:
            await server.status()
    assert_tells_no_credentials(caught.value)
    assert "has 1 files scanned" in caplog.text
    for secret in (PASSWORD, PASSWORD.encode().hex(), *stub.salts, "&t=", "?t="):
        assert secret not in caplog.text


def assert_tells_no_credentials(error: BaseException | None) -> None:
    while error is not None:
        assert PASSWORD not in repr(error)
        assert "t=" not in str(error)
        error = error.__cause__
