"""Pictures over HTTP: real workers, a real PostgreSQL; nothing is left of a clip or of who drew it."""

import asyncio
import io
import subprocess
import sys
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import unquote

import aiohttp
import av
import psutil
import psycopg
import pytest
import worker_tasks
from blockbuster import blockbuster_ctx
from ingesting import clip_of
from synth import music as play
from synth import silence, write_audio
from waiting import Served, changed, served, until

from daemon import clip_match
from daemon.config import Config
from daemon.store import Store

REPOSITORY = Path(__file__).resolve().parents[2]
PIECE_S = 20.0
CLIP = clip_of(play(1, PIECE_S), 5, 8)
TAGS = {"title": "So What", "artist": "Miles Davis"}


@pytest.fixture
async def daemon(config: Config) -> AsyncIterator[Served]:
    """A daemon whose event loop must not wait for the disk or for another process."""
    async with served(config) as opened:
        with blockbuster_ctx(["daemon", "engine"]):
            yield opened


async def is_at_rest(daemon: Served) -> bool:
    """Tell whether nothing is pending or spooled, and nobody draws."""
    explanations = daemon.services.explanations
    return explanations.pending == 0 and explanations.pids() == [] and not list(daemon.spool.iterdir())


async def post(daemon: Served, body: object) -> tuple[int, str, aiohttp.ClientResponse]:
    """Ask for a picture, and return why there is none."""
    async with daemon.http.post("/explain_file", data=body) as response:
        answer = await response.json()
    assert set(answer) == {"error"}
    return response.status, answer["error"], response


async def drawn(daemon: Served, body: object) -> tuple[str, str]:
    """Ask for a picture, and return what it says."""
    async with daemon.http.post("/explain_file", data=body) as response:
        png = await response.read()
    assert (response.status, response.content_type) == (200, "image/png"), png
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    with av.open(io.BytesIO(png)) as picture:
        assert next(picture.decode(video=0)).width == 1_080
    return response.headers["X-Spectra-Outcome"], unquote(response.headers["X-Spectra-Headline"])


async def begin(daemon: Served) -> "asyncio.Task[tuple[int, str, aiohttp.ClientResponse]]":
    """Ask for a picture, and return once one more clip is pending."""
    before = daemon.services.explanations.pending
    asking = asyncio.create_task(post(daemon, CLIP))
    await until(lambda: daemon.services.explanations.pending > before)
    return asking


async def test_a_clip_is_drawn_with_what_it_is_and_nothing_is_left(
    daemon: Served, music: Path, tmp_path: Path
) -> None:
    write_audio(music / "01.flac", play(1, PIECE_S), tags=TAGS)
    write_audio(music / "夜 $x$.mp3", play(2, PIECE_S))
    await daemon.learn(music)
    form = aiohttp.FormData()
    clip = write_audio(tmp_path / "clip.mp3", play(1, PIECE_S)[40_000:])
    form.add_field("file", clip.read_bytes(), filename=clip.name)
    assert await drawn(daemon, form) == ("identified", "Known: So What by Miles Davis")
    assert await drawn(daemon, clip_of(play(2, PIECE_S), 5, 8)) == ("identified", "Known: 夜 $x$.mp3")
    absent = await drawn(daemon, clip_of(play(3, PIECE_S), 5, 8))
    assert (absent[0], absent[1].startswith("Not known")) == ("unknown", True)
    assert await drawn(daemon, clip_of(silence(5), 0, 5)) == ("unknown", "Not known")
    await until(lambda: is_at_rest(daemon))


async def test_an_empty_library_knows_nothing(daemon: Served) -> None:
    assert await drawn(daemon, CLIP) == ("unknown", "Not known")


async def test_what_is_no_clip_is_answered_by_a_sentence(config: Config) -> None:
    async with served(changed(config, "server", max_upload_mb=1)) as daemon:
        for body, status, words in [
            (b"# My songs\n" * 500, 422, "the clip: not audio that can be decoded"),
            (clip_of(play(1, PIECE_S), 0, 0.5), 422, "the clip: 0.50 s is too short"),
            (b"", 400, "is empty"),
            ({"a": "b"}, 415, "is no clip"),
            (bytes(1_000_001), 413, "larger than 1 MB"),
        ]:
            answer = await post(daemon, body)
            assert (answer[0], words in answer[1]) == (status, True), answer
            assert str(daemon.spool) not in answer[1]
        await until(lambda: is_at_rest(daemon))


async def test_one_is_drawn_a_few_wait_and_more_are_refused(
    daemon: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clip_match, "shortlist_clip", worker_tasks.wait_with_clip)
    asking = [await begin(daemon) for _ in range(4)]
    await until(daemon.services.explanations.pids)
    assert len(daemon.services.explanations.pids()) == 1
    status, error, response = await post(daemon, CLIP)
    assert (status, error) == (503, "Too many clips are waiting: try again in 10 s.")
    assert response.headers["Retry-After"] == "10"
    for each in asking:
        each.cancel()
    await until(lambda: is_at_rest(daemon))


async def test_who_goes_away_leaves_no_clip_and_no_process(
    daemon: Served, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with monkeypatch.context() as stuck:
        stuck.setattr(clip_match, "shortlist_clip", worker_tasks.wait_with_clip)
        asking = await begin(daemon)
        await until(lambda: daemon.services.explanations.pids() and list(daemon.spool.iterdir()))
        (pid,) = daemon.services.explanations.pids()
        asking.cancel()
        await until(lambda: is_at_rest(daemon))
        assert not psutil.pid_exists(pid)
    assert await drawn(daemon, CLIP) == ("unknown", "Not known")
    assert [record for record in caplog.records if record.levelname not in {"DEBUG", "INFO"}] == []


async def test_a_process_that_dies_fails_its_clip_and_not_the_next(
    daemon: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as deadly:
        deadly.setattr(clip_match, "shortlist_clip", worker_tasks.die_with_clip)
        status, error, _ = await post(daemon, CLIP)
        assert (status, "died" in error) == (500, True)
    with monkeypatch.context() as greedy:
        greedy.setattr(clip_match, "shortlist_clip", worker_tasks.run_out_of_memory_with_clip)
        status, error, _ = await post(daemon, CLIP)
        assert (status, "workers.memory_mb" in error) == (422, True)
    assert (await drawn(daemon, CLIP))[0] == "unknown"
    await until(lambda: is_at_rest(daemon))


async def test_the_end_of_the_daemon_ends_what_is_drawn(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clip_match, "shortlist_clip", worker_tasks.wait_with_clip)
    monkeypatch.setattr("daemon.app._SHUTDOWN_S", 0.1)
    async with served(config) as daemon:
        asking = await begin(daemon)
        await until(daemon.services.explanations.pids)
        (pid,) = daemon.services.explanations.pids()
    await asyncio.wait([asking])
    assert asking.cancelled() or asking.exception()
    assert not psutil.pid_exists(pid)
    assert list(daemon.spool.iterdir()) == []


async def test_the_end_waits_until_the_clip_is_removed(
    daemon: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clip_match, "shortlist_clip", worker_tasks.wait_with_clip)
    explanations = daemon.services.explanations
    asking = await begin(daemon)
    await until(lambda: explanations.pids() and list(daemon.spool.iterdir()))
    unlink, removing, removed = Path.unlink, threading.Event(), threading.Event()

    def held(path: Path, *, missing_ok: bool = False) -> None:
        removing.set()
        removed.wait()
        unlink(path, missing_ok=missing_ok)

    monkeypatch.setattr(Path, "unlink", held)
    stopping = asyncio.create_task(explanations.stop())
    try:
        asking.cancel()
        await until(removing.is_set)
        await asyncio.wait([stopping], timeout=0.2)
        assert not stopping.done()
    finally:
        removed.set()
    await stopping
    assert list(daemon.spool.iterdir()) == []


async def test_a_damaged_index_is_built_anew(daemon: Served, music: Path) -> None:
    write_audio(music / "one.flac", play(1, PIECE_S))
    await daemon.learn(music)
    for segment in daemon.services.index.folder.iterdir():
        if segment.stat().st_size > 10_000:
            with segment.open("r+b") as file:
                file.write(b"damaged!")
    status, error, response = await post(daemon, CLIP)
    assert (status, "built anew" in error, "Retry-After" in response.headers) == (503, True, True)
    await until(lambda: daemon.services.index.status().to_build == 0)
    assert (await drawn(daemon, CLIP))[0] == "identified"


async def test_a_recording_that_goes_meanwhile_is_drawn_without(
    daemon: Served, music: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_audio(music / "one.flac", play(1, PIECE_S))
    await daemon.learn(music)

    async def gone(*_: object) -> object:
        return {}

    async def none_left(*_: object) -> object:
        return []

    monkeypatch.setattr(Store, "described", gone)
    monkeypatch.setattr(Store, "constellations", none_left)
    outcome, words = await drawn(daemon, CLIP)
    assert (outcome, words) == ("identified", "Known: a recording that has just been removed")


async def test_without_its_database_spectra_asks_to_come_back(
    daemon: Served, music: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_audio(music / "one.flac", play(1, PIECE_S))
    await daemon.learn(music)

    async def away(*_: object) -> None:
        raise psycopg.OperationalError("host=secret gone")

    monkeypatch.setattr(Store, "described", away)
    status, error, _ = await post(daemon, CLIP)
    assert (status, "secret" in error) == (503, False)
    await until(lambda: is_at_rest(daemon))


async def test_a_spool_that_cant_be_written_is_said_so(daemon: Served) -> None:
    daemon.spool.rmdir()
    status, error, _ = await post(daemon, CLIP)
    assert (status, "No such file or directory" in error, str(daemon.spool) in error) == (507, True, False)
    assert daemon.services.explanations.pending == 0


async def test_pictures_count_as_matches_and_need_the_token_as_they_do(config: Config) -> None:
    async with served(changed(config, "rate_limits", match="1/minute")) as daemon:
        forwarded = {"X-Forwarded-For": "203.0.113.5"}
        async with daemon.http.post("/explain_file", data=CLIP, headers=forwarded) as response:
            assert response.status == 401
        async with daemon.http.post("/match_file", data=CLIP) as response:
            assert response.status == 429


async def test_little_memory_for_matches_is_still_enough_to_draw(config: Config) -> None:
    async with served(changed(config, "workers", memory_mb=256)) as daemon:
        assert (await drawn(daemon, CLIP))[0] == "unknown"


def test_nobody_but_who_draws_loads_the_libraries_for_it() -> None:
    script = (
        "import sys, daemon.cli, daemon.serving, daemon.worker_jobs, daemon.explain_job\n"
        "heavy = {'matplotlib', 'librosa', 'numba'} & sys.modules.keys()\n"
        "sys.exit(str(heavy) if heavy else 0)"
    )
    subprocess.run([sys.executable, "-c", script], cwd=REPOSITORY, check=True, timeout=60)
