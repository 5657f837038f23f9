"""Run the daemon on real music without tags: it tags what it knows, nothing wrongly, and takes it back.

    python tests/smoke/tagging.py --music FOLDER [--count 30]

Each chosen piece is copied without its tags; another copy in another encoding, tagged, is its reference. Half
of the references are there from the start, the other half arrives later; a few pieces never get one. In mode
`apply` at least 98 % must be tagged each time, none wrongly, and `spectra undo --since` must bring every
file back byte for byte.
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
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import av
import mutagen

REPOSITORY = Path(__file__).resolve().parents[2]
SHORTEST_S, LONGEST_S = 25, 360
ENCODINGS = ((".mp3", "libmp3lame", 128_000), (".opus", "libopus", 96_000), (".m4a", "aac", 128_000))
ABSENT_SHARE = 0.1
LEAST_TAGGED = 0.98
SETTLED_S = 1_800
POLL_S = 0.5


def main() -> int:
    """Return 0 if everything was as it should be."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--music", type=Path, required=True)
    parser.add_argument("--count", type=int, default=30)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="spectra-smoke-") as folder:
        Path(folder).chmod(0o711)
        return 0 if run(Path(folder), chosen(arguments.music, arguments.count)) else 1


def run(folder: Path, pieces: Sequence[Path]) -> bool:
    """Tag, tag late, undo; print what came of it."""
    music, later = folder / "music", folder / "later"
    for each in (music / "unknown", music / "references", later):
        each.mkdir(parents=True)
    known = pieces[: round(len(pieces) * (1 - ABSENT_SHARE))]
    first = known[: len(known) // 2]
    bare = {number: stripped(piece, music / "unknown", number) for number, piece in enumerate(pieces)}
    for number, piece in enumerate(known):
        reference(piece, music / "references" if piece in first else later, number)
    before = {path: digest(path) for path in bare.values()}
    begin = time.time()
    with serving(folder / "state", music) as environment:
        settle(environment)
        is_good = report("known from the start", bare, range(len(first)), len(first))
        for path in sorted(later.iterdir()):
            shutil.move(path, music / "references" / path.name)
        wait_for_files(environment, len(pieces) + len(known))
        settle(environment)
        is_good &= report("with those that came later", bare, range(len(known)), len(known))
        print(f"{time.time() - begin:.0f} s for {len(pieces)} files and {len(known)} references")
        print(json.dumps(spectra(environment, "status", "--json")["files"]))
        subprocess.run(
            [sys.executable, "-m", "daemon", "undo", "--since", "1d", "--yes"], env=environment, check=True
        )
        restored = sum(digest(path) == was for path, was in before.items())
    print(f"undo: {restored} of {len(before)} files are byte for byte what they were")
    is_good &= restored == len(before)
    print(f"{int(is_good)} passed, {int(not is_good)} failed")
    return is_good


def report(title: str, bare: dict[int, Path], expected: range, known: int) -> bool:
    """Print how many files have the right name, a wrong one, or none."""
    right = wrong = 0
    for number, path in bare.items():
        tags = mutagen.File(path, easy=True).tags or {}
        name = (tags.get("title") or [None])[0]
        if name == title_of(number) and number in expected:
            right += 1
        elif name is not None:
            wrong += 1
            print(f"  wrong: {path.name} is said to be {name}")
        elif number in expected:
            print(f"  left: {path.name}")
    print(f"{title}: {right} of {known} right, {wrong} wrong, {len(bare) - right - wrong} untouched")
    return right >= LEAST_TAGGED * known and wrong == 0


def chosen(folder: Path, count: int) -> list[Path]:
    """Return different pieces of fit length, the same ones each time."""
    found: dict[str, Path] = {}
    for path in sorted(folder.rglob("*")):
        if path.suffix not in (".ogg", ".opus", ".mp3") or not path.is_file() or path.is_symlink():
            continue
        try:
            with av.open(str(path)) as container:
                length_s = (container.duration or 0) / 1_000_000
        except av.error.InvalidDataError:
            continue
        if SHORTEST_S <= length_s <= LONGEST_S:
            found.setdefault(digest(path), path)
    pieces = sorted(found.values())
    random.Random(5).shuffle(pieces)
    return pieces[:count]


def stripped(piece: Path, folder: Path, number: int) -> Path:
    """Copy a piece without its tags and its name."""
    copy = folder / f"track {number:03d}{piece.suffix}"
    shutil.copy(piece, copy)
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
            for resampled in resampler.resample(frame):
                target.mux(stream.encode(resampled))
        for resampled in resampler.resample(None):
            target.mux(stream.encode(resampled))
        target.mux(stream.encode(None))
    return path


def title_of(number: int) -> str:
    return f"The Tune with the Number {number:03d}"


def digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def serving(state: Path, music: Path) -> Iterator[dict[str, str]]:
    """Run the daemon, and yield the environment in which commands reach it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = os.environ | {
        "SPECTRA_STATE_DIR": str(state),
        "SPECTRA_TAGGING__FIRST_SCAN": "apply",
        "SPECTRA_TAGGING__QUIET_S": "0",
        "PYTHONPATH": str(REPOSITORY),
    }
    arguments = ["serve", "--music", str(music), "--port", str(port)]
    daemon = subprocess.Popen(
        [sys.executable, "-m", "daemon", *arguments], env=environment, stdout=subprocess.PIPE, text=True
    )
    try:
        for line in daemon.stdout or ():
            print(line, end="", flush=True)
            if "listens" in line:
                break
        yield environment
    finally:
        daemon.send_signal(signal.SIGTERM)
        daemon.wait(60)


def spectra(environment: dict[str, str], *arguments: str) -> Any:
    """Return the JSON answer of a command."""
    command = [sys.executable, "-m", "daemon", *arguments]
    answer = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=False, text=True)
    return json.loads(answer.stdout)


def settle(environment: dict[str, str]) -> None:
    """Wait until nothing is pending, looked at or written."""
    end_s = time.monotonic() + SETTLED_S
    quiet = 0
    while quiet < 3:
        if time.monotonic() > end_s:
            raise SystemExit("it does not come to rest")
        time.sleep(POLL_S)
        status = spectra(environment, "status", "--json")
        files = status["files"]
        waiting = files["to_identify"] + files["to_offer"] + files["to_tag"] + status["index"]["to_build"]
        is_idle = all(each["scanned"] and not each["pending"] for each in status["libraries"])
        quiet = quiet + 1 if is_idle and not waiting else 0


def wait_for_files(environment: dict[str, str], count: int) -> None:
    """Wait until so many files are known."""
    while sum(each["present"] for each in spectra(environment, "status", "--json")["libraries"]) < count:
        time.sleep(POLL_S)


if __name__ == "__main__":
    sys.exit(main())
