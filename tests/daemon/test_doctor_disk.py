"""The doctor on disks, music folders and what the kernel allows."""

import os
from collections.abc import Iterator
from itertools import count as counting
from pathlib import Path

import pytest
from disks import filled, memory_disk
from waiting import changed

from daemon import doctor_disk, doctor_folders, doctor_limits
from daemon.config import Config
from daemon.doctor_disk import music as examine_music
from daemon.doctor_disk import room
from daemon.doctor_folders import count
from daemon.doctor_limits import memory, open_files, watches

NOW_S = 1_800_000_000.0


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 30 MB."""
    with memory_disk(tmp_path / "disk", size_mb=30) as place:
        yield place


def test_a_full_disk_is_told_for_all_that_is_on_it(config: Config, disk: Path) -> None:
    keeping = changed(config, "youtube", keep=disk / "kept")
    with filled(disk):
        elsewhere, full = room(keeping)
        (together,) = room(keeping.model_copy(update={"state_dir": disk / "state"}))
    assert "database, index and uploads" in elsewhere.sentence
    assert (full.is_ok, "for kept downloads" in full.sentence) == (False, True)
    assert (together.is_ok, "make room" in together.sentence) == (False, True)


def test_a_folder_that_is_away_or_empty_is_told(config: Config, music: Path) -> None:
    (empty,) = examine_music(config, music, NOW_S)
    music.rmdir()
    (away,) = examine_music(config, music, NOW_S)
    assert not empty.is_ok
    assert not away.is_ok
    assert "is it mounted?" in empty.sentence
    assert "Is it mounted?" in away.sentence


def test_a_folder_that_can_not_be_written_is_told_unless_nothing_is_written(
    config: Config, music: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (music / "a.mp3").touch()
    # Root may write everywhere.
    monkeypatch.setattr(doctor_disk.os, "access", lambda _, mode: not mode & os.W_OK)
    (found,) = examine_music(config, music, NOW_S)
    assert (found.is_ok, "can be read, and not written" in found.sentence) == (False, True)
    (found,) = examine_music(changed(config, "tagging", mode="dry-run"), music, NOW_S)
    assert not found.is_ok
    (found,) = examine_music(changed(config, "tagging", mode="dry-run", first_scan="dry-run"), music, NOW_S)
    assert (found.is_ok, "nothing is written" in found.sentence) == (True, True)


def test_room_for_a_copy_of_the_largest_file_is_wanted(config: Config, disk: Path) -> None:
    (disk / "a.mp3").write_bytes(b"x" * 1_000_000)
    (found,) = examine_music(config, disk, NOW_S)
    assert found.is_ok
    (disk / "b.mp3").write_bytes(b"x" * 8_000_000)
    (found,) = examine_music(config, disk, NOW_S)
    assert (found.is_ok, "for a copy beside it: make room" in found.sentence) == (False, True)


def test_a_network_folder_is_said_to_be_looked_through(
    config: Config, music: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (music / "a.mp3").touch()
    monkeypatch.setattr(doctor_folders, "file_system_of", lambda *_: "nfs4")
    _, network = examine_music(config, music, NOW_S)
    assert network.is_ok
    assert "is on nfs4, which reports no changes: it is looked through every 60 s" in network.sentence
    (found,) = watches(config, NOW_S)
    assert "0 folders to watch" in found.sentence


def test_files_of_the_future_are_told(config: Config, music: Path) -> None:
    (music / "a.mp3").touch()
    os.utime(music / "a.mp3", (NOW_S + 200_000, NOW_S + 200_000))
    _, future = examine_music(config, music, NOW_S)
    assert "1 files" in future.sentence
    assert future.is_ok


def test_counting_ends_with_its_time(music: Path) -> None:
    for number in range(5):
        (music / str(number)).mkdir()
        (music / str(number) / "a.mp3").write_bytes(b"x" * number)
    (music / ".hidden").mkdir()
    (music / "loop").symlink_to(music)
    extensions = frozenset({"mp3"})
    whole = count(music, extensions, NOW_S)
    assert (whole.folders, whole.files, whole.largest_bytes, whole.is_whole) == (6, 5, 4, True)
    ticks = counting()
    part = count(music, extensions, NOW_S, within_s=3, clock=lambda: float(next(ticks)))
    assert (part.folders, part.files, part.is_whole) == (6, 1, False)


@pytest.mark.parametrize(
    ("most", "instances", "remedies"),
    [
        (3, 128, []),
        (2, 128, ["max_user_watches=524288"]),
        (3, 16, ["max_user_instances=1024"]),
        (2, 16, ["max_user_watches=524288", "max_user_instances=1024"]),
    ],
)
def test_too_few_watches_come_with_the_line_that_raises_them(
    config: Config, music: Path, most: int, instances: int, remedies: list[str]
) -> None:
    (music / "a").mkdir()
    (music / "b").mkdir()
    limits = music.parent
    (limits / "max_user_watches").write_text(f"{most}\n")
    (limits / "max_user_instances").write_text(f"{instances}\n")
    found = list(watches(config, NOW_S, limits=limits))
    assert [each.is_ok for each in found] == ([False] * len(remedies) or [True])
    for each, remedy in zip(found, remedies, strict=False):
        assert f"sysctl -w fs.inotify.{remedy} " in each.sentence


def test_too_few_open_files_are_told(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor_limits.resource, "getrlimit", lambda _: (256, 4_096))
    (found,) = open_files(config)
    assert (found.is_ok, "ulimit -n 4096" in found.sentence) == (False, True)
    monkeypatch.setattr(doctor_limits.resource, "getrlimit", lambda _: (1_024, 4_096))
    (found,) = open_files(config)
    assert found.is_ok


def test_what_a_container_may_take_counts(
    config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit = tmp_path / "memory.max"
    monkeypatch.setattr(doctor_limits, "_CGROUP_LIMIT", limit)
    limit.write_text("200000000\n")
    (found,) = memory(config)
    assert (found.is_ok, "only 200 MB of 200 MB free" in found.sentence) == (False, True)
    limit.write_text("1000000000\n")
    (found,) = memory(config)
    assert (found.is_ok, "set workers.ingest or workers.memory_mb lower" in found.sentence) == (True, True)
    limit.write_text("max\n")
    (found,) = memory(config)
    assert "1.0 GB free" not in found.sentence
