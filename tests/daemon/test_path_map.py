"""Where a media server's files are here, and back."""

import os
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from daemon.config import describe, load_config
from daemon.errors import ConfigError
from daemon.path_map import PathMap, PathMapping, is_at_or_below, is_windows, normal


def _mapping(server: str, local: str, source: str | None = None) -> PathMapping:
    return PathMapping(server=server, local=local, source=source)  # type: ignore[arg-type]


def _map(*mappings: tuple[str, ...]) -> PathMap:
    return PathMap(_mapping(*each) for each in mappings)


def test_nothing_is_mapped_without_mappings() -> None:
    assert (_map().to_local(b"/music/a.mp3"), _map().to_server(b"/srv/a.mp3")) == (
        b"/music/a.mp3",
        b"/srv/a.mp3",
    )


def test_the_longest_server_folder_counts_in_whole_components() -> None:
    paths = _map(("/music", "/srv/music"), ("/music/new/", "/incoming"), ("/music/new/x", "/x"))
    mapped = {
        b"/music": b"/srv/music",
        b"/music/a/b.mp3": b"/srv/music/a/b.mp3",
        b"/music/new/b.mp3": b"/incoming/b.mp3",
        b"/music/newer/b.mp3": b"/srv/music/newer/b.mp3",
        b"/music/new/x/": b"/x",
        b"//music///./a.mp3": b"/srv/music/a.mp3",
        b"/music2/a.mp3": b"/music2/a.mp3",
        b"/elsewhere/music/a.mp3": b"/elsewhere/music/a.mp3",
        b"/music/\xff.mp3": b"/srv/music/\xff.mp3",
    }
    assert {path: paths.to_local(path) for path in mapped} == mapped


def test_the_longest_local_folder_counts_on_the_way_back() -> None:
    paths = _map(("/music", "/srv/music"), ("/podcasts", "/srv/music/podcasts/"))
    mapped = {
        b"/srv/music": b"/music",
        b"/srv/music/\xff.mp3": b"/music/\xff.mp3",
        b"/srv/music/podcasts/a.mp3": b"/podcasts/a.mp3",
        b"/srv/music/podcasts2/a.mp3": b"/music/podcasts2/a.mp3",
        b"/srv/other.mp3": b"/srv/other.mp3",
    }
    assert {path: paths.to_server(path) for path in mapped} == mapped


def test_what_a_server_can_not_see_has_no_name_there() -> None:
    paths = _map(("/music", "/srv/music"), ("/music/new", "/incoming"))
    # Its /music/new is our /incoming, and its /music is our /srv/music.
    assert paths.to_server(b"/srv/music/new/a.mp3") is None
    assert paths.to_server(b"/music/a.mp3") is None
    assert paths.to_server(b"/incoming/a.mp3") == b"/music/new/a.mp3"


def test_the_root_of_all_can_be_mapped() -> None:
    whole = _map(("/", "/srv"))
    assert (whole.to_local(b"/a.mp3"), whole.to_local(b"/"), whole.to_server(b"/srv/a.mp3")) == (
        b"/srv/a.mp3",
        b"/srv",
        b"/a.mp3",
    )
    host = _map(("/host", "/"))
    assert (host.to_local(b"/host/a.mp3"), host.to_local(b"/host"), host.to_server(b"/a.mp3")) == (
        b"/a.mp3",
        b"/",
        b"/host/a.mp3",
    )


def test_a_server_may_see_things_its_own_way() -> None:
    paths = _map(
        ("/music", "/srv/music"),
        ("/music", "/mnt/navidrome", "navidrome"),
        ("/media", "/srv/music", "jellyfin"),
        ("/podcasts", "/srv/podcasts"),
    )
    assert paths.to_local(b"/music/a") == paths.to_local(b"/music/a", "other") == b"/srv/music/a"
    assert paths.to_local(b"/music/a", "navidrome") == b"/mnt/navidrome/a"
    assert paths.to_local(b"/media/a", "jellyfin") == b"/srv/music/a"
    assert paths.to_local(b"/media/a", "navidrome") == b"/media/a"
    assert paths.to_server(b"/srv/music/a", "jellyfin") == b"/media/a"
    assert paths.to_server(b"/srv/music/a") == b"/music/a"
    # What its own mappings leave open, the general ones say.
    assert {paths.to_local(b"/podcasts/a", each) for each in (None, "navidrome", "jellyfin")} == {
        b"/srv/podcasts/a"
    }


_NAMES = st.binary(min_size=1, max_size=3).filter(
    lambda name: not {b"/"[0], 0} & set(name) and name not in (b".", b"..")
)
_FOLDERS = st.lists(st.sampled_from([b"a", b"b", b"ab", b"\xff"]), max_size=3).map(
    lambda names: b"/" + b"/".join(names)
)
_PAIRS = st.lists(
    st.tuples(_FOLDERS, _FOLDERS, st.sampled_from([None, "one"])),
    max_size=4,
    unique_by=(lambda each: (each[0], each[2]), lambda each: (each[1], each[2])),
)


def _paths_of(pairs: list[tuple[bytes, bytes, str | None]]) -> PathMap:
    return PathMap(
        _mapping(os.fsdecode(server), os.fsdecode(local), source) for server, local, source in pairs
    )


@given(
    pairs=_PAIRS,
    folder=_FOLDERS,
    names=st.lists(_NAMES, max_size=2),
    source=st.sampled_from([None, "one", "two"]),
)
def test_both_directions_agree(
    pairs: list[tuple[bytes, bytes, str | None]], folder: bytes, names: list[bytes], source: str | None
) -> None:
    paths = _paths_of(pairs)
    path = normal(b"/".join([folder, *names]))
    at_server = paths.to_server(path, source)
    assert at_server is None or paths.to_local(at_server, source) == path
    local = paths.to_local(path, source)
    if local != path:
        again = paths.to_server(local, source)
        assert again is not None
        assert paths.to_local(again, source) == local


@given(pairs=_PAIRS, names=st.lists(_NAMES, max_size=3), data=st.data())
def test_a_mapped_path_comes_back_as_it_was(
    pairs: list[tuple[bytes, bytes, str | None]], names: list[bytes], data: st.DataObject
) -> None:
    # Without sources; and a file that two local folders hold has two names at the server.
    locals_ = [local for _, local, _ in pairs]
    servers = [server for server, _, _ in pairs]
    assume(pairs and len(set(locals_)) == len(locals_) and len(set(servers)) == len(servers))
    assume(not any(a != b and is_at_or_below(a, b) for a in locals_ for b in locals_))
    paths = _paths_of([(server, local, None) for server, local, _ in pairs])
    path = normal(b"/".join([data.draw(st.sampled_from(servers)), *names]))
    assert paths.to_server(paths.to_local(path)) == path


@pytest.mark.parametrize("path", [rb"C:\Music\a.mp3", b"c:/Music/a.mp3", rb"\\nas\music\a.mp3", b"D:"])
def test_windows_paths_are_told_from_others(path: bytes) -> None:
    assert is_windows(path)
    assert not is_windows(b"/music/" + path)


@pytest.mark.parametrize(
    ("entries", "words"),
    [
        ('server = "C:\\\\Music"\nlocal = "/srv"', "Windows paths can't be mapped"),
        ('server = "music"\nlocal = "/srv"', "must be an absolute path"),
        ('server = "/music/../etc"\nlocal = "/srv"', "without `..`"),
        ("server = 5\nlocal = '/srv'", "must be a path"),
        ('server = "/music"', "path_map"),
        ('server = "/music"\nlocal = ""', "at least one character"),
        ('server = "/music"\nlocal = "/srv"\nsource = ""', "path_map"),
        ('server = "/music"\nlocal = "/srv"\nsouce = "navidrome"', "path_map"),
        (
            'server = "/music"\nlocal = "/srv"\n[[path_map]]\nserver = "/music/"\nlocal = "/mnt"',
            "server = /music is there 2 times",
        ),
        (
            'server = "/music"\nlocal = "/srv"\n[[path_map]]\nserver = "/media"\nlocal = "/srv/"',
            "local = /srv is there 2 times",
        ),
    ],
)
def test_a_mapping_that_can_not_be_followed_is_refused(tmp_path: Path, entries: str, words: str) -> None:
    file = tmp_path / "spectra.toml"
    file.write_text(f"[[path_map]]\n{entries}\n", encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_config(file)
    assert str(caught.value).startswith("path_map: ")
    assert words in str(caught.value)


def test_mappings_are_read_from_file_and_environment_and_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "spectra.toml"
    file.write_text(
        '[server]\nport = 1\n[[path_map]]\nserver = "/music/"\nlocal = "/srv/music"\n'
        '[[path_map]]\nserver = "/music"\nlocal = "/mnt"\nsource = "navidrome"\n',
        encoding="utf-8",
    )
    config = load_config(file)
    shown = {option.path: option.value for option in describe(config)}
    assert shown["path_map"] == "/music is /srv/music, /music is /mnt for navidrome"
    assert PathMap(config.path_map).to_local(b"/music/a", "navidrome") == b"/mnt/a"
    monkeypatch.setenv("SPECTRA_PATH_MAP", '[{"server": "/m", "local": "/srv"}]')
    assert PathMap(load_config(file).path_map).to_local(b"/m/a") == b"/srv/a"
