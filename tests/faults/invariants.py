"""What holds of a daemon that has nothing left to do, whatever was killed before."""

import hashlib
import tempfile
from pathlib import Path
from typing import Any

import psycopg
from faults.shelf import ALBUM, Put, Shelf, title
from identifying import said

from daemon.index_keeper import index_stamp
from daemon.worker_jobs import derive_postings
from engine.index import IndexWriter
from engine.index_reader import IndexReader
from engine.manifest import LOCK_NAME, MANIFEST_NAME, read_manifest
from engine.settings import Settings

_UNLIMITED = 1 << 30
"""Candidates: all that there are."""
_ORPHANS = {
    "a recording of no file and no track": """SELECT recording_id FROM recordings
        WHERE NOT EXISTS (SELECT FROM files WHERE files.recording_id = recordings.recording_id)
          AND NOT EXISTS (SELECT FROM tracks WHERE tracks.recording_id = recordings.recording_id)""",
    "a sound twice": "SELECT digest FROM recordings GROUP BY digest HAVING count(*) > 1",
    "a file without its recording": """SELECT path FROM files
        WHERE missing_since IS NULL AND (status <> 'indexed' OR recording_id IS NULL OR naming IS NULL)""",
    "an open change": "SELECT change_id FROM changes WHERE status IN ('prepared', 'undoing')",
    "a job": "SELECT task_name, status, args FROM procrastinate_jobs",
    "a track that is not in a list": """SELECT track_id FROM tracks
        WHERE NOT EXISTS (SELECT FROM playlist_tracks WHERE playlist_tracks.track_id = tracks.track_id)""",
    "a clip without an answer": "SELECT task_id FROM match_tasks WHERE status = 'pending'",
}


def check_database(connection: psycopg.Connection[Any]) -> None:
    """Fail over rows that belong to nothing, and over work that nobody does."""
    for name, query in _ORPHANS.items():
        found = connection.execute(query.encode()).fetchall()
        assert not found, f"{name}: {found}"


def check_files(connection: psycopg.Connection[Any], shelf: Shelf) -> None:
    """Fail unless each file is what was put there, or what the journal says was made of it."""
    known = _known(connection)
    assert known.keys() == {str(path.relative_to(shelf.folder)) for path in shelf.files}
    recordings: dict[tuple[int, str], int] = {}
    for path, given in shelf.files.items():
        name = str(path.relative_to(shelf.folder))
        recording_id, content_hash = known[name]
        found = hashlib.sha256(path.read_bytes()).digest()
        assert found == content_hash, f"{name}: the database knows other bytes"
        if found != given.sha256:
            # By content: a moved file may have got a row of its own, and finds its history when it is undone.
            changes = connection.execute(
                "SELECT before_sha256 FROM changes WHERE status = 'done' AND after_sha256 = %s", (found,)
            ).fetchall()
            assert (given.sha256,) in changes, f"{name} {found.hex()[:8]}: the journal tells of {changes}"
        assert recordings.setdefault(given.audio, recording_id) == recording_id, f"{name}: doubled"
    assert len(set(recordings.values())) == len(recordings), "two sounds are one recording"


def check_names(shelf: Shelf, sounds: set[int]) -> None:
    """Fail unless each file whose sound has a name somewhere carries that name."""
    for path, given in shelf.files.items():
        if given.sound in sounds and given.kind != "tagged":
            assert said(path) == (title(given.sound), *ALBUM.values()), (path, given.kind, given.sound)


def check_leftovers(folder: Path) -> None:
    """Fail over files that nobody needs: beside music, in the spool, of downloads, of the index."""
    state = folder / "state"
    index = state / "index"
    found = [path for path in (folder / "music").rglob("*") if path.name.startswith(".")]
    found += [path for name in ("spool", "downloads") for path in (state / name).rglob("*")]
    listed = {each.name for each in read_manifest(index)[0].segments} | {MANIFEST_NAME, LOCK_NAME}
    found += [path for path in index.iterdir() if path.name not in listed]
    found += [path for path in state.iterdir() if path.name.startswith(".")]
    assert not found, f"left: {found}"


def check_index(connection: psycopg.Connection[Any], index: Path) -> None:
    """Fail unless every recording's own landmarks find in the index just what they find in a new one."""
    rows = connection.execute("SELECT recording_id, constellation FROM recordings ORDER BY 1").fetchall()
    settings = Settings()
    derived = derive_postings([(row[0], bytes(row[1])) for row in rows], settings)
    assert not derived.damaged
    reader = IndexReader(index)
    reader.verify()
    with tempfile.TemporaryDirectory() as folder:
        with IndexWriter(Path(folder), stamp=index_stamp(settings)) as writer:
            writer.add(derived.postings)
        fresh = IndexReader(Path(folder))
        assert reader.size == fresh.size
        for recording_id, postings in derived.postings:
            assert reader.frame_count(recording_id) == fresh.frame_count(recording_id) > 0
            assert _hits(reader, postings) == _hits(fresh, postings), recording_id
        fresh.close()
    reader.close()


def _hits(reader: IndexReader, postings: Any) -> list[tuple[int, ...]]:
    hits = reader.lookup(postings, _UNLIMITED)
    columns = (hits.landmarks.tolist(), hits.recording_ids.tolist(), hits.frames.tolist())
    return sorted(zip(*columns, strict=True))


def _known(connection: psycopg.Connection[Any]) -> dict[str, tuple[int, bytes]]:
    rows = connection.execute(
        "SELECT path, recording_id, content_hash FROM files WHERE missing_since IS NULL"
    ).fetchall()
    return {bytes(path).decode(): (recording_id, bytes(sha256)) for path, recording_id, sha256 in rows}


def is_original(path: Path, given: Put) -> bool:
    """Tell whether a file is as it was put there."""
    return path.read_bytes() == given.content
