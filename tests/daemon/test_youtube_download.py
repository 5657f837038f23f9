"""yt-dlp itself, fetching real sound from a server of ours."""

import asyncio
import gc
import pickle
import resource
import warnings
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import av
import pytest
from synth import encoded, music, write_bytes
from waiting import until
from youtube_media_server import Media, MediaServer

from daemon.playlist_errors import (
    BrokenDownload,
    CookiesUnusable,
    SourceBlocked,
    SourceChanged,
    SourceError,
    SourceUnreachable,
    Unavailable,
)
from daemon.playlist_rows import Downloaded
from daemon.side_process import run_aside
from daemon.youtube_download import DownloadOptions, download

ID = "dQw4w9WgXcQ"
DURATION_S = 12.0


pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
"""yt-dlp leaves open the connection of a download that fails: in its own process that does not matter."""


@pytest.fixture(autouse=True)
def left_connections() -> Iterator[None]:
    """Close them here, so that no later test is blamed."""
    yield
    with warnings.catch_warnings(action="ignore"):
        gc.collect()


@pytest.fixture(scope="module")
def webm(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A track as YouTube has it: Opus in WebM."""
    return encoded(music(3, DURATION_S), ".webm", tmp_path_factory.mktemp("webm"))


@pytest.fixture
async def server() -> AsyncIterator[MediaServer]:
    async with MediaServer() as opened:
        yield opened


async def fetch(server: MediaServer, folder: Path, **options: Any) -> Downloaded:
    """Download the one track, in a thread: that it can be killed is another test."""
    return await asyncio.to_thread(download, ID, folder, server.options(**options))


async def refused(server: MediaServer, folder: Path, **options: Any) -> SourceError:
    """Download, and return the error; nothing may be left."""
    with pytest.raises(SourceError) as caught:
        await fetch(server, folder, **options)
    assert list(folder.iterdir()) == []
    restored = pickle.loads(pickle.dumps(caught.value))
    assert (type(restored), restored.args) == (type(caught.value), caught.value.args)
    return caught.value


@pytest.mark.parametrize(("suffix", "content_type"), [(".webm", "audio/webm"), (".m4a", "audio/mp4")])
async def test_a_whole_track_arrives_byte_by_byte(
    server: MediaServer, tmp_path: Path, suffix: str, content_type: str
) -> None:
    sent = encoded(music(3, DURATION_S), suffix, tmp_path)
    server.media[ID] = Media(sent, content_type)
    (folder := tmp_path / "folder").mkdir()
    found = await fetch(server, folder, expected_s=DURATION_S)
    assert found.path.read_bytes() == sent
    assert found.path.suffix == suffix
    assert found.size_bytes == len(sent)
    assert found.details["title"]
    assert [path for path in folder.rglob("*") if path.is_file()] == [found.path]


async def test_a_redirect_to_another_host_is_followed(
    server: MediaServer, tmp_path: Path, webm: bytes
) -> None:
    server.media[ID] = Media(b"", redirect=server.url("elsewhere", host="localhost"))
    server.media["elsewhere"] = Media(webm)
    found = await fetch(server, tmp_path)
    assert found.path.read_bytes() == webm


async def test_a_redirect_to_a_local_file_is_not_followed(server: MediaServer, tmp_path: Path) -> None:
    (folder := tmp_path / "folder").mkdir()
    (tmp_path / "secret.webm").write_bytes(b"secret")
    server.media[ID] = Media(b"", redirect=(tmp_path / "secret.webm").as_uri())
    await refused(server, folder)


async def test_a_server_that_stops_sending_is_given_up(
    server: MediaServer, tmp_path: Path, webm: bytes
) -> None:
    server.media[ID] = Media(webm, stalls_after_bytes=20_000)
    assert isinstance(await refused(server, tmp_path, socket_timeout_s=0.3), SourceUnreachable)
    assert server.stalled.is_set()


async def test_a_connection_that_breaks_off_leaves_a_broken_download(
    server: MediaServer, tmp_path: Path, webm: bytes
) -> None:
    server.media[ID] = Media(webm[: len(webm) // 2], announced_bytes=len(webm))
    assert isinstance(await refused(server, tmp_path), BrokenDownload)


def as_dash(content: bytes, folder: Path) -> bytes:
    """Return an M4A in fragments, as YouTube has it."""
    source, target = write_bytes(folder / "whole.m4a", content), folder / "dash.m4a"
    options = {"movflags": "frag_keyframe+empty_moov+default_base_moof+dash"}
    with av.open(str(source)) as whole, av.open(str(target), "w", format="mp4", options=options) as dash:
        copy = dash.add_stream_from_template(whole.streams.audio[0])
        for packet in whole.demux(audio=0):
            if packet.dts is not None:
                packet.stream = copy
                dash.mux(packet)
    return target.read_bytes()


@pytest.mark.parametrize(("share", "is_whole"), [(1.0, True), (0.5, False), (0.9, False)])
async def test_a_file_in_fragments_must_be_whole_too(
    server: MediaServer, tmp_path: Path, share: float, *, is_whole: bool
) -> None:
    (folder := tmp_path / "folder").mkdir()
    sent = as_dash(encoded(music(3, DURATION_S), ".m4a", tmp_path), tmp_path)
    server.media[ID] = Media(sent[: int(len(sent) * share)], "audio/mp4")
    if is_whole:
        assert (await fetch(server, folder, expected_s=DURATION_S, tolerance_s=0.5)).size_bytes == len(sent)
    else:
        error = await refused(server, folder, expected_s=DURATION_S, tolerance_s=0.5)
        assert isinstance(error, BrokenDownload)


@pytest.mark.parametrize("expected_s", [None, DURATION_S])
async def test_half_a_file_is_noticed_though_the_server_calls_it_whole(
    server: MediaServer, tmp_path: Path, webm: bytes, expected_s: float | None
) -> None:
    server.media[ID] = Media(webm[: len(webm) // 2])
    error = await refused(server, tmp_path, expected_s=expected_s, tolerance_s=1.0)
    assert isinstance(error, BrokenDownload)
    assert "of 12 s" in str(error)


async def test_another_duration_than_the_lists_is_no_track_of_it(
    server: MediaServer, tmp_path: Path, webm: bytes
) -> None:
    server.media[ID] = Media(webm)
    assert isinstance(await refused(server, tmp_path, expected_s=60.0), BrokenDownload)


@pytest.mark.parametrize("content_type", ["audio/webm", "text/html"])
async def test_a_page_is_no_sound(server: MediaServer, tmp_path: Path, content_type: str) -> None:
    server.media[ID] = Media(b"<!DOCTYPE html><html><body>Consent</body></html>" * 50, content_type)
    error = await refused(server, tmp_path)
    assert isinstance(error, BrokenDownload if content_type == "audio/webm" else SourceChanged)


@pytest.mark.parametrize("is_announced", [True, False])
async def test_too_much_ends_a_download_announced_or_not(
    server: MediaServer, tmp_path: Path, webm: bytes, *, is_announced: bool
) -> None:
    server.media[ID] = Media(webm, is_announced=is_announced)
    error = await refused(server, tmp_path, largest_bytes=len(webm) - 1)
    assert isinstance(error, BrokenDownload)
    assert "too large" in str(error)
    assert (await fetch(server, tmp_path, largest_bytes=len(webm))).size_bytes == len(webm)


async def test_too_long_a_sound_is_refused(server: MediaServer, tmp_path: Path, webm: bytes) -> None:
    server.media[ID] = Media(webm)
    error = await refused(server, tmp_path, longest_s=DURATION_S / 2)
    assert isinstance(error, BrokenDownload)
    assert "too long" in str(error)


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (403, SourceBlocked),
        (404, Unavailable),
        (410, Unavailable),
        (429, SourceBlocked),
        (500, SourceUnreachable),
        (503, SourceUnreachable),
    ],
)
async def test_a_status_says_whose_fault_it_is(
    server: MediaServer, tmp_path: Path, status: int, expected: type[SourceError]
) -> None:
    server.media[ID] = Media(b"", status=status, later_status=status, headers={"Retry-After": "120"})
    error = await refused(server, tmp_path)
    assert type(error) is expected
    if status == 429:
        assert error.args[1] == 120.0


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (403, BrokenDownload),
        (404, BrokenDownload),
        (410, BrokenDownload),
        (429, SourceBlocked),
        (500, SourceUnreachable),
    ],
)
async def test_a_status_of_the_sound_alone_is_one_tracks_trouble_if_it_can_be(
    server: MediaServer, tmp_path: Path, webm: bytes, status: int, expected: type[SourceError]
) -> None:
    server.media[ID] = Media(webm, later_status=status)
    assert type(await refused(server, tmp_path)) is expected


async def test_nobody_at_the_address_is_a_fault_of_the_network(server: MediaServer, tmp_path: Path) -> None:
    gone = "http://127.0.0.1:9/{video_id}"
    assert isinstance(await refused(server, tmp_path, page_url=gone), SourceUnreachable)


async def test_youtubes_own_extractor_without_a_network_says_so(tmp_path: Path) -> None:
    options = DownloadOptions(proxy="http://127.0.0.1:9")
    with pytest.raises(SourceUnreachable):
        await asyncio.to_thread(download, ID, tmp_path, options)
    assert list(tmp_path.iterdir()) == []


async def test_only_the_named_extractors_are_asked(server: MediaServer, tmp_path: Path, webm: bytes) -> None:
    server.media[ID] = Media(webm)
    own = DownloadOptions().extractors
    assert isinstance(await refused(server, tmp_path, extractors=own), SourceChanged)
    assert not server.requests


async def test_cookies_are_sent_and_their_file_is_left_alone(
    server: MediaServer, tmp_path: Path, webm: bytes
) -> None:
    (folder := tmp_path / "folder").mkdir()
    cookies = tmp_path / "cookies.txt"
    content = "# Netscape HTTP Cookie File\n127.0.0.1\tFALSE\t/\tFALSE\t0\tSID\tcrumbs\n"
    cookies.write_text(content)
    cookies.chmod(0o600)
    server.media[ID] = Media(webm, headers={"Set-Cookie": "SID=changed"})
    await fetch(server, folder, cookies_file=cookies)
    assert "SID=crumbs" in server.cookies[0]
    assert cookies.read_text() == content
    assert not list(folder.rglob("cookies*"))


@pytest.mark.parametrize("state", ["open to others", "missing", "no cookies"])
async def test_cookies_that_cannot_be_used_are_said_to_be(
    server: MediaServer, tmp_path: Path, webm: bytes, state: str
) -> None:
    (folder := tmp_path / "folder").mkdir()
    cookies = tmp_path / "cookies.txt"
    server.media[ID] = Media(webm)
    if state != "missing":
        cookies.write_text("{}" if state == "no cookies" else "# Netscape HTTP Cookie File\n")
        cookies.chmod(0o644 if state == "open to others" else 0o600)
    error = await refused(server, folder, cookies_file=cookies)
    assert isinstance(error, CookiesUnusable)
    assert not server.requests


PLUGIN = """
from yt_dlp.extractor.youtube import YoutubeIE

class Ours(YoutubeIE, plugin_name="ours"):
    def _real_extract(self, url):
        video_id = self._match_id(url)
        address = self._configuration_arg("address", ie_key="ours", casesense=True)[0]
        both, sound = {"vcodec": "avc1", "acodec": "mp4a"}, {"vcodec": "none", "acodec": "opus"}
        images = {"vcodec": "none", "acodec": "none"}
        found = {"id": video_id, "title": "One", "formats": [
            {"format_id": "18", "url": f"{address}/video", "ext": "mp4", **both},
            {"format_id": "251", "url": f"{address}/sound", "ext": "webm", **sound},
            {"format_id": "sb0", "url": f"{address}/images", "ext": "mhtml", **images},
        ]}
        if video_id.startswith("live"):
            found["is_live"] = True
        if video_id.startswith("soon"):
            found["live_status"] = "is_upcoming"
        if video_id.startswith("long"):
            found["duration"] = 40_000
        if video_id.startswith("paid"):
            found["id"] = "trailer"
        if video_id.startswith("none"):
            found["formats"] = found["formats"][2:]
        return found
"""


async def fetched_by_plugin(
    server: MediaServer, folder: Path, video_id: str, monkeypatch: pytest.MonkeyPatch
) -> Downloaded:
    """Download with the options of every day, YouTube's extractor replaced by a plugin on Python's path."""
    plugins = folder / "path/yt_dlp_plugins/extractor"
    plugins.mkdir(parents=True)
    (plugins / "ours.py").write_text(PLUGIN)
    monkeypatch.syspath_prepend(str(folder / "path"))
    (work := folder / "work").mkdir()
    address = server.url("").rstrip("/")
    options = DownloadOptions(proxy="", extractor_arguments={"ours": {"address": [address]}})
    return await run_aside(download, video_id, work, options, within_s=60.0)


async def test_plugins_work_and_sound_alone_is_fetched(
    server: MediaServer, tmp_path: Path, webm: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.media["sound"] = Media(webm)
    found = await fetched_by_plugin(server, tmp_path, ID, monkeypatch)
    assert found.path.read_bytes() == webm
    assert server.requests == {"sound": 1}
    assert (found.details["title"], found.details["format_id"]) == ("One", "251")


@pytest.mark.parametrize(
    ("video_id", "expected", "words"),
    [
        ("live4w9WgXc", BrokenDownload, "live"),
        ("soon4w9WgXc", BrokenDownload, "not out yet"),
        ("long4w9WgXc", BrokenDownload, "too long"),
        ("paid4w9WgXc", Unavailable, "buyers"),
        ("none4w9WgXc", SourceChanged, "Requested format"),
    ],
)
async def test_what_its_page_rules_out_is_not_fetched(
    server: MediaServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    video_id: str,
    expected: type[SourceError],
    words: str,
) -> None:
    with pytest.raises(expected, match=words):
        await fetched_by_plugin(server, tmp_path, video_id, monkeypatch)
    assert not server.requests


async def test_a_cancelled_download_ends_its_process(
    server: MediaServer, tmp_path: Path, webm: bytes
) -> None:
    server.media[ID] = Media(webm, stalls_after_bytes=20_000)
    task = asyncio.create_task(
        run_aside(download, ID, tmp_path, server.options(socket_timeout_s=600.0), within_s=600.0)
    )
    await until(server.stalled.is_set)
    await until(lambda: _is_used(tmp_path))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not _is_used(tmp_path)


async def test_a_download_and_its_errors_come_back_from_a_process_of_its_own(
    server: MediaServer, tmp_path: Path, webm: bytes
) -> None:
    server.media[ID] = Media(webm)
    found = await run_aside(download, ID, tmp_path, server.options(), within_s=60.0)
    assert found.path.read_bytes() == webm
    with pytest.raises(Unavailable):
        await run_aside(download, "gone", tmp_path / "download", server.options(), within_s=60.0)


async def test_a_full_disk_is_no_fault_of_the_track(server: MediaServer, tmp_path: Path, webm: bytes) -> None:
    server.media[ID] = Media(webm)
    with pytest.raises(OSError, match=r"\[Errno 27\]"):
        await run_aside(download_with_little_space, ID, tmp_path, server.options(), within_s=60.0)
    assert list(tmp_path.iterdir()) == []


def download_with_little_space(video_id: str, folder: Path, options: DownloadOptions) -> Downloaded:
    """Download where no file may grow beyond 20,000 bytes."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
    return download(video_id, folder, options)


def _is_used(folder: Path) -> bool:
    """Tell whether any process has a file of the folder open."""
    for opened in Path("/proc").glob("[0-9]*/fd/*"):
        with suppress(OSError):
            if str(folder) in str(opened.readlink()):
                return True
    return False
