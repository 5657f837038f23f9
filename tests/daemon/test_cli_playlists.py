"""`spectra sync` and `spectra playlists`, as people and scripts meet them."""

import json
from pathlib import Path

import pytest
from command_line import set_options, spectra
from fake_youtube import FakeYouTube, address, listing, track

from daemon.playlist_errors import BrokenDownload, SourceBlocked, SourceUnreachable


@pytest.fixture(autouse=True)
def _state(tmp_path: Path, conninfo: str, monkeypatch: pytest.MonkeyPatch) -> None:
    set_options(monkeypatch, tmp_path, DB_URL=conninfo, SPECTRA_YOUTUBE__PAUSE_S="0")


def test_a_list_is_synced_and_again_fetches_nothing(youtube: FakeYouTube) -> None:
    youtube.lists[address("a")] = listing(track(1), track(2), track(3, title="Piece 3 (Cover)"))
    for _ in range(2):
        result = spectra("sync", address("a"))
        assert (result.exit_code, result.stdout) == (0, "A List: 2 references, 1 refused; 3 tracks\n"), (
            result.output
        )
    assert len(youtube.fetched) == 2
    shown = spectra("playlists").stdout.splitlines()[1].split("  ")
    assert [each.strip() for each in shown if each.strip()] == [
        *("1", "A List", "2 references, 1 refused", "when asked", "3 tracks"),
    ]


def test_what_failed_is_told_with_its_reason_and_is_no_success(youtube: FakeYouTube) -> None:
    youtube.lists |= {address("a"): listing(track(1), track(2)), address("b"): SourceUnreachable("no route")}
    youtube.failures["video000002"] = BrokenDownload("video000002", "cut off")
    result = spectra("sync", address("a"))
    assert (result.exit_code, result.stdout) == (
        1,
        "A List: 1 reference, 1 failed; 2 tracks\n  Piece 2: video000002: cut off\n",
    )
    result = spectra("sync", address("b"))
    assert (result.exit_code, "can't be reached" in result.stdout) == (1, True)
    youtube.failures.clear()
    youtube.lists[address("b")] = listing(track(3))
    result = spectra("sync", "--json")
    assert (result.exit_code, len(json.loads(result.stdout)["playlists"])) == (0, 2), result.output


def test_an_empty_list_is_no_success(youtube: FakeYouTube) -> None:
    youtube.lists[address("a")] = listing()
    assert spectra("sync", address("a")).exit_code == 1


def test_a_list_of_which_nothing_is_taken_is_no_success(youtube: FakeYouTube) -> None:
    youtube.lists[address("a")] = listing(track(1, title="Piece 1 (Live)"))
    result = spectra("sync", address("a"))
    assert (result.exit_code, result.stdout) == (1, "A List: 0 references, 1 refused; 1 track\n")


def test_a_pause_is_told_with_the_status_and_is_no_trouble(youtube: FakeYouTube) -> None:
    youtube.lists[address("a")] = SourceBlocked("a bot check")
    assert "YouTube until" not in spectra("status").stderr
    spectra("sync", address("a"))
    result = spectra("status")
    assert result.exit_code == 0
    assert "Nothing is asked of YouTube until" in result.stderr
    assert "bot check" in result.stderr


def test_a_list_may_be_told_never_to_be_read_by_itself(youtube: FakeYouTube) -> None:
    youtube.lists[address("a")] = listing(track(1))
    spectra("playlists", "add", address("a"))
    spectra("playlists", "add", address("a"), "--every", "never")
    [known] = json.loads(spectra("playlists", "--json").stdout)["playlists"]
    assert known["every_s"] is None


def test_a_refusal_is_told_with_its_end(youtube: FakeYouTube) -> None:
    youtube.lists[address("a")] = SourceBlocked("a bot check")
    result = spectra("sync", address("a"))
    assert result.exit_code == 1
    assert "Nothing is asked of YouTube until" in result.stderr
    assert "bot check" in result.stderr


def test_without_playlists_it_is_said_how_to_add_one(youtube: FakeYouTube) -> None:
    for command in ("sync", "playlists"):
        result = spectra(command)
        assert "spectra playlists add URL" in result.stdout
    assert youtube.reads == []


def test_lists_are_added_and_removed(youtube: FakeYouTube) -> None:
    youtube.lists[address("a")] = listing(track(1))
    assert (
        spectra("playlists", "add", address("a"), "--every", "never").stdout
        == f"playlist 1: {address('a')}\n"
    )
    [known] = json.loads(spectra("playlists", "--json").stdout)["playlists"]
    assert (known["url"], known["every_s"]) == (address("a"), None)
    assert spectra("playlists", "remove", "1").exit_code == 0
    again = spectra("playlists", "remove", "1")
    assert (again.exit_code, "there is no playlist 1" in again.stderr) == (2, True)


@pytest.mark.parametrize(
    "arguments",
    [("list", "odd"), ("add",), ("remove", "x"), ("odd",), ("add", "https://example.org/")],
)
def test_what_makes_no_sense_is_refused(youtube: FakeYouTube, arguments: tuple[str, ...]) -> None:
    result = spectra("playlists", *arguments)
    assert result.exit_code == (0 if arguments[0] == "list" else 2)
