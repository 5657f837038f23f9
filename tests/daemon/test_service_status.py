"""The sentence that `systemctl status` shows."""

from pathlib import Path
from typing import Any

import psycopg
import pytest
from ingesting import clip_of
from synth import music as play
from waiting import served, until

from daemon.config import Config
from daemon.rows import FileCounts, RecordingCounts
from daemon.sd_notify import Notifier
from daemon.service_status import summary, telling_status
from daemon.services import Services


async def test_the_sentence_says_what_is_known_and_what_waits(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert await summary(services) == "0 recordings"

    async def recordings(_: object) -> RecordingCounts:
        return RecordingCounts(12_034, 7, 3.0)

    async def files(_: object) -> dict[int, FileCounts]:
        return {1: FileCounts(pending=1), 2: FileCounts(pending=2)}

    monkeypatch.setattr(type(services.store), "recording_counts", recordings)
    monkeypatch.setattr(type(services.store), "file_counts", files)
    assert await summary(services) == "12,034 recordings; 3 files wait"


async def test_the_sentence_says_that_the_database_is_away(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(_: object) -> Any:
        raise psycopg.OperationalError

    monkeypatch.setattr(type(services.store), "recording_counts", away)
    assert await summary(services) == "The database does not answer."


async def test_the_sentence_names_a_music_folder_that_is_offline(config: Config, music: Path) -> None:
    (music / "piece.wav").write_bytes(clip_of(play(1, 5.0), 0, 5))
    async with served(config, watch=True) as daemon:
        await until(lambda: daemon.services.index.status().size.recordings == 1)
        assert await summary(daemon.services) == "1 recording"
        (music / "piece.wav").unlink()
        music.rmdir()
        assert daemon.services.watcher is not None
        await daemon.services.watcher.recheck(music)
        assert await summary(daemon.services) == f"1 recording; {music} is offline"


async def test_the_service_manager_is_told_while_the_daemon_answers(
    services: Services, tmp_path: Path
) -> None:
    told: list[str] = []

    class Hearing(Notifier):
        def status(self, sentence: str) -> None:
            told.append(sentence)

    async with telling_status(Hearing("@nobody"), services):
        await until(lambda: told == ["0 recordings"])
    async with telling_status(Hearing(None), services):
        await summary(services)
    assert told == ["0 recordings"]
