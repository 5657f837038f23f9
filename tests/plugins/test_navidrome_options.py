"""Options are refused with a sentence; paths are told apart, joined and grouped as the server means them."""

import posixpath

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from plugins.api import PathRefused
from plugins.navidrome import PLUGIN
from plugins.navidrome.folders import MOST_TARGETS, MusicFolders, is_absolute, music_folders
from plugins.navidrome.options import NavidromeOptions
from plugins.navidrome.replies import Entry, Folder, Folders, Reply
from plugins.navidrome.untagged import is_unnamed

GIVEN = {"url": "http://host:4533", "username": "admin", "password": "s3cret-word"}
FOLDERS = (Folder(id="1", name="Music"), Folder(id="2", name="Books"))
NAMES = st.text(st.characters(blacklist_characters="/\0", blacklist_categories=("Cs",)), min_size=1)
SEGMENTS = NAMES.filter(lambda name: name not in (".", ".."))
RELATIVE = st.lists(SEGMENTS, min_size=1, max_size=4).map("/".join)


def options(**changes: object) -> NavidromeOptions:
    return NavidromeOptions.model_validate(GIVEN | changes)


def reply_of(*folders: Folder, product: str = "navidrome") -> Reply:
    return Reply(status="ok", type=product, musicFolders=Folders(musicFolder=folders))


def entry(**fields: object) -> Entry:
    named = {
        "id": "1",
        "title": "So What",
        "artist": "Miles Davis",
        "album": "Kind of Blue",
        "path": "/m/1.mp3",
    }
    return Entry.model_validate(named | fields)


def test_the_plugin_takes_these_options():
    assert PLUGIN.options is NavidromeOptions


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("http://host:4533", "http://host:4533"),
        ("http://host:4533/", "http://host:4533"),
        ("https://host/navidrome/", "https://host/navidrome"),
        ("https://[::1]:4533", "https://[::1]:4533"),
        ("http://música.example", "http://música.example"),
    ],
)
def test_an_address_may_have_a_path(url, kept):
    assert options(url=url).url == kept


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"url": "host:4533"}, "must be an address as"),
        ({"url": "ftp://host"}, "must be an address as"),
        ({"url": "http://"}, "must be an address as"),
        ({"url": "http://host:0"}, "must be an address as"),
        ({"url": "http://host:99999"}, "is no address"),
        ({"url": "http://[::1"}, "is no address"),
        ({"url": "http://admin:s3cret-word@host"}, "must not contain credentials"),
        ({"url": "http://host/?u=admin"}, "without ? and #"),
        ({"url": "http://host/?"}, "without ? and #"),
        ({"url": "http://host/#/login"}, "without ? and #"),
        ({"url": "http://ho st"}, "must not contain blanks"),
        ({"url": "http://host\n"}, "must not contain blanks"),
        ({"url": "http:\\\\host"}, "must not contain blanks, backslashes"),
        ({"username": ""}, "at least 1"),
        ({"password": ""}, "at least 1"),
        ({"scan_wait_s": 0}, "greater than or equal to 1"),
        ({"scan_wait_s": 1e9}, "less than or equal to 1700"),
        ({"music_folders": "music"}, "must be an absolute path"),
        ({"music_folders": "/music/../etc"}, "must be an absolute path"),
        ({"music_folders": {"Music": "C:\\Music"}}, "must be an absolute path"),
        ({"music_folders": ["/music"]}, "valid dictionary"),
        ({"pasword": "typo"}, "Extra inputs are not permitted"),
    ],
)
def test_a_wrong_option_is_refused_with_a_sentence_that_keeps_the_password(changes, sentence):
    with pytest.raises(ValidationError) as caught:
        options(**changes)
    assert sentence in str(caught.value)
    assert "s3cret-word" not in str(caught.value)


def test_the_password_is_not_shown_with_the_options():
    assert "s3cret-word" not in repr(options())


@pytest.mark.parametrize(
    ("given", "paths"),
    [
        ({}, {}),
        ("/music/", None),
        ({"Music": "/music/", "2": "//books"}, {"1": "/music", "2": "/books"}),
        ({"Music": "/"}, {"1": ""}),
        ({"Musik": "/music"}, None),
    ],
)
def test_folders_are_named_by_name_or_id(given, paths):
    found = music_folders(reply_of(*FOLDERS), options(music_folders=given).music_folders)
    assert found.paths == (paths or {})
    assert (found.problem is None) == (paths is not None)
    if found.problem:
        assert "Music (1), Books (2)" in found.problem


def test_one_path_stands_for_the_only_folder():
    found = music_folders(reply_of(FOLDERS[0]), options(music_folders="/music").music_folders)
    assert (found.paths, found.problem) == ({"1": "/music"}, None)


@pytest.mark.parametrize("path", ["/music/a.mp3", "C:\\Music\\a.mp3", "c:/a.mp3", "\\\\nas\\music\\a.mp3"])
def test_an_absolute_path_stays_as_it_is(path):
    assert MusicFolders(FOLDERS, {"1": "/music"}).absolute(path, FOLDERS[0]) == path


@given(RELATIVE.filter(lambda path: not is_absolute(path)), st.lists(SEGMENTS, max_size=3))
def test_a_relative_path_lies_below_its_own_folder(relative, root):
    path = "/" + "/".join(root) if root else ""
    known = MusicFolders(FOLDERS, {"1": "/elsewhere", "2": path})
    assert known.absolute(relative, FOLDERS[1]) == posixpath.join(path or "/", relative)


def test_an_invented_path_is_never_joined():
    known = music_folders(reply_of(FOLDERS[0], product="Navidrome"), {"Music": "/music"})
    with pytest.raises(PathRefused, match="Report Real Path"):
        known.absolute("Artist/Album/title.mp3", FOLDERS[0])


def test_a_relative_path_of_an_unknown_folder_names_the_option():
    with pytest.raises(PathRefused, match="music_folders where it has Books"):
        MusicFolders(FOLDERS, {"1": "/music"}).absolute("a.mp3", FOLDERS[1])


@pytest.mark.parametrize(
    ("paths", "targets"),
    [
        (["/music/a/1.mp3", "/music/a/2.mp3"], ("1:a",)),
        (["/music/a/1.mp3", "/books/b/c/1.mp3"], ("1:a", "2:b/c")),
        (["/music/1.mp3", "/music/a/2.mp3"], ("1:",)),
        (["/music/a/1.mp3", "/music/a/b/2.mp3", "/music/ab/3.mp3"], ("1:a", "1:ab")),
        (["/music2/1.mp3"], ()),
        (["/music/a/1.mp3", "/elsewhere/2.mp3"], ()),
        (["/music/\u05d0\u05d1/Ä ö/1.mp3"], ("1:\u05d0\u05d1/Ä ö",)),
        (["/music/Emerson, Lake/Tarkus/1.mp3"], ("1:",)),
        (["/music/x/The End /1.mp3"], ("1:x",)),
        (['/music/x/"Heroes"/1.mp3'], ("1:x",)),
    ],
)
def test_folders_of_changed_files_become_targets(paths, targets):
    assert MusicFolders(FOLDERS, {"1": "/music", "2": "/books"}).targets(paths) == targets


def test_nothing_known_scans_all():
    assert MusicFolders(FOLDERS, {}).targets(["/music/a/1.mp3"]) == ()


@pytest.mark.parametrize(("count", "is_targeted"), [(MOST_TARGETS, True), (MOST_TARGETS + 1, False)])
def test_too_many_folders_are_scanned_as_all(count, is_targeted):
    paths = [f"/music/{number}/1.mp3" for number in range(count)]
    assert bool(MusicFolders(FOLDERS, {"1": "/music"}).targets(paths)) is is_targeted


@given(st.lists(RELATIVE, min_size=1, max_size=30))
def test_every_file_lies_below_one_target_exactly(relative):
    targets = MusicFolders(FOLDERS, {"1": "/music"}).targets([f"/music/{path}" for path in relative])
    folders = [target.removeprefix("1:") for target in targets]
    for path in relative:
        above = [each for each in folders if not each or path.startswith(each + "/")]
        assert len(above) == 1
    assert all(folder == folder.rstrip() and "," not in folder for folder in folders)


@pytest.mark.parametrize(
    "fields",
    [
        {
            "title": "01 So What",
            "artist": "[Unknown Artist]",
            "album": "[Unknown Album]",
            "path": "/m/01 So What.mp3",
        },
        {"title": "x.flac", "artist": "[unknown]", "album": "[non-album tracks]", "path": "x.flac"},
        {"artist": ""},
        {"artist": None},
        {"artist": "Unknown Artist"},
        {"artist": "<Unknown>"},
        {"title": ""},
        {"title": "  "},
        {"title": "Track 01"},
        {"title": "AudioTrack 03"},
        {"title": "Audio Track 3"},
        {"title": "https://example.org/rip"},
        {"title": "x", "path": "/m/x.mp3", "album": "[Unknown Album]"},
        {"title": "X", "path": "/m/x.mp3", "album": ""},
    ],
)
def test_an_entry_without_title_or_artist_is_unnamed(fields):
    assert is_unnamed(entry(**fields))


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"title": "So What", "path": "/m/So What.mp3"},
        {"title": "1999", "path": "/m/1999.mp3"},
        {"title": "Track of Time"},
        {"title": "Unknown Pleasures"},
        {"artist": "Unknown Mortal Orchestra"},
        {"album": "[Unknown Album]", "path": "/m/01.mp3"},
        {"title": "[ ]"},
    ],
)
def test_an_entry_with_title_and_artist_has_a_name(fields):
    assert not is_unnamed(entry(**fields))
