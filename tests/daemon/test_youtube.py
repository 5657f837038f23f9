"""The way to the real libraries and back: processes, options, errors. Nobody outside is asked."""

from dataclasses import replace
from pathlib import Path

import pytest
from fake_youtube import address, listing, track
from identifying import piece, said
from pydantic import SecretStr
from synth import write_audio

from daemon import youtube
from daemon.config_options import YouTube
from daemon.leftovers import is_leftover_name
from daemon.playlist_errors import CookiesUnusable, NotYouTube, SourceUnreachable, Unavailable
from daemon.playlist_rows import Downloaded, Listing
from daemon.services import Services
from daemon.workers import WorkerLimits, WorkerPool
from daemon.youtube import YouTubeMusic

NOBODY = SecretStr("http://127.0.0.1:1")
"""A proxy that refuses every connection."""


def asking(tmp_path: Path, options: YouTube) -> YouTubeMusic:
    limits = WorkerLimits(memory_bytes=1 << 30, cpu_s_per_job=60, jobs_per_worker=10)
    return YouTubeMusic(options, tmp_path / "cache", WorkerPool("ingest", 1, limits))


async def test_what_can_not_be_read_comes_back_as_its_error(tmp_path: Path, unblocked: None) -> None:
    asked = asking(tmp_path, YouTube(proxy=NOBODY))
    with pytest.raises(NotYouTube):
        await asked.read("https://example.org/")
    with pytest.raises(Unavailable, match="it is private"):
        await asked.read("https://music.youtube.com/playlist?list=LM")
    with pytest.raises(SourceUnreachable):
        await asked.read(address("a"))


@pytest.mark.parametrize(("most_tracks", "within_s"), [(100, 605.0), (100_000, 5_600.0)])
async def test_a_long_list_has_more_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most_tracks: int, within_s: float
) -> None:
    given: list[float] = []

    async def run_aside(*_: object, within_s: float) -> Listing:
        given.append(within_s)
        return listing()

    monkeypatch.setattr(youtube, "run_aside", run_aside)
    await asking(tmp_path, YouTube(most_tracks=most_tracks)).read(address("a"))
    assert given == [within_s]


async def test_a_download_asks_through_the_proxy_only(tmp_path: Path, unblocked: None) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    asked = asking(tmp_path, YouTube(proxy=NOBODY, extractor_args=("youtube:lang=de",)))
    with pytest.raises(SourceUnreachable):
        await asked.fetch(track(1), folder)
    assert list(folder.iterdir()) == []


async def test_the_cookies_of_the_configuration_are_taken(tmp_path: Path, unblocked: None) -> None:
    options = YouTube(proxy=NOBODY, cookies_file=tmp_path / "nowhere")
    with pytest.raises(CookiesUnusable):
        await asking(tmp_path, options).fetch(track(1), tmp_path)


async def test_what_is_being_kept_is_named_as_this_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names: list[str] = []

    async def run(*_: object, temporary_name: str) -> Path:
        names.append(temporary_name)
        return tmp_path

    workers = WorkerPool(
        "ingest", 1, WorkerLimits(memory_bytes=1 << 30, cpu_s_per_job=60, jobs_per_worker=10)
    )
    monkeypatch.setattr(workers, "run", run)
    asked = YouTubeMusic(YouTube(keep=tmp_path), tmp_path / "cache", workers, "0123abcd")
    await asked.keep(track(1), Downloaded(tmp_path, 0, {}), None)
    assert names[0].startswith(".spectra-0123abcd")
    assert is_leftover_name(names[0])


async def test_audio_is_kept_with_its_name_and_without_an_unreachable_cover(
    services: Services, tmp_path: Path
) -> None:
    kept = tmp_path / "kept"
    kept.mkdir()
    options = YouTube(proxy=NOBODY, keep=kept)
    asked = YouTubeMusic(options, tmp_path / "cache", services.ingest_workers)
    sound = write_audio(tmp_path / "sound.webm", piece(1))
    await asked.keep(track(1), Downloaded(sound, sound.stat().st_size, {}), None)
    [path] = kept.rglob("*.opus")
    assert said(path) == ("Piece 1", "Some Band", "Some Album")
    for url in (None, "https://i.ytimg.com/1.jpg"):
        assert await asked.picture(replace(track(1), thumbnail_url=url)) is None
