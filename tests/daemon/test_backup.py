"""A backup brings everything back, undo included, or says why not; what is in the way stays as it was."""

import asyncio
import fcntl
import json
import os
import shutil
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from contextlib import aclosing
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import psycopg
import pytest
from ingesting import clip_of, look, match, rows
from psycopg import sql
from psycopg.conninfo import make_conninfo
from synth import music as play
from synth import write_audio

from daemon import backup as backing_up
from daemon import restore as restoring
from daemon.backup import BackedUp, back_up
from daemon.backup_archive import ArchiveWriter, Origin
from daemon.backup_errors import (
    ArchiveDamaged,
    ArchiveTooNew,
    BackupExists,
    ClientFailed,
    ClientMissing,
    DatabaseNotEmpty,
    NoRoom,
    NothingToBackUp,
    OtherOwner,
    TargetUnusable,
)
from daemon.change_rows import Change
from daemon.change_undoing import Undone
from daemon.config import Config, load_config
from daemon.errors import DatabaseInUse, StateInUse
from daemon.postgres_clients import _connection, dumped, find_client
from daemon.postgres_folder import PostgresFolder
from daemon.postgres_process import find_servers
from daemon.restore import Restored, restore
from daemon.restore_folder import RESTORING
from daemon.services import Services, open_services
from daemon.state_folder import hold_state_folder, prepare_state_folder
from daemon.tag_fields import TagFields
from daemon.token_file import load_or_create_token

PIECE_S = 12.0
_numbers = count()


def quietly(_done: int, _total: int) -> None:
    """Hear how far it is."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A library that was backed up while its daemon ran, and is gone."""

    archive: Path
    music: Path
    original: bytes
    """Of the file that was tagged, before that."""
    change_id: int
    token: str
    done: BackedUp


def configured(folder: Path, **options: object) -> Config:
    """Return an embedded database's configuration, read from a file in the folder."""
    path = folder / "spectra.toml"
    if not path.exists():
        path.write_text("[tagging]\nquiet_s = 0\n[workers]\ningest = 1\nmatch = 1\n")
    return load_config(path, overrides={"state_dir": str(folder / "state"), **options})


async def backed_up(config: Config, target: Path, *, force: bool = False, secret: bool = False) -> BackedUp:
    return await back_up(config, target, force=force, with_secrets=secret, on_bytes=quietly)


async def restored(config: Config, archive: Path) -> Restored:
    return await restore(config, archive, on_bytes=quietly)


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    """A folder every user can pass through."""
    path = Path(tempfile.mkdtemp(prefix="spectra-test-"))
    path.chmod(0o711)
    yield path
    shutil.rmtree(path)


@pytest.fixture(scope="module")
def kept(place: Path) -> Kept:
    home = place / "first"
    home.mkdir(mode=0o711)
    return asyncio.run(_learned(home))


async def _learned(home: Path) -> Kept:
    music = home / "music"
    music.mkdir()
    write_audio(music / "named.flac", play(1, PIECE_S), tags={"title": "So What", "artist": "Miles Davis"})
    unnamed = write_audio(music / "track 01.mp3", play(2, PIECE_S))
    original = unnamed.read_bytes()
    config = configured(home)
    async with open_services(config, pytest.fail, watch=False) as services:
        token = load_or_create_token(config.state_dir)
        await look(services, music)
        change_id = await file_tagged(services, unnamed, title="Naima", artist="John Coltrane")
        done = await backed_up(config, home / "spectra.tar")
    shutil.rmtree(config.state_dir)
    return Kept(done.path, music, original, change_id, token, done)


async def file_tagged(services: Services, path: Path, *, title: str, artist: str) -> int:
    """Tag a file and return the change."""
    file_id = await services.journal.file_at(os.fsencode(path.parent), os.fsencode(path.name))
    assert file_id is not None
    change = await services.tagging.apply(
        file_id, TagFields(title=title, artist=artist), cause="accepted", recording_id=None, evidence={}
    )
    assert isinstance(change, Change), change
    return change.change_id


@pytest.fixture
def fresh(place: Path) -> Path:
    """An empty folder below it."""
    path = place / f"test-{next(_numbers)}"
    path.mkdir(mode=0o711)
    return path


@pytest.fixture
def empty(postgres_server: str) -> Iterator[str]:
    """A database without anything."""
    name = f"spectra_restored_{next(_numbers)}"
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        yield make_conninfo(postgres_server, dbname=name)
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def everything(folder: Path) -> dict[str, bytes | None]:
    """Return what a folder holds, by path."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in folder.rglob("*")
    }


async def test_a_library_comes_back_and_what_was_written_can_be_undone(kept: Kept, fresh: Path) -> None:
    music = fresh / "music"
    shutil.copytree(kept.music, music)
    tagged = music / "track 01.mp3"
    assert tagged.read_bytes() != kept.original
    config = configured(fresh)
    (fresh / "state").mkdir(mode=0o711)
    (fresh / "state/index").mkdir()
    (fresh / "state/index/of-another-database").write_text("wrong")

    done = await restored(config, kept.archive)
    assert (done.recordings, done.kept, done.put) == (2, None, ())
    assert done.origin.schema == kept.done.schema
    assert not find_servers(fresh / "state/postgres/data")
    assert not (fresh / "state/index").exists()

    async with open_services(config, pytest.fail, watch=False) as services:
        async with services.database.pool.connection() as connection:
            await connection.execute("UPDATE libraries SET root = %s", (bytes(music),))
            await connection.execute("UPDATE changes SET root = %s", (bytes(music),))
        await look(services, music)
        found = (await match(services, clip_of(play(1, PIECE_S), 2, 8))).result
        assert found
        assert found[0]["song_name"] == "So What"
        undone = await services.tagging.undo(kept.change_id)
        assert isinstance(undone, Undone), undone
    assert tagged.read_bytes() == kept.original


async def test_a_backup_is_private_and_holds_no_token(kept: Kept) -> None:
    assert kept.archive.stat().st_mode & 0o777 == 0o600
    with tarfile.open(kept.archive) as archive:
        names = archive.getnames()
        assert {entry.mode for entry in archive.getmembers()} == {0o600}
    assert names == ["database.dump", "config/spectra.toml", "manifest.json"]
    assert kept.token.encode() not in kept.archive.read_bytes()
    assert [path.name for path in kept.archive.parent.glob(".*")] == []


async def test_without_a_daemon_too_and_the_former_database_is_kept(kept: Kept, fresh: Path) -> None:
    config = configured(fresh)
    await restored(config, kept.archive)
    token = load_or_create_token(config.state_dir)
    again = await backed_up(config, fresh / "again.tar", secret=True)
    assert (again.schema, again.has_secrets) == (kept.done.schema, True)
    assert not find_servers(fresh / "state/postgres/data")
    (fresh / "spectra.toml").write_text("[tagging]\nquiet_s = 7\n[workers]\ningest = 1\nmatch = 1\n")
    (fresh / "state/token").write_text("another-token-of-32-characters--\n")
    password = (fresh / "state/postgres/password").read_text()

    done = await restored(configured(fresh), again.path)
    assert done.recordings == 2
    assert done.kept is not None
    assert done.kept.name.startswith("postgres-before-")
    assert (done.kept / "password").read_text() == password
    assert (done.kept / "data/PG_VERSION").exists()
    assert done.put == (fresh / "spectra.toml.restored", fresh / "state/token.restored")
    assert "quiet_s = 0" in (fresh / "spectra.toml.restored").read_text()
    assert (fresh / "state/token.restored").read_text().strip() == token
    assert "another" in (fresh / "state/token").read_text()
    (fresh / "state/token").unlink()
    # Killed between the two renames: whoever opens the database next completes the swap.
    (fresh / "state/postgres/restoring").write_bytes(b"complete\n")
    (fresh / "state/postgres").rename(fresh / "state" / RESTORING)
    await backed_up(config, fresh / "third.tar")
    assert not (fresh / "state" / RESTORING).exists()
    third = await restored(configured(fresh), again.path)
    assert fresh / "state/token" in third.put
    assert load_or_create_token(config.state_dir) == token


@pytest.mark.parametrize("version", ["16\n", ""])
async def test_data_of_another_major_or_damaged_is_replaced_and_kept(
    kept: Kept, fresh: Path, version: str
) -> None:
    data = fresh / "state/postgres/data"
    data.mkdir(parents=True)
    (data / "PG_VERSION").write_text(version)
    done = await restored(configured(fresh), kept.archive)
    assert done.recordings == 2
    assert done.kept is not None
    assert (done.kept / "data/PG_VERSION").read_text() == version


async def test_an_empty_database_of_another_server_is_filled(
    kept: Kept, fresh: Path, empty: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = configured(fresh, **{"database.url": empty})
    done = await restored(config, kept.archive)
    assert (done.recordings, done.kept) == (2, None)
    assert not (fresh / "state/postgres").exists()
    with pytest.raises(DatabaseNotEmpty, match="make an empty one"):
        await restored(config, kept.archive)
    async with open_services(config, pytest.fail, watch=False) as services:
        await services.index.caught_up()
        assert await rows(services, "SELECT count(*) FROM changes WHERE status = 'done'") == [(1,)]
        other = configured(fresh, **{"database.url": empty, "state_dir": str(fresh / "other")})
        with pytest.raises(DatabaseInUse):
            await restored(other, kept.archive)
    again = await backed_up(config, fresh / "from-server.tar")
    assert again.schema == kept.done.schema


def rewritten(archive: Path, target: Path, change: Callable[[dict[str, object]], None]) -> None:
    """Copy an archive with another manifest."""
    with tarfile.open(archive) as source, target.open("wb") as file:
        contents = {}
        for entry in source.getmembers():
            content = source.extractfile(entry)
            assert content is not None
            contents[entry.name] = content.read()
        manifest = json.loads(contents.pop("manifest.json"))
        change(manifest)
        writer = ArchiveWriter(file)
        for name, each in contents.items():
            writer.add(name, each)
        writer.add("manifest.json", json.dumps(manifest).encode())
        file.write(bytes(1024))


def newer_schema(manifest: dict[str, object]) -> None:
    manifest["origin"] |= {"schema": 999, "spectra": "9.9"}  # type: ignore[operator]


def newer_format(manifest: dict[str, object]) -> None:
    manifest["format"] = 2


def no_members(manifest: dict[str, object]) -> None:
    manifest["members"] = []


def stranger(manifest: dict[str, object]) -> None:
    manifest["members"].append({"name": "../x", "size_bytes": 0, "sha256": ""})  # type: ignore[attr-defined]


def odd_size(manifest: dict[str, object]) -> None:
    manifest["members"][0]["size_bytes"] = "many"  # type: ignore[index]


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        (newer_schema, ArchiveTooNew, r"Spectra 9\.9 and has schema 999.*install Spectra 9\.9"),
        (newer_format, ArchiveTooNew, "has format 2, this Spectra knows format 1"),
        (no_members, ArchiveDamaged, "names other files than it has"),
        (stranger, ArchiveDamaged, "names other files than it has"),
        (odd_size, ArchiveDamaged, "can't be understood"),
    ],
)
async def test_a_manifest_that_does_not_fit_is_refused_untouched(
    kept: Kept,
    fresh: Path,
    change: Callable[[dict[str, object]], None],
    error: type[Exception],
    words: str,
) -> None:
    rewritten(kept.archive, fresh / "other.tar", change)
    with pytest.raises(error, match=words):
        await restored(configured(fresh), fresh / "other.tar")
    assert not (fresh / "state").exists()


def cut(content: bytes) -> bytes:
    return content[: len(content) // 2]


def without_end(content: bytes) -> bytes:
    return content[: content.rindex(b"manifest.json")]


def flipped(content: bytes) -> bytes:
    middle = len(content) // 3
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


@pytest.mark.parametrize("damage", [cut, without_end, flipped, lambda _: b"", lambda _: b"no tar" * 1_000])
async def test_a_damaged_archive_is_refused_before_anything_is_touched(
    kept: Kept, fresh: Path, damage: Callable[[bytes], bytes]
) -> None:
    damaged = fresh / "damaged.tar"
    damaged.write_bytes(damage(kept.archive.read_bytes()))
    with pytest.raises(ArchiveDamaged, match="nothing was changed"):
        await restored(configured(fresh), damaged)
    assert not (fresh / "state").exists()


def test_names_that_lead_elsewhere_are_refused(fresh: Path) -> None:
    for name in ("../x", "/x", "config/..", "config/a/b", "other/a", "secrets/"):
        path = fresh / "odd.tar"
        with path.open("wb") as file:
            writer = ArchiveWriter(file)
            writer.add("database.dump", b"")
            writer.add(name, b"x")
            writer.finish(Origin("1", 1, "18.4", 1, "2026-01-01T00:00:00+00:00"))
        with pytest.raises(ArchiveDamaged), restoring.open_archive(path, quietly):
            pass


async def test_a_restore_that_fails_changes_nothing(
    kept: Kept, fresh: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = configured(fresh)
    state = config.state_dir
    prepare_state_folder(state)
    (state / "postgres").mkdir()
    (state / "postgres/mine").write_text("kept")
    (state / "index").mkdir()
    with hold_state_folder(state):
        before = everything(state)
        with pytest.raises(StateInUse, match="stop it first"):
            await restored(config, kept.archive)
    with monkeypatch.context() as patched:
        patched.setattr("daemon.backup_database.lock_owner", lambda _: 4_242)
        with pytest.raises(OtherOwner, match="run this as that user"):
            await restored(config, kept.archive)
    with monkeypatch.context() as patched:
        patched.setattr(backing_up.shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(9, 8, 1))
        with pytest.raises(NoRoom, match="make room"):
            await restored(config, kept.archive)
    assert everything(state) == before

    rewritten(kept.archive, fresh / "wrong.tar", lambda manifest: None)
    with fresh.joinpath("no-dump.tar").open("wb") as file:
        writer = ArchiveWriter(file)
        writer.add("database.dump", b"PGDMP no dump at all")
        writer.finish(Origin("1", 1, "18.4", 1, "2026-01-01T00:00:00+00:00"))
    with pytest.raises(ClientFailed, match="nothing was changed"):
        await restored(config, fresh / "no-dump.tar")
    assert everything(state) == before
    assert not find_servers(state / RESTORING / "data")


async def test_what_is_there_is_replaced_only_when_asked(
    config: Config, tmp_path: Path, conninfo: str
) -> None:
    target = tmp_path / "spectra.tar"
    target.write_text("precious")
    with pytest.raises(BackupExists, match="--force"):
        await backed_up(config, target)
    assert target.read_text() == "precious"
    await backed_up(config, target, force=True)
    assert tarfile.is_tarfile(target)
    with pytest.raises(TargetUnusable):
        await backed_up(config, tmp_path, force=True)


async def test_a_file_that_appears_meanwhile_is_not_replaced(
    config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "spectra.tar"
    real = backing_up._finish

    def finish(*arguments: object) -> int:
        target.write_text("another's")
        return real(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(backing_up, "_finish", finish)
    with pytest.raises(BackupExists):
        await backed_up(config, target)
    assert target.read_text() == "another's"
    assert [path.name for path in tmp_path.glob(".*")] == []


async def test_what_dead_runs_left_goes_and_what_a_living_one_writes_stays(
    config: Config, tmp_path: Path
) -> None:
    dead, living = tmp_path / ".spectra.tar.a.unfinished", tmp_path / ".spectra.tar.b.unfinished"
    dead.write_text("half")
    with living.open("wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        await backed_up(config, tmp_path / "spectra.tar")
    assert (dead.exists(), living.exists()) == (False, True)


async def test_there_is_nothing_to_back_up_yet(fresh: Path, empty: str, tmp_path: Path) -> None:
    with pytest.raises(NothingToBackUp, match="check state_dir"):
        await backed_up(configured(fresh), tmp_path / "spectra.tar")
    assert not (fresh / "state").exists()
    with pytest.raises(NothingToBackUp):
        await backed_up(configured(fresh, **{"database.url": empty}), tmp_path / "spectra.tar")
    assert list(tmp_path.iterdir()) == []


async def test_too_little_room_is_said_before_a_byte_is_written(
    config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backing_up.shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(9, 8, 1))
    with pytest.raises(NoRoom, match="has 0 MB free"):
        await backed_up(config, tmp_path / "spectra.tar")
    assert not (tmp_path / "spectra.tar").exists()


def program(folder: Path, name: str, major: int) -> Path:
    path = folder / name
    path.write_text(f"#!/bin/sh\necho '{name} (PostgreSQL) {major}.3 (a distribution)'\n")
    path.chmod(0o755)
    return path


def test_the_client_that_fits_best_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    ours = find_client("pg_dump", 18)
    assert ours.parent.name == "bin"
    for major, wanted, is_theirs in ((15, 15, True), (15, 17, False), (19, 18, False), (19, 19, True)):
        theirs = program(tmp_path, "pg_dump", major)
        assert find_client("pg_dump", wanted) == (theirs if is_theirs else ours), (major, wanted)
    program(tmp_path, "pg_dump", 15)
    with pytest.raises(ClientMissing, match=r"PostgreSQL 99.*too old.*\(15\).*postgresql-client-99"):
        find_client("pg_dump", 99)


async def test_a_dump_that_fails_says_why_without_the_password(conninfo: str) -> None:
    nowhere = make_conninfo(conninfo, dbname="nobody_has_this")
    async with aclosing(dumped(find_client("pg_dump", 18), nowhere)) as chunks:
        with pytest.raises(ClientFailed, match="nobody_has_this") as failure:
            await anext(chunks)
    password = psycopg.conninfo.conninfo_to_dict(conninfo)["password"]
    assert str(password) not in str(failure.value)


def test_the_password_is_not_among_the_arguments() -> None:
    for conninfo in (
        "postgresql://spectra:geheim@/spectra?host=/tmp",
        "host=/tmp user=spectra password=geheim",
    ):
        address, environment = _connection(conninfo)
        assert ("geheim" in address, environment["PGPASSWORD"]) == (False, "geheim")
        assert psycopg.conninfo.conninfo_to_dict(address)["user"] == "spectra"


async def test_the_running_server_of_a_held_folder_is_used(kept: Kept, fresh: Path) -> None:
    config = configured(fresh)
    await restored(config, kept.archive)
    async with open_services(config, pytest.fail, watch=False) as services:
        await services.index.caught_up()
        [server] = [PostgresFolder(fresh / "state/postgres").data]
        servers = find_servers(server)
        done = await backed_up(config, fresh / "while.tar")
        assert find_servers(server) >= servers
    assert done.schema == kept.done.schema
