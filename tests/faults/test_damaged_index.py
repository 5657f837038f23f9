"""An index that is damaged, lost or replaced under a running daemon is built anew by itself."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from conftest import must_not_stop
from ingesting import clip_of, indexed_ids, look, match
from psycopg.conninfo import make_conninfo
from pydantic import SecretStr
from synth import music as tune
from synth import write_audio
from waiting import changed, until

from daemon import index_keeper
from daemon.config import Config
from daemon.services import Services, open_services
from engine.index import IndexWriter
from engine.manifest import MANIFEST_NAME, SEGMENT_NAME

PIECES = 3


def segments(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if SEGMENT_NAME.fullmatch(path.name)]


def lose_the_manifest(folder: Path) -> None:
    (folder / MANIFEST_NAME).unlink()


def empty_the_manifest(folder: Path) -> None:
    (folder / MANIFEST_NAME).write_bytes(b"")


def cut_the_manifest(folder: Path) -> None:
    whole = (folder / MANIFEST_NAME).read_bytes()
    (folder / MANIFEST_NAME).write_bytes(whole[: len(whole) // 2])


def put_a_foreign_manifest(folder: Path) -> None:
    other = folder.with_name("other")
    IndexWriter(other, stamp="of another Spectra").close()
    (other / MANIFEST_NAME).replace(folder / MANIFEST_NAME)


def cut_the_segments(folder: Path) -> None:
    for path in segments(folder):
        path.write_bytes(path.read_bytes()[:1_000])


def lose_all(folder: Path) -> None:
    for path in [*segments(folder), folder / MANIFEST_NAME]:
        path.unlink()


@pytest.mark.parametrize(
    "harm",
    [
        lose_the_manifest,
        empty_the_manifest,
        cut_the_manifest,
        put_a_foreign_manifest,
        cut_the_segments,
        lose_all,
    ],
)
async def test_what_happens_to_the_index_of_a_running_daemon_is_mended(
    config: Config,
    music: Path,
    harm: Callable[[Path], None],
    monkeypatch: pytest.MonkeyPatch,
    unblocked: None,
) -> None:
    monkeypatch.setattr(index_keeper, "_CHECK_S", 0.1)
    async with open_services(config, must_not_stop, watch=False) as services:
        await mended(services, music, harm)


async def mended(services: Services, music: Path, harm: Callable[[Path], None]) -> None:
    """Fail unless all is found again after a harm, and after a further piece."""
    for number in range(PIECES):
        write_audio(music / f"{number}.wav", tune(number, 8))
    await look(services, music)

    async def is_found(number: int) -> bool:
        task = await match(services, clip_of(tune(number, 8), 1, 6))
        return bool(task.result) and task.result[0]["song_name"] == f"{number}.wav"

    await asyncio.to_thread(harm, services.index.folder)
    await until(lambda: is_found(0), within_s=20)
    write_audio(music / f"{PIECES}.wav", tune(PIECES, 8))
    await look(services, music)
    assert indexed_ids(services) == await services.store.recording_ids()
    for number in range(PIECES + 1):
        await until(lambda wanted=number: is_found(wanted), within_s=20)


@pytest.mark.usefixtures("unblocked")
async def test_an_index_of_another_database_is_built_anew(
    config: Config, music: Path, tmp_path: Path, postgres_server: str
) -> None:
    theirs = make_conninfo(postgres_server, dbname="spectra_of_others")
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        connection.execute("CREATE DATABASE spectra_of_others")
    own, others = config, changed(config, "database", url=SecretStr(theirs))
    write_audio(music / "ours.wav", tune(1, 8))
    async with open_services(own, must_not_stop, watch=False) as services:
        await look(services, music)
    folder = tmp_path / "others"
    folder.mkdir()
    write_audio(folder / "theirs.wav", tune(2, 8))
    elsewhere = others.model_copy(update={"state_dir": tmp_path / "elsewhere"})
    async with open_services(elsewhere, must_not_stop, watch=False) as services:
        await look(services, folder)
        assert indexed_ids(services) == [1]  # as ours is
    async with open_services(others, must_not_stop, watch=False) as services:
        await services.index.caught_up()
        assert (await match(services, clip_of(tune(1, 8), 1, 6))).result == []
        result = (await match(services, clip_of(tune(2, 8), 1, 6))).result
        assert result
        assert result[0]["song_name"] == "theirs.wav"
