"""ytmusicapi itself reads lists from a local server that answers as YouTube Music does."""

import json
import locale
import pickle
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from youtube_music_answers import (
    MUSIC_VIDEO,
    Entry,
    album_answer,
    artist_answer,
    channel_answer,
    empty_playlist_answer,
    entries,
    error_answer,
    item,
    player_answer,
    playlist_answer,
    queue_answer,
    video_id,
)
from youtube_music_server import Reply, YouTubeMusic, youtube_music

from daemon import youtube_session
from daemon.playlist_errors import (
    HeadersUnusable,
    NotYouTube,
    SourceBlocked,
    SourceChanged,
    SourceError,
    SourceUnreachable,
    Unavailable,
)
from daemon.playlist_rows import Listing, Track
from daemon.side_process import run_aside
from daemon.youtube_lists import read_listing
from daemon.youtube_tracks import text
from daemon.youtube_url import parse_address

LIST = "PLQwVIlKxHM6qv-o99iX9R85og7IzF9YS_"
AUDIO = "OLAK5uy_n0x1TMX8DL2eli2g_LysCSg-6Nq5YQa1g"
ALBUM = "MPREb_abcdefghijk"
ARTIST = "UC" + "a" * 22
VIDEO = video_id(0)
COVER = "https://lh3.googleusercontent.com/album=w544-h544-l90-rj"
HEADERS = {"cookie": "SID=x; __Secure-3PAPISID=secret", "authorization": "SAPISIDHASH 1_a"}

URLS = {
    "list": f"https://music.youtube.com/playlist?list={LIST}",
    "audio": f"https://music.youtube.com/playlist?list={AUDIO}",
    "album": f"https://music.youtube.com/browse/{ALBUM}",
    "artist": f"https://music.youtube.com/channel/{ARTIST}",
    "track": f"https://music.youtube.com/watch?v={VIDEO}",
    "liked": "https://music.youtube.com/playlist?list=LM",
}


@pytest.fixture(autouse=True)
def unchanged_locale() -> Iterator[None]:
    """ytmusicapi sets the locale of its process: its own, in the daemon."""
    before = locale.setlocale(locale.LC_ALL)
    yield
    locale.setlocale(locale.LC_ALL, before)


@pytest.fixture
def youtube() -> Iterator[YouTubeMusic]:
    with youtube_music() as server:
        yield server


@pytest.fixture
def headers_file(tmp_path: Path) -> Path:
    path = tmp_path / "headers.json"
    path.write_text(json.dumps(HEADERS))
    path.chmod(0o600)
    return path


def read(
    youtube: YouTubeMusic, what: str, *, limit: int = 5_000, headers_file: Path | None = None
) -> Listing:
    target = parse_address(URLS[what])
    return read_listing(target, headers_file=headers_file, limit=limit, proxy=None, base_url=youtube.url)


def test_a_list_that_misses_one_track_says_how_many_it_has(youtube: YouTubeMusic) -> None:
    youtube.put_playlist(LIST, "The List", entries(100), announced=101)
    listing = read(youtube, "list")
    assert (listing.kind, listing.title, listing.announced) == ("playlist", "The List", 101)
    assert [each.video_id for each in listing.tracks] == [video_id(number) for number in range(100)]
    assert listing.tracks[7] == Track(
        video_id=video_id(7),
        title="Title 7",
        artists=("The Artist",),
        album="The Album",
        duration_s=185.0,
        kind="album audio",
        thumbnail_url="https://lh3.googleusercontent.com/track=w544-h544-l90-rj",
    )
    assert pickle.loads(pickle.dumps(listing)) == listing


def test_a_long_list_is_read_page_by_page(youtube: YouTubeMusic) -> None:
    youtube.put_playlist(LIST, "Long", entries(250))
    listing = read(youtube, "list")
    assert [each.title for each in listing.tracks] == [f"Title {number}" for number in range(250)]
    assert listing.announced == 250


def test_a_list_is_read_up_to_the_limit(youtube: YouTubeMusic) -> None:
    youtube.put_playlist(LIST, "Huge", entries(5_000))
    listing = read(youtube, "list", limit=150)
    assert (len(listing.tracks), listing.announced) == (150, 5_000)
    assert len(youtube.requests) < 6


def test_a_page_that_is_gone_midway_is_not_taken_for_the_end(youtube: YouTubeMusic) -> None:
    youtube.put_playlist(LIST, "Cut", entries(250))
    del youtube.replies[f"{LIST}-page-2"]
    with pytest.raises(SourceUnreachable, match="broke off"):
        read(youtube, "list")


def test_an_unavailable_track_stays_in_the_list(youtube: YouTubeMusic) -> None:
    gone = Entry(video_id(1), "Gone", is_available=False)
    youtube.put_playlist(LIST, "List", [*entries(1), gone, *entries(1, first=2)])
    before, unavailable, after = read(youtube, "list").tracks
    assert (unavailable.video_id, unavailable.title, unavailable.artists) == (None, "Gone", ("The Artist",))
    assert before.video_id
    assert after.video_id


def test_an_empty_list_has_no_tracks(youtube: YouTubeMusic) -> None:
    youtube.put(f"VL{LIST}", empty_playlist_answer("Nothing yet"))
    assert read(youtube, "list") == Listing("playlist", "Nothing yet", (), 0)


def test_album_audio_is_told_from_a_video(youtube: YouTubeMusic) -> None:
    tracks = [Entry(video_id(0), "Sound"), Entry(video_id(1), "Clip", album=None, video_type=MUSIC_VIDEO)]
    youtube.put_playlist(LIST, "Mixed", tracks)
    assert [(each.kind, each.album) for each in read(youtube, "list").tracks] == [
        ("album audio", "The Album"),
        ("video", None),
    ]


@pytest.mark.parametrize("what", ["album", "audio"])
def test_an_album_has_its_audio_year_and_cover(youtube: YouTubeMusic, what: str) -> None:
    clip = Entry(video_id(9), "One", video_type=MUSIC_VIDEO)
    youtube.put(ALBUM, album_answer("The Album", "The Artist", 1994, [clip], audio_list=AUDIO))
    youtube.put_playlist(AUDIO, "Album - The Album", [Entry(video_id(1), "One")])
    listing = read(youtube, what)
    assert listing == Listing(
        "album",
        "The Album",
        (
            Track(
                video_id=video_id(1),
                title="One",
                artists=("The Artist",),
                album="The Album",
                year=1994,
                duration_s=185.0,
                kind="album audio",
                thumbnail_url=COVER,
            ),
        ),
        1,
    )


def test_an_album_without_a_list_of_audio_is_read_from_its_page(youtube: YouTubeMusic) -> None:
    youtube.put(ALBUM, album_answer("The Album", "The Artist", 1994, entries(2)))
    assert [(each.video_id, each.album, each.year) for each in read(youtube, "album").tracks] == [
        (video_id(0), "The Album", 1994),
        (video_id(1), "The Album", 1994),
    ]


def test_an_artist_means_the_top_tracks(youtube: YouTubeMusic) -> None:
    youtube.put(ARTIST, artist_answer("The Artist", entries(5), all_tracks=f"VL{AUDIO}"))
    youtube.put_playlist(AUDIO, "Top", entries(180))
    listing = read(youtube, "artist")
    assert (listing.kind, listing.title, len(listing.tracks)) == ("artist", "The Artist", 100)


def test_an_artist_of_few_tracks_has_them_on_the_page(youtube: YouTubeMusic) -> None:
    youtube.put(ARTIST, artist_answer("The Artist", entries(3)))
    assert len(read(youtube, "artist").tracks) == 3


def test_a_channel_is_no_artist(youtube: YouTubeMusic) -> None:
    youtube.put(ARTIST, channel_answer("Somebody"))
    with pytest.raises(NotYouTube, match="no artist"):
        read(youtube, "artist")


def test_a_track_has_artist_album_and_year(youtube: YouTubeMusic) -> None:
    youtube.put(f"next:{VIDEO}", queue_answer(entries(5), 2001))
    listing = read(youtube, "track")
    assert listing == Listing(
        "track",
        "Title 0",
        (
            Track(
                video_id=VIDEO,
                title="Title 0",
                artists=("The Artist",),
                album="The Album",
                year=2001,
                duration_s=185.0,
                kind="album audio",
                thumbnail_url="https://lh3.googleusercontent.com/queue=w544-h544-l90-rj",
            ),
        ),
        1,
    )


def test_a_video_that_no_queue_has_is_described_by_the_player(youtube: YouTubeMusic) -> None:
    youtube.put(f"next:{VIDEO}", queue_answer(entries(1, first=5), 2001))
    youtube.put(f"player:{VIDEO}", player_answer(Entry(VIDEO, "Clip", "Band - Topic", video_type="UGC")))
    (track,) = read(youtube, "track").tracks
    assert track == Track(
        VIDEO, "Clip", ("Band",), duration_s=185.0, thumbnail_url="https://i.ytimg.com/vi/x=w544-h544-l90-rj"
    )


@pytest.mark.parametrize(
    ("status", "reason", "expected"),
    [
        ("ERROR", "This video is unavailable", "gone"),
        (
            "LOGIN_REQUIRED",
            "This is a private video. Please sign in to verify that you may see it.",
            "private",
        ),
        ("LOGIN_REQUIRED", "Sign in to confirm your age", "age_locked"),
        ("UNPLAYABLE", "The uploader has not made this video available in your country", "region_locked"),
        ("UNPLAYABLE", "This video is available to this channel's members", "paid"),
        ("UNPLAYABLE", "This track is only available to Music Premium members", "paid"),
    ],
)
def test_a_track_that_cant_be_played_says_why(
    youtube: YouTubeMusic, status: str, reason: str, expected: str
) -> None:
    youtube.put(f"player:{VIDEO}", player_answer(entries(1)[0], status=status, reason=reason))
    youtube.put(f"next:{VIDEO}", queue_answer([Entry(VIDEO, "Gone", is_available=False)], 2001))
    with pytest.raises(Unavailable) as refused:
        read(youtube, "track")
    assert refused.value.args == (URLS["track"], expected)


def test_a_bot_check_of_the_player_blocks_the_source(youtube: YouTubeMusic) -> None:
    answer = player_answer(
        entries(1)[0], status="LOGIN_REQUIRED", reason="Sign in to confirm you're not a bot"
    )
    youtube.put(f"player:{VIDEO}", answer)
    youtube.put(f"next:{VIDEO}", queue_answer([], 2001))
    with pytest.raises(SourceBlocked):
        read(youtube, "track")


@pytest.mark.parametrize(
    ("status", "message", "expected"),
    [
        (404, "Requested entity was not found.", Unavailable(URLS["list"], "gone")),
        (400, "Request contains an invalid argument.", Unavailable(URLS["list"], "gone")),
        (403, "The caller does not have permission", Unavailable(URLS["list"], "private")),
        (401, "You must be signed in", Unavailable(URLS["list"], "private")),
        (400, "Precondition check failed.", SourceChanged("it answers HTTP 400")),
        (429, "Resource has been exhausted", SourceBlocked("it answers HTTP 429, too many requests")),
        (503, "The service is currently unavailable.", SourceUnreachable("it answers HTTP 503")),
    ],
)
def test_a_refusal_has_its_reason(
    youtube: YouTubeMusic, status: int, message: str, expected: SourceError
) -> None:
    youtube.put(f"VL{LIST}", error_answer(status, message), status=status)
    with pytest.raises(SourceError) as refused:
        read(youtube, "list")
    assert repr(refused.value) == repr(expected)
    assert repr(pickle.loads(pickle.dumps(refused.value))) == repr(expected)


def test_a_list_that_is_not_shown_is_private(youtube: YouTubeMusic) -> None:
    youtube.put(f"VL{LIST}", {"responseContext": {}, "trackingParams": "x"})
    with pytest.raises(Unavailable) as refused:
        read(youtube, "list")
    assert refused.value.args == (URLS["list"], "private")


@pytest.mark.parametrize("key", [f"VL{LIST}", "/"])
@pytest.mark.parametrize(
    ("told", "wait_s"), [("120", 120.0), ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0), ("soon", None), ("", None)]
)
def test_a_page_of_429_says_how_long_to_wait(
    youtube: YouTubeMusic, key: str, told: str, wait_s: float | None
) -> None:
    youtube.put_page(key, "<html>Too many</html>", status=429, Retry_After=told)
    with pytest.raises(SourceBlocked) as refused:
        read(youtube, "list")
    assert refused.value.args[1] == wait_s


def test_a_captcha_blocks_the_source(youtube: YouTubeMusic) -> None:
    youtube.put_page(f"VL{LIST}", "Our systems have detected unusual traffic from your network")
    with pytest.raises(SourceBlocked, match="no robot"):
        read(youtube, "list")


@pytest.mark.parametrize("key", [f"VL{LIST}", "/"])
def test_being_sent_to_the_captcha_blocks_the_source(youtube: YouTubeMusic, key: str) -> None:
    youtube.put_page(key, "", status=302, Location="https://www.google.com/sorry/index?continue=x")
    with pytest.raises(SourceBlocked, match="no robot"):
        read(youtube, "list")


@pytest.mark.parametrize("key", [f"VL{LIST}", "/"])
def test_nobody_else_is_asked(youtube: YouTubeMusic, key: str) -> None:
    with youtube_music() as other:
        youtube.put_page(key, "", status=302, Location=f"{other.url}/youtubei/v1/browse")
        with pytest.raises(SourceChanged, match="sends us"):
            read(youtube, "list")
        assert not other.requests


def test_a_page_that_is_no_captcha_is_a_change(youtube: YouTubeMusic) -> None:
    youtube.put_page(f"VL{LIST}", "<html>Welcome</html>")
    with pytest.raises(SourceChanged, match="not JSON"):
        read(youtube, "list")


def without_shelf() -> dict[str, object]:
    answer = playlist_answer("List", entries(3))
    del answer["contents"]["twoColumnBrowseResultsRenderer"]["secondaryContents"]
    return answer


def with_another_row() -> dict[str, object]:
    answer = playlist_answer("List", [])
    columns = answer["contents"]["twoColumnBrowseResultsRenderer"]["secondaryContents"]
    shelf = columns["sectionListRenderer"]["contents"][0]["musicPlaylistShelfRenderer"]
    shelf["contents"] = [item(entries(1)[0])]
    shelf["contents"][0]["musicResponsiveListItemRenderer"]["flexColumns"] = "none"
    return answer


@pytest.mark.parametrize(
    "answer",
    [without_shelf(), with_another_row(), {"contents": {"newRenderer": {}}}, {"contents": None}],
    ids=["shelf", "row", "renderer", "nothing"],
)
def test_another_layout_is_a_change_told_in_a_line(youtube: YouTubeMusic, answer: dict[str, object]) -> None:
    youtube.put(f"VL{LIST}", answer)
    with pytest.raises(SourceChanged, match="pip install --upgrade") as changed:
        read(youtube, "list")
    assert len(str(changed.value)) < 500


@pytest.mark.parametrize("body", [b"{", b"[]", b"null", b'"text"', b"", b"\xff"])
def test_an_answer_that_is_not_what_it_says_is_a_change(youtube: YouTubeMusic, body: bytes) -> None:
    youtube.replies[f"VL{LIST}"] = Reply(body)
    with pytest.raises(SourceChanged):
        read(youtube, "list")


def test_a_giant_answer_is_not_read(youtube: YouTubeMusic, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(youtube_session, "_LARGEST_ANSWER_BYTES", 100_000)
    youtube.put_playlist(LIST, "x" * 200_000, entries(1))
    with pytest.raises(SourceChanged, match="answer of more than"):
        read(youtube, "list")


def test_a_cut_answer_is_no_answer(youtube: YouTubeMusic) -> None:
    youtube.replies[f"VL{LIST}"] = Reply(b"{}", announced_bytes=1_000)
    with pytest.raises(SourceUnreachable, match="breaks"):
        read(youtube, "list")


def test_a_silent_server_is_given_up(youtube: YouTubeMusic, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(youtube_session, "_READ_S", 0.05)
    youtube.put_playlist(LIST, "List", entries(100))
    youtube.put(f"VL{LIST}", playlist_answer("List", entries(100), more="hang"))
    with pytest.raises(SourceUnreachable, match="no answer in time"):
        read(youtube, "list")


def test_a_server_that_is_away_is_unreachable(youtube: YouTubeMusic) -> None:
    target = parse_address(URLS["list"])
    with pytest.raises(SourceUnreachable, match="no connection"):
        read_listing(target, headers_file=None, limit=10, proxy=None, base_url="http://127.0.0.1:9")


def test_a_proxy_is_the_only_way_out(youtube: YouTubeMusic) -> None:
    target = parse_address(URLS["list"])
    with pytest.raises(SourceUnreachable, match=r"youtube\.proxy"):
        read_listing(target, headers_file=None, limit=10, proxy="http://127.0.0.1:9", base_url=youtube.url)
    assert not youtube.requests


def test_the_environment_does_not_choose_the_way(
    youtube: YouTubeMusic, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    youtube.put_playlist(LIST, "List", entries(1))
    assert read(youtube, "list").tracks


def test_liked_tracks_need_headers(youtube: YouTubeMusic) -> None:
    with pytest.raises(Unavailable, match=r"youtube\.headers_file"):
        read(youtube, "liked")
    assert not youtube.requests


def test_liked_tracks_are_read_with_headers(youtube: YouTubeMusic, headers_file: Path) -> None:
    youtube.put_playlist("LM", "Liked Music", entries(2))
    listing = read(youtube, "liked", headers_file=headers_file)
    assert (listing.kind, listing.title, len(listing.tracks)) == ("liked", "Liked Music", 2)
    asked = youtube.requests[-1].headers
    assert asked["cookie"] == HEADERS["cookie"]
    assert asked["authorization"].startswith("SAPISIDHASH ")


@pytest.mark.parametrize("status", [401, 403])
def test_headers_that_are_out_of_date_are_named(
    youtube: YouTubeMusic, headers_file: Path, status: int
) -> None:
    youtube.put("VLLM", error_answer(status, "You must be signed in"), status=status)
    with pytest.raises(HeadersUnusable, match="out of date") as refused:
        read(youtube, "liked", headers_file=headers_file)
    assert str(headers_file) in str(refused.value)
    assert str(pickle.loads(pickle.dumps(refused.value))) == str(refused.value)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o666])
def test_headers_that_others_can_read_are_not_used(
    youtube: YouTubeMusic, headers_file: Path, mode: int
) -> None:
    headers_file.chmod(mode)
    with pytest.raises(HeadersUnusable, match="chmod 600"):
        read(youtube, "liked", headers_file=headers_file)
    assert not youtube.requests


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "not JSON"),
        ("[]", "no object|not an object"),
        ('{"cookie": 3}', "not an object"),
        ('{"cookie": "__Secure-3PAPISID=a\\r\\nHost: evil"}', "not an object"),
        ('{"cookie": "SID=x"}', "not signed in"),
        ('{"cookie": "__Secure-3PAPISID=a", "authorization": "Bearer x"}', "not a browser's"),
        (" " * 300_000, "larger"),
    ],
)
def test_a_file_that_holds_no_headers_is_refused(
    youtube: YouTubeMusic, headers_file: Path, content: str, reason: str
) -> None:
    headers_file.write_text(content)
    with pytest.raises(HeadersUnusable, match=reason):
        read(youtube, "liked", headers_file=headers_file)


def test_a_file_of_headers_that_is_missing_is_named(youtube: YouTubeMusic, tmp_path: Path) -> None:
    with pytest.raises(HeadersUnusable, match="No such file"):
        read(youtube, "liked", headers_file=tmp_path / "none.json")


def test_what_a_browser_said_of_its_own_request_is_not_repeated(
    youtube: YouTubeMusic, headers_file: Path
) -> None:
    own = {"Accept-Encoding": "br, zstd", "Content-Length": "7", "Host": "example.org", "Connection": "close"}
    headers_file.write_text(json.dumps({**HEADERS, **own}))
    youtube.put_playlist("LM", "Liked", entries(1))
    assert read(youtube, "liked", headers_file=headers_file).tracks
    sent = {name.lower(): value for name, value in youtube.requests[-1].headers.items()}
    assert "example.org" not in sent["host"]
    assert sent["content-length"] != "7"
    assert "zstd" not in sent["accept-encoding"]


def test_a_cookie_is_enough_of_headers(youtube: YouTubeMusic, headers_file: Path) -> None:
    headers_file.write_text(json.dumps({"Cookie": HEADERS["cookie"]}))
    youtube.put_playlist("LM", "Liked Music", entries(1))
    assert read(youtube, "liked", headers_file=headers_file).tracks


@pytest.mark.parametrize(
    ("said", "shown"),
    [("a\x00b\n c\u2028d", "a b c d"), ("\ud800x", "?x"), ("x" * 900, "x" * 500), (None, ""), (3, "")],
)
def test_a_text_is_one_clean_line(said: object, shown: str) -> None:
    assert text(said) == shown


async def test_a_list_is_read_in_a_process_of_its_own(youtube: YouTubeMusic, unblocked: None) -> None:
    youtube.put_playlist(LIST, "List", entries(3))
    reader = partial(read_listing, headers_file=None, limit=10, proxy=None, base_url=youtube.url)
    assert len((await run_aside(reader, parse_address(URLS["list"]), within_s=120.0)).tracks) == 3
    with pytest.raises(Unavailable) as refused:
        await run_aside(reader, parse_address(URLS["artist"]), within_s=120.0)
    assert refused.value.args == (URLS["artist"], "gone")


def test_an_id_that_is_none_is_not_passed_on(youtube: YouTubeMusic) -> None:
    youtube.put_playlist(LIST, "List", [Entry("../../etc/x", "Bad"), Entry(VIDEO, "Good", length="")])
    assert [(each.video_id, each.duration_s) for each in read(youtube, "list").tracks] == [
        (None, 185.0),
        (VIDEO, None),
    ]
