"""A daemon that is killed anywhere while it tags or undoes has a true journal when it starts again."""

import asyncio
import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from ingesting import rows
from tagged_files import make
from waiting import changed, until

import daemon
from daemon.audio_digest import audio_digest
from daemon.change_undoing import Undone
from daemon.config import Config
from daemon.services import open_services

REPOSITORY = Path(daemon.__file__).parents[1]
KILLER = '''
import asyncio, json, os, signal, sys
from pathlib import Path

from daemon import change_writer, services, staging
from daemon.config import load_config
from daemon.journal import Journal
from daemon.tag_fields import TagFields

options, point, is_undo = json.loads(sys.argv[1]), sys.argv[2], sys.argv[3] == "undo"
FIELDS = TagFields(title="A Song", artist="Somebody", album="An Album")


def die(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)


def arm():
    """Die at one point of the next write."""
    real_begin = Journal.begin_undo if is_undo else Journal.begin
    end = "undone" if is_undo else "done"
    real_commit, real_end, real_replace = change_writer.commit, getattr(Journal, end), Path.replace

    def die_over_the_music(path, target):
        if path.name.startswith(".spectra-"):  # the index replaces files of its own
            die()
        return real_replace(path, target)

    async def begin_and_die(*arguments, **more):
        await real_begin(*arguments, **more)
        die()

    def commit_and_die(*arguments, **more):
        real_commit(*arguments, **more)
        die()

    async def end_and_die(*arguments, **more):
        await real_end(*arguments, **more)
        die()

    async def die_instead(*_, **__):
        die()

    match point:
        case "before the journal":
            setattr(Journal, "begin_undo" if is_undo else "begin", die_instead)
        case "journaled":
            setattr(Journal, "begin_undo" if is_undo else "begin", begin_and_die)
        case "about to rename":
            Path.replace = die_over_the_music
        case "renamed":
            staging.sync_folder = die
        case "in place":
            change_writer.commit = commit_and_die
        case "noted":
            setattr(Journal, end, end_and_die)


async def run():
    async with services.open_services(load_config(overrides=options), die, watch=False) as opened:
        library = await opened.library.add(Path(options["library.roots"][0]), watched=False)
        await opened.library.reconcile(library)
        while any(each.pending for each in (await opened.store.file_counts()).values()):
            await asyncio.sleep(0.02)
        [file_id] = [each.file_id for each in await opened.store.known_files(library.library_id)]
        if not is_undo:
            arm()
        change = await opened.tagging.apply(
            file_id, FIELDS, cause="identified", recording_id=None, evidence={}
        )
        arm()
        print(await opened.tagging.undo(change.change_id), file=sys.stderr)


asyncio.run(run())
'''


@pytest.fixture
def config(config: Config) -> Config:
    """Files may be written at once."""
    return changed(config, "tagging", quiet_s=0.0)


def killed(config: Config, music: Path, point: str, work: str) -> None:
    """Run a daemon that dies at this point."""
    url = config.database.url
    assert url is not None
    options = {
        "state_dir": str(config.state_dir),
        "database.url": url.get_secret_value(),
        "library.roots": [str(music)],
        "tagging.quiet_s": 0,
        "workers.ingest": 1,
        "workers.match": 1,
    }
    command = [sys.executable, "-c", KILLER, json.dumps(options), point, work]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr


@pytest.mark.parametrize("work", ["apply", "undo"])
@pytest.mark.parametrize(
    ("point", "is_written"),
    [
        ("before the journal", False),
        ("journaled", False),
        ("about to rename", False),
        ("renamed", True),
        ("in place", True),
        ("noted", True),
    ],
)
async def test_a_kill_leaves_one_of_two_files_and_a_journal_that_says_which(
    config: Config, music: Path, point: str, is_written: bool, work: str
) -> None:
    path = make(music, "mp3")
    before, sound = path.read_bytes(), await asyncio.to_thread(audio_digest, path, path.name)
    await asyncio.to_thread(killed, config, music, point, work)

    async with open_services(config, pytest.fail, watch=True) as services:

        async def is_swept() -> bool:
            return list(music.iterdir()) == [path]

        await until(is_swept)
        assert await asyncio.to_thread(audio_digest, path, path.name) == sound
        is_tagged = is_written if work == "apply" else not is_written
        assert (path.read_bytes() == before) == (not is_tagged)
        found = [(each.status, each.cause) for each in await services.journal.changes()]
        if work == "undo":
            assert found == [("undone" if is_written else "done", "identified")]
        elif point == "before the journal":
            assert found == []
        else:
            assert found == [("done" if is_written else "abandoned", "identified")]
        naming = "named" if is_tagged else "unknown"
        library = await services.library.add(music, watched=False)
        assert (await services.library.reconcile(library)).changed == 0
        assert await rows(services, "SELECT naming, status, attempts FROM files") == [(naming, "indexed", 0)]
        if is_tagged:
            [change] = await services.journal.changes()
            assert isinstance(await services.tagging.undo(change.change_id), Undone)
        assert path.read_bytes() == before
