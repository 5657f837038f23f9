"""The doctor on PostgreSQL, on real servers."""

import fcntl
import os
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo
from waiting import changed

from daemon.config import Config, load_config
from daemon.db import newest_schema
from daemon.doctor_database import database
from daemon.doctor_diagnosis import Diagnosis, looked
from daemon.doctor_lock import lock_holder
from daemon.embedded_postgres import EmbeddedPostgres


def _at(config: Config, conninfo: str) -> Config:
    return config.model_copy(update={"database": load_config(overrides={"database.url": conninfo}).database})


def _only(found: Iterator[Diagnosis]) -> Diagnosis:
    (each,) = found
    return each


def _do(conninfo: str, statement: str, *names: str) -> None:
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))  # type: ignore[arg-type]


def test_a_database_that_is_right_says_its_version_and_schema(config: Config) -> None:
    found = _only(database(config))
    assert found.is_ok
    assert "answers, schema" in found.sentence


@pytest.mark.parametrize(
    ("statement", "is_ok", "sentence"),
    [
        ("UPDATE schema_migrations SET version = 4711 WHERE version = 1", False, "has schema 4711"),
        (f"DELETE FROM schema_migrations WHERE version = {newest_schema()}", True, "back up first"),
        ("DROP TABLE schema_migrations", True, "the first start makes the tables"),
    ],
)
def test_another_schema_is_told(
    config: Config, conninfo: str, statement: str, is_ok: bool, sentence: str
) -> None:
    _do(conninfo, statement)
    found = _only(database(config))
    assert (found.is_ok, sentence in found.sentence) == (is_ok, True), found


def test_a_user_who_may_not_create_tables_is_told(config: Config, conninfo: str) -> None:
    name = psycopg.conninfo.conninfo_to_dict(conninfo)["dbname"]
    reader = f"reader_of_{name}"
    _do(conninfo, "CREATE ROLE {} LOGIN PASSWORD 'hush'", reader)
    _do(conninfo, "GRANT SELECT ON schema_migrations TO {}", reader)
    try:
        found = _only(database(_at(config, make_conninfo(conninfo, user=reader, password="hush"))))
    finally:
        _do(conninfo, "REVOKE ALL ON schema_migrations FROM {0}; DROP ROLE {0}", reader)
    assert not found.is_ok
    assert f"ALTER DATABASE {name} OWNER TO {reader}" in found.sentence


def test_an_encoding_that_does_not_hold_every_title_is_told(config: Config, conninfo: str) -> None:
    name = f"{psycopg.conninfo.conninfo_to_dict(conninfo)['dbname']}_ascii"
    options = "ENCODING 'SQL_ASCII' LOCALE 'C' LOCALE_PROVIDER libc TEMPLATE template0"
    _do(conninfo, f"CREATE DATABASE {{}} {options}", name)
    try:
        found = _only(database(_at(config, make_conninfo(conninfo, dbname=name))))
    finally:
        _do(conninfo, "DROP DATABASE {}", name)
    assert (found.is_ok, "ENCODING 'UTF8' TEMPLATE template0" in found.sentence) == (False, True)


def test_a_pool_that_the_server_does_not_take_is_told(config: Config) -> None:
    found = _only(database(changed(config, "database", pool_max=900)))
    assert (found.is_ok, "set database.pool_max lower" in found.sentence) == (False, True)


def test_a_server_that_does_not_answer_is_told_without_the_password(config: Config) -> None:
    found = _only(database(_at(config, "postgresql://user:hush@127.0.0.1:9/x")))
    assert (found.is_ok, "check database.url" in found.sentence) == (False, True)
    assert "hush" not in found.sentence
    assert "\n" not in found.sentence


def test_clocks_that_differ_are_told(config: Config) -> None:
    first, apart = database(config, clock=lambda: time.time() - 3_600)
    assert first.is_ok
    assert (apart.subject, apart.is_ok) == ("clock", False)
    assert "-3600 s" in apart.sentence


@pytest.fixture
def embedded(config: Config, open_folder: Path) -> Config:
    """A configuration with a database of its own, which was never started."""
    state = open_folder / "state"
    state.mkdir()
    state.chmod(0o711)
    return changed(config, "database", url=None).model_copy(update={"state_dir": state})


async def test_an_own_database_is_told_before_while_and_after_it_runs(embedded: Config) -> None:
    programs, new = await looked("PostgreSQL", partial(database, embedded))
    assert "PostgreSQL) 18" in programs.sentence
    assert "the first start makes its data" in new.sentence
    server = EmbeddedPostgres(embedded.state_dir / "postgres")
    await server.start()
    try:
        _, running = await looked("PostgreSQL", partial(database, embedded))
    finally:
        await server.stop()
    _, stopped = await looked("PostgreSQL", partial(database, embedded))
    (embedded.state_dir / "postgres" / "data" / "postmaster.pid").write_text("1\n")
    _, cut_off = await looked("PostgreSQL", partial(database, embedded))
    assert "answers; the first start makes the tables" in running.sentence
    assert "it runs while Spectra does" in stopped.sentence
    assert "recovers at the next start" in cut_off.sentence
    assert all(each.is_ok for each in (programs, new, running, stopped, cut_off))


async def test_data_of_another_major_version_is_told_with_what_takes_it_along(embedded: Config) -> None:
    data = embedded.state_dir / "postgres" / "data"
    data.mkdir(parents=True)
    (data / "PG_VERSION").write_text("15\n")
    _, found = await looked("PostgreSQL", partial(database, embedded))
    assert not found.is_ok
    assert "was written by PostgreSQL 15" in found.sentence


def test_who_holds_a_lock_is_told_without_taking_it(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    assert lock_holder(path) is None
    path.touch()
    assert lock_holder(path) is None
    descriptor = os.open(path, os.O_RDWR)
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_EX)  # another kind, which keeps no Spectra out
        assert lock_holder(path) is None
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        assert lock_holder(path) == os.getpid()
    finally:
        os.close(descriptor)
    assert lock_holder(path) is None
