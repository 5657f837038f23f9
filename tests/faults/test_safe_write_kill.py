"""A process that is killed anywhere while it tags, or undoes, leaves the old file or the new one."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from tagged_files import make

import daemon
from daemon.leftovers import sweep
from daemon.safe_write import commit, look, prepare, restore
from daemon.tag_errors import EditedSince
from daemon.tag_fields import TagFields

REPOSITORY = Path(daemon.__file__).parents[1]
FIELDS = TagFields(title="A Song", artist="Somebody", album="An Album")
KILLER = """
import json, os, shutil, signal, sys, time
from pathlib import Path
from daemon.safe_write import commit, prepare, restore
from daemon.tag_fields import TagFields

source, work, fields, delta = Path(sys.argv[1]), Path(sys.argv[2]), json.loads(sys.argv[3]), sys.argv[4]
CHANGING = {"open", "os.rename", "os.remove", "os.chmod", "os.chown", "os.utime", "fcntl.fcntl"}


def run(path):
    if delta:
        restore(path, bytes.fromhex(delta))
    else:
        commit(prepare(path, TagFields(**fields), quiet_s=0), quiet_s=0)


def killed_at(number):
    # Copied before the hook is there; forked, so that the imports are paid for once.
    folder = work / str(number)
    folder.mkdir()
    path = Path(shutil.copy2(source, folder))
    child = os.fork()
    if not child:
        seen = [0]

        def strike(event, arguments):
            if event in CHANGING:
                seen[0] += 1
                if seen[0] == number:
                    os.kill(os.getpid(), signal.SIGKILL)

        def strike_in_write(real):
            def call(*arguments, **more):
                strike("open", ())
                done = real(*arguments, **more)
                strike("open", ())
                return done
            return call

        for name in ("fsync", "fchown", "fchmod", "utime"):
            setattr(os, name, strike_in_write(getattr(os, name)))
        Path.replace = strike_in_write(Path.replace)
        sys.addaudithook(strike)
        try:
            run(path)
        except BaseException:
            os._exit(1)
        os._exit(0)
    return os.waitpid(child, 0)[1]


warm = work / "warm"
warm.mkdir()
run(Path(shutil.copy2(source, warm)))
statuses = []
while not statuses or statuses[-1]:
    statuses.append(killed_at(len(statuses) + 1))
print(json.dumps(statuses))
"""


def kill_everywhere(source: Path, work: Path, *, delta: bytes = b"") -> list[int]:
    """Run once for each step, killed there; return how each ended: 9, and the last, which was whole, 0."""
    fields = json.dumps({"title": FIELDS.title, "artist": FIELDS.artist, "album": FIELDS.album})
    command = [sys.executable, "-c", KILLER, str(source), str(work), fields, delta.hex()]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, done.stderr
    statuses: list[int] = json.loads(done.stdout)
    return statuses


@pytest.mark.parametrize("variant", ["mp3", "flac-padding", "m4a-front", "ogg"])
def test_a_kill_between_any_two_steps_leaves_the_old_file_or_the_new_one(
    tmp_path: Path, variant: str
) -> None:
    source = make(tmp_path, variant)
    work = tmp_path / "work"
    work.mkdir()
    probe = prepare(source, FIELDS, quiet_s=0)
    assert probe is not None
    probe.temporary.unlink()
    statuses = kill_everywhere(source, work)
    assert len(statuses) > 15
    assert set(statuses[:-1]) == {9}
    found = []
    for number in range(1, len(statuses) + 1):
        path = work / str(number) / source.name
        state = look(path, probe.before_sha256, probe.after_sha256)
        found.append(state)
        assert sweep(path.parent).failed == ()
        assert list(path.parent.iterdir()) == [path]
        if state == "before":  # what was killed can be done again
            again = prepare(path, FIELDS, quiet_s=0)
            assert again is not None
            commit(again, quiet_s=0)
        restore(path, probe.delta)
        assert path.read_bytes() == source.read_bytes()
    assert found == sorted(found, reverse=True)
    assert set(found) == {"before", "after"}


def test_a_killed_undo_leaves_the_tagged_file_or_the_old_one(tmp_path: Path) -> None:
    source = make(tmp_path, "mp3")
    original = source.read_bytes()
    work = tmp_path / "work"
    work.mkdir()
    made = prepare(source, FIELDS, quiet_s=0)
    assert made is not None
    commit(made, quiet_s=0)
    statuses = kill_everywhere(source, work, delta=made.delta)
    assert set(statuses[:-1]) == {9}
    for number in range(1, len(statuses) + 1):
        path = work / str(number) / source.name
        sweep(path.parent)
        assert list(path.parent.iterdir()) == [path]
        if look(path, made.before_sha256, made.after_sha256) == "after":
            restore(path, made.delta)
        else:
            with pytest.raises(EditedSince):
                restore(path, made.delta)
        assert path.read_bytes() == original
