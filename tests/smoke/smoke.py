"""Run `make run` on real music, and see that it names what it knows and claims nothing else.

    python tests/smoke/smoke.py --known FOLDER --absent FOLDER

60 clips of 10 s from seeded places of the known music, half re-encoded as mp3 at 64 kbit/s, half with noise
at 10 dB: at least 59 must be named. 20 such clips of the absent music: none may be. One more clip is
played to the page's microphone in Chromium.
"""

import argparse
import asyncio
import io
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import aiohttp
import av
import numpy as np
import numpy.typing as npt
from listening import heard

RATE_HZ = 44_100
CLIP_S = 10
LEAST_S = 45
KNOWN_CLIPS, LEAST_NAMED = 60, 59
ABSENT_CLIPS = 20
READY_S = 600
REPOSITORY = Path(__file__).resolve().parents[2]
SILENT = 1e-3

Samples = npt.NDArray[np.float32]


def main() -> int:
    """Return 0 if Spectra recognised well enough."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--known", type=Path, required=True)
    parser.add_argument("--absent", type=Path, required=True)
    arguments = parser.parse_args()
    with running(arguments.known) as address:
        known = asyncio.run(ask(address, cut(arguments.known, KNOWN_CLIPS, seed=1)))
        absent = asyncio.run(ask(address, cut(arguments.absent, ABSENT_CLIPS, seed=2)))
        played, clip = next(cut(arguments.known, 1, seed=3))
        on_page = heard(address, clip)
    named = 0
    for name, results in known:
        named += bool(results) and results[0]["song_name"] == name
        if not results or results[0]["song_name"] != name:
            print(f"not named: {name}, but {[(each['song_name'], each['score']) for each in results]}")
    claimed = [(name, results[0]["song_name"]) for name, results in absent if results]
    for name, taken_for in claimed:
        print(f"claimed: a clip of {name} is said to be {taken_for}")
    print(f"named {named} of {len(known)} known clips, claimed {len(claimed)} of {len(absent)} absent ones")
    print(f"the page heard {played} and says {on_page}")
    is_good = named >= LEAST_NAMED and not claimed and on_page == played
    print(f"{int(is_good)} passed, {int(not is_good)} failed")
    return 0 if is_good else 1


@contextmanager
def running(music: Path) -> Iterator[str]:
    """Run `make run` in a new state folder, and yield its address once the first scan is done."""
    with tempfile.TemporaryDirectory() as state, socket.socket() as probe:
        Path(state).chmod(0o711)
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        probe.close()
        environment = os.environ | {
            "SPECTRA_STATE_DIR": state,
            "SPECTRA_RATE_LIMITS__MATCH": "1000/minute",
            "SPECTRA_RATE_LIMITS__TASK_STATUS": "100000/minute",
        }
        daemon = subprocess.Popen(
            ["make", "run", f"MUSIC={music}", f"PORT={port}"],
            cwd=REPOSITORY,
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        try:
            for line in daemon.stdout or ():
                print(line, end="", flush=True)
                if "can be matched" in line:
                    break
            else:
                raise SystemExit(f"make run ended with {daemon.wait()} before the first scan was done")
            yield f"http://127.0.0.1:{port}"
        finally:
            os.killpg(daemon.pid, signal.SIGTERM)
            daemon.wait(60)


async def ask(address: str, clips: Iterator[tuple[str, bytes]]) -> list[tuple[str, list[dict[str, Any]]]]:
    """Match every clip and return the results with the right names."""
    answers = []
    async with aiohttp.ClientSession(address) as session:
        for name, clip in clips:
            form = aiohttp.FormData()
            form.add_field("file", clip, filename="clip")
            async with session.post("/match_file", data=form) as response:
                assert response.status == 202, await response.text()
                task_id = (await response.json())["task_id"]
            while True:
                async with session.get(f"/task_status/{task_id}") as response:
                    task = await response.json()
                if task["status"] != "pending":
                    break
                await asyncio.sleep(0.05)
            assert task["status"] == "success", task
            answers.append((name, task["result"]))
    return answers


def cut(folder: Path, count: int, *, seed: int) -> Iterator[tuple[str, bytes]]:
    """Yield names and encoded clips from random, audible places of the music of at least 45 s."""
    choose, noise = random.Random(seed), np.random.default_rng(seed)
    files = sorted(path for path in folder.rglob("*.ogg") if path.is_file() and not path.is_symlink())
    tracks = [(path, samples) for path in files if len(samples := decode(path)) >= LEAST_S * RATE_HZ]
    for number in range(count):
        while True:
            path, samples = choose.choice(tracks)
            begin = choose.randrange(len(samples) - CLIP_S * RATE_HZ)
            clip = samples[begin : begin + CLIP_S * RATE_HZ]
            if (level := float(np.sqrt(np.mean(clip**2)))) > SILENT:
                break
        if number % 2:
            yield path.name, encode(clip, "mp3", 64_000)
        else:
            added = noise.standard_normal(len(clip)).astype(np.float32) * level * 10 ** (-10 / 20)
            yield path.name, encode((clip + added).astype(np.float32), "flac", None)


def decode(path: Path) -> Samples:
    """Return a file's sound, mono."""
    with av.open(str(path)) as container:
        resampler = av.AudioResampler(format="flt", layout="mono", rate=RATE_HZ)
        frames = [out for frame in container.decode(audio=0) for out in resampler.resample(frame)]
        return np.concatenate([frame.to_ndarray()[0] for frame in frames])


def encode(samples: Samples, codec: str, bit_rate: int | None) -> bytes:
    """Return the samples as a file of this codec."""
    file = io.BytesIO()
    with av.open(file, "w", format=codec) as container:
        stream = container.add_stream(codec, rate=RATE_HZ, layout="mono")
        if bit_rate:
            stream.bit_rate = bit_rate
        frame = av.AudioFrame.from_ndarray(
            (samples.clip(-1, 1) * 32_767).astype(np.int16)[np.newaxis], format="s16", layout="mono"
        )
        frame.sample_rate = RATE_HZ
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            container.mux(packet)
    return file.getvalue()


if __name__ == "__main__":
    sys.exit(main())
