"""Files that people listen to, and their covers, over HTTP."""

import os
import socket
from collections.abc import AsyncIterator
from contextlib import closing, suppress
from pathlib import Path

import aiohttp
import mutagen
import pytest
import synth
from blockbuster import blockbuster_ctx
from ingesting import rows
from mutagen.flac import FLAC, Picture
from mutagen.id3 import APIC
from mutagen.mp4 import MP4, MP4Cover
from tagged_files import JPEG
from tagged_files import make as make_tagged
from waiting import Served, served, until

from daemon import api_media, covers, media
from daemon.config import Config

PNG = b"\x89PNG\r\n\x1a\n" + bytes(100)
WEBP = b"RIFF\x10\0\0\0WEBPVP8 " + bytes(100)
SVG = b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>"


@pytest.fixture
async def daemon(config: Config) -> AsyncIterator[Served]:
    async with served(config) as opened:
        with blockbuster_ctx(["daemon", "engine"]):
            yield opened


async def asked(
    daemon: Served, path: str, method: str = "GET", **headers: str
) -> tuple[aiohttp.ClientResponse, bytes]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    async with daemon.http.request(method, path, headers=named) as response:
        return response, await response.read()


async def numbers(daemon: Served) -> dict[str, int]:
    """Return the files' numbers by name."""
    files = (await daemon.local.get("/files"))["files"]
    return {each["path"].rpartition("/")[2]: each["file_id"] for each in files}


async def learnt(daemon: Served, path: Path) -> int:
    """Have a file fingerprinted, and return its number."""
    await daemon.learn(path)
    return (await numbers(daemon))[path.name]


@pytest.mark.parametrize(
    ("variant", "content_type"),
    [
        ("mp3", "audio/mpeg"),
        ("flac", "audio/flac"),
        ("ogg", "audio/ogg"),
        ("opus", "audio/ogg"),
        ("m4a", "audio/mp4"),
        ("wav", "audio/wav"),
        ("aiff", "application/octet-stream"),
    ],
)
async def test_a_file_is_given_as_it_is(daemon: Served, music: Path, variant: str, content_type: str) -> None:
    path = make_tagged(music, variant)
    number = await learnt(daemon, path)
    response, body = await asked(daemon, f"/files/{number}/audio")
    assert (response.status, response.headers["Content-Type"], body) == (200, content_type, path.read_bytes())
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Content-Disposition"] == "inline"
    assert response.headers["Cache-Control"] == "private, no-cache"
    head, nothing = await asked(daemon, f"/files/{number}/audio", "HEAD")
    assert (head.status, head.content_length, nothing) == (200, path.stat().st_size, b"")


async def test_ranges_of_a_file_are_given(daemon: Served, music: Path) -> None:
    path = synth.write_audio(music / "one.wav", synth.music(1, 20.0))
    whole, address = path.read_bytes(), f"/files/{await learnt(daemon, path)}/audio"
    response, body = await asked(daemon, address, Range="bytes=1000-299999")
    assert (response.status, body) == (206, whole[1_000:300_000])
    assert response.headers["Content-Range"] == f"bytes 1000-299999/{len(whole)}"
    etag = response.headers["ETag"]
    response, body = await asked(daemon, address, Range="bytes=-7", If_Range=etag)
    assert (response.status, body) == (206, whole[-7:])
    response, body = await asked(daemon, address, Range="bytes=-7", If_Range='"another"')
    assert (response.status, body) == (200, whole)
    response, body = await asked(daemon, address, "HEAD", Range="bytes=10-19")
    assert (response.status, response.content_length, body) == (206, 10, b"")
    response, body = await asked(daemon, address, Range=f"bytes={len(whole)}-")
    assert (response.status, response.headers["Content-Range"]) == (416, f"bytes */{len(whole)}")
    assert b"bytes only" in body
    response, body = await asked(daemon, address, If_None_Match=f'"x", W/{etag}')
    assert (response.status, response.headers["ETag"], body) == (304, etag, b"")
    os.utime(path, ns=(0, 0))
    response, _ = await asked(daemon, address, If_None_Match=etag)
    assert (response.status, response.headers["ETag"] == etag) == (200, False)


def _fifo(path: Path) -> None:
    os.mkfifo(path)


def _socket(path: Path) -> None:
    with closing(socket.socket(socket.AF_UNIX)) as listening:
        here = Path.cwd()
        os.chdir(path.parent)  # a socket's address is short
        listening.bind(path.name)
        os.chdir(here)


def _link_out(path: Path) -> None:
    outside = make_tagged(path.parent.parent, "mp3")
    _with_cover(outside, JPEG, "image/jpeg")
    path.symlink_to(outside)


def _gone(_: Path) -> None:
    pass


@pytest.mark.parametrize(
    ("replace", "words"),
    [
        (_gone, "No such file"),
        (Path.mkdir, "no regular file"),
        (_fifo, "no regular file"),
        (_socket, "no regular file"),
        (_link_out, "leads out of its music folder"),
    ],
)
async def test_what_took_a_files_place_is_not_given(
    daemon: Served, music: Path, replace: object, words: str
) -> None:
    path = make_tagged(music, "mp3")
    number = await learnt(daemon, path)
    path.unlink()
    replace(path)  # type: ignore[operator]
    response, body = await asked(daemon, f"/files/{number}/audio")
    assert (response.status, words in body.decode()) == (404, True), body
    assert (await asked(daemon, f"/files/{number}/cover"))[0].status == 404


async def test_a_folder_that_became_a_link_to_elsewhere_is_not_followed(
    daemon: Served, music: Path, tmp_path: Path
) -> None:
    (music / "album").mkdir()
    path = make_tagged(music / "album", "mp3")
    await daemon.learn(music)
    number = (await numbers(daemon))[path.name]
    (music / "album").rename(tmp_path / "elsewhere")
    (music / "album").symlink_to(tmp_path / "elsewhere")
    response, body = await asked(daemon, f"/files/{number}/audio")
    assert (response.status, b"leads out" in body) == (404, True)
    # Inside, a link is only another way.
    (music / "album").unlink()
    (tmp_path / "elsewhere").rename(music / "there")
    (music / "album").symlink_to(music / "there")
    assert (await asked(daemon, f"/files/{number}/audio"))[0].status == 200


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("/files/999/audio", "not known"),
        ("/files/x/audio", "named by its number"),
        ("/files/99999999999999999999/cover", "named by its number"),
        ("/recordings/999/audio", "no file here"),
        ("/recordings/999/cover", "no cover"),
        ("/recordings/-1/cover", "named by its number"),
    ],
)
async def test_what_is_not_there_is_said_in_a_sentence(daemon: Served, address: str, words: str) -> None:
    response, body = await asked(daemon, address)
    assert (response.status, words in body.decode()) == (404, True), body


async def test_a_recording_is_played_from_the_first_file_that_is_there(daemon: Served, music: Path) -> None:
    first, second = make_tagged(music, "wav"), music / "copy.wav"
    number = await learnt(daemon, first)
    second.write_bytes(first.read_bytes() + b"\0\0")
    await daemon.learn(second)
    recording = (await daemon.local.get(f"/files/{number}"))["recording_id"]
    address = f"/recordings/{recording}/audio"
    assert (await asked(daemon, address))[1] == first.read_bytes()
    first.unlink()
    assert (await asked(daemon, address))[1] == second.read_bytes()
    second.unlink()
    assert (await asked(daemon, address))[0].status == 404
    await daemon.services.library.reconcile(await daemon.services.library.add(music, watched=False))
    response, body = await asked(daemon, address)
    assert (response.status, response.content_type) == (404, "application/json"), body


async def test_what_is_played_is_limited_and_breaks_off_with_the_daemon(
    config: Config, music: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("daemon.app._SHUTDOWN_S", 600.0)
    monkeypatch.setattr(api_media, "_MOST_STREAMS", 1)
    path = synth.write_audio(music / "one.wav", synth.music(1, 20.0))
    async with aiohttp.ClientSession() as http:
        async with served(config) as daemon:
            number = await learnt(daemon, path)
            with path.open("ab") as file:
                file.truncate(100_000_000)
            async with daemon.http.get("/ping") as ping:
                address = ping.url.with_path(f"/files/{number}/audio")
            playing = await http.get(address)
            assert playing.status == 200
            response, body = await asked(daemon, f"/files/{number}/audio")
            assert (response.status, b"being played" in body) == (503, True)
        with pytest.raises(aiohttp.ClientPayloadError):
            await playing.read()


def _with_cover(path: Path, content: bytes, claimed: str) -> None:
    """Put a picture into a file's tags, whatever it is."""
    file = mutagen.File(path)
    if isinstance(file, MP4):
        file.tags["covr"] = [MP4Cover(content, MP4Cover.FORMAT_PNG)]
    elif isinstance(file, FLAC):
        picture = Picture()
        picture.type, picture.mime, picture.data = 3, claimed, content
        file.add_picture(picture)
    else:
        if file.tags is None:
            file.add_tags()
        file.tags.add(APIC(encoding=0, mime=claimed, type=3, desc="", data=content))
    file.save()


@pytest.mark.parametrize("variant", ["mp3", "flac", "m4a", "wav"])
async def test_the_cover_in_the_tags_is_given_by_what_it_is(
    daemon: Served, music: Path, variant: str
) -> None:
    path = make_tagged(music, variant)
    _with_cover(path, JPEG, "text/html")
    (music / "cover.png").write_bytes(PNG)
    number = await learnt(daemon, path)
    response, body = await asked(daemon, f"/files/{number}/cover")
    assert (response.status, response.headers["Content-Type"], body) == (200, "image/jpeg", JPEG)
    assert response.headers["Cache-Control"] == "private, max-age=3600"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    recording = (await daemon.local.get(f"/files/{number}"))["recording_id"]
    again, same = await asked(daemon, f"/recordings/{recording}/cover")
    assert (again.headers["ETag"], same) == (response.headers["ETag"], JPEG)
    known, nothing = await asked(daemon, f"/files/{number}/cover", If_None_Match=response.headers["ETag"])
    assert (known.status, nothing) == (304, b"")


async def test_a_picture_beside_the_file_is_its_cover_and_the_better_named_first(
    daemon: Served, music: Path
) -> None:
    (music / "album").mkdir()
    path = make_tagged(music / "album", "mp3")
    number = await learnt(daemon, path)
    address = f"/files/{number}/cover"
    assert (await asked(daemon, address))[0].status == 404
    (music / "cover.jpg").write_bytes(JPEG)
    (music / "album" / "other.jpg").write_bytes(JPEG)
    assert (await asked(daemon, address))[0].status == 404
    (music / "album" / "Folder.WEBP").write_bytes(WEBP)
    response, body = await asked(daemon, address)
    assert (response.content_type, body) == ("image/webp", WEBP)
    (music / "album" / "cover.gif").write_bytes(b"GIF89a" + bytes(10))
    assert (await asked(daemon, address))[0].content_type == "image/gif"


async def test_what_is_no_picture_of_a_kind_that_is_harmless_is_never_given(
    daemon: Served, music: Path, tmp_path: Path
) -> None:
    path = make_tagged(music, "mp3")
    _with_cover(path, SVG, "image/jpeg")
    number = await learnt(daemon, path)
    (music / "cover.jpg").write_bytes(SVG)
    (tmp_path / "outside.jpg").write_bytes(JPEG)
    (music / "folder.jpg").symlink_to(tmp_path / "outside.jpg")
    os.mkfifo(music / "front.jpg")
    (music / "album.jpg").write_bytes(JPEG.ljust(covers._LARGEST_BYTES + 1, b"\0"))
    response, body = await asked(daemon, f"/files/{number}/cover")
    assert (response.status, b"has no cover" in body) == (404, True)


async def test_a_playlists_picture_is_the_last_resort(daemon: Served, music: Path) -> None:
    path = make_tagged(music, "mp3")
    number = await learnt(daemon, path)
    recording = (await daemon.local.get(f"/files/{number}"))["recording_id"]
    await rows(
        daemon.services,
        "INSERT INTO tracks (video_id, title, artists, kind, page_url, state, recording_id, cover) VALUES"
        f" ('v', 't', ARRAY['a'], 'album audio', 'p', 'fetched', {recording}, '\\x{JPEG.hex()}')",
    )
    for address in (f"/files/{number}/cover", f"/recordings/{recording}/cover"):
        assert (await asked(daemon, address))[1] == JPEG
    (music / "cover.png").write_bytes(PNG)
    assert (await asked(daemon, f"/recordings/{recording}/cover"))[1] == PNG
    await rows(daemon.services, "UPDATE files SET missing_since = now()")
    assert (await asked(daemon, f"/recordings/{recording}/cover"))[1] == JPEG
    response, body = await asked(daemon, f"/recordings/{recording}/audio")
    assert (response.status, b"known from a playlist" in body) == (404, True)


async def test_a_worker_that_dies_over_a_cover_costs_only_that_one(
    daemon: Served, music: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make_tagged(music, "mp3")
    _with_cover(path, JPEG, "image/jpeg")
    number = await learnt(daemon, path)
    with monkeypatch.context() as patched:
        patched.setattr(media, "read_cover", _die)
        assert (await asked(daemon, f"/files/{number}/cover"))[0].status == 404
    assert (await asked(daemon, f"/files/{number}/cover"))[1] == JPEG
    assert daemon.services.match_workers.is_usable()
    assert daemon.services.ingest_workers.is_usable()


def _die(_: object) -> None:
    os._exit(1)


async def test_too_many_that_wait_for_covers_are_asked_to_come_later(
    daemon: Served, music: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = await learnt(daemon, make_tagged(music, "mp3"))
    monkeypatch.setattr(media, "_MOST_WAITING", 0)
    response, body = await asked(daemon, f"/files/{number}/cover")
    assert (response.status, response.headers["Retry-After"], b"covers" in body) == (503, "5", True)


async def test_nothing_stays_open_once_it_was_played(daemon: Served, music: Path) -> None:
    path = make_tagged(music, "mp3")
    number = await learnt(daemon, path)
    for _ in range(5):
        await asked(daemon, f"/files/{number}/audio", Range="bytes=0-9")
        await asked(daemon, f"/files/{number}/audio", Range="bytes=99999999-")

    await until(lambda: path not in _open_files())


def _open_files() -> set[Path]:
    found = set()
    for link in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):
            found.add(link.readlink())
    return found
