"""What the bench's worker processes do."""

import json
import time
import urllib.request
from pathlib import Path

from engine.audio import decode, load
from engine.settings import Settings


def decode_file(path: Path, settings: Settings) -> int:
    """Decode and resample, as ingest does, and nothing else; return the samples."""
    return sum(len(block) for block in decode(path, settings))


def decode_clip(path: Path, settings: Settings, repeats: int) -> float:
    """Return the CPU seconds of loading a clip once, in this warm process."""
    begin_s = time.process_time()
    for _ in range(repeats):
        load(path, settings)
    return (time.process_time() - begin_s) / repeats


def ask(address: str, clip: Path, repeats: int, *, ask_every_s: float) -> list[tuple[float, int]]:
    """Have a clip matched over HTTP, one request after another; return seconds and number of results."""
    content = clip.read_bytes()
    answers = []
    for _ in range(repeats):
        begin_s = time.perf_counter()
        sent = urllib.request.Request(
            f"{address}/match_file", content, {"Content-Type": "application/octet-stream"}
        )
        with urllib.request.urlopen(sent) as response:
            task_id = json.load(response)["task_id"]
        while True:
            with urllib.request.urlopen(f"{address}/task_status/{task_id}") as response:
                task = json.load(response)
            if task["status"] != "pending":
                break
            time.sleep(ask_every_s)
        if task["status"] != "success":
            raise RuntimeError(task["error"])
        answers.append((time.perf_counter() - begin_s, len(task["result"])))
    return answers
