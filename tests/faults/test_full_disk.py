"""A disk without room loses nothing, is told, and all goes on once there is room."""

from pathlib import Path

import aiohttp
import pytest
from conftest import must_not_stop
from disks import filled, memory_disk
from identifying import NOTHING, ONE, at_once, piece, said
from ingesting import clip_of, rows
from synth import music as tune
from synth import write_audio
from waiting import Served, changed, served, until

from daemon import daemon_lock, database_server, db, jobs, scheduler, tagging
from daemon.config import Config
from daemon.rows import FileCounts
from daemon.services import open_services

BEFORE, LATER = 2, 10
"""Pieces."""


@pytest.fixture
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Notice within a second what is noticed within minutes."""
    monkeypatch.setattr(daemon_lock, "_CHECK_EVERY_S", 0.2)
    monkeypatch.setattr(database_server, "_CHECK_S", 0.2)
    monkeypatch.setattr(db, "_POOL_WAIT_S", 1.0)
    monkeypatch.setattr(jobs, "_RESTART_S", 0.1)
    monkeypatch.setattr(scheduler, "_RECOVER_EVERY_S", 1)
    monkeypatch.setattr(scheduler, "_LOOK_FOR_DUE_S", 1)
    monkeypatch.setattr(tagging, "_TROUBLE_RETRY_S", 0.1)


def sound(number: int) -> bytes:
    """Return a part of a piece as a clip."""
    return clip_of(tune(number, 30), 1, 6)


async def illness(daemon: Served) -> dict[str, str]:
    """Return what /health says of the parts that are not well."""
    async with daemon.http.get("/health") as response:
        checks = (await response.json())["checks"]
        ill = {name: each["detail"] for name, each in checks.items() if each["status"] != "ok"}
        assert response.status == (503 if ill else 200)
        return ill


async def counts(daemon: Served) -> tuple[int, int, int]:
    """Return how many files wait, failed, and how many recordings are in the index."""
    files = next(iter((await daemon.services.store.file_counts()).values()), FileCounts())
    status = daemon.services.index.status()
    return files.pending, files.failed, 0 if status.to_build else status.size.recordings


@pytest.mark.usefixtures("_impatient")
async def test_a_full_state_folder_blames_no_file_and_is_made_up_for(
    config: Config, music: Path, open_folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(BEFORE):
        write_audio(music / f"{number}.wav", tune(number, 30))
    with memory_disk(open_folder / "state", size_mb=320) as state:
        own = changed(config, "database", url=None).model_copy(update={"state_dir": state})
        async with served(own, watch=True) as daemon:

            async def is_done() -> bool:
                return await counts(daemon) == (0, 0, len(list(music.iterdir())))

            await until(is_done)
            assert await illness(daemon) == {}
            with filled(state):
                for number in range(BEFORE, BEFORE + LATER):
                    write_audio(music / f"{number}.wav", tune(number, 30))
                await until(lambda: "DiskFull" in caplog.text)
                form = aiohttp.FormData()
                form.add_field("file", sound(0), filename="clip.wav")
                async with daemon.http.post("/match_file", data=form) as response:
                    assert response.status == 507
                    assert "No space left on device" in (await response.json())["error"]
                assert (await illness(daemon)).keys() == {"filesystem"}
                pending, failed, _ = await counts(daemon)
                assert pending > 0
                assert failed == 0
                assert await daemon.is_idle()
            await until(is_done, within_s=60)
            assert await illness(daemon) == {}
            for number in (0, BEFORE, BEFORE + LATER - 1):
                found = await daemon.match(sound(number))
                assert found["result"][0]["song_name"] == f"{number}.wav"


@pytest.mark.usefixtures("_impatient", "unblocked")
async def test_a_full_music_folder_keeps_its_files_and_they_get_their_tags_later(
    config: Config, open_folder: Path
) -> None:
    with memory_disk(open_folder / "music", size_mb=80) as folder:
        own = at_once(changed(config, "library", roots=[folder]))
        write_audio(folder / "reference.mp3", piece(1), tags=ONE)
        bare = write_audio(folder / "track01.mp3", piece(1))
        before = bare.read_bytes()
        with filled(folder):
            async with open_services(own, must_not_stop, watch=True) as services:
                await until(lambda: rows(services, "SELECT 1 FROM proposals WHERE refusal IS NOT NULL"))
                [(refusal, is_due)] = await rows(
                    services, "SELECT refusal, apply_at IS NOT NULL FROM proposals"
                )
                assert "free some space" in str(refusal)
                assert is_due
                assert bare.read_bytes() == before
                assert sorted(each.name for each in folder.iterdir()) == [
                    "ballast",
                    "reference.mp3",
                    "track01.mp3",
                ]
                assert await services.journal.changes() == []
                (folder / "ballast").unlink()
                await until(lambda: said(bare) != NOTHING)
                assert said(bare) == tuple(ONE.values())
                assert sorted(each.name for each in folder.iterdir()) == ["reference.mp3", "track01.mp3"]
