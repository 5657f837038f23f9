"""The way to the real libraries and back: processes, options, errors. Nobody outside is asked."""

from dataclasses import replace
from pathlib import Path

import pytest
from fake_youtube import address, track
from identifying import piece, said
from pydantic import SecretStr
from synth import write_audio

from daemon.config_options import YouTube
from daemon.playlist_errors import CookiesUnusable, NotYouTube, SourceUnreachable, Unavailable
from daemon.playlist_rows import Downloaded
from daemon.services import Services
from daemon.workers import WorkerLimits, WorkerPool
from daemon.youtube import YouTubeMusic

NOBODY = SecretStr("http://127.0.0.1:1")
"""A proxy that refuses every connection."""


def asking(tmp_path: Path, options: YouTube) -> YouTubeMusic:
    limits = WorkerLimits(memory_bytes=1 << 30, cpu_s_per_job=60, jobs_per_worker=10)
    return YouTubeMusic(options, tmp_path / "cache", WorkerPool("ingest", 1, limits))


async def test_what_can_not_be_read_comes_back_as_its_error(tmp_path: Path, unblocked: None) -> None:
    youtube = asking(tmp_path, YouTube(proxy=NOBODY))
    with pytest.raises(NotYouTube):
        await youtube.read("https://example.org/")
    with pytest.raises(Unavailable, match="it is private"):
        await youtube.read("https://music.youtube.com/playlist?list=LM")
    with pytest.raises(SourceUnreachable):
        await youtube.read(address("a"))


async def test_a_download_asks_through_the_proxy_only(tmp_path: Path, unblocked: None) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    youtube = asking(tmp_path, YouTube(proxy=NOBODY, extractor_args=("youtube:lang=de",)))
    with pytest.raises(SourceUnreachable):
        await youtube.fetch(track(1), folder)
    assert list(folder.iterdir()) == []


async def test_the_cookies_of_the_configuration_are_taken(tmp_path: Path, unblocked: None) -> None:
    options = YouTube(proxy=NOBODY, cookies_file=tmp_path / "nowhere")
    with pytest.raises(CookiesUnusable):
        await asking(tmp_path, options).fetch(track(1), tmp_path)


async def test_audio_is_kept_with_its_name_and_without_an_unreachable_cover(
    services: Services, tmp_path: Path
) -> None:
    kept = tmp_path / "kept"
    kept.mkdir()
    options = YouTube(proxy=NOBODY, keep=kept)
    youtube = YouTubeMusic(options, tmp_path / "cache", services.ingest_workers)
    sound = write_audio(tmp_path / "sound.webm", piece(1))
    await youtube.keep(track(1), Downloaded(sound, sound.stat().st_size, {}), None)
    [path] = kept.rglob("*.opus")
    assert said(path) == ("Piece 1", "Some Band", "Some Album")
    for url in (None, "https://i.ytimg.com/1.jpg"):
        assert await youtube.picture(replace(track(1), thumbnail_url=url)) is None
