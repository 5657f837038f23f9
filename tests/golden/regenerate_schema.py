"""Write the golden databases of older schemas, after a deliberate change of what they hold.

    PYTHONPATH=.:tests python tests/golden/regenerate_schema.py

A small library is learned with today's code; its rows then go into databases that have only the first
migrations, so that their schema is what those versions of Spectra made, down to the last constraint. They
are dumped as plain SQL. Two of its files lie beside: "track 01.ogg" with the tags that were written.
"""

import asyncio
import os
import subprocess
import tempfile
from pathlib import Path
from unittest.mock import patch

import psycopg
from ingesting import look
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from synth import music as play
from synth import write_audio

from daemon import db
from daemon.config import load_config
from daemon.embedded_postgres import EmbeddedPostgres
from daemon.errors import DaemonError
from daemon.postgres_clients import find_client
from daemon.services import open_services
from daemon.tag_fields import TagFields

FOLDER = Path(__file__).with_name("schema")
SCHEMAS = tuple(range(1, 10))
ROOT = b"/golden/music"
PIECE_S = 9.0
MTIME_NS = 1_700_000_000_000_000_000
REJECTED = (
    "INSERT INTO rejections (file_recording_id, recording_id, title, artist)"
    " SELECT theirs.recording_id, other.recording_id, other.tags ->> 'title', other.tags ->> 'artist'"
    " FROM files AS theirs, files AS other WHERE theirs.path LIKE 'track%' AND other.path LIKE 'named%'"
)
OTHERS = """
INSERT INTO files (library_id, path, size_bytes, mtime_ns, inode, device, status, attempts, error)
SELECT library_id, 'broken.ogg', 5, 5, 2, 1, 'failed', 3, 'broken.ogg: can''t be read (Input/output error)'
FROM libraries;
INSERT INTO match_tasks (task_id, status, result, finished_at)
VALUES ('00000000-0000-4000-8000-000000000001', 'success', '[]', now());
INSERT INTO lookups (task_id, file_id, path, source, wants_tags)
SELECT '00000000-0000-4000-8000-000000000002', file_id, path, 'navidrome', true
FROM files WHERE path LIKE 'named%';
INSERT INTO audit_runs (status, is_fresh, recordings, files, ended_at) VALUES ('done', false, 2, 3, now());
INSERT INTO audit_findings (finding_id, kind, problem, reason)
VALUES (1, 'broken', 'failed', 'It can''t be read');
INSERT INTO audit_members (finding_id, place, file_id)
SELECT 1, 0, file_id FROM files WHERE status = 'failed';
INSERT INTO listeners (plugin) VALUES ('navidrome');
INSERT INTO notices (plugin, change_id, is_undo) SELECT 'navidrome', change_id, false FROM changes;
INSERT INTO server_items (plugin, file_id, item_id)
SELECT 'navidrome', file_id, 'item' FROM files WHERE path LIKE 'named%';
INSERT INTO playlists (url, kind, title, source)
VALUES ('https://music.youtube.com/playlist?list=PLaaaaaaaaaaaaaaaa', 'playlist', 'A List', 'added');
INSERT INTO tracks (video_id, title, artists, kind, page_url, state, reason, attempts)
VALUES ('video000001', 'Piece 1', ARRAY['Some Band'], 'video',
        'https://music.youtube.com/watch?v=video000001', 'unavailable', 'private', 4);
INSERT INTO playlist_tracks (playlist_id, track_id, position)
SELECT playlist_id, track_id, 0 FROM playlists, tracks
"""
"""A row in most of the tables that came later."""
TABLES = (
    "libraries",
    "recordings",
    "files",
    "match_tasks",
    "changes",
    "rejections",
    "lookups",
    "audit_runs",
    "audit_findings",
    "audit_members",
    "listeners",
    "notices",
    "server_items",
    "playlists",
    "tracks",
    "playlist_tracks",
)


def golden(schema: int) -> Path:
    """Return the dump of a schema."""
    return FOLDER / f"{schema:04}.sql"


def main() -> None:
    """Write them."""
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="spectra-test-") as name:
        folder = Path(name)
        folder.chmod(0o711)
        asyncio.run(_write(folder))


async def _write(folder: Path) -> None:
    server = EmbeddedPostgres(folder / "postgres")
    conninfo = await server.start()
    try:
        await _learn(conninfo, folder)
        for schema in SCHEMAS:
            older = await _older(conninfo, schema)
            golden(schema).write_text(_dumped(older))
    finally:
        await server.stop()


async def _learn(conninfo: str, folder: Path) -> None:
    """Have a named file and one that got its name from us known."""
    named = write_audio(
        FOLDER / "named.ogg", play(1, PIECE_S), tags={"title": "So What", "artist": "Miles Davis"}
    )
    unnamed = write_audio(FOLDER / "track 01.ogg", play(2, PIECE_S))
    config = load_config(
        overrides={
            "database.url": conninfo,
            "state_dir": str(folder / "state"),
            "tagging.quiet_s": 0,
            "workers.ingest": 1,
        }
    )

    def must_not_stop(reason: DaemonError) -> None:
        raise AssertionError(reason)

    async with open_services(config, must_not_stop, watch=False) as services:
        await look(services, FOLDER)
        file_id = await services.journal.file_at(os.fsencode(FOLDER), os.fsencode(unnamed.name))
        assert file_id is not None
        fields = TagFields(title="Naima", artist="John Coltrane")
        await services.tagging.apply(file_id, fields, cause="accepted", recording_id=None, evidence={})
    for path in (named, unnamed):
        os.utime(path, ns=(MTIME_NS, MTIME_NS))
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute("UPDATE files SET mtime_ns = %s, inode = 1, device = 1", (MTIME_NS,))
        connection.execute("UPDATE libraries SET root = %s", (ROOT,))
        connection.execute("UPDATE changes SET root = %s", (ROOT,))
        connection.execute(REJECTED)
        connection.execute(OTHERS)


async def _older(conninfo: str, schema: int) -> str:
    """Return a database of this schema with the same rows, as far as it has places for them."""
    name = f"schema_{schema}"
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    older = make_conninfo(conninfo, dbname=name)
    scripts = {number: each for number, each in db._migrations().items() if number <= schema}
    with patch.object(db, "_migrations", lambda: scripts):
        await db.migrate(older)
    with psycopg.connect(conninfo) as source, psycopg.connect(older) as target:
        for table in TABLES:
            _copy(source, target, table)
    return older


def _copy(source: psycopg.Connection, target: psycopg.Connection, table: str) -> None:
    query = (
        "SELECT column_name FROM information_schema.columns WHERE table_name = %s AND table_schema = 'public'"
        " AND is_generated = 'NEVER' ORDER BY column_name"
    )
    theirs = [row[0] for row in target.execute(query, (table,))]
    ours = [row[0] for row in source.execute(query, (table,))]
    columns = sql.SQL(", ").join(sql.Identifier(each) for each in theirs if each in ours)
    if not theirs:
        return
    read = sql.SQL("COPY (SELECT {} FROM {}) TO STDOUT").format(columns, sql.Identifier(table))
    write = sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier(table), columns)
    with (
        source.cursor() as reader,
        target.cursor() as writer,
        reader.copy(read) as rows,
        writer.copy(write) as sink,
    ):
        for row in rows:
            sink.write(row)
    identity = (
        "SELECT column_name FROM information_schema.columns WHERE table_name = %s AND is_identity = 'YES'"
    )
    for (column,) in target.execute(identity, (table,)).fetchall():
        advance = sql.SQL("SELECT setval(pg_get_serial_sequence({}, {}), max({})) FROM {}")
        parts = (sql.Literal(table), sql.Literal(column), sql.Identifier(column), sql.Identifier(table))
        target.execute(advance.format(*parts))


def _dumped(conninfo: str) -> str:
    """Return plain SQL that any connection can run: no psql command, no COPY."""
    parts = conninfo_to_dict(conninfo)
    environment = os.environ | {"PGPASSWORD": str(parts.pop("password"))}
    options = ("--inserts", "--no-owner", "--no-privileges", f"--dbname={make_conninfo('', **parts)}")
    program = find_client("pg_dump", 18)
    done = subprocess.run([program, *options], capture_output=True, text=True, check=True, env=environment)
    lines = [line for line in done.stdout.splitlines() if not line.startswith(("\\", "--"))]
    return "\n".join(line for line in lines if line) + "\n"


if __name__ == "__main__":
    main()
