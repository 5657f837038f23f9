"""Run the daemon on real music without tags: it tags what it knows, nothing wrongly, and takes it back.

    python tests/smoke/tagging.py --music FOLDER [--music FOLDER ...] [--count 30] [--absent FOLDER ...]

Each chosen piece is copied without its tags; another copy in another encoding, tagged, is its reference. Half
of the references are there from the start, the other half arrives later; some pieces never get one, nor do
those of the absent folders. In mode `apply` at least 98 % must be tagged each time, none wrongly, and the
rest must be untouched; then `spectra undo --since` must bring every file back byte for byte.
"""

import argparse
import hashlib
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import mutagen

REPOSITORY = Path(__file__).resolve().parents[2]
SUFFIXES = (".ogg", ".opus", ".mp3", ".flac", ".m4a")
SHORTEST_S = 25
ENCODINGS = ((".mp3", "libmp3lame", 128_000), (".opus", "libopus", 96_000), (".m4a", "aac", 128_000))
ABSENT_SHARE = 0.1
LEAST_TAGGED = 0.98
READY_S, SETTLED_S = 120, 1_800
POLL_S = 0.5
QUIET_POLLS = 3
"""Between two kinds of work nothing waits for a moment."""
WAITING = ("to_identify", "to_offer", "to_tag", "postponed")
"""Of the files in `spectra status`."""


@dataclass(frozen=True, slots=True)
class Daemon:
    """A running daemon."""

    process: subprocess.Popen[bytes]
    address: str
    environment: Mapping[str, str]
    log: Path

    def status(self) -> dict[str, Any] | None:
        """Return its state; None if it does not answer yet. Raises SystemExit if it has ended."""
        if self.process.poll() is not None:
            tail = self.log.read_text(errors="replace")[-5_000:]
            raise SystemExit(f"the daemon ended with {self.process.returncode}:\n{tail}")
        try:
            with urllib.request.urlopen(f"{self.address}/status", timeout=30) as response:
                answer: dict[str, Any] = json.load(response)
                return answer
        except (urllib.error.URLError, OSError):
            return None


def main() -> int:
    """Return 0 if everything was as it should be."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--music", type=Path, action="append", required=True)
    parser.add_argument("--absent", type=Path, action="append", default=[])
    parser.add_argument("--count", type=int, default=30, help="of pieces of the music; default: 30")
    parser.add_argument("--absent-count", type=int, default=10, help="of pieces of the absent; default: 10")
    parser.add_argument("--longest", type=int, default=360, help="seconds of a piece at most; default: 360")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ended early, it stops its daemon
    pieces = chosen(arguments.music, arguments.count, arguments.longest)
    known = pieces[: round(len(pieces) * (1 - ABSENT_SHARE))]
    absent = pieces[len(known) :] + chosen(arguments.absent, arguments.absent_count, arguments.longest)
    if len(known) < 2 or not absent:
        parser.error("the folders hold too few pieces of fit length")
    with tempfile.TemporaryDirectory(prefix="spectra-smoke-") as folder:
        Path(folder).chmod(0o711)  # PostgreSQL runs as another user, if we are root
        is_good = run(Path(folder), known, absent)
    print(f"{int(is_good)} passed, {int(not is_good)} failed")
    return 0 if is_good else 1


def run(folder: Path, known: Sequence[Path], absent: Sequence[Path]) -> bool:
    """Tag, tag late, undo; print what came of it."""
    music, later = folder / "music", folder / "later"
    for each in (music / "unknown", music / "references", later):
        each.mkdir(parents=True)
    bare = {
        number: stripped(piece, music / "unknown", number) for number, piece in enumerate([*known, *absent])
    }
    half = len(known) // 2
    for number, piece in enumerate(known):
        reference(piece, music / "references" if number < half else later, number)
    before = {path: digest(path) for path in bare.values()}
    print(f"{len(bare)} files without tags, {len(known)} references, {half} of them now", flush=True)
    begin_s = time.monotonic()
    with serving(folder / "state", music) as daemon:
        settle(daemon, len(bare) + half)
        is_good = report("known from the start", bare, before, half)
        for path in sorted(later.iterdir()):
            shutil.move(path, music / "references" / path.name)
        settle(daemon, len(bare) + len(known))
        is_good &= report("with those that came later", bare, before, len(known))
        spent_s = time.monotonic() - begin_s
        print(f"{spent_s:.0f} s for {len(bare)} files and {len(known)} references", flush=True)
        subprocess.run(
            [sys.executable, "-m", "daemon", "undo", "--since", "1d", "--yes"],
            env=daemon.environment,
            cwd=REPOSITORY,
            stdout=subprocess.DEVNULL,
            check=True,
            timeout=SETTLED_S,
        )
        restored = sum(digest(path) == was for path, was in before.items())
    print(f"undo: {restored} of {len(before)} files are byte for byte what they were")
    return is_good and restored == len(before)


def report(title: str, bare: Mapping[int, Path], before: Mapping[Path, str], known: int) -> bool:
    """Print how many of the first files have their name, and how many others were touched."""
    right = wrong = touched = 0
    for number, path in bare.items():
        tags = mutagen.File(path, easy=True).tags or {}
        name = (tags.get("title") or [None])[0]
        if number < known and name == title_of(number):
            right += 1
        elif name is not None:
            wrong += 1
            print(f"  wrong: {path.name} is said to be {name}")
        elif digest(path) != before[path]:
            touched += 1
            print(f"  touched, though it got no name: {path.name}")
        elif number < known:
            print(f"  left: {path.name}")
    untouched = len(bare) - right - wrong - touched
    print(f"{title}: {right} of {known} right, {wrong} wrong, {untouched} untouched", flush=True)
    return right >= LEAST_TAGGED * known and not wrong and not touched


def chosen(folders: Sequence[Path], count: int, longest_s: float) -> list[Path]:
    """Return different pieces of fit length, the same ones each time."""
    found: dict[str, Path] = {}
    for path in sorted(path for folder in folders for path in folder.rglob("*")):
        if (
            path.suffix.lower() in SUFFIXES
            and path.is_file()
            and not path.is_symlink()
            and is_fit(path, longest_s)
        ):
            found.setdefault(digest(path), path)
    pieces = [found[each] for each in sorted(found)]
    random.Random(5).shuffle(pieces)
    return pieces[:count]


def is_fit(path: Path, longest_s: float) -> bool:
    """Tell whether a file can be read, and is neither a jingle nor a long mix."""
    try:
        with av.open(str(path)) as container:
            return bool(container.streams.audio) and (
                SHORTEST_S <= (container.duration or 0) / av.time_base <= longest_s
            )
    except av.error.FFmpegError:
        return False


def stripped(piece: Path, folder: Path, number: int) -> Path:
    """Copy a piece without its tags and its name."""
    copy = folder / f"track {number:03d}{piece.suffix.lower()}"
    shutil.copyfile(piece, copy)
    mutagen.File(copy).delete()
    return copy


def reference(piece: Path, folder: Path, number: int) -> Path:
    """Write a piece in another encoding, with its name."""
    suffix, codec, bit_rate = ENCODINGS[number % len(ENCODINGS)]
    path = folder / f"reference {number:03d}{suffix}"
    with av.open(str(piece)) as source, av.open(str(path), "w") as target:
        target.metadata.update({"title": title_of(number), "artist": "Somebody", "album": "All of them"})
        stream = target.add_stream(codec, rate=48_000, layout="stereo")
        stream.bit_rate = bit_rate
        resampler = av.AudioResampler(format=stream.format, layout="stereo", rate=48_000, frame_size=960)
        for frame in source.decode(audio=0):
            frame.pts = None  # some files' times go backwards
            for resampled in resampler.resample(frame):
                target.mux(stream.encode(resampled))
        for resampled in resampler.resample(None):
            target.mux(stream.encode(resampled))
        target.mux(stream.encode(None))
    return path


def title_of(number: int) -> str:
    """Return what the piece with this number is called."""
    return f"The Tune with the Number {number:03d}"


def digest(path: Path) -> str:
    """Return a hash of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def serving(state: Path, music: Path) -> Iterator[Daemon]:
    """Run `make run` until the end of the context; it is ready when that begins."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SPECTRA_")}
    environment |= {
        "SPECTRA_STATE_DIR": str(state),
        "SPECTRA_TAGGING__FIRST_SCAN": "apply",
        "SPECTRA_TAGGING__QUIET_S": "0",
        "SPECTRA_RATE_LIMITS__DEFAULT": "100000/minute",
    }
    log = state.parent / "daemon.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            ["make", "run", f"MUSIC={music}", f"PORT={port}"],
            cwd=REPOSITORY,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    daemon = Daemon(process, f"http://127.0.0.1:{port}", environment, log)
    try:
        end_s = time.monotonic() + READY_S
        while daemon.status() is None:
            if time.monotonic() > end_s:
                raise SystemExit(f"it does not answer:\n{log.read_text(errors='replace')[-5_000:]}")
            time.sleep(POLL_S)
        yield daemon
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(60)


def settle(daemon: Daemon, files: int) -> None:
    """Wait until so many files are known, and nothing is pending, looked at or written."""
    end_s = time.monotonic() + SETTLED_S
    quiet = 0
    while quiet < QUIET_POLLS:
        if time.monotonic() > end_s:
            raise SystemExit(f"it does not come to rest: {json.dumps(daemon.status())}")
        time.sleep(POLL_S)
        status = daemon.status()
        quiet = quiet + 1 if status is not None and is_idle(status, files) else 0
        if status is not None and status["failed"]:
            raise SystemExit(f"not fingerprinted: {json.dumps(status['failed'])}")


def is_idle(status: Mapping[str, Any], files: int) -> bool:
    """Tell whether nothing is left to be done."""
    counts = status["files"]
    waiting = sum(counts[each] for each in WAITING) + status["index"]["to_build"]
    pending = sum(each["pending"] for each in status["libraries"])
    present = sum(each["present"] for each in status["libraries"])
    return present == files and not pending and not waiting


if __name__ == "__main__":
    sys.exit(main())
