"""A disk that can't be read blames only what is on the bad part, and an unplugged one is offline."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from conftest import must_not_stop
from disks import BLOCK_BYTES, blocks_of, format_disk, mounted, unmount
from ingesting import clip_of, failures, look, match, rows
from synth import music as tune
from synth import write_audio
from waiting import changed, until

from daemon import scheduler
from daemon.config import Config
from daemon.services import Services, open_services

PIECES = 3


@pytest.fixture
def disk(open_folder: Path) -> Path:
    """A disk with music on it, not mounted."""
    image = open_folder / "image"
    format_disk(image, size_mb=24)
    with mounted(image, open_folder / "music") as folder:
        for number in range(PIECES):
            write_audio(folder / f"{number}.wav", tune(number, 30))
    return image


async def is_found(services: Services, number: int) -> bool:
    """Tell whether a clip of a piece leads to its file."""
    result = (await match(services, clip_of(tune(number, 30), 3, 6))).result
    return bool(result) and result[0]["song_name"] == f"{number}.wav"


@contextmanager
def cut_off(image: Path, at_bytes: int) -> Iterator[None]:
    """Have no sectors from here on within the context."""
    with image.open("r+b") as file:
        file.seek(at_bytes)
        lost = file.read()
        file.truncate(at_bytes)
        try:
            yield
        finally:
            file.seek(at_bytes)
            file.write(lost)


@pytest.mark.usefixtures("unblocked")
async def test_bad_sectors_are_told_of_their_file_and_stop_no_other(config: Config, disk: Path) -> None:
    blocks = {number: blocks_of(disk, f"{number}.wav") for number in range(PIECES)}
    bad = max(blocks, key=lambda number: max(blocks[number]))
    middle = blocks[bad][len(blocks[bad]) // 2]
    with mounted(disk, disk.with_name("music")) as folder:
        async with open_services(config, must_not_stop, watch=False) as services:
            with cut_off(disk, middle * BLOCK_BYTES):
                await look(services, folder)
                assert await failures(services) == {
                    f"{bad}.wav": f"{bad}.wav: can't be read (Input/output error)"
                }
                for number in set(range(PIECES)) - {bad}:
                    assert await is_found(services, number)
            os.utime(folder / f"{bad}.wav")
            await look(services, folder)
            assert await failures(services) == {}
            assert await is_found(services, bad)


@pytest.mark.usefixtures("unblocked")
async def test_a_library_that_is_unplugged_is_offline_until_it_is_back(
    config: Config, disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scheduler, "_LOOK_FOR_DUE_S", 0.2)
    place = disk.with_name("music")
    own = changed(config, "library", roots=[place], reconcile_network_every_s=0.2)

    async def files() -> list[tuple[object, ...]]:
        query = "SELECT path, status::text, missing_since IS NULL FROM files ORDER BY path"
        return [(bytes(path), *more) for path, *more in await rows(services, query)]  # type: ignore[call-overload]

    def state() -> str:
        assert services.watcher is not None
        return services.watcher.status()[0].state

    known = [(b"%d.wav" % number, "indexed", True) for number in range(PIECES)]

    async def is_known() -> bool:
        return await files() == known

    with mounted(disk, place):
        async with open_services(own, must_not_stop, watch=True) as services:
            await until(is_known)
            unmount(place)
            await until(lambda: state() == "offline")
            library = services.library.owner_of(place)
            assert library is not None
            looked = await services.library.reconcile(library)
            assert looked.offline is not None
            assert await files() == known
            assert await is_found(services, 0)
            with mounted(disk, place):
                await until(lambda: state() == "watching")
                write_audio(place / f"{PIECES}.wav", tune(PIECES, 30))
                known.append((b"%d.wav" % PIECES, "indexed", True))
                await until(is_known)
                assert await is_found(services, PIECES)
